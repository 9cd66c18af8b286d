//! Joining: how an empty directory becomes a member that was added to a cluster that exists.
//!
//! The member is in the roster before its process starts: a client has asked for it (`quorate member
//! add` or `replace`), and the answer has its id. A directory claims that member once, by an entry in
//! the log that names the id which the directory has drawn for itself. So two directories, or one
//! that was wiped in between, are never the same member: the second would vote without what the
//! first has acknowledged.

pub(crate) mod claim;

pub use claim::{JoinAnswer, JoinRequest};
pub(crate) use claim::{Judged, judge};

use crate::error::StartError;
use crate::founding::Starting;
use crate::peers::handshake::{HandshakeError, Intent};
use crate::peers::offers;
use quorate_replica::Roster;
use std::future::Future;
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::time::sleep;
use tracing::{debug, info};

/// How often the members are asked.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Takes part in admitting a member that joins.
pub trait Admits: Clone + Send + Sync + 'static {
    /// Answers one that asks to join; claims the member for its directory, through the log.
    fn admit(&self, request: JoinRequest) -> impl Future<Output = JoinAnswer> + Send;
}

/// Asks the members at these addresses, by name, until one of them has admitted us. Returns the
/// member's id and the roster.
///
/// # Errors
/// If we are refused, or `progress` says to stop.
pub(crate) async fn join(
    request: JoinRequest,
    members: Vec<(String, String)>,
    progress: &mut (dyn FnMut(Starting) -> ControlFlow<()> + Send),
) -> Result<(u64, Roster), StartError> {
    loop {
        let mut note = "no member answers; is the cluster up, and are the addresses in the \
                        contract right?"
            .to_owned();
        for (name, address) in &members {
            let intent = Intent::Join(Box::new(request.clone()));
            match offers::ask::<JoinAnswer>(address, &intent).await {
                Ok(JoinAnswer::Joined { member_id, current }) => {
                    return joined(&request, member_id, current);
                }
                Ok(JoinAnswer::Refused { why }) => return Err(StartError::Founding(why)),
                Ok(JoinAnswer::Waiting { why }) => note = format!("{name} says: {why}"),
                Err(error @ HandshakeError::RefusedByPeer { .. }) => {
                    note = format!("{name}: {error}");
                }
                Err(error) => debug!(peer = name, %address, "no answer: {error}"),
            }
        }
        if progress(Starting::Joining { note }).is_break() {
            return Err(StartError::Stopped);
        }
        sleep(ASK_EVERY.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
    }
}

/// Checks what a member has answered before it is believed.
fn joined(
    request: &JoinRequest,
    member_id: u64,
    current: Roster,
) -> Result<(u64, Roster), StartError> {
    let ours = current.by_id(member_id);
    let sound = current.check().is_ok()
        && current.cluster == request.cluster
        && ours.is_some_and(|member| member.directory == request.directory);
    if !sound {
        let why = "a member has answered with a roster that makes no sense".to_owned();
        return Err(StartError::Founding(why));
    }
    info!(
        cluster = current.cluster,
        id = format!("{:016x}", current.cluster_id),
        member = format!("{member_id:016x}"),
        "joined the cluster"
    );
    Ok((member_id, current))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_core::NodeId;
    use quorate_replica::Member;

    /// What a member answers decides who this directory is from now on, so it is checked: a member that
    /// is wrong, or another version's, must not make two directories one member.
    #[test]
    fn an_answer_is_believed_only_if_it_is_about_this_directory() {
        let request = JoinRequest {
            cluster: "test".to_owned(),
            name: "n3".to_owned(),
            peer: "127.0.0.1:3".to_owned(),
            client: "127.0.0.1:1".to_owned(),
            directory: 9,
        };
        let mut ours = Member::founder(NodeId(3), 103, "n3", "127.0.0.1:3", "");
        ours.directory = 9;
        let roster = Roster {
            cluster_id: 7,
            cluster: "test".to_owned(),
            members: vec![
                Member::founder(NodeId(0), 100, "n0", "127.0.0.1:0", ""),
                ours,
            ],
            ..Roster::default()
        };
        let believed = |id, roster: Roster| joined(&request, id, roster);
        assert_eq!(
            believed(103, roster.clone()).expect("sound"),
            (103, roster.clone())
        );
        let with = |change: fn(&mut Roster)| {
            let mut roster = roster.clone();
            change(&mut roster);
            roster
        };
        for (id, roster) in [
            (100, roster.clone()),
            (104, roster.clone()),
            (103, with(|it| it.members[1].directory = 10)),
            (103, with(|it| it.members[1].directory = 0)),
            (103, with(|it| it.cluster = "other".to_owned())),
            (103, with(|it| it.members[0].id = 103)),
        ] {
            let error = believed(id, roster.clone()).expect_err("refused");
            assert!(
                matches!(error, StartError::Founding(_)),
                "{id} of {roster:?}: {error}"
            );
        }
    }
}
