//! The majority commit: one fixed leader, a majority of acknowledgements, nothing else.
//!
//! It is here for what it lacks. It is the smallest protocol that has a quorum, and each of its
//! options leaves out one thing that the larger ones have, so that the lab can show what then
//! happens: waiting for promises ([`PrepareRule`]), comparing what acknowledgements carry ([`Count`]),
//! the disk before the answer ([`Acknowledge`]). With an unsafe option it is a lesson and no
//! contract admits it ([`Config::protocol`]).
//!
//! What it never does: choose another leader, send anything twice, tell a node that was down what
//! it has missed.
//!
//! It stands on: a leader that does not stop, links that lose nothing. A minority of followers
//! may be silent. Safety, with the safe options, holds under crash and recovery of any node and
//! under loss, repetition and reordering; progress does not.
//!
//! Where to start: [`Config`], then [`Message`]. One value is decided, so nothing grows: a node
//! holds one vote for each other node.

mod config;
mod message;

pub use config::{Acknowledge, Config, Count, PrepareRule, QuorumRule};
pub use message::{
    Commit, Deadline, Eager, Hard, Message, Output, Record, Refusal, Vote, VoteTally,
};

use bytes::Bytes;
use quorate_core::{Effects, Input, Journaled, NodeId, NodeSet, Protocol, Time, To};
use std::collections::BTreeMap;

/// What it assumes, as the catalogue declares it.
pub const PROTOCOL: quorate_contract::ProtocolName = quorate_contract::ProtocolName::MajorityCommit;

/// One node of a majority commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Majority {
    config: Config,
    me: NodeId,
    hard: Journaled<Hard>,
    round: Option<CommitRound>,
    committed: Option<Bytes>,
    violation: Option<&'static str>,
}

/// The leader's round.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CommitRound {
    /// What is proposed; until a quorum has promised, what was asked for.
    vote: Vote,
    promised: NodeSet,
    /// The accepted vote of the highest ballot that a promise has told of.
    found: Option<Vote>,
    proposed: bool,
    /// What each node has acknowledged: its first answer counts, however often it comes.
    acks: BTreeMap<NodeId, Bytes>,
    agreed: bool,
    closed: bool,
}

impl Protocol for Majority {
    type Config = Config;
    type Hard = Hard;
    type Message = Message;
    type Eager = Eager;
    type Timer = Deadline;
    type Request = Commit;
    type Output = Output;
    type EagerOutput = Output;

    fn recover(config: &Config, me: NodeId, hard: Journaled<Hard>) -> Self {
        Self {
            config: config.clone(),
            me,
            hard,
            round: None,
            committed: None,
            violation: None,
        }
    }

    fn step(&mut self, _now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Request(Commit(value)) => self.on_commit(value, out),
            Input::Message(from, message) => self.on_message(from, message, out),
            Input::Timer(Deadline) => self.close(out),
            Input::Start | Input::Coin { .. } => {}
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        match self.violation {
            Some(rule) => Err(format!("{rule} ({:?})", self.hard)),
            None => Ok(()),
        }
    }
}

impl Majority {
    /// What is committed, as far as this node knows.
    pub fn committed(&self) -> Option<&Bytes> {
        self.committed.as_ref()
    }

    /// All that survives a crash.
    pub fn hard(&self) -> &Hard {
        &self.hard
    }

    fn leads(&self) -> bool {
        self.me == self.config.leader
    }

    /// Whether this node's own disk is counted.
    fn votes(&self) -> bool {
        !self.leads() || self.config.quorum == QuorumRule::OfAll
    }

    fn send_to_followers(&self, message: &Message, out: &mut Effects<Self>) {
        for node in NodeId::all(self.config.nodes).filter(|node| *node != self.me) {
            out.send(To::One(node), message.clone());
        }
    }

    fn on_commit(&mut self, value: Bytes, out: &mut Effects<Self>) {
        if !self.leads() {
            let leader = self.config.leader;
            return out.output_eager(Output::Refused(Refusal::NotLeader { leader }));
        }
        if self.round.is_some() {
            return out.output_eager(Output::Refused(Refusal::Busy));
        }
        let simple = self.config.order == PrepareRule::Simple;
        let ballot = if simple { 0 } else { self.hard.promised + 1 };
        // COMMIT has no way to find out what it proposed before a crash, except its own disk.
        let earlier = self.hard.accepted.clone().filter(|_| simple);
        let vote = earlier.unwrap_or(Vote { ballot, value });
        self.round = Some(CommitRound {
            vote,
            promised: NodeSet::EMPTY,
            found: None,
            proposed: false,
            acks: BTreeMap::new(),
            agreed: false,
            closed: false,
        });
        if let Some(deadline) = self.config.deadline {
            out.arm(Deadline, deadline, deadline);
        }
        if !simple {
            self.hard.write(Record::Promised { ballot }, out);
            self.send_to_followers(&Message::Prepare { ballot }, out);
        }
        if self.config.order != PrepareRule::PromiseFirst {
            self.propose_to(NodeSet::all(self.config.nodes), out);
        } else if self.votes() {
            let accepted = self.hard.accepted.clone();
            out.send(To::One(self.me), Message::Promise { ballot, accepted });
        }
    }

