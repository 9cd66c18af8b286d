//! Snapshots while other things happen: jobs that take their time, disks that fill, long logs.

use super::harness::{Cluster, MS, put};
use quorate_core::Mutant;
use quorate_replica::{Limits, Notice, Outcome, Reply, Request, RequestId};

fn limits() -> Limits {
    Limits {
        checkpoint_bytes: 16 << 10,
        chunk_bytes: 8 << 10,
        ..Limits::default()
    }
}

/// A cluster whose node 2 is far behind: its leader has cut the log.
fn behind(limits: Limits) -> Cluster {
    let mut cluster = Cluster::new(3, limits);
    cluster.run(2000 * MS);
    cluster.isolate(2, true);
    for n in 0..200 {
        cluster.put(0, &format!("k{n}"), &"v".repeat(500));
    }
    assert!(cluster.replica(0).status().first_index > 50);
    cluster
}

fn same_state(cluster: &Cluster) {
    let states = [0, 1, 2].map(|n| cluster.replica(n).status());
    for state in &states {
        let found = (state.applied, state.digest);
        assert_eq!(found, (states[0].applied, states[0].digest));
    }
    cluster.no_violations();
}

/// While the jobs of a checkpoint and of a transfer wait, writes and reads go on; then both end.
#[test]
fn a_slow_job_holds_up_nothing_else() {
    let mut cluster = behind(limits());
    cluster.hold_jobs = true;
    cluster.isolate(2, false);
    for n in 0..100 {
        let done = cluster.put(0, &format!("k{n}"), &"w".repeat(500));
        assert!(matches!(done, Outcome::Done(..)));
    }
    assert_eq!(cluster.get(1, "k7"), Some("w".repeat(500)));
    assert_eq!(cluster.replica(2).status().counters.snapshots_installed, 0);
    let mut rounds = 0;
    while cluster.replica(2).status().applied < cluster.replica(0).status().applied {
        for n in 0..3 {
            // In any order.
            cluster.run_jobs(n, |jobs| jobs.reverse());
        }
        cluster.run(20 * MS);
        rounds += 1;
        assert!(rounds < 5000, "{:?}", cluster.replica(2).status());
    }
    assert!(cluster.replica(2).status().counters.snapshots_installed > 0);
    same_state(&cluster);
}

/// A follower that loses its leader in the middle of an installation, jobs under way, begins again
/// with the next one; late jobs change nothing.
#[test]
fn an_installation_that_is_given_up_leaves_nothing_behind() {
    let mut cluster = behind(limits());
    cluster.hold_jobs = true;
    cluster.isolate(2, false);
    cluster.run(100 * MS);
    // The first piece is encoded at the leader and comes, but is not read yet.
    cluster.run_jobs(0, |_| {});
    cluster.run(10 * MS);
    assert!(!cluster.nodes[2].jobs.is_empty(), "a piece has come");
    let begun = cluster.disk(2).journal.wal().segments().count();
    cluster.isolate(0, true);
    cluster.run(3000 * MS);
    assert_eq!(cluster.leader(), Some(1));
    cluster.hold_jobs = false;
    (0..3).for_each(|n| cluster.run_jobs(n, |_| {}));
    cluster.isolate(0, false);
    cluster.put(1, "after", "all");
    cluster.run(5000 * MS);
    same_state(&cluster);
    assert!(cluster.replica(2).status().counters.snapshots_installed > 0);
    // The pieces that were given up go with the checkpoint that follows.
    for n in 0..200 {
        cluster.put(1, &format!("k{n}"), &"x".repeat(500));
    }
    cluster.run(500 * MS);
    assert!(cluster.disk(2).journal.wal().segments().count() <= begun + 2);
    for n in 0..3 {
        cluster.crash(n);
        cluster.start(n);
    }
    cluster.run(3000 * MS);
    assert_eq!(cluster.get(2, "after").as_deref(), Some("all"));
    same_state(&cluster);
}

/// An installation is given up because another leader's log still has the entries. Its pieces stayed
/// in the follower's log until the next checkpoint, a whole period of writes away: they go at once.
#[test]
fn pieces_of_a_snapshot_that_entries_made_needless_go_at_once() {
    let mut cluster = Cluster::new(3, limits());
    cluster.run(2000 * MS);
    // Node 1 has no time for checkpoints, and so all of the log. Node 2 is away, and comes back with
    // so long a period that nothing else makes a checkpoint due.
    cluster.hold_jobs = true;
    cluster.crash(2);
    for n in 0..200 {
        cluster.put(0, &format!("k{n}"), &"v".repeat(500));
        cluster.run_jobs(0, |_| {});
    }
    assert!(cluster.replica(0).status().first_index > 50);
    assert_eq!(cluster.replica(1).status().first_index, 1);
    cluster.config.limits.checkpoint_bytes = 1 << 40;
    cluster.start(2);
    for _ in 0..4 {
        cluster.run(50 * MS);
        cluster.run_jobs(0, |_| {});
    }
    cluster.settle();
    assert!(!cluster.nodes[2].jobs.is_empty(), "pieces have come");
    cluster.isolate(0, true);
    cluster.run(3000 * MS);
    assert_eq!(cluster.leader(), Some(1));
    cluster.put(1, "after", "all");
    cluster.run(500 * MS);
    let status = cluster.replica(2).status();
    assert_eq!(status.applied, cluster.replica(1).status().applied);
    assert_eq!(status.counters.snapshots_installed, 0);
    for _ in 0..100 {
        cluster.run_jobs(2, |_| {});
    }
    assert_eq!(cluster.replica(2).status().counters.checkpoints, 1);
    cluster.no_violations();
}

