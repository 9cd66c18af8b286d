//! The register of a majority, by hand: a write and a read, one node down, a writer that crashes.

use crate::world::*;
use bytes::Bytes;
use expect_test::expect;
use quorate_crash::abd::*;

fn cluster(seed: u64) -> World<Abd> {
    let config = Config::default();
    config.check().unwrap();
    let mut world = lab_world(config, 3, seed, WireProfile::CALM);
    world.print = arrivals();
    world
}

fn write(value: &'static str) -> Request {
    Request::Write(Bytes::from_static(value.as_bytes()))
}

/// What the reads have found, in their order.
fn found(world: &World<Abd>) -> Vec<(u64, Option<&[u8]>)> {
    let reads = world
        .outputs
        .iter()
        .filter_map(|(_, _, output)| match output {
            Output::Read { id, found } => Some((*id, found.value.as_deref())),
            _ => None,
        });
    reads.collect()
}

#[test]
fn a_write_and_a_read() {
    let mut world = cluster(0);
    world.ask(0, write("X"));
    world.run_to(10 * MS);
    world.ask(2, Request::Read(1));
    world.run_to(20 * MS);
    world.check().unwrap();
    expect![[r#"
        0.0 ms     n0 is asked Write(b"X")
        1.0 ms     n0 → n1  Query(OperationId { incarnation: 1, number: 0 })
        1.0 ms     n0 → n2  Query(OperationId { incarnation: 1, number: 0 })
        2.0 ms     n1 → n0  Value(OperationId { incarnation: 1, number: 0 }, Tagged { tag: Tag { seq: 0, node: NodeId(0) }, value: None })
        2.0 ms     n2 → n0  Value(OperationId { incarnation: 1, number: 0 }, Tagged { tag: Tag { seq: 0, node: NodeId(0) }, value: None })
        3.0 ms     n0 → n1  Store(OperationId { incarnation: 1, number: 0 }, Tagged { tag: Tag { seq: 1, node: NodeId(0) }, value: Some(b"X") })
        3.0 ms     n0 → n2  Store(OperationId { incarnation: 1, number: 0 }, Tagged { tag: Tag { seq: 1, node: NodeId(0) }, value: Some(b"X") })
        4.0 ms     n1 → n0  Stored(OperationId { incarnation: 1, number: 0 })
        4.0 ms     n0 says Written { value: b"X", tag: Tag { seq: 1, node: NodeId(0) } }
        4.0 ms     n2 → n0  Stored(OperationId { incarnation: 1, number: 0 })
        10.0 ms    n2 is asked Read(1)
        11.0 ms    n2 → n0  Query(OperationId { incarnation: 1, number: 0 })
        11.0 ms    n2 → n1  Query(OperationId { incarnation: 1, number: 0 })
        12.0 ms    n0 → n2  Value(OperationId { incarnation: 1, number: 0 }, Tagged { tag: Tag { seq: 1, node: NodeId(0) }, value: Some(b"X") })
        12.0 ms    n1 → n2  Value(OperationId { incarnation: 1, number: 0 }, Tagged { tag: Tag { seq: 1, node: NodeId(0) }, value: Some(b"X") })
        13.0 ms    n2 → n0  Store(OperationId { incarnation: 1, number: 0 }, Tagged { tag: Tag { seq: 1, node: NodeId(0) }, value: Some(b"X") })
        13.0 ms    n2 → n1  Store(OperationId { incarnation: 1, number: 0 }, Tagged { tag: Tag { seq: 1, node: NodeId(0) }, value: Some(b"X") })
        14.0 ms    n0 → n2  Stored(OperationId { incarnation: 1, number: 0 })
        14.0 ms    n2 says Read { id: 1, found: Tagged { tag: Tag { seq: 1, node: NodeId(0) }, value: Some(b"X") } }
        14.0 ms    n1 → n2  Stored(OperationId { incarnation: 1, number: 0 })
    "#]].assert_eq(&world.transcript);
}

#[test]
fn a_majority_is_enough_and_a_minority_is_not() {
    let mut world = cluster(0);
    world.crash(1);
    world.ask(0, write("X"));
    world.run_to(100 * MS);
    world.ask(2, Request::Read(1));
    world.run_to(200 * MS);
    assert_eq!(found(&world), [(1, Some(&b"X"[..]))]);
    world.crash(0);
    world.ask(2, Request::Read(2));
    world.run_to(10_000 * MS);
    assert_eq!(found(&world).len(), 1, "one of three answers nothing");
    world.restart(1);
    world.run_to(40_000 * MS);
    assert_eq!(found(&world)[1], (2, Some(&b"X"[..])));
    world.check().unwrap();
}

/// A writer that crashes with a value on its own disk alone never gives that value's tag to another.
#[test]
fn a_tag_is_not_used_twice() {
    for crash_after in 0..60 {
        let mut world = cluster(crash_after);
        world.ask(0, write("old"));
        world.run_to(world.now + crash_after as u32 * MS / 10);
        world.crash(0);
        world.restart(0);
        world.ask(0, write("new"));
        world.run_to(world.now + 1000 * MS);
        for node in 0..3 {
            world.ask(node, Request::Read(node.into()));
            world.run_to(world.now + 1000 * MS);
        }
        world.check().unwrap();
        let seen = found(&world);
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(
            seen.iter().all(|(_, value)| *value == Some(b"new")),
            "{seen:?}"
        );
    }
}

/// Answers to an operation from before a crash are not those to the next one.
#[test]
fn answers_from_before_a_crash_do_not_count() {
    let mut world = cluster(0);
    world.ask(0, write("X"));
    world.run_to(10 * MS);
    let before = world.state(0).hard().incarnation;
    world.crash(0);
    world.restart(0);
    world.run_to(20 * MS);
    assert_eq!(world.state(0).hard().incarnation, before + 1);
    world.crash(1);
    world.crash(2);
    world.ask(0, Request::Read(1));
    let id = |incarnation| OperationId {
        incarnation,
        number: 0,
    };
    for incarnation in [before, before + 1] {
        assert!(found(&world).is_empty());
        world.forge(1, 0, Message::Value(id(incarnation), Tagged::default()));
        world.run_to(world.now + 5 * MS);
        world.forge(1, 0, Message::Stored(id(incarnation)));
        world.run_to(world.now + 5 * MS);
    }
    assert_eq!(found(&world).len(), 1);
}

#[test]
fn a_full_window_refuses() {
    let mut world = lab_world::<Abd>(
        Config {
            window: 1,
            ..Config::default()
        },
        3,
        0,
        WireProfile::CALM,
    );
    world.ask(0, write("X"));
    world.ask(0, Request::Read(7));
    world.run_to(10 * MS);
    let refused = |output: &Output| matches!(output, Output::Busy(Request::Read(7)));
    assert!(world.outputs.iter().any(|(_, _, output)| refused(output)));
    world.check().unwrap();
}
