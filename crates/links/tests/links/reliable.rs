//! The reliable link against its definition, and the wire under it against its own.

use crate::world::{Acts, Message, World, breaks, fair_loss, holds};
use quorate_core::{NodeId, Time};
use quorate_links::history::{self, LinkViolation};
use quorate_links::reliable::{Ack, Config, DeliveryOrder, Packet};
use quorate_links::{
    Endpoints, Epoch, FairLoss, Link, LinkOutput, LinkRefusal, Missing, Received, Reliable,
};
use quorate_links::{Lane, SendError};
use std::time::Duration;

type World3 = World<Reliable<Message>>;

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

/// Small bounds, so that the cases run into them.
fn small(order: DeliveryOrder, missing: Missing) -> Config {
    Config {
        order,
        window: 4,
        buffer: 5,
        burst: 2,
        missing,
        ..Config::default()
    }
}

fn run(config: Config, acts: &Acts) -> World3 {
    let mut world = World::new(&[config], |_, _| None);
    acts.iter().for_each(|act| world.act(act));
    world.settle(3);
    world
}

fn no_creation(config: Config) -> impl Fn(&Acts) -> Result<(), LinkViolation> {
    move |acts| history::no_creation(&run(config, acts).history)
}

fn no_duplication(config: Config) -> impl Fn(&Acts) -> Result<(), LinkViolation> {
    move |acts| history::no_duplication(&run(config, acts).history)
}

fn reliable_delivery(config: Config) -> impl Fn(&Acts) -> Result<(), LinkViolation> {
    move |acts| {
        let world = run(config, acts);
        history::reliable_delivery(&world.history, &world.epochs)
    }
}

/// Once the wire is fair, all is acknowledged and nothing more is sent.
fn comes_to_rest(config: Config) -> impl Fn(&Acts) -> Result<(), LinkViolation> {
    move |acts| {
        let world = run(config, acts);
        let held: usize = world.links.values().map(Reliable::held).sum();
        let property = "comes to rest";
        let what = format!("{held} messages are still held");
        if held == 0 {
            Ok(())
        } else {
            Err(LinkViolation { property, what })
        }
    }
}

fn fifo(config: Config) -> impl Fn(&Acts) -> Result<(), LinkViolation> {
    move |acts| history::fifo(&run(config, acts).history)
}

const ORDERS: [DeliveryOrder; 2] = [DeliveryOrder::Any, DeliveryOrder::Fifo];

#[test]
fn no_creation_of_messages_that_nobody_sent() {
    for order in ORDERS {
        holds(
            &fair_loss(true),
            no_creation(small(order, Missing::Nothing)),
        );
    }
}

#[test]
fn no_duplication_in_one_life_of_the_receiver() {
    for order in ORDERS {
        holds(
            &fair_loss(true),
            no_duplication(small(order, Missing::Nothing)),
        );
        let broken = small(order, Missing::DuplicateSuppression);
        breaks("no duplication", &fair_loss(false), no_duplication(broken));
    }
}

#[test]
fn reliable_delivery_across_loss_and_restarts() {
    for order in ORDERS {
        holds(
            &fair_loss(true),
            reliable_delivery(small(order, Missing::Nothing)),
        );
        for missing in [Missing::Retransmission, Missing::BackPressure] {
            let broken = Config {
                buffer: 2,
                ..small(order, missing)
            };
            breaks(
                "reliable delivery",
                &fair_loss(false),
                reliable_delivery(broken),
            );
        }
    }
}

#[test]
fn when_all_has_arrived_both_ends_know_and_fall_silent() {
    for order in ORDERS {
        holds(
            &fair_loss(true),
            comes_to_rest(small(order, Missing::Nothing)),
        );
        let broken = small(order, Missing::Retransmission);
        breaks("comes to rest", &fair_loss(false), comes_to_rest(broken));
    }
}

#[test]
fn without_epochs_a_restart_breaks_delivery_and_brings_old_messages_back() {
    for order in ORDERS {
        let broken = small(order, Missing::Epochs);
        breaks(
            "reliable delivery",
            &fair_loss(true),
            reliable_delivery(broken),
        );
    }
    // A copy of a message that a late wire delivers to the receiver's next life.
    let old = |missing| {
        let mut world = World3::new(&[small(DeliveryOrder::Any, missing)], |_, _| None);
        world.send(A, B);
        world.settle(usize::MAX);
        world.restart(B);
        let given = world.history.len();
        let (from, to, packet) = world
            .wire
            .iter()
            .find(|(_, _, packet)| packet.body.is_some())
            .cloned()
            .unwrap();
        world.deliver(from, to, packet);
        world.history.len() - given
    };
    assert_eq!(old(Missing::Nothing), 0);
    assert_eq!(old(Missing::Epochs), 1);
}