    /// Writes the proposal down, and sends it to the followers in `to`. The leader counts itself
    /// when its own write is durable, by a message to itself.
    fn propose_to(&mut self, to: NodeSet, out: &mut Effects<Self>) {
        let Some(round) = &mut self.round else { return };
        let vote = round.vote.clone();
        if !std::mem::replace(&mut round.proposed, true) {
            if self.hard.accepted.as_ref() != Some(&vote) {
                self.hard.write(Record::Accepted(vote.clone()), out);
            }
            if self.votes() {
                out.send(To::One(self.me), Message::Ack(vote.clone()));
            }
        }
        for node in to.iter().filter(|node| *node != self.me) {
            out.send(To::One(node), Message::Propose(vote.clone()));
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, out: &mut Effects<Self>) {
        let of_leader = from == self.config.leader && !self.leads();
        if from.0 >= self.config.nodes.into() {
            return;
        }
        match message {
            Message::Prepare { ballot } if of_leader => self.on_prepare(ballot, out),
            Message::Propose(vote) if of_leader => self.on_propose(vote, out),
            Message::Committed { value } if of_leader => self.commit(value, out),
            Message::Promise { ballot, accepted } => self.on_promise(from, ballot, accepted, out),
            Message::Ack(vote) => self.on_ack(from, vote, out),
            // The driver vouches for `from`. Where it cannot, a node that pretends to be the
            // leader is obeyed: there is no defence (doc 000, the trace with a liar).
            Message::Prepare { .. } | Message::Propose(_) | Message::Committed { .. } => {}
        }
    }

    /// A repeated question gets the same answer (doc 000, idempotent vote handling).
    fn on_prepare(&mut self, ballot: u64, out: &mut Effects<Self>) {
        if ballot < self.hard.promised {
            return;
        }
        if ballot > self.hard.promised {
            self.hard.write(Record::Promised { ballot }, out);
        }
        let accepted = self.hard.accepted.clone();
        let leader = To::One(self.config.leader);
        out.send(leader, Message::Promise { ballot, accepted });
    }

    fn on_propose(&mut self, vote: Vote, out: &mut Effects<Self>) {
        if vote.ballot < self.hard.promised {
            return;
        }
        if vote.ballot > self.hard.promised {
            self.violation = Some("nothing is accepted before it is promised");
        }
        if self.hard.accepted.as_ref() != Some(&vote) {
            self.hard.write(Record::Accepted(vote.clone()), out);
        }
        let leader = To::One(self.config.leader);
        match self.config.acknowledge {
            Acknowledge::Durable => out.send(leader, Message::Ack(vote)),
            Acknowledge::AtOnce => out.send_eager(leader, Eager::Ack(vote)),
        }
    }

    fn on_promise(
        &mut self,
        from: NodeId,
        ballot: u64,
        accepted: Option<Vote>,
        out: &mut Effects<Self>,
    ) {
        let quorum = self.config.quorum();
        let waits = self.config.order == PrepareRule::PromiseFirst;
        let Some(round) = self.round.as_mut().filter(|round| !round.closed) else {
            return;
        };
        if ballot != round.vote.ballot || !waits || !round.promised.insert(from) {
            return;
        }
        if round.proposed {
            return self.propose_to(NodeSet::from_iter([from]), out);
        }
        if accepted.as_ref().map(|vote| vote.ballot) > round.found.as_ref().map(|v| v.ballot) {
            round.found = accepted;
        }
        if round.promised.len() >= quorum {
            // What may be committed already is proposed again, under the new ballot.
            if let Some(found) = round.found.take() {
                round.vote.value = found.value;
            }
            let promised = round.promised;
            self.propose_to(promised, out);
        }
    }

    fn on_ack(&mut self, from: NodeId, vote: Vote, out: &mut Effects<Self>) {
        let (quorum, voters) = (self.config.quorum(), self.config.voters());
        let Some(round) = self.round.as_mut().filter(|round| !round.closed) else {
            return;
        };
        if vote.ballot != round.vote.ballot || !round.proposed || round.acks.contains_key(&from) {
            return;
        }
        round.acks.insert(from, vote.value.clone());
        let proposed = &round.vote.value;
        let (counted, announced) = match self.config.count {
            Count::SameContent => {
                let same = round.acks.values().filter(|value| *value == proposed);
                (same.count(), proposed.clone())
            }
            Count::AnyContent => (round.acks.len(), vote.value),
        };
        let all = round.acks.len() == voters;
        if counted >= quorum && !std::mem::replace(&mut round.agreed, true) {
            for node in NodeId::all(self.config.nodes).filter(|node| *node != self.me) {
                let value = announced.clone();
                out.send_eager(To::One(node), Eager::Committed { value });
            }
            self.commit(announced, out);
        }
        if all {
            self.close(out);
        }
    }

    fn commit(&mut self, value: Bytes, out: &mut Effects<Self>) {
        match &self.committed {
            Some(known) if *known != value => {
                self.violation = Some("agreement: two values are committed");
            }
            Some(_) => {}
            None => {
                self.committed = Some(value.clone());
                out.output_eager(Output::Committed { value });
            }
        }
    }

    /// All have answered, or the deadline has passed. An acknowledgement that comes later is not
    /// counted: what it says is true, but the leader has told its client that it does not know.
    fn close(&mut self, out: &mut Effects<Self>) {
        let (quorum, voters) = (self.config.quorum(), self.config.voters());
        let Some(round) = self.round.as_mut().filter(|round| !round.closed) else {
            return;
        };
        round.closed = true;
        out.disarm(Deadline);
        let mut counts: Vec<(&Bytes, usize)> = vec![];
        for value in round.acks.values() {
            match counts.iter_mut().find(|(known, _)| *known == value) {
                Some((_, count)) => *count += 1,
                None => counts.push((value, 1)),
            }
        }
        let winning = counts.iter().rev().max_by_key(|(_, count)| *count);
        out.output_eager(Output::Tally(VoteTally {
            acks: round.acks.len(),
            voters,
            quorum,
            agreed: round.agreed,
            tampered_seen: round.acks.values().any(|value| *value != round.vote.value),
            winning: winning.map(|(value, _)| (*value).clone()),
        }));
    }
}
