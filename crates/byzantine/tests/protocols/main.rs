//! Each protocol at its bound, one beyond it, and in the papers' stories.

#![allow(unreachable_pub, reason = "one program")]

mod ben_or;
mod bracha;
mod broadcast;
mod generals;
mod hostile;
mod hotstuff;
mod logs;
mod pbft;
mod tendermint;
mod world;

use bytes::Bytes;
use quorate_core::{NodeId, Protocol};
use world::{Dice, World};

fn value(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// What may be wrong with a traitor, drawn by the seed: silence, two faces, deafness of some to
/// him, and whatever `forge` makes of his words.
fn betray<P: Protocol>(
    world: &mut World<P>,
    traitor: u8,
    forge: fn(&mut Dice, NodeId, P::Message) -> Vec<P::Message>,
) -> Option<usize>
where
    P::Message: 'static,
{
    match world.dice.below(4) {
        0 => world.silence(traitor),
        1 => {
            let second = match world.dice.one_in(2) {
                true => world.some_nodes(),
                // All twins tell the same half the other story.
                false => NodeId::all(world.n / 2).collect(),
            };
            return Some(world.twins(traitor, second));
        }
        2 => world.corrupt(
            traitor,
            Box::new(|dice, _, message| match dice.one_in(3) {
                true => vec![],
                false => vec![message],
            }),
        ),
        _ => world.corrupt(traitor, Box::new(forge)),
    }
    None
}

/// Different nodes, drawn by the seed.
fn draw_traitors<P: Protocol>(world: &mut World<P>, f: u8) -> Vec<u8> {
    let mut nodes: Vec<u8> = (0..world.n).collect();
    for at in 0..usize::from(f) {
        let with = at + world.dice.below((nodes.len() - at) as u64) as usize;
        nodes.swap(at, with);
    }
    nodes.truncate(f.into());
    nodes
}
