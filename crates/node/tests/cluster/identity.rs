//! Who is who: clusters are formed once, and a directory that has lost or mixed up what it must know
//! does not take part.

use crate::any_port;
use crate::harness::{Cluster, eventually, start};
use quorate_node::storage::{FileStorage, Hang, hanging};
use quorate_node::{Ended, Node, NodeConfig, StartError, Starting};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Starts a node in a thread, and passes on how far it is.
fn begin(
    config: NodeConfig,
) -> (
    JoinHandle<Result<Node, StartError>>,
    mpsc::Receiver<Starting>,
) {
    let (tell, told) = mpsc::channel();
    let end = Instant::now() + Duration::from_secs(20);
    let thread = thread::spawn(move || {
        Node::start(config, &mut |starting| {
            let heard = tell.send(starting).is_ok();
            match heard && Instant::now() < end {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })
    });
    (thread, told)
}

/// Waits until the start says that it waits for just these.
fn waits_for(told: &mpsc::Receiver<Starting>, names: &[&str]) {
    loop {
        match told.recv_timeout(Duration::from_secs(10)) {
            Ok(Starting::Forming { waiting_for, .. }) if waiting_for == names => return,
            Ok(_) => {}
            Err(error) => panic!("not waiting for {names:?}: {error}"),
        }
    }
}

fn refusal(config: NodeConfig) -> String {
    start(config).expect_err("refused").to_string()
}

/// The id of the cluster that a directory is part of.
fn cluster_id(dir: &Path) -> String {
    let text = fs::read_to_string(dir.join("replica.toml")).expect("read");
    let line = text.lines().find(|line| line.starts_with("cluster_id"));
    line.expect("it is formed").to_owned()
}

#[test]
fn founders_wait_for_the_last_one_and_say_so_and_then_know_one_cluster() {
    let mut cluster = Cluster::new(3);
    let begun = Instant::now();
    let (zero, zero_told) = begin(cluster.config(0));
    waits_for(&zero_told, &["n1", "n2"]);
    assert!(begun.elapsed() < Duration::from_secs(1), "seen at once");
    let (one, one_told) = begin(cluster.config(1));
    waits_for(&zero_told, &["n2"]);
    waits_for(&one_told, &["n2"]);
    thread::sleep(Duration::from_millis(300));
    assert!(!zero.is_finished() && !one.is_finished());
    let two = start(cluster.config(2)).expect("formed");
    cluster.adopt(2, two);
    cluster.adopt(0, zero.join().expect("no panic").expect("formed"));
    cluster.adopt(1, one.join().expect("no panic").expect("formed"));
    cluster.put(1, "a", "1").expect("written");
    let dirs: Vec<_> = (0..3).map(|id| cluster.config(id).data_dir).collect();
    let id = cluster_id(&dirs[0]);
    assert!(dirs.iter().all(|dir| cluster_id(dir) == id));
    // From here on it needs no one to start.
    (0..3).for_each(|id| cluster.stop(id));
    cluster.start(1);
    cluster.start(2);
    assert_eq!(cluster.get(2, "a").expect("read").as_deref(), Some("1"));
}

#[test]
fn a_founder_that_dies_while_the_cluster_forms_is_the_same_one_again() {
    let mut cluster = Cluster::new(3);
    let (zero, zero_told) = begin(cluster.config(0));
    let (one, one_told) = begin(cluster.config(1));
    waits_for(&zero_told, &["n2"]);
    // It is told to stop the next time that it says something.
    drop(one_told);
    let error = one.join().expect("no panic").expect_err("stopped");
    assert!(matches!(error, StartError::Stopped), "{error}");
    let dir = cluster.config(1).data_dir;
    let before = fs::read_to_string(dir.join("replica.toml")).expect("read");
    assert!(before.contains("state = \"forming\""), "{before}");
    let (one, _one_told) = begin(cluster.config(1));
    cluster.start(2);
    cluster.adopt(1, one.join().expect("no panic").expect("formed"));
    cluster.adopt(0, zero.join().expect("no panic").expect("formed"));
    let after = fs::read_to_string(dir.join("replica.toml")).expect("read");
    let id = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("member_id"));
        line.expect("an id").to_owned()
    };
    assert_eq!(id(&before), id(&after));
}

