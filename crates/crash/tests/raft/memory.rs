//! What is cut off a log is given back while the node goes on, not all in one step.

use crate::cluster::Cluster;
use bytes::Bytes;
use quorate_core::Input;
use quorate_crash::raft::*;
use std::sync::Arc;

/// A payload of which it is known whether it still lives.
struct Payload {
    _alive: Arc<()>,
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        b"x"
    }
}

/// A checkpoint of a store under load cut 3.5 million entries off the log. Freeing them took longer
/// than an election timeout, and the leader was lost.
#[test]
fn what_a_checkpoint_cuts_off_is_freed_in_several_steps() {
    const ENTRIES: usize = 3_000;
    let mut cluster = Cluster::new(Config {
        trailing_entries: 0,
        max_batch_bytes: 1_000,
        ..Config::of(1)
    });
    cluster.settle();
    let alive = Arc::new(());
    let payloads = || Arc::strong_count(&alive) - 1;
    for _ in 0..ENTRIES {
        let payload = Bytes::from_owner(Payload {
            _alive: alive.clone(),
        });
        cluster.input(0, Input::Request(Request::Propose(payload)));
    }
    cluster.settle();
    assert_eq!(cluster.raft(0).commit(), ENTRIES as u64 + 1);
    // The disk and the layers above have what they need.
    cluster.nodes[0].outputs.clear();
    cluster.events.clear();
    let disk = &mut cluster.nodes[0].disk;
    disk.deleted += disk.records.len() as u64;
    disk.records.clear();
    assert_eq!(payloads(), ENTRIES);
    cluster.checkpoint(0);
    cluster.nodes[0].outputs.clear();
    assert_eq!(
        cluster.raft(0).log().base().index + 1,
        ENTRIES as u64 + 2,
        "it is cut"
    );
    assert!(payloads() > ENTRIES / 2, "{} are left", payloads());
    for _ in 0..10 {
        cluster.beat(0);
    }
    assert_eq!(payloads(), 0, "idle, it gives back the rest");
}
