//! A node that dies in the middle of what it sends: who gets it, and what of the rest of the step
//! still happens.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test is a driver"
)]

use quorate_core::{Effects, Hard, Input, Journaled, NodeId, Protocol, Time, To};
use quorate_crash::primary_backup::{self, PrimaryBackup, UpdateRequest};
use quorate_sim::{
    Bare, Decisions, Delay, NetworkProfile, NodeFault, NodeOutput, ScheduledNodeFault,
    TimingProfile,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const MS: u64 = 1_000_000;

/// Writes a number down, tells it to all, itself included, and says that it has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Crier(Journaled<Written>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Written(Vec<u8>);

impl Hard for Written {
    type Record = u8;
    fn apply(&mut self, number: &u8) {
        self.0.push(*number);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Word(u8);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Cry {
    /// Once it is durable.
    Durably(u8),
    /// At once.
    Hastily(u8),
    /// To itself.
    Inwardly(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Said {
    Done(u8),
    Heard(NodeId, u8),
    Later,
}

impl Protocol for Crier {
    type Config = ();
    type Hard = Written;
    type Message = Word;
    type Eager = Word;
    type Timer = ();
    type Request = Cry;
    type Output = Said;
    type EagerOutput = Said;

    fn recover(_: &(), _: NodeId, hard: Journaled<Written>) -> Self {
        Self(hard)
    }

    fn step(&mut self, _: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Request(cry) => {
                let (Cry::Durably(number) | Cry::Hastily(number) | Cry::Inwardly(number)) = cry;
                self.0.write(number, out);
                match cry {
                    Cry::Durably(_) => out.send(To::All, Word(number)),
                    Cry::Hastily(_) => out.send_eager(To::All, Word(number)),
                    Cry::Inwardly(_) => out.send(To::One(NodeId(0)), Word(number)),
                }
                out.output_eager(Said::Done(number));
                out.output(Said::Done(number));
                let wait = Duration::from_millis(1);
                out.arm((), wait, wait);
            }
            Input::Message(from, Word(number)) => out.output_eager(Said::Heard(from, number)),
            Input::Timer(()) => out.output_eager(Said::Later),
            Input::Start | Input::Coin { .. } => {}
        }
    }
}

/// Four of them; a sync takes no time, or so many milliseconds.
fn four(sync: Option<u64>) -> Bare<Crier> {
    let mut pace = TimingProfile::lock_step(MS);
    if let Some(sync) = sync {
        let (min, max) = (sync * MS, sync * MS);
        (pace.sync, pace.phi) = (Some(Delay::Uniform { min, max }), max);
    }
    let weather = NetworkProfile {
        timing: pace,
        ..NetworkProfile::default()
    };
    // All decisions are the largest: of what was not durable, a crash leaves nothing.
    let decisions = Decisions::replay(vec![u64::MAX; 100]);
    let mut bare = Bare::new(|_| (), 4, weather, decisions);
    bare.start_all();
    bare
}

fn dies_sending<P>(bare: &mut Bare<P>, reached: impl IntoIterator<Item = u8>, until: Option<u64>)
where
    P: Protocol,
    P::Message: quorate_sim::WireMessage,
{
    bare.inject(ScheduledNodeFault {
        node: NodeId(0),
        fault: NodeFault::CrashSending(
            reached
                .into_iter()
                .map(|node| NodeId(node.into()))
                .collect(),
        ),
        from: 0,
        until,
    });
    bare.advance();
}

/// Runs until a moment; gives what nodes said meanwhile.
fn run_until<P>(bare: &mut Bare<P>, at: u64) -> Vec<(u8, P::Output)>
where
    P: Protocol,
    P::Message: quorate_sim::WireMessage,
{
    bare.wake_at(at, 0);
    while let Some(happened) = bare.advance() {
        if happened == quorate_sim::BareEvent::Woke(0) {
            break;
        }
    }
    let told = bare.take_outputs();
    told.map(|NodeOutput { node, output, .. }| (node.0 as u8, output))
        .collect()
}

#[test]
fn any_set_of_peers_is_reached_and_nothing_else_of_the_step_happens() {
    for mask in 0..8u8 {
        let reached: Vec<u8> = (1..4).filter(|node| mask & 1 << (node - 1) != 0).collect();
        let mut bare = four(None);
        dies_sending(&mut bare, reached.clone(), None);
        bare.request(NodeId(0), Cry::Durably(7));
        assert_eq!(bare.node(NodeId(0)), None);
        // Not its answer, not what it tells itself, not its timer.
        let heard = |node: &u8| (*node, Said::Heard(NodeId(0), 7));
        let expected: Vec<_> = reached.iter().map(heard).collect();
        assert_eq!(run_until(&mut bare, 10 * MS), expected);
    }
}

#[test]
fn what_it_wrote_before_it_spoke_is_kept() {
    for sync in [None, Some(5)] {
        let mut bare = four(sync);
        dies_sending(&mut bare, [2], Some(20 * MS));
        bare.request(NodeId(0), Cry::Durably(7));
        // What waits for the disk is not being sent yet; the eager answer does not wait.
        let early = run_until(&mut bare, 4 * MS);
        assert_eq!(bare.node(NodeId(0)).is_some(), sync.is_some());
        let told = early.iter().filter(|(node, _)| *node == 0);
        let expected = match sync {
            None => vec![],
            Some(_) => vec![Said::Done(7), Said::Later],
        };
        let told: Vec<_> = told.map(|(_, said)| said.clone()).collect();
        assert_eq!(told, expected);
        run_until(&mut bare, 19 * MS);
        assert_eq!(bare.node(NodeId(0)), None);
        run_until(&mut bare, 30 * MS);
        let back = bare.node(NodeId(0)).expect("it is up again");
        assert_eq!(back.0.0, [7]);
    }
}

#[test]
fn what_it_said_before_it_was_durable_is_lost_with_it() {
    let mut bare = four(Some(5));
    dies_sending(&mut bare, [2], Some(20 * MS));
    bare.request(NodeId(0), Cry::Hastily(7));
    assert_eq!(bare.node(NodeId(0)), None);
    let heard = run_until(&mut bare, 30 * MS);
    assert_eq!(heard, [(2, Said::Heard(NodeId(0), 7))]);
    let back = bare.node(NodeId(0)).expect("it is up again");
    assert!(back.0.0.is_empty());
}

#[test]
fn who_says_nothing_to_others_does_not_die() {
    let mut bare = four(None);
    dies_sending(&mut bare, [], Some(20 * MS));
    bare.request(NodeId(0), Cry::Inwardly(1));
    let told = run_until(&mut bare, 10 * MS);
    let expected = [
        (0, Said::Done(1)),
        (0, Said::Done(1)),
        (0, Said::Heard(NodeId(0), 1)),
        (0, Said::Later),
    ];
    assert_eq!(told, expected);
    // Nor who speaks when the fault is over.
    run_until(&mut bare, 25 * MS);
    bare.request(NodeId(0), Cry::Durably(2));
    assert!(bare.node(NodeId(0)).is_some());
    assert_eq!(run_until(&mut bare, 40 * MS).len(), 7);
}

/// The client of a primary that dies in the middle of its update hears nothing; who takes over has
/// it from the backup that was reached.
#[test]
fn a_primary_that_dies_while_it_sends_has_answered_nobody() {
    let config = primary_backup::Config {
        nodes: 3,
        heartbeat: Duration::from_millis(8),
        delta: Duration::from_millis(2),
        ..primary_backup::Config::default()
    };
    let weather = NetworkProfile {
        timing: TimingProfile::lock_step(MS),
        ..NetworkProfile::default()
    };
    let decisions = Decisions::replay(vec![]);
    let mut bare: Bare<PrimaryBackup> = Bare::new(|_| config.clone(), 3, weather, decisions);
    bare.start_all();
    run_until(&mut bare, 2 * MS);
    dies_sending(&mut bare, [2], None);
    bare.request(NodeId(0), UpdateRequest("x".into()));
    assert_eq!(run_until(&mut bare, 5 * MS), []);
    let known = |bare: &Bare<PrimaryBackup>, node| bare.node(NodeId(node)).map(|b| b.known());
    assert_eq!([0, 1, 2].map(|n| known(&bare, n)), [None, Some(0), Some(1)]);
    let told = run_until(&mut bare, 50 * MS);
    let applied = |(node, output): &(u8, _)| match output {
        primary_backup::Output::Applied(update) => Some((*node, update.op.clone())),
        _ => None,
    };
    let applied: Vec<_> = told.iter().filter_map(applied).collect();
    assert_eq!(applied, [(1, "x".into()), (2, "x".into())]);
}
