//! Whatever a message says, a node takes it or leaves it: it does not panic.
//! What it then believes is another matter, for these protocols believe each other.

use crate::world::*;
use bytes::Bytes;
use quorate_core::{NodeId, Protocol};
use quorate_crash::{
    abd, commit_outcome, flood_set, majority, multi_paxos, paxos, paxos_commit, primary_backup,
    three_phase_commit, two_generals, two_phase_commit,
};

trait Garbage {
    fn number(&mut self) -> u64;
    fn id(&mut self) -> NodeId;
    fn bytes(&mut self) -> Bytes;
    fn some<T>(&mut self, one: impl FnMut(&mut Self) -> T) -> Vec<T>;
}

impl Garbage for Dice {
    /// Small numbers, and those at the edges.
    fn number(&mut self) -> u64 {
        match self.index(8) {
            0 => u64::MAX,
            1 => u64::MAX - 1,
            2 => 1 << 32,
            _ => self.index(6) as u64,
        }
    }
    fn id(&mut self) -> NodeId {
        NodeId([0, 1, 2, 3, 127, 128, 255][self.index(7)])
    }
    fn bytes(&mut self) -> Bytes {
        Bytes::from_static([&b""[..], b"a", b"b"][self.index(3)])
    }
    fn some<T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.index(4)).map(|_| one(self)).collect()
    }
}

fn survive<P: Protocol>(
    config: P::Config,
    nodes: u8,
    request: impl Fn(Bytes) -> P::Request,
    message: impl Fn(&mut Dice) -> P::Message,
) {
    for seed in 0..100 {
        let mut dice = Dice(seed);
        let mut world: World<P> = lab_world(config.clone(), nodes, seed, WireProfile::CALM);
        for _ in 0..200 {
            let to = dice.index(nodes.into()) as u8;
            match dice.index(10) {
                0 => world.ask(to, request(dice.bytes())),
                1 => world.run_to(world.now + dice.index(700) as u32 * MS),
                2 => {
                    world.crash(to.into());
                    world.restart(to.into());
                }
                _ => world.forge(dice.id().0 as u8, to, message(&mut dice)),
            }
            world.run_to(world.now + MS);
            let _ = world.check(); // it may well have noticed
        }
    }
}

#[test]
fn the_majority_commit_survives_it() {
    use majority::*;
    let vote = |dice: &mut Dice| Vote {
        ballot: dice.number(),
        value: dice.bytes(),
    };
    for order in [
        PrepareRule::Simple,
        PrepareRule::PromiseFirst,
        PrepareRule::Together,
    ] {
        let config = Config {
            order,
            ..Config::default()
        };
        survive::<Majority>(config, 5, Commit, |dice| match dice.index(5) {
            0 => Message::Prepare {
                ballot: dice.number(),
            },
            1 => Message::Promise {
                ballot: dice.number(),
                accepted: dice.some(vote).pop(),
            },
            2 => Message::Propose(vote(dice)),
            3 => Message::Ack(vote(dice)),
            _ => Message::Committed {
                value: dice.bytes(),
            },
        });
    }
}

#[test]
fn paxos_survives_it() {
    use paxos::*;
    let ballot = |dice: &mut Dice| Ballot {
        round: dice.number(),
        node: dice.id(),
    };
    let vote = |dice: &mut Dice| Vote {
        ballot: ballot(dice),
        value: dice.bytes(),
    };
    survive::<Paxos>(Config::default(), 3, Propose, |dice| match dice.index(7) {
        0 => Message::Prepare {
            ballot: ballot(dice),
        },
        1 => Message::Promise {
            ballot: ballot(dice),
            accepted: dice.some(vote).pop(),
        },
        2 => Message::Accept(vote(dice)),
        3 => Message::Accepted {
            ballot: ballot(dice),
        },
        4 => Message::Rejected {
            promised: ballot(dice),
        },
        5 => Message::Decided {
            value: dice.bytes(),
        },
        _ => Message::Ask,
    });
}

#[test]
fn multi_paxos_survives_it() {
    use multi_paxos::*;
    let ballot = |dice: &mut Dice| Ballot {
        round: dice.number(),
        node: dice.id(),
    };
    let vote = |dice: &mut Dice| Vote {
        ballot: ballot(dice),
        value: dice.bytes(),
    };
    let config = Config {
        batch: 2,
        window: 3,
        max_slots: 50,
        ..Config::default()
    };
    survive::<MultiPaxos>(config, 3, Propose, |dice| match dice.index(8) {
        0 => Message::Prepare {
            ballot: ballot(dice),
            first: dice.number(),
        },
        1 => Message::Promise {
            ballot: ballot(dice),
            first: dice.number(),
            votes: dice.some(|dice| (dice.number(), vote(dice))),
            more: dice.percent(30),
        },
        2 => Message::Accept {
            ballot: ballot(dice),
            first: dice.number(),
            values: dice.some(Dice::bytes),
            chosen: dice.number(),
        },
        3 => Message::Accepted {
            ballot: ballot(dice),
            first: dice.number(),
            last: dice.number(),
        },
        4 => Message::Rejected {
            promised: ballot(dice),
        },
        5 => Message::Heartbeat {
            ballot: ballot(dice),
            chosen: dice.number(),
        },
        6 => Message::Fetch {
            first: dice.number(),
        },
        _ => Message::Chosen {
            first: dice.number(),
            values: dice.some(Dice::bytes),
            through: dice.number(),
        },
    });
}

