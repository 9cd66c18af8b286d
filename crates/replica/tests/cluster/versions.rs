//! Members at two software levels: when the cluster's level is raised, and who stops then.

use super::cluster;
use crate::harness::{Cluster, MS, put};
use quorate_replica::{
    Change, ChangeRefusal, Notice, Outcome, Refusal, Request, Roster, Stopped, StoppedKind,
};

/// Restarts a replica with software that knows this level.
fn install(cluster: &mut Cluster, n: u8, software: u16) {
    cluster.crash(n);
    cluster.config.software = software;
    cluster.start(n);
    cluster.run(3000 * MS);
}

/// Three replicas whose software knows these levels.
fn mixed(software: [u16; 3]) -> Cluster {
    let mut cluster = cluster();
    cluster.config.protocol.founding = Roster::anonymous(3).founding().into();
    for (n, software) in (0..).zip(software) {
        install(&mut cluster, n, software);
    }
    cluster
}

fn raise(cluster: &mut Cluster, n: u8) -> Outcome {
    let ticket = cluster.ask(n, Request::Change(Change::RaiseLevel { to: 2 }));
    cluster.outcome(ticket)
}

fn unsupported(outcome: &Outcome) -> bool {
    *outcome == Outcome::Refused(Refusal::Change(ChangeRefusal::Unsupported))
}

fn stopped(cluster: &Cluster, n: u8) -> Vec<Stopped> {
    let notices = cluster.nodes[usize::from(n)].notices.iter();
    let stops = notices.filter_map(|notice| match notice {
        Notice::Stopped(why) => Some(why.clone()),
        _ => None,
    });
    stops.collect()
}

#[test]
fn the_level_rises_when_every_member_can_follow_and_not_before() {
    let mut cluster = mixed([2, 2, 1]);
    let outcome = raise(&mut cluster, 0);
    assert!(unsupported(&outcome), "{outcome:?}");
    install(&mut cluster, 2, 2);
    let outcome = raise(&mut cluster, 0);
    assert!(matches!(outcome, Outcome::Done(..)), "{outcome:?}");
    cluster.put(1, "k", "v");
    cluster.run(2000 * MS);
    for n in 0..3 {
        assert_eq!(cluster.replica(n).machine().level(), 2);
    }
    cluster.no_violations();
}

/// What it said before it went is not what it runs when it comes back.
#[test]
fn a_member_that_is_away_blocks_the_raise_though_it_said_that_it_can_follow() {
    let mut cluster = mixed([2, 2, 2]);
    let leader = cluster.leader().expect("one leads");
    let away = (leader + 1) % 3;
    cluster.crash(away);
    cluster.run(3000 * MS);
    let outcome = raise(&mut cluster, leader);
    assert!(unsupported(&outcome), "{outcome:?}");
}

#[test]
fn a_replica_that_is_rolled_back_after_the_raise_stops_in_words_and_does_nothing_more() {
    let mut cluster = mixed([2, 2, 2]);
    assert!(matches!(raise(&mut cluster, 0), Outcome::Done(..)));
    cluster.put(0, "k", "v");
    cluster.run(1000 * MS);
    let applied = cluster.replica(2).machine().index();
    install(&mut cluster, 2, 1);
    let why = Stopped::TooOld {
        needed: 2,
        known: 1,
    };
    assert_eq!(stopped(&cluster, 2), [why]);
    cluster.put(0, "k", "w");
    assert!(cluster.replica(2).machine().index() <= applied);
    let ticket = cluster.ask(
        2,
        Request::Write {
            command: put("k", "x"),
            id: None,
        },
    );
    let refused = Outcome::Refused(Refusal::Stopped(StoppedKind::TooOld));
    assert_eq!(cluster.outcome(ticket), refused);
    install(&mut cluster, 2, 2);
    assert_eq!(cluster.get(2, "k").as_deref(), Some("w"));
}
