//! Whole nodes in one process: real files, real sockets, real threads.

mod full_disk;
mod harness;
mod identity;

use harness::{Cluster, eventually, start};
use quorate_contract::{Contract, FailureModel};
use quorate_node::{NodeConfig, StartError};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

#[test]
fn one_replica_alone_serves_and_finds_its_data_again() {
    let mut cluster = Cluster::new(1);
    cluster.start(0);
    cluster.put(0, "a", "1").expect("written");
    cluster.put(0, "a", "2").expect("written");
    assert_eq!(cluster.get(0, "a").expect("read").as_deref(), Some("2"));
    cluster.stop(0);
    cluster.start(0);
    assert_eq!(cluster.get(0, "a").expect("read").as_deref(), Some("2"));
    cluster.put(0, "b", "3").expect("written");
    assert_eq!(cluster.node(0).status().revision, 4);
}

#[test]
fn three_replicas_answer_alike_and_survive_the_loss_of_each() {
    let mut cluster = Cluster::new(3);
    cluster.start_all();
    for id in 0..3 {
        cluster
            .put(id, &format!("k{id}"), "v")
            .expect("written at any replica");
        for reader in 0..3 {
            let value = cluster.get(reader, &format!("k{id}")).expect("read");
            assert_eq!(
                value.as_deref(),
                Some("v"),
                "a linearizable read at {reader}"
            );
        }
    }
    for victim in 0..3 {
        cluster.stop(victim);
        let other = (victim + 1) % 3;
        cluster
            .put(other, "while", &format!("{victim} is down"))
            .expect("written by two");
        cluster.start(victim);
        let value = cluster.get(victim, "while").expect("read");
        assert_eq!(value, Some(format!("{victim} is down")), "it has caught up");
    }
    eventually("the states are equal", || {
        let statuses: Vec<_> = (0..3).map(|id| cluster.node(id).status()).collect();
        statuses
            .iter()
            .all(|s| (s.applied, s.digest) == (statuses[0].applied, statuses[0].digest))
    });
    for id in 0..3 {
        assert_eq!(cluster.node(id).status().counters.violations, 0);
    }
}

/// A leader that is stopped hands over, so that nobody waits for the silence to be long enough.
#[test]
fn a_leader_that_stops_hands_over() {
    let mut cluster = Cluster::new(3);
    cluster.adjust = |config| config.timeouts.election = Duration::from_secs(2);
    cluster.start_all();
    cluster.put(0, "a", "1").expect("written");
    eventually("all know the leader", || {
        (0..3).all(|id| cluster.leader(id).is_some())
    });
    let leader = cluster.leader(0).expect("a leader");
    let other = (leader + 1) % 3;
    cluster.stop(leader);
    let stopped = Instant::now();
    eventually("another leads", || {
        cluster.leader(other).is_some_and(|id| id != leader)
    });
    assert!(
        stopped.elapsed() < Duration::from_secs(1),
        "an election would have waited for two seconds of silence"
    );
}

#[test]
fn without_a_quorum_a_write_is_refused_or_unknown_and_a_stale_read_works() {
    let mut cluster = Cluster::new(3);
    cluster.adjust = |config| config.request_timeout = Duration::from_millis(300);
    cluster.start_all();
    eventually("written", || cluster.put(0, "a", "1").is_ok());
    eventually("everywhere", || {
        cluster.get_stale(0, "a").expect("read").is_some()
    });
    cluster.stop(1);
    cluster.stop(2);
    let error = cluster.put(0, "a", "2").expect_err("no quorum");
    assert!(
        ["etcdserver: request timed out", "etcdserver: no leader"].contains(&error.as_str()),
        "{error}"
    );
    assert!(
        cluster.get(0, "a").is_err(),
        "a linearizable read needs a quorum"
    );
    assert_eq!(
        cluster.get_stale(0, "a").expect("read").as_deref(),
        Some("1")
    );
}

