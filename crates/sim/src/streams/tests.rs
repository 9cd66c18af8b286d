//! Streams that have nothing to do with each other.

use super::*;

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

fn some(stream: &mut Decisions) -> Vec<u64> {
    (0..5).map(|_| stream.below(1000)).collect()
}

#[test]
fn what_one_purpose_draws_is_nothing_to_another() {
    let mut one = Streams::from_seed(7);
    let mut other = Streams::from_seed(7);
    one.open_all(3, 2);
    other.open_all(3, 2);
    some(one.client(0));
    one.next_fault();
    some(&mut one.harm);
    some(one.link(A, B));
    one.next_fault();
    other.next_fault();
    other.next_fault();
    assert_eq!(some(&mut one.harm), some(&mut other.harm));
    assert_eq!(some(one.link(B, A)), some(other.link(B, A)));
    assert_eq!(some(one.client(1)), some(other.client(1)));
    assert_ne!(some(one.link(A, B)), some(one.timer(A)));
}

/// The third node's link has its own number, though there is one node less.
#[test]
fn fewer_nodes_leave_the_streams_of_the_others_as_they_were() {
    let (mut five, mut three) = (Streams::from_seed(7), Streams::from_seed(7));
    five.open_all(5, 2);
    three.open_all(3, 2);
    let last = NodeId(2);
    assert_eq!(some(five.link(last, B)), some(three.link(last, B)));
}

#[test]
fn a_record_replays_and_its_future_can_be_changed() {
    let run = |mut streams: Streams, change: bool| {
        streams.open_all(3, 1);
        let mut told = some(streams.link(A, B));
        streams.next_fault();
        told.extend(some(&mut streams.harm));
        if change {
            streams.change_future();
        }
        told.extend(some(streams.link(A, B)));
        streams.next_fault();
        told.extend(some(&mut streams.harm));
        (told, streams.take_record())
    };
    let (told, drawn) = run(Streams::from_seed(9).recorded(), false);
    let again = run(Streams::replay(drawn.clone()).recorded(), false);
    assert_eq!(again, (told.clone(), drawn.clone()));
    let fork = |spares| run(Streams::fork(drawn.clone(), 1, 10, spares).recorded(), true).0;
    let (all, links) = (fork(|_| false), fork(|kind| kind == StreamKind::Fault));
    assert!(all[..10] == told[..10] && links[..10] == told[..10]);
    assert!(all[10..15] != told[10..15] && all[15..] != told[15..]);
    assert!(links[10..15] == all[10..15] && links[15..] == told[15..]);
}