#[test]
fn fifo_where_it_is_promised() {
    holds(
        &fair_loss(true),
        fifo(small(DeliveryOrder::Fifo, Missing::Nothing)),
    );
    breaks(
        "fifo",
        &fair_loss(false),
        fifo(small(DeliveryOrder::Fifo, Missing::Reordering)),
    );
    // Where it is not promised, a later message does not wait for a lost one.
    breaks(
        "fifo",
        &fair_loss(false),
        fifo(small(DeliveryOrder::Any, Missing::Nothing)),
    );
}

#[test]
fn the_wire_is_fair_and_the_raw_link_is_no_better() {
    let raw = |acts: &Acts| {
        let mut world: World<FairLoss<Message>> = World::new(&[()], |_, _| None);
        acts.iter().for_each(|act| world.act(act));
        world.settle(3);
        world
    };
    holds(&fair_loss(true), |acts| {
        history::no_creation(&raw(acts).history)
    });
    holds(&fair_loss(true), |acts| {
        history::finite_duplication(&raw(acts).history, acts.len())
    });
    breaks("no duplication", &fair_loss(false), |acts| {
        history::no_duplication(&raw(acts).history)
    });
    breaks("finite duplication", &fair_loss(false), |acts| {
        history::finite_duplication(&raw(acts).history, 2)
    });
    breaks("reliable delivery", &fair_loss(false), |acts| {
        let world = raw(acts);
        history::reliable_delivery(&world.history, &world.epochs)
    });
}

/// What is sent again and again arrives, if the wire loses no more than `in_a_row` in a row.
#[test]
fn fair_loss_is_a_bound_on_losses_in_a_row() {
    use quorate_links::history::LinkEvent::{Delivered, Sent};
    let sent = || Sent {
        from: (A, Epoch(1)),
        to: B,
        message: 7u64,
    };
    let delivered = || Delivered {
        to: (B, Epoch(1)),
        from: A,
        message: 7u64,
    };
    let twice_lost = [sent(), sent(), sent(), delivered()];
    assert_eq!(history::fair_loss(&twice_lost, 3), Ok(()));
    assert!(history::fair_loss(&twice_lost, 2).is_err());
    assert!(history::no_creation(&[delivered()]).is_err());
}

fn ends(me: NodeId, peer: NodeId, epoch: u64) -> Endpoints {
    Endpoints {
        me,
        peer,
        epoch: Epoch(epoch),
    }
}

/// One end that has met life 1 of its peer, and what it says.
fn met(config: Config) -> Reliable<Message> {
    let mut link = Reliable::open(&config, ends(A, B, 1));
    let hello = packet(1, Some(1), 0, 0, None);
    let received = link.on_packet(Time::ZERO, hello, &mut vec![]);
    assert_eq!(received, Ok(Received::FirstContact));
    link
}

fn packet(
    from: u64,
    to: Option<u64>,
    through: u64,
    beyond: u128,
    body: Option<(u64, Message)>,
) -> Packet<Message> {
    Packet {
        from: Epoch(from),
        to: to.map(Epoch),
        ack: Ack { through, beyond },
        body,
    }
}

fn numbers(link: &mut Reliable<Message>, now: Time) -> (Vec<u64>, LinkOutput<Packet<Message>>) {
    let mut out = LinkOutput::default();
    link.flush(now, &mut out);
    let numbers = out
        .packets
        .iter()
        .filter_map(|(_, packet)| packet.body.as_ref().map(|(number, _)| *number))
        .collect();
    (numbers, out)
}

fn at(millis: u64) -> Time {
    Time(millis * 1_000_000)
}

#[test]
fn three_later_acknowledgements_send_a_lost_message_again_at_once() {
    for (missing, again) in [
        (Missing::Nothing, vec![1]),
        (Missing::FastRetransmit, vec![]),
    ] {
        let mut link = met(Config {
            missing,
            ..Config::default()
        });
        for message in 0..5 {
            link.send(at(0), message, Lane::Eager).unwrap();
        }
        assert_eq!(numbers(&mut link, at(0)).0, [1, 2, 3, 4, 5]);
        // 2 and 3 have arrived: one more could still be mere reordering.
        link.on_packet(at(1), packet(1, Some(1), 0, 0b11, None), &mut vec![])
            .unwrap();
        assert_eq!(numbers(&mut link, at(1)).0, [] as [u64; 0]);
        for _ in 0..4 {
            // The same word four times counts once.
            link.on_packet(at(1), packet(1, Some(1), 0, 0b11, None), &mut vec![])
                .unwrap();
        }
        assert_eq!(numbers(&mut link, at(1)).0, [] as [u64; 0]);
        link.on_packet(at(2), packet(1, Some(1), 0, 0b111, None), &mut vec![])
            .unwrap();
        assert_eq!(numbers(&mut link, at(2)).0, again);
        link.on_packet(at(3), packet(1, Some(1), 0, 0b1111, None), &mut vec![])
            .unwrap();
        assert_eq!(
            numbers(&mut link, at(3)).0,
            [] as [u64; 0],
            "once; then the timer"
        );
        link.on_timer(at(300));
        assert_eq!(numbers(&mut link, at(300)).0, [1]);
    }
}

