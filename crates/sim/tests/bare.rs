//! A bare protocol in a world: Raft, with nothing around it.

use quorate_core::NodeId;
use quorate_crash::raft::{Config, Output, Raft, Request, Role};
use quorate_sim::{Bare, Decisions, LinkProfile, NetworkProfile, NodeOutput, TimingProfile};

fn leader(bare: &Bare<Raft>) -> Option<NodeId> {
    NodeId::all(3).find(|id| {
        bare.node(*id)
            .is_some_and(|raft| raft.role() == Role::Leader)
    })
}

/// Proposes and crashes at random; checks that all nodes decide the same. Returns the hash and how
/// much was decided.
fn run(seed: u64, events: u64) -> (u64, usize) {
    let link = LinkProfile {
        loss: 20_000,
        duplicate: 20_000,
        fifo: false,
        ..LinkProfile::QUIET
    };
    let weather = NetworkProfile {
        timing: TimingProfile {
            after_gst: link,
            ..TimingProfile::default()
        },
        ..NetworkProfile::default()
    };
    let decisions = Decisions::from_seed(seed);
    let mut bare = Bare::<Raft>::new(|_| Config::default(), 3, weather, decisions);
    bare.start_all();
    let mut decided: Vec<Option<(u64, bytes::Bytes)>> = vec![];
    let mut down = None;
    while bare.events() < events && bare.advance().is_some() {
        let outputs: Vec<_> = bare.take_outputs().collect();
        for NodeOutput { node, output, .. } in outputs {
            let Output::Committed { first, entries } = output else {
                continue;
            };
            for (index, entry) in (first as usize..).zip(entries.iter()) {
                decided.resize(decided.len().max(index), None);
                let entry = (
                    entry.term,
                    bytes::Bytes::copy_from_slice(entry.payload.command()),
                );
                let known = decided[index - 1].get_or_insert_with(|| entry.clone());
                assert_eq!(
                    *known, entry,
                    "seed {seed}: {node} decides otherwise at {index}"
                );
            }
        }
        match bare.decisions_mut().below(64) {
            63 if down.is_none() => {
                let node = NodeId(bare.decisions_mut().below(3) as u32);
                bare.crash(node);
                down = Some(node);
            }
            62 => down.take().into_iter().for_each(|node| bare.start(node)),
            0..8 => {
                let payload = bare.events().to_le_bytes().to_vec().into();
                if let Some(leader) = leader(&bare) {
                    bare.request(leader, Request::Propose(payload));
                }
            }
            _ => {}
        }
    }
    (bare.hash(), decided.len())
}

#[test]
fn nodes_decide_alike_and_a_seed_means_the_same_every_time() {
    let mut decided = 0;
    for seed in 0..20 {
        let (hash, count) = run(seed, 5_000);
        decided += count;
        assert_eq!(run(seed, 5_000), (hash, count));
    }
    assert!(decided > 2_000, "{decided}");
}
