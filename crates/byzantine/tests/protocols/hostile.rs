//! A liar with a key of its own says well-formed, well-signed nonsense: the largest and the
//! smallest numbers in every field, at any moment, to anybody.

use crate::logs::{LONG, Log, agree, everywhere};
use crate::value;
use crate::world::{Dice, World};
use quorate_byzantine::{hotstuff, pbft, tendermint};
use quorate_core::NodeId;
use quorate_crypto::{Certificate, Digest, Instance, Keychain, Scheme, Signed, Statement, deal};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Numbers at which something may overflow, and small ones.
fn number(dice: &mut Dice) -> u64 {
    let edge = [0, 1, 2, 3, 8, 16, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    match dice.below(12) {
        at @ 0..9 => edge[at as usize],
        _ => dice.below(40),
    }
}

fn digest(dice: &mut Dice) -> Digest {
    match dice.below(3) {
        0 => Digest::default(),
        1 => pbft::Batch::default().digest(),
        _ => Digest::of("hostile", &dice.draw()),
    }
}

/// A certificate of the liar alone, perhaps several times.
fn certificate<M: Statement + Clone>(
    dice: &mut Dice,
    key: &Keychain,
    statement: M,
) -> Certificate<M> {
    let signature = key.sign(statement.clone()).signature();
    let times = dice.below(5) as usize;
    Certificate::claimed(statement, vec![(key.me(), signature); times])
}

fn signed<M: Statement>(key: &Keychain, statement: M) -> Signed<M> {
    key.sign(statement).into_signed()
}

fn some<T>(dice: &mut Dice, make: impl FnOnce(&mut Dice) -> T) -> Option<T> {
    dice.one_in(2).then(|| make(dice))
}

fn pbft_nonsense(dice: &mut Dice, key: &Keychain) -> pbft::Message {
    use pbft::*;
    let prepare = |dice: &mut Dice| Prepare {
        view: number(dice),
        sequence: number(dice),
        digest: digest(dice),
    };
    let commit = |dice: &mut Dice| Commit {
        view: number(dice),
        sequence: number(dice),
        digest: digest(dice),
    };
    let checkpoint = |dice: &mut Dice| Checkpoint {
        sequence: number(dice),
        history: digest(dice),
    };
    let change = |dice: &mut Dice| {
        let stable = checkpoint(dice);
        let prepared = prepare(dice);
        ViewChange {
            view: number(dice),
            stable: some(dice, |dice| certificate(dice, key, stable)),
            prepared: some(dice, |dice| certificate(dice, key, prepared))
                .into_iter()
                .collect(),
        }
    };
    match dice.below(11) {
        0 => Message::PrePrepare {
            prepare: signed(key, prepare(dice)),
            batch: Batch::default(),
        },
        1 => Message::Prepare(signed(key, prepare(dice))),
        2 => Message::Commit(signed(key, commit(dice))),
        3 => Message::Checkpoint(signed(key, checkpoint(dice))),
        4 => Message::ViewChange {
            change: signed(key, change(dice)),
            batches: vec![Batch::default()],
        },
        5 => {
            let new_view = NewView {
                view: number(dice),
                changes: vec![signed(key, change(dice)); dice.below(5) as usize],
                prepares: vec![signed(key, prepare(dice))],
            };
            Message::NewView(Box::new(signed(key, new_view)))
        }
        6 => Message::Fetch {
            delivered: number(dice),
            view: number(dice),
        },
        7 => Message::FetchBatch(digest(dice)),
        8 => Message::Batch(Batch(vec![value("never asked for")])),
        9 => {
            let commit = commit(dice);
            Message::Committed {
                certificate: certificate(dice, key, commit),
                batch: Batch::default(),
            }
        }
        _ => {
            let checkpoint = checkpoint(dice);
            Message::Stable(certificate(dice, key, checkpoint))
        }
    }
}

fn tendermint_nonsense(dice: &mut Dice, key: &Keychain) -> tendermint::Message {
    use tendermint::*;
    let block = Block {
        height: number(dice),
        parent: digest(dice),
        values: vec![],
    };
    let (height, round) = (number(dice), number(dice));
    let voted = some(dice, digest);
    let prevote = Prevote {
        height,
        round,
        block: voted,
    };
    let precommit = Precommit {
        height,
        round,
        block: Some(block.id()),
    };
    match dice.below(6) {
        0 => {
            let proposal = Proposal {
                height,
                round,
                block: block.id(),
                valid_round: some(dice, number),
            };
            Message::Proposal {
                proposal: signed(key, proposal),
                block,
                polka: some(dice, |dice| certificate(dice, key, prevote)),
            }
        }
        1 => Message::Prevote(signed(key, prevote)),
        2 => Message::Precommit(signed(key, precommit)),
        3 => Message::Polka {
            certificate: certificate(dice, key, prevote),
            block,
        },
        4 => Message::Fetch { height },
        _ => {
            let certificate = certificate(dice, key, precommit);
            Message::Decided(vec![Decision { certificate, block }])
        }
    }
}

fn hotstuff_nonsense(dice: &mut Dice, key: &Keychain) -> hotstuff::Message {
    use hotstuff::*;
    let vote = Vote {
        view: number(dice),
        block: digest(dice),
    };
    let quorum = certificate(dice, key, vote);
    let block = Block {
        view: number(dice),
        height: number(dice),
        justify: some(dice, |_| quorum.clone()),
        values: vec![],
    };
    let new_view = NewView { view: number(dice) };
    match dice.below(6) {
        0 => {
            let propose = Propose {
                view: block.view,
                block: block.id(),
            };
            Message::Proposal {
                propose: signed(key, propose),
                block,
                entry: some(dice, |dice| certificate(dice, key, new_view)),
            }
        }
        1 => Message::Vote(signed(key, vote)),
        2 => Message::NewView {
            new_view: signed(key, new_view),
            high: some(dice, |_| quorum),
        },
        3 => Message::Quorum(quorum),
        4 => Message::Fetch {
            block: digest(dice),
            height: number(dice),
        },
        _ => Message::Blocks(vec![block; 2]),
    }
}

fn survives<P: Log>(
    world: impl Fn(&[Keychain], u64) -> World<P>,
    nonsense: fn(&mut Dice, &Keychain) -> P::Message,
) {
    let keys = deal(Scheme::Ideal, Instance(1), 4, 1);
    for seed in 0..30 {
        let mut world = world(&keys, seed);
        let mut dice = Dice(seed);
        let liar = dice.below(4) as u8;
        world.silence(liar);
        let mut wanted = vec![];
        for round in 0..60 {
            if round % 10 == 0 {
                let node = (0..4).find(|node| *node != liar).expect("three are honest");
                let asked = value(&round.to_string());
                world.request(node.into(), asked.clone());
                wanted.push(asked);
            }
            for _ in 0..5 {
                let message = nonsense(&mut dice, &keys[usize::from(liar)]);
                let to = dice.below(4) as u8;
                world.inject(liar, to, message);
            }
            world.run(Duration::from_millis(dice.below(20)));
        }
        let done = world.run_until(LONG, |world| everywhere(world, &wanted));
        assert!(agree(&world), "seed {seed}: disagreement");
        assert!(done, "seed {seed}: stall");
    }
}

#[test]
fn pbft_survives_nonsense() {
    let world = |keys: &[Keychain], seed| {
        World::<pbft::Pbft>::new(4, seed, |me: NodeId| pbft::Config {
            checkpoint_interval: 4,
            ..pbft::Config::new(4, 1, keys[me.index()].clone())
        })
    };
    survives(world, pbft_nonsense);
}

#[test]
fn tendermint_survives_nonsense() {
    let world = |keys: &[Keychain], seed| {
        World::<tendermint::Tendermint>::new(4, seed, |me: NodeId| {
            tendermint::Config::new(4, 1, keys[me.index()].clone())
        })
    };
    survives(world, tendermint_nonsense);
}

#[test]
fn hotstuff_survives_nonsense() {
    let world = |keys: &[Keychain], seed| {
        World::<hotstuff::HotStuff>::new(4, seed, |me: NodeId| {
            hotstuff::Config::new(4, 1, keys[me.index()].clone())
        })
    };
    survives(world, hotstuff_nonsense);
}

/// Bytes off the wire: what is cut short or spoilt is refused, and asks for no memory.
#[test]
fn bad_bytes_are_refused_or_say_something_else() {
    fn spoil<M: serde::Serialize + DeserializeOwned>(
        nonsense: fn(&mut Dice, &Keychain) -> M,
        key: &Keychain,
    ) {
        let mut dice = Dice(1);
        for _ in 0..500 {
            let message = nonsense(&mut dice, key);
            let mut bytes = postcard::to_stdvec(&message).expect("plain data is encoded");
            let whole: Result<M, _> = postcard::from_bytes(&bytes);
            assert!(whole.is_ok());
            let cut = dice.below(bytes.len() as u64) as usize;
            assert!(postcard::from_bytes::<M>(&bytes[..cut]).is_err());
            let at = dice.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << dice.below(8);
            let _: Result<M, _> = postcard::from_bytes(&bytes);
        }
    }
    let key = &deal(Scheme::Ed25519, Instance(1), 4, 1)[3];
    spoil(pbft_nonsense, key);
    spoil(tendermint_nonsense, key);
    spoil(hotstuff_nonsense, key);
}