#[test]
fn the_timeout_doubles_with_each_failure_and_news_resets_it() {
    let config = Config {
        first_timeout: Duration::from_millis(100),
        max_timeout: Duration::from_millis(500),
        jitter_percent: 50,
        ..Config::default()
    };
    let mut link = met(config);
    link.send(at(0), 7, Lane::Eager).unwrap();
    link.send(at(0), 8, Lane::Eager).unwrap();
    let mut ranges = vec![];
    for _ in 0..4 {
        let (_, out) = numbers(&mut link, at(0));
        let (min, max) = out.timer.unwrap().unwrap();
        ranges.push((min.as_millis(), max.as_millis()));
        link.on_timer(at(0));
    }
    assert_eq!(ranges, [(100, 150), (200, 300), (400, 600), (500, 750)]);
    numbers(&mut link, at(0));
    link.on_packet(at(9), packet(1, Some(1), 1, 0, None), &mut vec![])
        .unwrap();
    let (_, out) = numbers(&mut link, at(9));
    let (min, _) = out.timer.unwrap().unwrap();
    assert_eq!(
        min.as_millis(),
        100,
        "no measurement from what was sent twice"
    );
    link.on_packet(at(9), packet(1, Some(1), 2, 0, None), &mut vec![])
        .unwrap();
    assert_eq!(
        numbers(&mut link, at(9)).1.timer,
        Some(None),
        "nothing to wait for"
    );
}

/// RFC 6298: a first round trip R gives R + 4·R/2; Karn: none from what was sent again.
#[test]
fn the_timeout_follows_the_round_trip() {
    let mut link = met(Config::default());
    link.send(at(0), 7, Lane::Eager).unwrap();
    numbers(&mut link, at(0));
    link.on_packet(at(40), packet(1, Some(1), 1, 0, None), &mut vec![])
        .unwrap();
    assert_eq!(link.round_trip(), Some(Duration::from_millis(40)));
    link.send(at(50), 8, Lane::Eager).unwrap();
    let (_, out) = numbers(&mut link, at(50));
    assert_eq!(out.timer.unwrap().unwrap().0, Duration::from_millis(120));
}

#[test]
fn a_full_buffer_refuses_and_gives_the_message_back() {
    let config = Config {
        buffer: 2,
        window: 1,
        ..Config::default()
    };
    let mut link = met(config);
    link.send(at(0), 1, Lane::Eager).unwrap();
    link.send(at(0), 2, Lane::Eager).unwrap();
    let why = LinkRefusal::BufferFull;
    assert_eq!(
        link.send(at(0), 3, Lane::Eager),
        Err(SendError { message: 3, why })
    );
    assert_eq!(numbers(&mut link, at(0)).0, [1], "one at a time");
    link.on_packet(at(1), packet(1, Some(1), 1, 0, None), &mut vec![])
        .unwrap();
    assert_eq!(link.send(at(1), 3, Lane::Eager), Ok(()));
    assert_eq!(numbers(&mut link, at(1)).0, [2]);
    assert_eq!(link.held(), 2);
}

#[test]
fn what_is_beyond_the_window_is_dropped_and_not_acknowledged() {
    let mut inbox = vec![];
    let mut link = met(small(DeliveryOrder::Fifo, Missing::Nothing));
    let body = |number| packet(1, Some(1), 0, 0, Some((number, number)));
    assert_eq!(
        link.on_packet(at(0), body(5), &mut inbox),
        Err(LinkRefusal::BeyondWindow)
    );
    assert!(link.on_packet(at(0), body(4), &mut inbox).is_ok());
    let (_, out) = numbers(&mut link, at(0));
    assert_eq!(
        out.packets[0].1.ack,
        Ack {
            through: 0,
            beyond: 0b100
        }
    );
    for number in [2, 3, 1] {
        link.on_packet(at(0), body(number), &mut inbox).unwrap();
    }
    assert_eq!(inbox, [1, 2, 3, 4]);
    // Without the bound a sender that respects none fills our memory.
    let mut link = met(small(DeliveryOrder::Fifo, Missing::Window));
    for number in 2..20 {
        link.on_packet(at(0), body(number), &mut inbox).unwrap();
    }
    let bound = link.check_invariants().unwrap_err();
    assert!(bound.starts_with("bounded reorder window"), "{bound}");
}