/// The disk fills while a snapshot comes: the replica is silent; started again with room, it has
/// lost nothing and catches up.
#[test]
fn an_installation_on_a_full_disk_loses_nothing() {
    let mut cluster = behind(limits());
    let journal = &mut cluster.disk(2).journal;
    let ops = journal.wal().storage().ops();
    journal
        .storage_mut()
        .fail_at(ops + 6, std::io::ErrorKind::StorageFull);
    cluster.isolate(2, false);
    cluster.run(1000 * MS);
    let failed = |notice: &Notice| matches!(notice, Notice::DiskFailed { .. });
    assert!(cluster.nodes[2].notices.iter().any(failed));
    assert!(matches!(cluster.put(0, "still", "up"), Outcome::Done(..)));
    cluster.crash(2);
    cluster.start(2);
    cluster.run(3000 * MS);
    assert_eq!(cluster.get(2, "still").as_deref(), Some("up"));
    assert!(cluster.replica(2).status().counters.snapshots_installed > 0);
    same_state(&cluster);
}

/// A long log is applied in bounded turns, and comes to the same state.
#[test]
fn a_long_log_is_applied_in_turns() {
    let mut cluster = Cluster::new(3, Limits::default());
    cluster.run(2000 * MS);
    for n in 0..3000 {
        let write = Request::Write {
            command: put(&format!("k{}", n % 50), &n.to_string()),
            id: None,
        };
        cluster.ask(0, write);
    }
    cluster.run(1000 * MS);
    (0..3).for_each(|n| cluster.crash(n));
    let before = cluster.continued;
    (0..3).for_each(|n| cluster.start(n));
    cluster.run(3000 * MS);
    assert!(cluster.continued > before, "it took more than one flush");
    assert_eq!(cluster.get(2, "k49").as_deref(), Some("2999"));
    same_state(&cluster);
}

/// Replicas that apply the same entries write their checkpoints at different places.
#[test]
fn replicas_take_turns_with_checkpoints() {
    let mut cluster = Cluster::new(3, limits());
    cluster.run(2000 * MS);
    for n in 0..400 {
        cluster.put(0, &format!("k{}", n % 10), &"v".repeat(200));
    }
    let begun = |n: usize| {
        let notices = cluster.nodes[n].notices.iter();
        let done = notices.filter_map(|notice| match notice {
            Notice::CheckpointDone { index } => Some(*index),
            _ => None,
        });
        done.collect::<Vec<u64>>()
    };
    let all = [begun(0), begun(1), begun(2)];
    assert!(all.iter().all(|each| each.len() > 2), "{all:?}");
    let near = |a: &[u64], b: &[u64]| a.iter().any(|a| b.iter().any(|b| a.abs_diff(*b) < 3));
    assert!(!near(&all[0], &all[1]), "{all:?}");
    assert!(!near(&all[1], &all[2]), "{all:?}");
}

/// A repetition at a follower that has installed a snapshot gets the first answer. With the answers
/// lost on the way, the follower's state differs and it is found out.
#[test]
fn answers_survive_an_installation() {
    let run = |mutant| {
        let mut cluster = Cluster::new(3, limits());
        cluster.config.mutant = mutant;
        (0..3).for_each(|n| cluster.crash(n));
        (0..3).for_each(|n| cluster.start(n));
        cluster.run(2000 * MS);
        let ticket = cluster.ask(0, Request::OpenSession);
        let session = match cluster.outcome(ticket) {
            Outcome::Done(_, Reply::Session(id)) => id,
            other => panic!("{other:?}"),
        };
        let id = RequestId {
            session,
            seq: 1,
            settled: 1,
        };
        cluster.isolate(2, true);
        let write = Request::Write {
            command: put("once", "v"),
            id: Some(id),
        };
        let ticket = cluster.ask(0, write.clone());
        let first = cluster.outcome(ticket);
        for n in 0..200 {
            cluster.put(0, &format!("k{n}"), &"v".repeat(500));
        }
        cluster.isolate(2, false);
        cluster.run(1000 * MS);
        assert!(cluster.replica(2).status().counters.snapshots_installed > 0);
        let ticket = cluster.ask(2, write);
        let same = cluster.outcome(ticket) == first;
        for _ in 0..100 {
            cluster.put(0, "more", "entries");
        }
        cluster.run(2000 * MS);
        (same, cluster.replica(2).stopped().is_some())
    };
    assert_eq!(run(Mutant::None), (true, false));
    let (same, stopped) = run(Mutant::SessionAnswersLostInASnapshot);
    assert!(!same && stopped, "same answer: {same}, stopped: {stopped}");
}
