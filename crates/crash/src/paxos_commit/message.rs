//! What nodes say to each other and keep on disk.

use crate::commit_outcome::CommitOutcome;
use quorate_core::{NodeId, NodeSet};
use serde::{Deserialize, Serialize};

/// The number of a proposal, the same in all instances. Each but the first belongs to one node; the
/// first belongs in each instance to the participant whose vote it is about.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Ballot {
    /// Counts up; 0 for the participants' own votes.
    pub round: u64,
    /// Whose it is.
    pub node: NodeId,
}

impl Ballot {
    /// That of the participants' own votes.
    pub const FIRST: Self = Self {
        round: 0,
        node: NodeId(0),
    };
}

/// What was accepted in all instances together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AcceptedVotes {
    /// Under this number.
    pub ballot: Ballot,
    /// In the instances of these participants. All of them, but under the first number.
    pub heard: NodeSet,
    /// Of these, the vote is yes.
    pub prepared: NodeSet,
}

impl AcceptedVotes {
    /// Takes in what another acceptor has accepted: in each instance the greater number counts. A
    /// greater one than the first stands for all instances.
    pub fn merge(&mut self, other: Self) {
        if other.ballot > self.ballot {
            *self = other;
        } else if other.ballot == self.ballot {
            self.heard = self.heard.iter().chain(other.heard.iter()).collect();
            self.prepared = self.prepared.iter().chain(other.prepared.iter()).collect();
        }
    }
}

/// A message.
///
/// These wait for the disk: [`Vote`](Message::Vote), which its sender has accepted itself;
/// [`Prepare`](Message::Prepare), so that a leader which crashes does not use the number again;
/// [`Promise`](Message::Promise) and [`Accepted`](Message::Accepted), which are promises. The others
/// are [`Eager`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Phase 2a of the first number, in the sender's instance.
    Vote {
        /// The sender can commit.
        yes: bool,
    },
    /// Phase 1a in all instances: asks for a promise.
    Prepare {
        /// The number.
        ballot: Ballot,
    },
    /// Phase 1b: nothing with a smaller number is accepted here any more.
    Promise {
        /// As asked.
        ballot: Ballot,
        /// What was accepted here.
        accepted: AcceptedVotes,
    },
    /// Phase 2a of a leader, in all instances.
    Accept {
        /// The number.
        ballot: Ballot,
        /// Those whose vote is yes; no is proposed for all others.
        prepared: NodeSet,
    },
    /// Phase 2b in all instances. Under the first number: all votes are yes.
    Accepted {
        /// The number.
        ballot: Ballot,
    },
    /// A greater number has been promised: a leader may abandon its own.
    Rejected {
        /// That number.
        promised: Ballot,
    },
    /// How it ended.
    Outcome(CommitOutcome),
    /// How did it end?
    Ask,
}

/// What leaves at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Eager {
    /// The number is on the leader's disk since before it asked for promises, so it stands for these
    /// votes only.
    Accept {
        /// The number.
        ballot: Ballot,
        /// Those whose vote is yes.
        prepared: NodeSet,
    },
    /// A hint; nothing is promised by it.
    Rejected {
        /// The number promised.
        promised: Ballot,
    },
    /// Speaks of a quorum's disks.
    Outcome(CommitOutcome),
    /// A question.
    Ask,
}

impl From<Eager> for Message {
    fn from(eager: Eager) -> Self {
        match eager {
            Eager::Accept { ballot, prepared } => Self::Accept { ballot, prepared },
            Eager::Rejected { promised } => Self::Rejected { promised },
            Eager::Outcome(outcome) => Self::Outcome(outcome),
            Eager::Ask => Self::Ask,
        }
    }
}

/// What survives a crash: an acceptor's memory, and with it the node's own vote, which it accepts
/// before all others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// The greatest number promised. A node's own numbers are promised to itself first.
    pub promised: Ballot,
    /// What was accepted with the greatest number.
    pub accepted: AcceptedVotes,
}

/// One change of [`Hard`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// A promise.
    Promised {
        /// The number.
        ballot: Ballot,
    },
    /// An acceptance, which is a promise too.
    Accepted(AcceptedVotes),
}

impl quorate_core::Hard for Hard {
    type Record = Record;

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Promised { ballot } => self.promised = self.promised.max(*ballot),
            Record::Accepted(accepted) => {
                self.promised = self.promised.max(accepted.ballot);
                self.accepted = *accepted;
            }
        }
    }
}

/// The outcome has not been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Untold;
