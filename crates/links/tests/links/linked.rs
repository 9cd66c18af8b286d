//! Protocols over links: what breaks when a layer is missing.

use crate::cluster::{Cluster, Wire};
use proptest::prelude::*;
use quorate_core::{Effects, Hard, Input, Journaled, NodeId, Protocol, Time, To};
use quorate_links::{Delivery, Epoch, FairLoss, Link, Linked, LinkedFrame, Reliable};
use quorate_testbed::DrivenNode;

/// Adds up what it is told, and tells everybody what it is asked to add: a protocol that assumes
/// reliable links and does nothing of its own for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Adder {
    sum: u64,
    own: Journaled<Asked>,
}

/// How much this node was asked to add, written down before it is told to anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Asked(u64);
impl Hard for Asked {
    type Record = u64;
    fn apply(&mut self, record: &u64) {
        self.0 += record;
    }
}

impl Protocol for Adder {
    type Config = ();
    type Hard = Asked;
    type Message = u64;
    type Eager = NoEager;
    type Timer = ();
    type Request = u64;
    type Output = u64;
    type EagerOutput = NoEager;
    fn recover((): &(), _: NodeId, own: Journaled<Asked>) -> Self {
        Self { sum: 0, own }
    }
    fn step(&mut self, _: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Request(amount) => {
                self.own.write(amount, out);
                out.send(To::All, amount);
            }
            Input::Message(_, amount) => {
                self.sum += amount;
                out.output(self.sum);
            }
            Input::Start | Input::Timer(()) | Input::Coin { .. } => {}
        }
    }
}

/// No message of the adder is eager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum NoEager {}
impl From<NoEager> for u64 {
    fn from(never: NoEager) -> Self {
        match never {}
    }
}

fn reliable(wire: Wire) -> Cluster<Adder, Reliable<u64>> {
    Cluster::new((), &[Default::default()], wire)
}

fn over_the_wire(wire: Wire) -> Cluster<Adder, FairLoss<u64>> {
    Cluster::new((), &[()], wire)
}

fn sums<L: Link<u64>>(cluster: &Cluster<Adder, L>) -> Vec<u64> {
    let sum = |node: &DrivenNode<Linked<Adder, L>>| node.state().protocol().sum;
    cluster.nodes.iter().map(sum).collect()
}

#[test]
fn a_sum_comes_out_right_over_a_reliable_link_and_wrong_over_the_wire() {
    const NEVER: u64 = u64::MAX;
    for (lose, repeat, expected) in [
        (NEVER, NEVER, "right"),
        (3, NEVER, "less"),
        (NEVER, 3, "more"),
        (5, 3, "wrong"),
    ] {
        let mut reliable = reliable(Wire::Regular { lose, repeat });
        let mut raw = over_the_wire(Wire::Regular { lose, repeat });
        for amount in 1..=20u64 {
            let asked = NodeId((amount as u8 % 3).into());
            reliable.step(asked, Input::Request(amount));
            raw.step(asked, Input::Request(amount));
        }
        reliable.run();
        raw.run();
        assert_eq!(sums(&reliable), [210, 210, 210], "{lose} {repeat}");
        let sums = sums(&raw);
        let fits = match expected {
            "right" => sums == [210, 210, 210],
            "less" => sums.iter().all(|sum| *sum < 210),
            "more" => sums.iter().all(|sum| *sum > 210),
            _ => sums.iter().any(|sum| *sum != 210),
        };
        assert!(fits, "over the wire {expected}: {sums:?}");
    }
}

/// DESIGN rule 2, through the link: a retransmission is no way around the disk.
#[test]
fn nothing_leaves_before_the_disk_has_it_retransmissions_included() {
    let mut cluster = reliable(Wire::PERFECT);
    cluster.step(NodeId(0), Input::Request(1));
    cluster.run();
    assert_eq!(sums(&cluster), [1, 1, 1]);
    cluster.step(NodeId(0), Input::Request(5));
    let timers = cluster.timers.keys().filter(|(node, _)| *node == NodeId(0));
    let timers: Vec<_> = timers.map(|(_, timer)| timer).collect();
    assert_eq!(timers.len(), 2);
    for timer in timers {
        cluster.step(NodeId(0), Input::Timer(timer));
    }
    assert_eq!(cluster.wire.packets, [], "the record of 5 is not synced");
    cluster.sync(NodeId(0));
    let copies = |frame: &LinkedFrame<quorate_links::reliable::Packet<u64>, u64>| matches!(frame, LinkedFrame::Packet(packet) if matches!(packet.body, Some((2, 5))));
    let sent = cluster
        .wire
        .packets
        .iter()
        .filter(|packet| copies(&packet.message))
        .count();
    assert_eq!(sent, 4, "to each of two, once and once again");
}