#[test]
fn a_wiped_member_never_votes_again_whichever_it_is() {
    let mut cluster = Cluster::new(3);
    cluster.start_all();
    cluster.put(0, "a", "1").expect("written");
    // The first member, which once decided who founds the cluster, is no exception.
    for victim in [1, 0] {
        cluster.stop(victim);
        let dir = cluster.config(victim).data_dir;
        let kept = dir.with_extension("kept");
        fs::rename(&dir, &kept).expect("wiped");
        for _ in 0..2 {
            let error = refusal(cluster.config(victim));
            assert!(
                error.starts_with(&format!(
                    "this directory is empty, but member \"n{victim}\" (id "
                )),
                "{error}"
            );
            assert!(
                error.ends_with(&format!(
                    "replace it with 'quorate member replace n{victim}'"
                )),
                "{error}"
            );
        }
        fs::remove_dir_all(&dir).expect("removed");
        fs::rename(&kept, &dir).expect("restored");
        cluster.start(victim);
        assert_eq!(
            cluster.get(victim, "a").expect("read").as_deref(),
            Some("1")
        );
    }
}

/// The directory is removed while the member runs. It came back, held another state than the others,
/// said so ten times a second, and went on voting.
#[test]
fn a_member_whose_directory_goes_while_it_runs_does_not_come_back() {
    let mut cluster = Cluster::new(3);
    cluster.start_all();
    cluster.put(0, "a", "1").expect("written");
    let dir = cluster.config(1).data_dir;
    fs::remove_dir_all(&dir).expect("removed");
    cluster.put(0, "b", "2").expect("the others go on");
    cluster.stop(1);
    let error = refusal(cluster.config(1));
    assert!(
        error.ends_with("replace it with 'quorate member replace n1'"),
        "{error}"
    );
    cluster.put(2, "c", "3").expect("the others go on");
    for id in [0, 2] {
        let status = cluster.node(id).status();
        assert_eq!(status.counters.violations, 0, "at {id}");
    }
}

#[test]
fn a_member_that_has_lost_its_log_or_an_end_of_it_is_refused() {
    let mut cluster = Cluster::new(1);
    cluster.start(0);
    cluster.put(0, "a", "1").expect("written");
    cluster.stop(0);
    let wal = cluster.config(0).data_dir.join("wal");
    let kept = wal.with_extension("kept");
    let refused = |words: &str| {
        let error = refusal(cluster.config(0));
        assert!(error.contains(words), "{error}");
        assert!(error.contains("'quorate member replace n0'"), "{error}");
    };
    fs::rename(&wal, &kept).expect("moved");
    refused("and its log is missing");
    assert!(!wal.exists(), "nothing is made in its place");
    fs::create_dir(&wal).expect("made");
    refused("the directory of the log is empty, and the log was begun");
    fs::remove_dir(&wal).expect("removed");
    fs::rename(&kept, &wal).expect("moved");

    let first = wal.join("0000000000000001.wal");
    let aside = wal.with_extension("aside");
    fs::rename(&first, &aside).expect("moved");
    refused("segment 1 (0000000000000001.wal) is missing: the log has segments 1 to 1");
    // A last segment that is lost looks like this: the directory says that there are two.
    fs::rename(&aside, &first).expect("moved");
    let span = wal.join("0000000000000001-0000000000000002.live");
    fs::write(&span, "").expect("written");
    refused("segment 2 (0000000000000002.wal) is missing: the log has segments 1 to 2");
    fs::remove_file(&span).expect("removed");
    cluster.start(0);
    assert_eq!(cluster.get(0, "a").expect("read").as_deref(), Some("1"));
}

