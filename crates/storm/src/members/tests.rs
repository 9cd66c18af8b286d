//! What a storm of members asks of the servers before it begins.

#[path = "../../../etcd/tests/support/mod.rs"]
mod support;

use super::can_change_members;
use crate::args::StormArgsError;
use quorate_etcd::Refusal;
use support::Server;

#[tokio::test]
async fn servers_that_cannot_change_their_members_are_refused_in_words() {
    let server = Server::start().await;
    can_change_members(&server.endpoint())
        .await
        .expect("these can");
    // Why else it may be refused is no reason not to begin.
    server.memory.refuse(Some(Refusal::NoLeader));
    can_change_members(&server.endpoint())
        .await
        .expect("these can, later");
    server.memory.refuse(Some(Refusal::FixedMembers));
    let error = can_change_members(&server.endpoint()).await;
    let error = error.expect_err("these can't");
    assert!(error.is::<StormArgsError>(), "{error:#}");
    let text = error.to_string();
    assert!(
        text.contains("--members needs a version that can"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_does_not_listen_is_no_refusal() {
    let nowhere = "127.0.0.1:1".parse().expect("an endpoint");
    let error = can_change_members(&nowhere)
        .await
        .expect_err("nobody there");
    assert!(!error.is::<StormArgsError>(), "{error:#}");
}
