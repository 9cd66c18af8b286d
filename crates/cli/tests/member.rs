//! `quorate member` against a cluster that is a list: what it changes, what it prints, how it ends.

#[path = "../../etcd/tests/support/mod.rs"]
mod support;

use quorate_contract::{Cluster, Contract};
use quorate_etcd::{Alarm, MemberChange, Refusal};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use support::Server;
use support::memory::MEMBER;
use tokio::process::Command;

/// A cluster of which only the first member runs, as `default`; `n1` and `n2` are only listed.
async fn cluster() -> Server {
    let server = Server::start().await;
    server.memory.with_roster(|roster| {
        roster.found_at(0x2, "n1", "http://127.0.0.1:2390", "http://127.0.0.1:1");
        roster.found_at(0x3, "n2", "http://127.0.0.1:2400", "http://127.0.0.1:1");
    });
    server
}

fn command(server: &Server, dir: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command
        .arg("member")
        .args(line.split_whitespace())
        .arg("--endpoints")
        .arg(&server.address)
        .current_dir(dir)
        .kill_on_drop(true);
    command
}

async fn member(server: &Server, line: &str) -> Output {
    let dir = tempfile::tempdir().expect("a directory");
    let output = command(server, dir.path(), line).output();
    output.await.expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Says why and ends with this code.
fn refused(output: &Output, code: i32, words: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    assert_eq!(text(&output.stdout), "");
}

fn done(output: &Output) -> (String, String) {
    let (out, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}");
    (out, said)
}

fn changes(server: &Server) -> Vec<MemberChange> {
    server.memory.with_roster(|roster| roster.changes.clone())
}

#[tokio::test]
async fn the_list_is_a_table_or_json() {
    let server = cluster().await;
    let (table, _) = done(&member(&server, "list").await);
    assert!(table.starts_with("cluster 0000000000002222\n"), "{table}");
    let line = "0000000000000002  n1             voter    peers http://127.0.0.1:2390";
    assert!(table.contains(line), "{table}");
    let (printed, said) = done(&member(&server, "list --json").await);
    let printed: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(printed["cluster_id"], "0000000000002222");
    assert_eq!(
        printed["members"][0],
        json!({
            "id": "0000000000000002",
            "name": "n1",
            "peer_urls": ["http://127.0.0.1:2390"],
            "client_urls": ["http://127.0.0.1:1"],
            "is_learner": false,
        })
    );
    assert_eq!(said, "");
    // Without a quorum one member's own list is still there.
    server.memory.refuse(Some(Refusal::NoLeader));
    let output = member(&server, "list").await;
    refused(&output, 1, &["no leader", "a majority of the members"]);
    done(&member(&server, "list --serializable").await);
}

#[tokio::test]
async fn a_member_is_added_as_a_learner_with_the_command_that_starts_it() {
    let server = cluster().await;
    let add = "add n3 --peer-url http://127.0.0.1:2410";
    let (table, said) = done(&member(&server, add).await);
    assert!(table.contains("(not started)  learner"), "{table}");
    let command = format!(
        "  quorate serve --join 127.0.0.1:1,127.0.0.1:1,{} --name n3 --listen-peer 127.0.0.1:2410 \
         --listen-client 127.0.0.1:2409 --data-dir quorate-data/n3\n",
        server.address
    );
    assert!(said.contains(&command), "{said}");
    assert!(said.contains("quorate member promote n3 --wait"), "{said}");
    let again = member(&server, "add n4 --peer-url http://127.0.0.1:2420").await;
    refused(&again, 2, &["too many learner", "promote or remove"]);
    let voter = "add n4 --voter --peer-url http://127.0.0.1:2420";
    done(&member(&server, voter).await);
    let learner = |change: &MemberChange| match change {
        MemberChange::Add { is_learner, .. } => *is_learner,
        other => panic!("{other:?}"),
    };
    let learners: Vec<_> = changes(&server).iter().map(learner).collect();
    assert_eq!(learners, [true, false]);
}

#[tokio::test]
async fn what_cannot_be_added_is_refused_with_a_remedy() {
    let server = cluster().await;
    let cases = [
        (
            "add n1 --peer-url http://127.0.0.1:2410",
            "member replace n1",
        ),
        ("add n3", "--peer-url"),
        ("add n3 --peer-url 127.0.0.1:2410", "http://HOST:PORT"),
        ("add n3 --peer-url http://127.0.0.1:2390", "member list"),
        ("add ../n3 --peer-url http://127.0.0.1:2410", "no name"),
    ];
    for (line, remedy) in cases {
        refused(&member(&server, line).await, 2, &[remedy]);
    }
    assert!(changes(&server).is_empty());
}

#[tokio::test]
async fn members_are_named_or_given_by_id() {
    let server = cluster().await;
    done(&member(&server, "update n1 --peer-url http://127.0.0.1:2391").await);
    done(&member(&server, "remove 0000000000000003").await);
    refused(
        &member(&server, "promote n1").await,
        2,
        &["nothing to promote"],
    );
    for line in ["remove n9", "promote 77", "update n9 --peer-url http://a:1"] {
        refused(
            &member(&server, line).await,
            2,
            &["the cluster has", "n1 (id "],
        );
    }
    let expected = [
        MemberChange::Update {
            id: 2,
            peer_urls: vec!["http://127.0.0.1:2391".into()],
        },
        MemberChange::Remove { id: 3 },
    ];
    assert_eq!(changes(&server), expected);
}

/// A storm found it: the answer to a removal was lost, the list still showed the member, and the second
/// attempt was refused because the first had been committed meanwhile.
#[tokio::test]
async fn a_change_that_an_earlier_attempt_made_meanwhile_is_made() {
    let server = cluster().await;
    for line in ["remove n1", "add n3 --peer-url http://127.0.0.1:2410"] {
        server.memory.with_roster(|roster| roster.twice = true);
        done(&member(&server, line).await);
    }
    let made = changes(&server);
    assert_eq!(made.len(), 2, "{made:?}");
    // What was not made is refused.
    refused(
        &member(&server, "add n4 --peer-url http://127.0.0.1:2400").await,
        2,
        &["Peer URLs already exists"],
    );
}

#[tokio::test]
async fn a_cluster_out_of_reach_is_told_from_one_that_refuses() {
    let server = cluster().await;
    let dir = tempfile::tempdir().expect("a directory");
    let mut nowhere = Command::new(env!("CARGO_BIN_EXE_quorate"));
    nowhere.args(["member", "list", "--endpoints", "127.0.0.1:1"]);
    let output = nowhere
        .current_dir(dir.path())
        .output()
        .await
        .expect("runs");
    refused(
        &output,
        1,
        &["no member answers (127.0.0.1:1", "--endpoints"],
    );

    // A learner can't say, so the next one is asked; here there is none.
    server.memory.set_learner(true);
    let output = member(&server, "list").await;
    refused(&output, 1, &["not supported for learner", "--endpoints"]);
    server.memory.set_learner(false);

    server.memory.refuse(Some(Refusal::Timeout));
    refused(&member(&server, "list").await, 1, &["timed out"]);
    server.memory.refuse(Some(Refusal::FixedMembers));
    let output = member(&server, "list").await;
    refused(&output, 2, &["run a newer one"]);
    let bad = member(&server, "list --endpoints nowhere").await;
    assert_eq!(bad.status.code(), Some(2));
}

/// Starts a replacement, and gives the id of the learner that it waits for.
async fn replacing(server: &Server, dir: &Path, line: &str) -> (tokio::process::Child, u64) {
    let child = command(server, dir, line)
        .args(["--poll", "20"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    for _ in 0..1000 {
        let members = server.memory.with_roster(|roster| roster.members());
        if let Some(learner) = members.iter().find(|m| m.is_learner && m.name.is_empty()) {
            return (child, learner.id);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no learner has been added");
}

#[tokio::test]
async fn a_lost_member_is_replaced_step_by_step() {
    let server = cluster().await;
    let dir = tempfile::tempdir().expect("a directory");
    let (child, id) = replacing(&server, dir.path(), "replace n1").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server
        .memory
        .with_roster(|roster| roster.start(id, "n1", "http://127.0.0.1:2389"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The cluster may be without a leader for a while: that is waited through.
    server.memory.refuse(Some(Refusal::NoLeader));
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.memory.refuse(None);
    server.memory.with_roster(|roster| roster.catch_up(id));
    let (table, said) = done(&child.wait_with_output().await.expect("it ends"));
    let urls = vec!["http://127.0.0.1:2390".to_owned()];
    let expected = [
        MemberChange::Remove { id: 2 },
        MemberChange::Add {
            peer_urls: urls,
            is_learner: true,
        },
        MemberChange::Promote { id },
    ];
    assert_eq!(changes(&server), expected, "{said}");
    assert!(table.contains("n1             voter"), "{table}");
    for words in [
        "removing n1 (id 0000000000000002)",
        "  quorate serve --join ",
        " --name n1 --listen-peer 127.0.0.1:2390 --listen-client 127.0.0.1:1 --data-dir quorate-data/n1",
        "waiting for the new member to start",
        "waiting for the new member to catch up",
        "waiting for the cluster: etcdserver: no leader",
        "has caught up and votes",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    // It answers nobody, as it does not exist; so only its vote speaks for it, and it would be
    // replaced again. One that answers is left alone: see below.
}

#[tokio::test]
async fn an_interrupted_replacement_goes_on_and_changes_nothing_twice() {
    let server = cluster().await;
    let dir = tempfile::tempdir().expect("a directory");
    let (mut child, id) = replacing(&server, dir.path(), "replace n1").await;
    child.kill().await.expect("killed");
    let before = changes(&server);
    // Nothing is called n1 now. The learner is the only one that can be meant.
    let (_, said) = done(&member(&server, "replace n1 --no-wait").await);
    assert!(
        said.contains(&format!("the new member has id {id:016x}")),
        "{said}"
    );
    assert!(said.contains("  quorate serve --join "), "{said}");
    assert_eq!(changes(&server), before);

    // It is cut off between removing and adding: only the address tells where to go on.
    server
        .memory
        .with_roster(|roster| roster.change(MemberChange::Remove { id }))
        .expect("gone");
    let output = member(&server, "replace n1 --no-wait").await;
    refused(&output, 2, &["no member is called n1", "--peer-url"]);
    let line = "replace n1 --no-wait --peer-url http://127.0.0.1:2390";
    done(&member(&server, line).await);

    let last = server.memory.with_roster(|roster| {
        let id = roster.members().iter().map(|m| m.id).max().expect("some");
        roster.start(id, "n1", "http://127.0.0.1:2389");
        roster.catch_up(id);
        id
    });
    done(&member(&server, "replace n1").await);
    assert_eq!(
        changes(&server).last(),
        Some(&MemberChange::Promote { id: last })
    );
}

#[tokio::test]
async fn a_voter_that_answers_is_not_replaced_unless_forced() {
    let server = cluster().await;
    let (_, said) = done(&member(&server, "replace default").await);
    assert!(said.contains("there is nothing to replace"), "{said}");
    assert!(changes(&server).is_empty());
    done(&member(&server, "replace default --force --no-wait").await);
    assert_eq!(changes(&server)[0], MemberChange::Remove { id: MEMBER });

    // One that has left the service answers, too, and that does not count. It can't be asked for
    // the list, though: here another port of the same list is.
    let server = cluster().await;
    server
        .memory
        .set_alarms(vec![Alarm::NoSpace { member_id: MEMBER }]);
    done(&member(&server, "replace default --no-wait").await);
    assert!(changes(&server).is_empty());
}

#[tokio::test]
async fn a_learner_whose_data_are_lost_is_replaced_again_when_told() {
    let server = cluster().await;
    let dir = tempfile::tempdir().expect("a directory");
    let (mut child, id) = replacing(&server, dir.path(), "replace n1").await;
    child.kill().await.expect("killed");
    server
        .memory
        .with_roster(|roster| roster.start(id, "n1", "http://127.0.0.1:1"));
    done(&member(&server, "replace n1 --no-wait").await);
    assert_eq!(
        changes(&server).len(),
        2,
        "it is waited for, as it may only be slow"
    );
    done(&member(&server, "replace n1 --no-wait --again").await);
    assert_eq!(changes(&server)[2], MemberChange::Remove { id });
    assert_eq!(changes(&server).len(), 4);
}

#[tokio::test]
async fn a_wait_has_an_end_and_says_how_to_go_on() {
    let server = cluster().await;
    let output = member(&server, "replace n1 --timeout 1 --poll 20").await;
    refused(
        &output,
        1,
        &["gave up after 1 s", "run the same command again"],
    );
    server.memory.with_roster(|roster| {
        let id = roster.members().iter().map(|m| m.id).max().expect("some");
        roster.start(id, "n1", "http://127.0.0.1:1");
    });
    let output = member(&server, "promote n1 --wait --timeout 1 --poll 20").await;
    refused(&output, 1, &["waiting for the new member to catch up"]);
    refused(&member(&server, "promote n1").await, 1, &["promote --wait"]);
}

#[tokio::test]
async fn under_up_the_contract_in_its_directory_says_all_that_is_needed() {
    let server = cluster().await;
    let dir = tempfile::tempdir().expect("a directory");
    let mut contract = Contract {
        cluster: Cluster::loopback("c", 3),
        ..Contract::default()
    };
    // n1 at 2389 and 2390, as it is listed; n0 serves clients where the list is.
    contract.cluster.members[0].client = server.address.parse().expect("an address");
    let data = dir.path().join("quorate-data");
    std::fs::create_dir_all(data.join("n1")).expect("made");
    std::fs::write(data.join("n1/id"), "lost").expect("written");
    std::fs::write(data.join("contract.toml"), contract.to_toml()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command
        .args(["member", "replace", "n1", "--no-wait"])
        .current_dir(dir.path());
    let (_, said) = done(&command.output().await.expect("runs"));
    let id = server.memory.with_roster(|roster| {
        let ids = roster.members().into_iter().filter(|m| m.is_learner);
        ids.map(|m| m.id).next().expect("added")
    });
    let mv = format!("  mv quorate-data/n1 quorate-data/n1.before-{id:016x}\n");
    assert!(said.contains(&mv), "{said}");
    let join = " --name n1 --contract quorate-data/contract.toml --data-dir quorate-data/n1\n";
    assert!(said.contains(join), "{said}");
}