/// A4: a member's directory of another cluster with the same names and addresses.
#[test]
fn a_directory_of_another_cluster_is_refused_by_the_others() {
    let mut ours = Cluster::new(3);
    ours.start_all();
    ours.put(0, "a", "ours").expect("written");
    ours.stop(1);
    // The same names, the same member, another cluster.
    let mut theirs = Cluster::new(3);
    theirs.start_all();
    (0..3).for_each(|id| theirs.stop(id));
    let mut config = ours.config(1);
    config.data_dir = theirs.config(1).data_dir;
    let node = start(config).expect("it can't know yet");
    let too_long = async { tokio::time::sleep(Duration::from_secs(20)).await };
    match node.run_until(too_long) {
        Some(Ended::Refused(why)) => {
            assert!(
                why.contains("the other members don't belong to the cluster"),
                "{why}"
            );
            assert!(
                why.contains("the caller belongs to cluster \"test\""),
                "{why}"
            );
        }
        other => panic!("{other:?}"),
    }
    node.stop();
    assert_eq!(ours.get(2, "a").expect("read").as_deref(), Some("ours"));
}

#[test]
fn a_directory_of_a_newer_or_an_older_version_is_refused() {
    let mut cluster = Cluster::new(1);
    cluster.start(0);
    cluster.stop(0);
    let file = cluster.config(0).data_dir.join("replica.toml");
    let text = fs::read_to_string(&file).expect("read");
    for (format, words) in [
        (
            "format = 3",
            "directory format 3, this version knows 2; run the version that made it",
        ),
        (
            "format = 1",
            "directory format 1, of a version before members had ids of their own",
        ),
    ] {
        fs::write(&file, text.replace("format = 2", format)).expect("written");
        let error = refusal(cluster.config(0));
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn two_processes_that_claim_one_member_are_told_apart() {
    let cluster = Cluster::new(3);
    let (zero, zero_told) = begin(cluster.config(0));
    let (one, _one_told) = begin(cluster.config(1));
    waits_for(&zero_told, &["n2"]);
    let mut second = cluster.config(1);
    second.data_dir = second.data_dir.with_extension("second");
    (second.listen_client, second.listen_peer) = (any_port(), any_port());
    let error = refusal(second.clone());
    assert!(
        error.contains("another process has started as \"n1\""),
        "{error}"
    );
    // And after the cluster is formed.
    let two = start(cluster.config(2)).expect("formed");
    let error = refusal(second);
    assert!(error.contains("'quorate member replace n1'"), "{error}");
    for node in [zero, one] {
        node.join().expect("no panic").expect("formed").stop();
    }
    two.stop();
}

#[test]
fn a_founder_under_another_contract_is_refused_and_the_others_go_on() {
    let cluster = Cluster::new(3);
    let (zero, zero_told) = begin(cluster.config(0));
    let mut other = cluster.config(1);
    other.contract.cluster.members[2].client = quorate_contract::Address::loopback(9);
    let error = refusal(other);
    assert!(
        error.starts_with("\"n0\" refuses: \"n1\" has started under another contract"),
        "{error}"
    );
    // The one that refuses says so as well.
    let noted = zero_told.iter().any(|starting| match starting {
        Starting::Forming { note, .. } => {
            note.is_some_and(|note| note.contains("under another contract"))
        }
        Starting::Joining { .. } | Starting::Recovering(_) => false,
    });
    assert!(noted);
    fs::remove_dir_all(cluster.config(1).data_dir).expect("removed");
    // Its offer never counted, so its directory may be emptied at once.
    let (one, _one_told) = begin(cluster.config(1));
    let two = start(cluster.config(2)).expect("formed");
    for node in [zero, one] {
        node.join().expect("no panic").expect("formed").stop();
    }
    two.stop();
}

/// A disk whose sync hangs: nothing is acknowledged, and all is once it goes on.
#[test]
fn nothing_is_acknowledged_while_the_disk_hangs() {
    let mut cluster = Cluster::new(1);
    cluster.adjust = |config| config.request_timeout = Duration::from_millis(300);
    let hang = Hang::default();
    let open = |path: &Path| Ok(hanging(FileStorage::open(path)?, hang.clone()));
    let go_on = &mut |_| ControlFlow::Continue(());
    let node = Node::start_over(cluster.config(0), open, go_on).expect("started");
    cluster.adopt(0, node);
    cluster.put(0, "a", "1").expect("written");
    hang.hang();
    let error = cluster.put(0, "a", "2").expect_err("not durable");
    assert_eq!(error, "etcdserver: request timed out");
    hang.release();
    eventually("written", || cluster.put(0, "a", "3").is_ok());
    cluster.stop(0);
}
