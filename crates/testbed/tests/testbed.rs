//! The driver itself, with a protocol that says everything to everyone and to the layer above.

use quorate_core::{Effects, Hard, Input, Journaled, Never, NodeId, NodeSet, Protocol, Time, To};
use quorate_testbed::*;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Sum(u64);
impl Hard for Sum {
    type Record = u64;
    fn apply(&mut self, record: &u64) {
        self.0 += record;
    }
}

/// Writes what it is asked for, and tells all. Echoes 7 to the others as long as it hears it; a sum
/// of 13 is forbidden.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Teller(Journaled<Sum>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Heard(NodeId, u64);
impl From<Never> for Heard {
    fn from(never: Never) -> Self {
        match never {}
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Amount(u64);
impl From<Never> for Amount {
    fn from(never: Never) -> Self {
        match never {}
    }
}

impl Protocol for Teller {
    type Config = ();
    type Hard = Sum;
    type Message = Amount;
    type Eager = Never;
    type Timer = ();
    type Request = u64;
    type Output = Heard;
    type EagerOutput = Never;
    fn recover((): &(), _: NodeId, hard: Journaled<Sum>) -> Self {
        Self(hard)
    }
    fn step(&mut self, _: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Request(amount) => {
                self.0.write(amount, out);
                out.send(To::All, Amount(amount));
                out.output(Heard(NodeId(99), amount));
            }
            Input::Message(from, Amount(amount)) => {
                out.output(Heard(from, amount));
                if amount == 7 {
                    out.send(To::One(from), Amount(7));
                }
            }
            Input::Start | Input::Timer(()) | Input::Coin { .. } => {}
        }
    }
    fn check_invariants(&self) -> Result<(), String> {
        match self.0.0 {
            13 => Err("13 is forbidden".to_owned()),
            _ => Ok(()),
        }
    }
}

fn node() -> DrivenNode<Teller> {
    let mut node = DrivenNode::new(NodeId(0), ());
    node.start();
    node
}

fn world(seed: u64) -> TestWorld<Teller> {
    TestWorld::new(3, seed, |_| ())
}

/// What was told at a node, without the answers to its own requests.
fn heard(world: &TestWorld<Teller>, node: usize) -> Vec<u64> {
    let heard = world.nodes[node].outputs.iter();
    heard
        .filter(|it| it.0 != NodeId(99))
        .map(|it| it.1)
        .collect()
}

#[test]
fn a_message_waits_for_the_disk_and_a_crash_takes_what_was_not_durable() {
    let mut node = node();
    let burst = node.burst(Time::ZERO, [Input::Request(1), Input::Request(2)], |_| ());
    let burst = burst.expect("it is up");
    assert_eq!((burst.written, burst.messages), (2, vec![]));
    assert_eq!(node.release().messages, []);
    node.disk.sync(2);
    assert_eq!(node.release().messages.len(), 2);
    node.burst(Time::ZERO, [3, 4, 5].map(Input::Request), |_| ());
    node.crash(1);
    assert!(
        node.burst(Time::ZERO, [Input::Request(6)], |_| ())
            .is_none()
    );
    node.start();
    assert_eq!(
        node.state().0.0,
        1 + 2 + 3,
        "one more than was durable survived"
    );
    node.burst(Time::ZERO, [6, 7].map(Input::Request), |_| ());
    node.disk.sync(5);
    let told = node.release().outputs;
    assert_eq!(
        told.len(),
        2,
        "what waited before the crash is gone: {told:?}"
    );
}

#[test]
fn a_disk_that_lies_lets_messages_go_and_loses_what_they_claim() {
    let mut node = node();
    node.disk.lies = true;
    node.burst(Time::ZERO, [Input::Request(1)], |_| ());
    assert_eq!(node.release().messages, [(To::All, Amount(1))]);
    node.crash(0);
    node.start();
    assert_eq!(node.state().0.0, 0);
}

#[test]
fn positions_count_deleted_records() {
    let mut disk = VecDisk {
        records: vec![1, 2, 3],
        ..VecDisk::default()
    };
    disk.sync(2);
    disk.delete(1);
    assert_eq!((disk.end(), disk.durable_records()), (3, &[2][..]));
    disk.crash(0);
    assert_eq!((disk.end(), disk.records), (2, vec![2]));
}

#[test]
#[should_panic = "not durable yet"]
fn what_is_not_durable_is_not_deleted() {
    let mut disk = VecDisk {
        records: vec![1, 2],
        ..VecDisk::default()
    };
    disk.sync(1);
    disk.delete(2);
}

#[test]
fn a_cut_link_loses_and_the_oldest_wanted_packet_comes_first() {
    let mut wire = TestWire::default();
    let packet = |from, to, message| Transit {
        from: NodeId(from),
        to: NodeId(to),
        message,
    };
    for message in 0..3 {
        wire.put(packet(0, message % 2 + 1, message))
            .expect("no link is cut");
    }
    assert_eq!(wire.take(|p| p.to == NodeId(1)), Some(packet(0, 1, 0)));
    wire.isolate(NodeId(2), 3, true);
    assert_eq!(wire.put(packet(2, 1, 9)), Err(packet(2, 1, 9)));
    assert_eq!(wire.pop(), Some(packet(0, 1, 2)), "the one to n2 is lost");
    assert_eq!(wire.pop(), None);
    wire.isolate(NodeId(2), 3, false);
    assert_eq!(wire.put(packet(2, 1, 9)), Ok(()));
    assert_eq!(wire.take_all(|p| p.from == NodeId(2)).len(), 1);
}

#[test]
fn deadlines_come_in_order_and_only_as_last_set() {
    let mut timers = Deadlines::default();
    for (timer, at) in [('a', 5), ('b', 3), ('c', 4), ('a', 6)] {
        timers.set(timer, Some(Time(at)));
    }
    timers.set('c', None);
    assert_eq!(timers.pop(Time(2)), None);
    assert_eq!(timers.pop(Time(9)), Some((Time(3), 'b')));
    assert_eq!(timers.pop(Time(9)), Some((Time(6), 'a')));
    assert_eq!(timers.pop(Time(9)), None);
}

#[test]
fn one_seed_is_one_run() {
    let run = |seed| {
        let mut world = world(seed);
        world.profile = Some(WireProfile {
            delay: MS..=9 * MS,
            loss: 30,
            repeat: 30,
            sync: MS..=2 * MS,
        });
        (1..10).for_each(|amount| world.ask(amount as u8 % 3, 10 * amount));
        world.settle();
        world.outputs
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
#[should_panic = "the world does not come to rest"]
fn a_world_without_end_fails() {
    let mut world = world(1);
    world.events_left = 10_000;
    world.request(0, 7);
    world.settle();
}

#[test]
fn a_node_dies_in_the_middle_of_what_it_sends_and_its_client_hears_nothing() {
    let mut world = world(1);
    world.run(MS);
    world.nodes[0].breath = Some(1);
    world.request(0, 1);
    world.settle();
    assert!(!world.up(0));
    assert_eq!((world.sent, &world.nodes[0].outputs[..]), (1, &[][..]));
    assert_eq!([1, 2].map(|node| heard(&world, node)), [vec![1], vec![]]);
    world.restart(0);
    assert_eq!(world.state(0).0.0, 1, "it was durable");
}

#[test]
fn twins_tell_different_stories_and_liars_do_not_count() {
    let mut world = world(1);
    let twin = world.twins(0, NodeSet::from_iter([NodeId(2)]));
    world.request(0, 1);
    world.request(twin, 2);
    world.settle();
    assert_eq!([1, 2].map(|node| heard(&world, node)), [vec![1], vec![2]]);
    assert!(world.disagree());
    assert_eq!(world.honest().count(), 2);
}

#[test]
fn a_liar_says_what_the_test_makes_of_it_and_a_forgetful_node_keeps_nothing() {
    let mut world = world(1);
    world.corrupt(
        0,
        Box::new(|_, to, _| match to {
            NodeId(1) => vec![Amount(8), Amount(9)],
            _ => vec![],
        }),
    );
    world.nodes[0].forgets = true;
    world.request(0, 1);
    world.settle();
    let all = [0, 1, 2].map(|node| heard(&world, node));
    assert_eq!(all, [vec![1], vec![8, 9], vec![]]);
    assert_eq!(world.on_disk(0), Sum(0));
}

#[test]
fn what_is_under_way_inside_a_node_dies_with_it_and_on_the_wire_it_does_not() {
    let mut world = world(1);
    world.transit = Box::new(|_, _, _, _, _| Some(5 * MS));
    world.request(0, 1);
    world.crash(0);
    world.restart(0);
    world.settle();
    let all = [0, 1, 2].map(|node| heard(&world, node));
    assert_eq!(all, [vec![], vec![1], vec![1]]);
}

#[test]
fn the_first_violation_is_kept() {
    let mut world = world(1);
    world.strict = false;
    world.request(1, 13);
    assert_eq!(world.check(), Err("n1: 13 is forbidden".to_owned()));
    world.crash(1);
    world.restart(1);
    world.request(1, 1);
    assert!(world.check().is_err(), "though all is well now");
}

#[test]
#[should_panic = "n1: 13 is forbidden"]
fn a_violation_stops_a_strict_world() {
    world(1).request(1, 13);
}
