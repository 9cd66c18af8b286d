//! Protocols of the house over links that lose, repeat and are attacked.

use crate::cluster::{Cluster, Wire};
use bytes::Bytes;
use quorate_core::{Input, NodeId, Time};
use quorate_crash::flood_set::{self, Decided, FloodSet, Propose};
use quorate_crash::raft::{self, Output, Raft, Request};
use quorate_links::authenticated::AuthenticatedConfig;
use quorate_links::reliable::{Config, Packet};
use quorate_links::{
    Authenticated, Delivery, FairLoss, KeyRing, Link, LinkedFrame, Missing, Reliable,
};
use quorate_testbed::Transit;
use std::collections::BTreeSet;
use std::time::Duration;

/// FloodSet stands on "links that lose nothing", and says that without them its nodes may decide
/// differently. So they do; and over reliable links on the same wire they do not.
#[test]
fn flood_set_decides_one_value_over_reliable_links_and_several_over_the_wire() {
    fn decisions<L: Link<flood_set::Message>>(link: L::Config, wire: Wire) -> Vec<Bytes> {
        let config = flood_set::Config {
            round: Duration::from_secs(200),
            ..flood_set::Config::default()
        };
        let mut cluster = Cluster::<FloodSet, L>::new(config, &[link], wire);
        for (node, value) in [(0, "c"), (1, "b"), (2, "a")] {
            let value = Bytes::from_static(value.as_bytes());
            cluster.step(NodeId(node), Input::Request(Propose(value)));
        }
        cluster.run_until(Time(1_000_000_000_000));
        let decided = cluster.news.into_iter().filter_map(|(_, news)| match news {
            Delivery::Inner(Decided { value }) => Some(value),
            _ => None,
        });
        decided.collect()
    }
    let differ = |decided: &[Bytes]| decided.iter().collect::<BTreeSet<_>>().len() > 1;
    let mut broken = 0;
    for which in 0..50 {
        let wire = Wire::Half { which };
        let decided = decisions::<Reliable<_>>(Config::default(), wire);
        assert_eq!(decided, ["a", "a", "a"], "wire {which}");
        broken += u32::from(differ(&decisions::<FairLoss<_>>((), wire)));
    }
    assert!(broken >= 5, "the wire alone is enough: {broken} of 50");
}

type Sealed = Authenticated<Reliable<raft::Message>>;

/// Raft over sealed links, with one packet in `lose` lost and one in seven repeated, and every
/// third packet that the adversary sees sent once more with a byte changed.
#[test]
fn raft_serves_over_authenticated_links_in_spite_of_loss_repetition_and_forgery() {
    for lose in [u64::MAX, 11, 5] {
        let links: Vec<_> = NodeId::all(3)
            .map(|me| AuthenticatedConfig {
                keys: KeyRing::deal(&[1; 32], me, 3),
                link: Config::default(),
                max_packet: 4 << 20,
                missing: Missing::Nothing,
            })
            .collect();
        let config = raft::Config::default();
        let wire = Wire::Regular { lose, repeat: 7 };
        let mut cluster = Cluster::<Raft, Sealed>::new(config, &links, wire);
        cluster.run_until(Time(5_000_000_000));
        let entries = 20u64;
        for entry in 1..=entries {
            let leader = leader(&cluster).expect("a leader");
            let payload = Bytes::from(entry.to_string());
            cluster.step(leader, Input::Request(Request::Propose(payload)));
            forge(&mut cluster, entry);
            let until = cluster.now + Duration::from_millis(500);
            cluster.run_until(until);
        }
        cluster.run_until(Time(60_000_000_000));
        let logs: Vec<_> = NodeId::all(3)
            .map(|node| committed(&cluster, node))
            .collect();
        let expected: Vec<_> = (1..=entries).map(|entry| entry.to_string()).collect();
        assert_eq!(logs, [&expected[..]; 3], "one in {lose} lost");
    }
}

/// The adversary has seen what is on the wire.
fn forge(cluster: &mut Cluster<Raft, Sealed>, at: u64) {
    let forged: Vec<_> = cluster
        .wire
        .packets
        .iter()
        .filter_map(|Transit { from, to, message }| match message {
            LinkedFrame::Packet(packet) => {
                let mut packet = packet.clone();
                let mut bytes = packet.bytes.to_vec();
                let changed = at as usize % bytes.len();
                bytes[changed] ^= 1 << (at % 8);
                packet.bytes = bytes.into();
                Some((*from, *to, LinkedFrame::Packet(packet)))
            }
            LinkedFrame::Own(_) | LinkedFrame::Born(_) => None,
        })
        .collect();
    assert!(!forged.is_empty());
    for (from, to, frame) in forged {
        cluster.step(to, Input::Message(from, frame));
    }
    let last = cluster.news.last().map(|(_, news)| news);
    let refused = quorate_links::LinkRefusal::BadSeal;
    assert!(matches!(last, Some(Delivery::Refused(_, why)) if *why == refused));
}

fn leader<L: Link<raft::Message>>(cluster: &Cluster<Raft, L>) -> Option<NodeId> {
    NodeId::all(3).find(|node| {
        let raft = cluster.nodes[node.index()].state().protocol();
        raft.is_leader_with_own_term_commit()
    })
}

fn committed<L: Link<raft::Message>>(cluster: &Cluster<Raft, L>, at: NodeId) -> Vec<String> {
    cluster
        .news
        .iter()
        .filter(|(node, _)| *node == at)
        .filter_map(|(_, news)| match news {
            Delivery::Inner(Output::Committed { entries, .. }) => Some(entries),
            _ => None,
        })
        .flat_map(|entries| entries.iter().map(|entry| entry.payload.clone()))
        .filter(|payload| !payload.command().is_empty())
        .map(|payload| String::from_utf8_lossy(payload.command()).into_owned())
        .collect()
}

/// Raft repairs what the wire does, so it needs no more than that: what it says of itself.
#[test]
fn raft_needs_no_more_than_the_wire() {
    let wire = Wire::Regular { lose: 5, repeat: 7 };
    let mut cluster =
        Cluster::<Raft, FairLoss<raft::Message>>::new(raft::Config::default(), &[()], wire);
    cluster.run_until(Time(5_000_000_000));
    let leader = leader(&cluster).expect("a leader");
    let payload = Bytes::from_static(b"once");
    cluster.step(leader, Input::Request(Request::Propose(payload)));
    cluster.run_until(Time(10_000_000_000));
    for node in NodeId::all(3) {
        assert_eq!(committed(&cluster, node), ["once"]);
    }
}

/// The type that crosses the wire, for whoever writes the next driver.
#[test]
fn a_packet_is_small() {
    let beat: Packet<u8> = Packet {
        from: quorate_links::Epoch(3),
        to: Some(quorate_links::Epoch(4)),
        ack: quorate_links::reliable::Ack {
            through: 1000,
            beyond: 0,
        },
        body: None,
    };
    assert_eq!(postcard::to_stdvec(&beat).unwrap().len(), 7);
}