#[test]
fn packets_of_a_life_that_is_over_are_refused_and_a_new_one_is_noticed() {
    let mut inbox = vec![];
    let mut link = Reliable::open(&Config::default(), ends(A, B, 5));
    let mut hear = |packet| link.on_packet(at(0), packet, &mut inbox);
    assert_eq!(
        hear(packet(3, None, 0, 0, None)),
        Ok(Received::FirstContact)
    );
    assert_eq!(
        hear(packet(3, Some(5), 0, 0, Some((1, 30)))),
        Ok(Received::SameSession)
    );
    // Meant for our fourth life.
    assert_eq!(
        hear(packet(3, Some(4), 0, 0, Some((2, 31)))),
        Err(LinkRefusal::StaleReceiver)
    );
    assert_eq!(
        hear(packet(4, Some(5), 0, 0, Some((1, 40)))),
        Ok(Received::PeerRestarted)
    );
    // The third life is over, whatever it still says.
    assert_eq!(
        hear(packet(3, Some(5), 0, 0, Some((2, 31)))),
        Err(LinkRefusal::StaleSender)
    );
    assert_eq!(inbox, [30, 40]);
}

#[test]
fn impossible_packets_are_refused_without_a_panic() {
    let mut link = met(Config::default());
    link.send(at(0), 7, Lane::Eager).unwrap();
    numbers(&mut link, at(0));
    let max = u64::MAX;
    for bad in [
        packet(1, Some(1), 2, 0, None),
        packet(1, Some(1), 0, 1, None),
        packet(1, Some(1), max, u128::MAX, None),
        packet(1, Some(1), max - 3, u128::MAX, None),
        packet(1, Some(1), 0, 0, Some((0, 9))),
    ] {
        assert_eq!(
            link.on_packet(at(0), bad, &mut vec![]),
            Err(LinkRefusal::Impossible)
        );
    }
    assert_eq!(
        link.on_packet(at(0), packet(1, Some(1), 0, 0, Some((max, 9))), &mut vec![]),
        Err(LinkRefusal::BeyondWindow)
    );
    assert_eq!(link.held(), 1, "the message is still ours to send");
}

/// The wire is down for a minute: the back-off keeps the retransmissions few.
#[test]
fn a_dead_peer_costs_few_packets() {
    let mut world = World3::new(&[Config::default()], |_, _| None);
    world.send(A, B);
    world.settle(usize::MAX);
    let before = world.wire.len();
    for _ in 0..100 {
        world.send(A, B);
    }
    let first = world.wire.len() - before;
    assert_eq!(first, 100);
    while world.pass(at(60_000)) {}
    let again = world.wire.len() - before - first;
    assert!((5 * 16..25 * 16).contains(&again), "{again} packets again");
}

#[test]
fn a_configuration_that_cannot_work_is_named() {
    let good = Config::default();
    assert_eq!(good.check(), Ok(()));
    let max_timeout = Duration::from_millis(1);
    for (bad, name) in [
        (Config { window: 0, ..good }, "window"),
        (Config { buffer: 0, ..good }, "buffer"),
        (Config { burst: 0, ..good }, "burst"),
        (
            Config {
                duplicate_acks: 0,
                ..good
            },
            "duplicate_acks",
        ),
        (
            Config {
                min_timeout: Duration::ZERO,
                ..good
            },
            "min_timeout",
        ),
        (
            Config {
                max_timeout,
                ..good
            },
            "max_timeout",
        ),
    ] {
        assert!(bad.check().unwrap_err().starts_with(name));
    }
    // The largest figures are no panic.
    let vast = Config {
        first_timeout: Duration::MAX,
        max_timeout: Duration::MAX,
        jitter_percent: u32::MAX,
        ..good
    };
    let mut link = met(vast);
    link.send(at(0), 7, Lane::Eager).unwrap();
    let (min, max) = numbers(&mut link, at(0)).1.timer.unwrap().unwrap();
    assert!(min <= max);
}

/// A node that lost its disk counts its lives from 1 again, and is not taken for its former self.
#[test]
fn an_amnesiac_is_refused() {
    let mut world = World3::new(&[Config::default()], |_, _| None);
    world.restart(A);
    world.send(A, B);
    world.settle(usize::MAX);
    let heard = world.history.len();
    world.epochs.insert(A, Epoch(0));
    world.restart(A);
    world.send(A, B);
    world.settle(usize::MAX);
    assert_eq!(world.history.len(), heard + 1, "sent, and not delivered");
}
