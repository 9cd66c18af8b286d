//! Links under an adversary who reads, keeps, repeats, changes and redirects packets.

use crate::world::{Acts, Message, World, breaks, hostile};
use quorate_links::FairLoss;
use quorate_links::history;

fn flip(packet: &Message, bit: usize) -> Option<Message> {
    Some(packet ^ 1 << (bit % 64))
}

#[test]
fn the_wire_itself_has_neither_integrity_nor_authenticity() {
    let run = |acts: &Acts| {
        let mut world: World<FairLoss<Message>> = World::new(&[()], flip);
        acts.iter().for_each(|act| world.act(act));
        world.history
    };
    breaks("integrity", &hostile(), |acts| {
        history::integrity(&run(acts))
    });
    breaks("authenticity", &hostile(), |acts| {
        history::authenticity(&run(acts))
    });
}
