//! A liar with a key of its own says well-formed, well-signed nonsense: the largest and the
//! smallest numbers in every field, at any moment, to anybody.

use crate::logs::{LONG, Log, agree, everywhere};
use crate::value;
use crate::world::{Rng, World};
use quorate_byzantine::{hotstuff, pbft, tendermint};
use quorate_core::NodeId;
use quorate_crypto::{Certificate, Digest, Instance, Keychain, Scheme, Signed, Statement, deal};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Numbers at which something may overflow, and small ones.
fn number(rng: &mut Rng) -> u64 {
    let edge = [0, 1, 2, 3, 8, 16, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    match rng.below(12) {
        at @ 0..9 => edge[at as usize],
        _ => rng.below(40),
    }
}

fn digest(rng: &mut Rng) -> Digest {
    match rng.below(3) {
        0 => Digest::default(),
        1 => pbft::Batch::default().digest(),
        _ => Digest::of("hostile", &rng.next()),
    }
}

/// A certificate of the liar alone, perhaps several times.
fn certificate<M: Statement + Clone>(
    rng: &mut Rng,
    key: &Keychain,
    statement: M,
) -> Certificate<M> {
    let signature = key.sign(statement.clone()).signature();
    let times = rng.below(5) as usize;
    Certificate::claimed(statement, vec![(key.me(), signature); times])
}

fn signed<M: Statement>(key: &Keychain, statement: M) -> Signed<M> {
    key.sign(statement).into_signed()
}

fn some<T>(rng: &mut Rng, make: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    rng.one_in(2).then(|| make(rng))
}

fn pbft_nonsense(rng: &mut Rng, key: &Keychain) -> pbft::Message {
    use pbft::*;
    let prepare = |rng: &mut Rng| Prepare {
        view: number(rng),
        sequence: number(rng),
        digest: digest(rng),
    };
    let commit = |rng: &mut Rng| Commit {
        view: number(rng),
        sequence: number(rng),
        digest: digest(rng),
    };
    let checkpoint = |rng: &mut Rng| Checkpoint {
        sequence: number(rng),
        history: digest(rng),
    };
    let change = |rng: &mut Rng| {
        let stable = checkpoint(rng);
        let prepared = prepare(rng);
        ViewChange {
            view: number(rng),
            stable: some(rng, |rng| certificate(rng, key, stable)),
            prepared: some(rng, |rng| certificate(rng, key, prepared))
                .into_iter()
                .collect(),
        }
    };
    match rng.below(11) {
        0 => Message::PrePrepare {
            prepare: signed(key, prepare(rng)),
            batch: Batch::default(),
        },
        1 => Message::Prepare(signed(key, prepare(rng))),
        2 => Message::Commit(signed(key, commit(rng))),
        3 => Message::Checkpoint(signed(key, checkpoint(rng))),
        4 => Message::ViewChange {
            change: signed(key, change(rng)),
            batches: vec![Batch::default()],
        },
        5 => {
            let new_view = NewView {
                view: number(rng),
                changes: vec![signed(key, change(rng)); rng.below(5) as usize],
                prepares: vec![signed(key, prepare(rng))],
            };
            Message::NewView(Box::new(signed(key, new_view)))
        }
        6 => Message::Fetch {
            delivered: number(rng),
            view: number(rng),
        },
        7 => Message::FetchBatch(digest(rng)),
        8 => Message::Batch(Batch(vec![value("never asked for")])),
        9 => {
            let commit = commit(rng);
            Message::Committed {
                certificate: certificate(rng, key, commit),
                batch: Batch::default(),
            }
        }
        _ => {
            let checkpoint = checkpoint(rng);
            Message::Stable(certificate(rng, key, checkpoint))
        }
    }
}

fn tendermint_nonsense(rng: &mut Rng, key: &Keychain) -> tendermint::Message {
    use tendermint::*;
    let block = Block {
        height: number(rng),
        parent: digest(rng),
        values: vec![],
    };
    let (height, round) = (number(rng), number(rng));
    let voted = some(rng, digest);
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
    match rng.below(6) {
        0 => {
            let proposal = Proposal {
                height,
                round,
                block: block.id(),
                valid_round: some(rng, number),
            };
            Message::Proposal {
                proposal: signed(key, proposal),
                block,
                polka: some(rng, |rng| certificate(rng, key, prevote)),
            }
        }
        1 => Message::Prevote(signed(key, prevote)),
        2 => Message::Precommit(signed(key, precommit)),
        3 => Message::Polka {
            certificate: certificate(rng, key, prevote),
            block,
        },
        4 => Message::Fetch { height },
        _ => {
            let certificate = certificate(rng, key, precommit);
            Message::Decided(vec![Decision { certificate, block }])
        }
    }
}

fn hotstuff_nonsense(rng: &mut Rng, key: &Keychain) -> hotstuff::Message {
    use hotstuff::*;
    let vote = Vote {
        view: number(rng),
        block: digest(rng),
    };
    let quorum = certificate(rng, key, vote);
    let block = Block {
        view: number(rng),
        height: number(rng),
        justify: some(rng, |_| quorum.clone()),
        values: vec![],
    };
    let new_view = NewView { view: number(rng) };
    match rng.below(6) {
        0 => {
            let propose = Propose {
                view: block.view,
                block: block.id(),
            };
            Message::Proposal {
                propose: signed(key, propose),
                block,
                entry: some(rng, |rng| certificate(rng, key, new_view)),
            }
        }
        1 => Message::Vote(signed(key, vote)),
        2 => Message::NewView {
            new_view: signed(key, new_view),
            high: some(rng, |_| quorum),
        },
        3 => Message::Quorum(quorum),
        4 => Message::Fetch {
            block: digest(rng),
            height: number(rng),
        },
        _ => Message::Blocks(vec![block; 2]),
    }
}

fn survives<P: Log>(
    world: impl Fn(&[Keychain], u64) -> World<P>,
    nonsense: fn(&mut Rng, &Keychain) -> P::Message,
) {
    let keys = deal(Scheme::Ideal, Instance(1), 4, 1);
    for seed in 0..30 {
        let mut world = world(&keys, seed);
        let mut rng = Rng(seed);
        let liar = rng.below(4) as u8;
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
                let message = nonsense(&mut rng, &keys[usize::from(liar)]);
                let to = rng.below(4) as u8;
                world.inject(liar, to, message);
            }
            world.run(Duration::from_millis(rng.below(20)));
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
        nonsense: fn(&mut Rng, &Keychain) -> M,
        key: &Keychain,
    ) {
        let mut rng = Rng(1);
        for _ in 0..500 {
            let message = nonsense(&mut rng, key);
            let mut bytes = postcard::to_stdvec(&message).expect("plain data is encoded");
            let whole: Result<M, _> = postcard::from_bytes(&bytes);
            assert!(whole.is_ok());
            let cut = rng.below(bytes.len() as u64) as usize;
            assert!(postcard::from_bytes::<M>(&bytes[..cut]).is_err());
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << rng.below(8);
            let _: Result<M, _> = postcard::from_bytes(&bytes);
        }
    }
    let key = &deal(Scheme::Ed25519, Instance(1), 4, 1)[3];
    spoil(pbft_nonsense, key);
    spoil(tendermint_nonsense, key);
    spoil(hotstuff_nonsense, key);
}
