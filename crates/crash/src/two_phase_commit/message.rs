//! What nodes say to each other and keep on disk.

use crate::commit_outcome::CommitOutcome;
use serde::{Deserialize, Serialize};

/// A message.
///
/// These wait for the disk: [`Vote`](Message::Vote), a promise, and the
/// [`Outcome`](Message::Outcome) where its sender has just decided it. The others are [`Eager`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// The coordinator asks for a vote.
    Prepare,
    /// A participant's vote. With yes it has given up its right to abort by itself.
    Vote {
        /// It can commit.
        yes: bool,
    },
    /// A participant that has voted yes asks how it ended.
    Ask,
    /// How it ended.
    Outcome(CommitOutcome),
}

/// What leaves at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Eager {
    /// A question.
    Prepare,
    /// A question.
    Ask,
    /// Passed on: it is on the disk of the node that decided it.
    Outcome(CommitOutcome),
    /// A vote that is not backed by the disk: the lesson
    /// [`VoteRule::AtOnce`](super::VoteRule::AtOnce), never used otherwise.
    Vote {
        /// It can commit.
        yes: bool,
    },
}

impl From<Eager> for Message {
    fn from(eager: Eager) -> Self {
        match eager {
            Eager::Prepare => Self::Prepare,
            Eager::Ask => Self::Ask,
            Eager::Outcome(outcome) => Self::Outcome(outcome),
            Eager::Vote { yes } => Self::Vote { yes },
        }
    }
}

/// What survives a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hard {
    /// A participant's vote. A vote for no decides as well.
    pub vote: Option<bool>,
    /// The coordinator's decision. While there is none, none was sent: so none means abort to a
    /// coordinator that comes back.
    pub outcome: Option<CommitOutcome>,
}

/// One change of [`Hard`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Record {
    /// A participant votes.
    Voted {
        /// It can commit.
        yes: bool,
    },
    /// The coordinator decides.
    Decided(CommitOutcome),
}

impl quorate_core::Hard for Hard {
    type Record = Record;

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Voted { yes } => self.vote = Some(*yes),
            Record::Decided(outcome) => self.outcome = Some(*outcome),
        }
    }
}

/// An answer has not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskAgain;