#[test]
fn primary_and_backups_survive_it() {
    use primary_backup::*;
    let update = |dice: &mut Dice| Update {
        seq: dice.number(),
        op: dice.bytes(),
    };
    let config = Config {
        nodes: 4,
        window: 2,
        ..Config::default()
    };
    survive::<PrimaryBackup>(config, 4, UpdateRequest, |dice| match dice.index(5) {
        0 => Message::Heartbeat {
            applied: dice.number(),
        },
        1 => Message::Update(update(dice)),
        2 => Message::Collect {
            known: dice.number(),
        },
        3 => Message::Answer {
            updates: dice.some(update),
        },
        _ => Message::Takeover {
            updates: dice.some(update),
        },
    });
}

#[test]
fn flood_set_survives_it() {
    use flood_set::*;
    let config = Config::default();
    survive::<FloodSet>(config, 3, Propose, |dice| Message {
        round: dice.number() as u8,
        values: dice.some(Dice::bytes).into_iter().collect(),
    });
}

#[test]
fn two_generals_survive_it() {
    use two_generals::*;
    let config = Config {
        messengers: 128,
        needed: 2,
        legs: 9,
        ..Config::default()
    };
    survive::<General>(config, 2, AttackPlan, |dice| Message {
        leg: dice.number() as u8,
        messenger: dice.number() as u8,
        plan: dice.bytes(),
    });
}

fn outcome(dice: &mut Dice) -> commit_outcome::CommitOutcome {
    match dice.index(2) {
        0 => commit_outcome::CommitOutcome::Commit,
        _ => commit_outcome::CommitOutcome::Abort,
    }
}

fn cast(value: Bytes) -> commit_outcome::CastVote {
    commit_outcome::CastVote {
        yes: !value.is_empty(),
    }
}

#[test]
fn two_phase_commit_survives_it() {
    use two_phase_commit::*;
    survive::<TwoPhaseCommit>(Config::default(), 3, cast, |dice| match dice.index(5) {
        0 => Message::Prepare,
        1 => Message::Vote { yes: true },
        2 => Message::Vote { yes: false },
        3 => Message::Ask,
        _ => Message::Outcome(outcome(dice)),
    });
}

#[test]
fn three_phase_commit_survives_it() {
    use three_phase_commit::*;
    survive::<ThreePhaseCommit>(Config::default(), 4, cast, |dice| match dice.index(8) {
        0 => Message::Ask,
        1 => Message::State(CommitState::Idle),
        2 => Message::State(CommitState::Waiting),
        3 => Message::State(CommitState::Ready),
        4 => Message::State(CommitState::Ended(outcome(dice))),
        5 => Message::PreCommit,
        6 => Message::Ready,
        _ => Message::Outcome(outcome(dice)),
    });
}

#[test]
fn paxos_commit_survives_it() {
    use paxos_commit::*;
    let ballot = |dice: &mut Dice| Ballot {
        round: dice.number(),
        node: dice.id(),
    };
    let set = |dice: &mut Dice| -> quorate_core::NodeSet {
        (0..5_u32).map(|_| NodeId(dice.index(128) as u32)).collect()
    };
    let accepted = |dice: &mut Dice| AcceptedVotes {
        ballot: ballot(dice),
        heard: set(dice),
        prepared: set(dice),
    };
    survive::<PaxosCommit>(Config::default(), 3, cast, |dice| match dice.index(9) {
        0 => Message::Vote { yes: true },
        1 => Message::Vote { yes: false },
        2 => Message::Prepare {
            ballot: ballot(dice),
        },
        3 => Message::Promise {
            ballot: ballot(dice),
            accepted: accepted(dice),
        },
        4 => Message::Accept {
            ballot: ballot(dice),
            prepared: set(dice),
        },
        5 => Message::Accepted {
            ballot: ballot(dice),
        },
        6 => Message::Rejected {
            promised: ballot(dice),
        },
        7 => Message::Outcome(outcome(dice)),
        _ => Message::Ask,
    });
}

#[test]
fn the_register_survives_it() {
    use abd::*;
    let id = |dice: &mut Dice| OperationId {
        incarnation: dice.number(),
        number: dice.number(),
    };
    let tagged = |dice: &mut Dice| Tagged {
        tag: Tag {
            seq: dice.number(),
            node: dice.id(),
        },
        value: dice.some(|dice| dice.bytes()).pop(),
    };
    let request = |value: Bytes| match value.is_empty() {
        true => Request::Read(0),
        false => Request::Write(value),
    };
    survive::<Abd>(Config::default(), 3, request, |dice| match dice.index(4) {
        0 => Message::Query(id(dice)),
        1 => Message::Value(id(dice), tagged(dice)),
        2 => Message::Store(id(dice), tagged(dice)),
        _ => Message::Stored(id(dice)),
    });
}