#[test]
fn garbage_on_both_ports_harms_nothing() {
    let mut cluster = Cluster::new(1);
    cluster.start(0);
    let ports = [
        cluster.node(0).client_address(),
        cluster.node(0).peer_address(),
    ];
    for port in ports {
        for bytes in [
            &[0u8; 4096][..],
            &[0xff; 100],
            b"QUORATE\nnonsense and more of it......",
        ] {
            let mut stream = TcpStream::connect(port).expect("connected");
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .expect("a timeout");
            // The other side may close before all is written.
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut vec![]);
        }
    }
    cluster.put(0, "a", "1").expect("written");
}

#[test]
fn what_cannot_be_run_is_refused_in_words_and_touches_nothing() {
    let cluster = Cluster::new(3);
    let refused = |config: NodeConfig| {
        let path = config.data_dir.clone();
        let error = start(config).expect_err("refused");
        assert!(!path.exists(), "{} was made", path.display());
        error.to_string()
    };
    let mut config = cluster.config(0);
    config.me = 7;
    assert_eq!(
        refused(config),
        "the contract has no member with id 7; it has 0 to 2"
    );
    let mut config = cluster.config(0);
    config.timeouts.heartbeat = config.timeouts.election;
    assert!(refused(config).starts_with("the timeouts don't fit: heartbeat"));
    let mut config = cluster.config(0);
    config.contract.failures.model = FailureModel::Byzantine;
    let error = refused(config);
    assert!(error.contains("byzantine-third"), "{error}");
}

#[test]
fn a_port_in_use_is_named() {
    let cluster = Cluster::new(1);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut config = cluster.config(0);
    config.listen_client = Some(address.clone());
    let error = start(config).expect_err("taken");
    assert!(
        matches!(
            error,
            StartError::PortInUse {
                whom: "clients",
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .starts_with(&format!("{address}, to listen on for clients, is in use"))
    );
}

#[test]
fn a_directory_in_use_or_of_another_cluster_is_refused() {
    let mut cluster = Cluster::new(1);
    cluster.start(0);
    let mut again = cluster.config(0);
    (again.listen_client, again.listen_peer) = (any_port(), any_port());
    let error = start(again.clone()).expect_err("in use");
    assert!(
        error.to_string().contains("is in use by another process"),
        "{error}"
    );
    cluster.stop(0);
    again.contract.cluster.name = "another".to_owned();
    let error = start(again).expect_err("foreign");
    assert!(
        error.to_string().contains("the contract names \"another\""),
        "{error}"
    );
}

fn any_port() -> Option<String> {
    Some("127.0.0.1:0".to_owned())
}

/// Damage to what was durable is told from a torn tail, and the replica does not start on it.
#[test]
fn a_damaged_log_is_refused_and_left_as_it_is() {
    let mut cluster = Cluster::new(1);
    cluster.start(0);
    for n in 0..50 {
        cluster
            .put(0, &format!("k{n}"), &"v".repeat(2000))
            .expect("written");
    }
    cluster.stop(0);
    let wal = cluster.config(0).data_dir.join("wal");
    let segment = wal.join("0000000000000001.wal");
    let mut bytes = std::fs::read(&segment).expect("read");
    let middle = bytes
        .windows(50)
        .position(|w| w == [b'v'; 50])
        .expect("a value")
        + 100;
    bytes[middle] ^= 4;
    std::fs::write(&segment, &bytes).expect("write");
    let error = cluster.try_start(0).expect_err("damaged");
    assert!(error.to_string().contains("is damaged at byte"), "{error}");
    assert!(
        error.to_string().contains("quorate member replace n0"),
        "{error}"
    );
    assert_eq!(
        std::fs::read(&segment).expect("read"),
        bytes,
        "nothing was cut"
    );
}

#[test]
fn the_default_contract_is_one_that_a_node_runs() {
    assert!(Contract::default().runnable().is_ok());
}