/// Nor may anything leave under an epoch that a crash could give out again.
#[test]
fn a_life_says_nothing_before_its_epoch_is_on_disk() {
    let mut cluster = reliable(Wire::PERFECT);
    cluster.step(NodeId(0), Input::Request(1));
    assert_eq!(cluster.wire.packets, []);
    cluster.restart(NodeId(0));
    assert_eq!(
        cluster.nodes[0].state().epoch(),
        Epoch(1),
        "as if it had never been"
    );
    cluster.run();
    cluster.restart(NodeId(0));
    assert_eq!(cluster.nodes[0].state().epoch(), Epoch(2));
}

#[test]
fn a_restarted_peer_is_noticed_and_given_what_it_had_not_acknowledged() {
    let mut cluster = reliable(Wire::PERFECT);
    cluster.step(NodeId(0), Input::Request(1));
    cluster.run();
    cluster.step(NodeId(0), Input::Request(10));
    cluster.restart(NodeId(1));
    cluster.run();
    assert_eq!(
        sums(&cluster),
        [11, 10, 11],
        "1 was acknowledged by the life that is over"
    );
    assert!(
        cluster
            .news
            .contains(&(NodeId(0), Delivery::PeerRestarted(NodeId(1))))
    );
    assert_eq!(
        cluster.nodes[0].state().link(NodeId(1)).unwrap().peer(),
        Some(Epoch(2))
    );
}

#[test]
fn what_a_link_refuses_is_told_and_frames_to_oneself_come_from_oneself() {
    let link = quorate_links::reliable::Config {
        buffer: 2,
        ..Default::default()
    };
    let mut cluster = Cluster::<Adder, Reliable<u64>>::new((), &[link], Wire::PERFECT);
    for amount in 1..=3 {
        cluster.step(NodeId(0), Input::Request(amount));
    }
    let unsent = cluster
        .news
        .iter()
        .filter(|(_, news)| matches!(news, Delivery::Unsent(_, unsent) if unsent.message == 3))
        .count();
    assert_eq!(unsent, 2);
    cluster.step(
        NodeId(0),
        Input::Message(NodeId(1), LinkedFrame::Own(1_000)),
    );
    cluster.step(
        NodeId(0),
        Input::Message(NodeId(9), LinkedFrame::Own(1_000)),
    );
    cluster.run();
    assert_eq!(sums(&cluster), [6, 3, 3]);
}

/// The same inputs give the same effects: a copy of a node does what the node does.
#[test]
fn a_linked_protocol_is_a_value() {
    let rng = proptest::test_runner::TestRng::deterministic_rng(
        proptest::test_runner::RngAlgorithm::ChaCha,
    );
    let config = ProptestConfig {
        cases: 32,
        failure_persistence: None,
        ..Default::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
    runner
        .run(&prop::collection::vec(0..50u64, 1..40), |amounts| {
            let run = || {
                let mut cluster = reliable(Wire::Regular { lose: 4, repeat: 7 });
                for amount in &amounts {
                    cluster.step(NodeId((amount % 3) as u32), Input::Request(*amount));
                }
                cluster.run();
                let linked = cluster.nodes.into_iter().map(|node| node.state);
                (linked.collect::<Vec<_>>(), cluster.news)
            };
            let (first, second) = (run(), run());
            prop_assert_eq!(&first, &second);
            let total: u64 = amounts.iter().sum();
            prop_assert!(
                first
                    .0
                    .iter()
                    .all(|linked| linked.as_ref().expect("it is up").protocol().sum == total)
            );
            Ok(())
        })
        .unwrap();
}
