//! What replicated logs have in common: the same values everywhere, in the same order.

use crate::world::World;
use crate::{betray, draw_traitors, value};
use quorate_byzantine::AgreedValue;
use quorate_core::{NodeId, Protocol};
use std::collections::BTreeMap;
use std::time::Duration;

pub const LONG: Duration = Duration::from_secs(240);

/// How to read a protocol's log.
pub trait Log: Protocol<Request = AgreedValue> {
    /// What an output delivers, and where.
    fn delivered(output: &Self::Output) -> Option<(u64, Vec<AgreedValue>)>;
    /// How far the node is.
    fn reached(&self) -> u64;
}

type Entries = BTreeMap<u64, Vec<AgreedValue>>;

/// What each honest node delivered.
pub fn logs<P: Log>(world: &World<P>) -> Vec<Entries> {
    let log = |slot: &crate::world::WorldNode<P>| {
        let mut log = Entries::new();
        for (at, values) in slot.outputs.iter().filter_map(P::delivered) {
            // After a restart the same may be delivered again.
            let again = log.insert(at, values.clone());
            let same = again.is_none_or(|earlier| earlier == values);
            assert!(same || slot.forgets, "{} contradicts itself", slot.id);
        }
        log
    };
    world.honest().map(log).collect()
}

pub fn agree<P: Log>(world: &World<P>) -> bool {
    let mut decided = Entries::new();
    logs(world).into_iter().flatten().all(|(at, values)| {
        let first = decided.entry(at).or_insert_with(|| values.clone());
        *first == values
    })
}

/// Is every value delivered somewhere, and is every honest node as far as every other?
pub fn everywhere<P: Log>(world: &World<P>, wanted: &[AgreedValue]) -> bool {
    let nodes = || world.honest().filter_map(|slot| slot.state.as_ref());
    let last = nodes().map(P::reached).max();
    if nodes().any(|node| Some(node.reached()) != last) {
        return false;
    }
    let logs = logs(world);
    let all: Vec<&AgreedValue> = logs.iter().flat_map(BTreeMap::values).flatten().collect();
    wanted.iter().all(|value| all.contains(&value))
}

/// Honest nodes and traitors ask for values, over a while, until all of the honest ones' are
/// delivered; gives the world and what the honest ones asked for.
pub fn one_run<P: Log>(
    mut world: World<P>,
    traitors: u8,
    seed: u64,
    forge: fn(&mut crate::Dice, NodeId, P::Message) -> Vec<P::Message>,
) -> (World<P>, Vec<AgreedValue>)
where
    P::Message: 'static,
{
    let mut traitors = draw_traitors(&mut world, traitors);
    if seed.is_multiple_of(2) && !traitors.contains(&1) {
        traitors[0] = 1; // who leads first is where it hurts
    }
    let twins: Vec<_> = traitors
        .iter()
        .filter_map(|traitor| betray(&mut world, *traitor, forge))
        .collect();
    let mut wanted = vec![];
    for round in 0..6 {
        for node in 0..world.n {
            let asked = value(&format!("{node}.{round}"));
            if world.nodes[usize::from(node)].honest {
                wanted.push(asked.clone());
            }
            world.request(node.into(), asked);
        }
        for twin in &twins {
            world.request(*twin, value(&format!("twin {twin}.{round}")));
        }
        let wait = world.dice.below(300);
        world.run(Duration::from_millis(wait));
    }
    world.run_until(LONG, |world| everywhere(world, &wanted));
    (world, wanted)
}

/// One liar with two faces, and honest nodes that crash and come back at any moment; with
/// `forgets`, without what they wrote.
pub fn crashes<P: Log>(mut world: World<P>, forgets: bool) -> (World<P>, Vec<AgreedValue>) {
    let liar = world.dice.below(world.n.into()) as u8;
    let second = NodeId::all(world.n / 2).collect();
    let twin = world.twins(liar, second);
    let mut wanted = vec![];
    for round in 0..12 {
        let node = world.dice.below(world.n.into()) as usize;
        let asked = value(&round.to_string());
        world.request(node, asked.clone());
        world.request(twin, value(&format!("twin {round}")));
        wanted.push(asked);
        let wait = world.dice.below(60);
        world.run(Duration::from_millis(wait));
        let victim = world.dice.below(world.n.into()) as usize;
        if world.nodes[victim].honest {
            world.crash(victim);
            if forgets {
                world.nodes[victim].disk = Default::default();
                world.nodes[victim].forgets = true;
            }
            world.restart(victim);
        }
    }
    // A node forgets what it was asked when it crashes: clients ask again.
    for asked in &wanted {
        for node in 0..usize::from(world.n) {
            world.request(node, asked.clone());
        }
    }
    world.run_until(LONG, |world| everywhere(world, &wanted));
    (world, wanted)
}
