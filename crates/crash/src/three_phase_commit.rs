//! Three-phase commit (Skeen: Nonblocking Commit Protocols, SIGMOD 1981): two-phase commit with a
//! phase between the votes and the commit, so that no crash makes the others wait.
//!
//! The coordinator asks for votes; if all are yes it tells all to be ready (*pre-commit*), and commits
//! when all have acknowledged that. So no node commits while one that lives could still abort. If the
//! coordinator crashes, the next in rank asks the others where they are: one that knows the outcome
//! settles it; one that is ready means that a commit is possible, so all are made ready and commit; if
//! none is ready, none has committed, and all abort.
//!
//! What it never does: keep anything on disk, let a node come back, count a majority, defend itself
//! when its assumptions fail. A timeout stands for a crash here. If a message is late, or the network
//! falls in two, one part finds a node that is ready and commits, and the other one finds none and
//! aborts (Skeen's quorum-based protocol of 1982, and Paxos Commit, are the answers).
//!
//! It stands on: nodes that crash for good, all but one of them if need be; links that lose nothing;
//! every message within a round's length; all nodes asked for their votes at the same moment.
//!
//! Start reading at [`CommitState`], then [`ThreePhaseCommit`]. Each rank has five rounds of time to itself
//! ([`Config::turn`]): question, answer, pre-commit, acknowledgement, outcome. A node keeps one stage
//! and two sets, so nothing grows.

use crate::commit_outcome::{CastVote, CommitOutcome};
use quorate_core::{Effects, Input, Journaled, Never, NodeId, NodeSet, Protocol, Time, To};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What it assumes, as the catalogue declares it.
pub const PROTOCOL: quorate_contract::ProtocolName =
    quorate_contract::ProtocolName::ThreePhaseCommit;

/// Cluster size and the length of a round.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How many nodes there are, `f + 1` for `f` crashes. Node 0 is the first coordinator.
    pub nodes: u8,
    /// Longer than any message takes, and any two clocks are apart.
    pub round: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 3,
            round: Duration::from_millis(100),
        }
    }
}

impl Config {
    /// How long a coordinator takes, until all that it has sent has arrived: five rounds.
    pub fn turn(&self) -> Duration {
        self.round * 5
    }

    /// Checks what [`ThreePhaseCommit`] relies on.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let rules = [
            (
                (1..=NodeSet::MAX_NODES).contains(&self.nodes),
                "nodes: must be 1 to 128",
            ),
            (self.round > Duration::ZERO, "round: must be over zero"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}

/// How far a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CommitState {
    /// It has not voted.
    Idle,
    /// It has voted yes, and another one may have aborted.
    Waiting,
    /// All have voted yes, and another one may have committed.
    Ready,
    /// It knows how it ended.
    Ended(CommitOutcome),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// A coordinator asks: can you commit, and how far are you?
    Ask,
    /// A participant's answer. Waiting is its yes.
    State(CommitState),
    /// All have voted yes.
    PreCommit,
    /// The sender is ready.
    Ready,
    /// How it ended.
    Outcome(CommitOutcome),
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// What may run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deadline {
    /// All ranks before this one have had their time, and the outcome is not known here.
    Turn,
    /// All that live have told how far they are.
    Stages,
    /// All that live are ready.
    Acknowledgements,
}

/// What a coordinator waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Collected {
    /// It has asked all to be ready.
    pre_commit: bool,
    /// Who has told its stage.
    told: NodeSet,
    /// One of them is ready.
    one_is_ready: bool,
    /// Who has acknowledged.
    ready: NodeSet,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ThreePhaseCommit {
    config: Config,
    me: NodeId,
    stage: CommitState,
    /// While this node coordinates.
    collected: Option<Collected>,
    violation: Option<&'static str>,
}

impl Protocol for ThreePhaseCommit {
    type Config = Config;
    type Hard = ();
    type Message = Message;
    type Eager = Never;
    type Timer = Deadline;
    type Request = CastVote;
    type Output = CommitOutcome;
    type EagerOutput = Never;

    fn recover(config: &Config, me: NodeId, _hard: Journaled<()>) -> Self {
        Self {
            config: config.clone(),
            me,
            stage: CommitState::Idle,
            collected: None,
            violation: None,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Message(from, message) => self.on_message(from, message, out),
            Input::Request(vote) => self.on_request(vote, out),
            Input::Timer(Deadline::Turn) => self.coordinate(out),
            Input::Timer(Deadline::Stages) => self.conclude(out),
            Input::Timer(Deadline::Acknowledgements) => self.commit(out),
            Input::Start | Input::Coin { .. } => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        match self.violation {
            None => Ok(()),
            Some(rule) => Err(format!("{rule} ({} is at {:?})", self.me, self.stage)),
        }
    }
}

impl ThreePhaseCommit {
    /// How far this node is.
    pub fn stage(&self) -> CommitState {
        self.stage
    }

    fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.me;
        NodeId::all(self.config.nodes).filter(move |node| *node != me)
    }

    fn tell_all(&self, message: &Message, out: &mut Effects<Self>) {
        for peer in self.peers() {
            out.send(To::One(peer), message.clone());
        }
    }

    fn on_request(&mut self, vote: CastVote, out: &mut Effects<Self>) {
        if self.stage != CommitState::Idle {
            return;
        }
        match vote.yes {
            true => self.stage = CommitState::Waiting,
            // No node commits without this one.
            false => self.end(CommitOutcome::Abort, out),
        }
        match self.me.0 {
            0 => self.coordinate(out),
            rank => {
                let wait = self.config.turn() * rank;
                out.arm(Deadline::Turn, wait, wait);
            }
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        if from.0 >= self.config.nodes.into() {
            return;
        }
        match message {
            Message::Ask => out.send(To::One(from), Message::State(self.stage)),
            Message::State(stage) => self.on_stage(from, stage, out),
            Message::PreCommit
                if matches!(self.stage, CommitState::Waiting | CommitState::Ready) =>
            {
                self.stage = CommitState::Ready;
                out.send(To::One(from), Message::Ready);
            }
            Message::PreCommit => {}
            Message::Ready => self.on_ready(from, out),
            Message::Outcome(outcome) => self.end(outcome, out),
        }
    }

    /// This rank's time has come: those before it have crashed, or it would know the outcome.
    fn coordinate(&mut self, out: &mut Effects<Self>) {
        if self.me != NodeId(0) && matches!(self.stage, CommitState::Ended(_)) {
            return;
        }
        if let CommitState::Ended(outcome) = self.stage {
            return self.tell_all(&Message::Outcome(outcome), out);
        }
        self.collected = Some(Collected {
            pre_commit: false,
            told: NodeSet::EMPTY,
            one_is_ready: self.stage == CommitState::Ready,
            ready: NodeSet::EMPTY,
        });
        self.tell_all(&Message::Ask, out);
        let wait = self.config.round * 2;
        out.arm(Deadline::Stages, wait, wait);
        if self.config.nodes == 1 {
            self.conclude(out);
        }
    }

    fn on_stage(&mut self, from: NodeId, stage: CommitState, out: &mut Effects<Self>) {
        let Some(collected) = self.collected.as_mut().filter(|c| !c.pre_commit) else {
            return;
        };
        match stage {
            CommitState::Ended(outcome) => return self.end_for_all(outcome, out),
            CommitState::Idle => return,
            CommitState::Ready => collected.one_is_ready = true,
            CommitState::Waiting => {}
        }
        collected.told.insert(from);
        if collected.told.len() + 1 == usize::from(self.config.nodes) {
            self.conclude(out);
        }
    }

    /// All that live have told how far they are.
    fn conclude(&mut self, out: &mut Effects<Self>) {
        let all = usize::from(self.config.nodes);
        let Some(collected) = self.collected.as_mut().filter(|c| !c.pre_commit) else {
            return;
        };
        let all_voted_yes = self.me == NodeId(0) && collected.told.len() + 1 == all;
        if !collected.one_is_ready && !all_voted_yes {
            return self.end_for_all(CommitOutcome::Abort, out);
        }
        collected.pre_commit = true;
        let told = collected.told;
        self.stage = CommitState::Ready;
        out.disarm(Deadline::Stages);
        for peer in told.iter() {
            out.send(To::One(peer), Message::PreCommit);
        }
        let wait = self.config.round * 2;
        out.arm(Deadline::Acknowledgements, wait, wait);
        if told.is_empty() {
            self.commit(out);
        }
    }

    fn on_ready(&mut self, from: NodeId, out: &mut Effects<Self>) {
        let Some(collected) = self.collected.as_mut().filter(|c| c.pre_commit) else {
            return;
        };
        collected.ready.insert(from);
        if collected.ready == collected.told {
            self.commit(out);
        }
    }

    /// All that live are ready: a node that takes over will commit as well.
    fn commit(&mut self, out: &mut Effects<Self>) {
        if self.collected.is_some_and(|collected| collected.pre_commit) {
            self.end_for_all(CommitOutcome::Commit, out);
        }
    }

    fn end_for_all(&mut self, outcome: CommitOutcome, out: &mut Effects<Self>) {
        out.disarm(Deadline::Stages);
        out.disarm(Deadline::Acknowledgements);
        self.collected = None;
        self.tell_all(&Message::Outcome(outcome), out);
        self.end(outcome, out);
    }

    fn end(&mut self, outcome: CommitOutcome, out: &mut Effects<Self>) {
        match self.stage {
            CommitState::Ended(known) if known != outcome => {
                self.violation = Some("agreement: one has committed and another one has aborted");
            }
            CommitState::Ended(_) => {}
            _ => {
                self.stage = CommitState::Ended(outcome);
                self.collected = None;
                out.output(outcome);
            }
        }
    }
}
