//! What a protocol is to achieve: the problem that a contract asks to have solved.

use crate::failure::{FailureModel, Failures};
use serde::{Serialize, Serializer};
use std::fmt;

/// What is to be achieved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Problem {
    /// One log on all replicas, served to clients from outside.
    #[default]
    Log,
    /// All correct replicas decide one of the values that were proposed, and all decide in the end.
    Consensus,
    /// As consensus, and what a faulty replica decides is no other value.
    UniformConsensus,
    /// If one correct replica delivers, all do, the same; a faulty sender may leave all waiting.
    ReliableBroadcast,
    /// As reliable broadcast, and what a faulty replica delivers all correct ones deliver.
    UniformReliableBroadcast,
    /// All correct replicas deliver what one sender sent, or agree that it is faulty (terminating
    /// reliable broadcast; Byzantine broadcast among liars).
    TerminatingBroadcast,
    /// All commit or all abort; commit only if all are for it, and if all are and nothing fails or is
    /// late (Gray and Lamport 2006).
    AtomicCommit,
    /// A register that reads and writes as if it were one (linearizable), without agreement.
    Register,
    /// As uniform consensus, but so many different decisions at most.
    KSet(u8),
    /// Two parties act together by a deadline, or not at all.
    CoordinatedAttack,
}

impl Problem {
    /// Every problem; of k-set agreement that with two decisions.
    pub const ALL: [Problem; 10] = [
        Problem::Log,
        Problem::Consensus,
        Problem::UniformConsensus,
        Problem::ReliableBroadcast,
        Problem::UniformReliableBroadcast,
        Problem::TerminatingBroadcast,
        Problem::AtomicCommit,
        Problem::Register,
        Problem::KSet(2),
        Problem::CoordinatedAttack,
    ];

    /// The name used in contract files and data.
    pub const fn name(self) -> &'static str {
        match self {
            Problem::Log => "log",
            Problem::Consensus => "consensus",
            Problem::UniformConsensus => "uniform-consensus",
            Problem::ReliableBroadcast => "reliable-broadcast",
            Problem::UniformReliableBroadcast => "uniform-reliable-broadcast",
            Problem::TerminatingBroadcast => "terminating-broadcast",
            Problem::AtomicCommit => "atomic-commit",
            Problem::Register => "register",
            Problem::KSet(_) => "k-set",
            Problem::CoordinatedAttack => "coordinated-attack",
        }
    }

    /// What it is called in reports.
    pub const fn title(self) -> &'static str {
        match self {
            Problem::Log => "replicated log",
            Problem::Consensus => "consensus",
            Problem::UniformConsensus => "uniform consensus",
            Problem::ReliableBroadcast => "reliable broadcast",
            Problem::UniformReliableBroadcast => "uniform reliable broadcast",
            Problem::TerminatingBroadcast => "terminating broadcast",
            Problem::AtomicCommit => "atomic commit",
            Problem::Register => "register",
            Problem::KSet(_) => "k-set agreement",
            Problem::CoordinatedAttack => "coordinated attack",
        }
    }

    /// Does it bind what faulty replicas decide or deliver? Liars cannot be bound.
    pub const fn is_uniform(self) -> bool {
        matches!(
            self,
            Problem::UniformConsensus | Problem::UniformReliableBroadcast | Problem::KSet(_)
        )
    }

    /// What is left of it where liars cannot be bound.
    pub fn among(self, failures: &Failures) -> Problem {
        match self {
            Problem::UniformConsensus if failures.has_liars() => Problem::Consensus,
            problem => problem,
        }
    }

    /// Does it end in one decision that all have to share?
    pub const fn agrees(self) -> bool {
        matches!(
            self,
            Problem::Log
                | Problem::Consensus
                | Problem::UniformConsensus
                | Problem::TerminatingBroadcast
                | Problem::AtomicCommit
        )
    }

    /// Does whatever solves this problem among `n` replicas solve the other one, with local work only?
    pub fn gives(self, other: Problem, n: usize, failures: &Failures) -> bool {
        use Problem::{
            Consensus, KSet, Log, Register, ReliableBroadcast, TerminatingBroadcast,
            UniformConsensus, UniformReliableBroadcast,
        };
        // A broadcast binds the replicas that are correct. Those that merely omit answer clients as
        // well, and may have delivered something else; liars are outvoted by their clients.
        let binds_all = failures.tolerate == 0
            || failures.model.is_within(FailureModel::CrashStop)
            || failures.has_liars();
        if other.is_uniform() && failures.has_liars() {
            return false;
        }
        let outvoted = !failures.has_liars() || n > failures.tolerate + failures.liars();
        match (self, other) {
            (one, other) if one == other => true,
            (KSet(few), KSet(many)) => few <= many,
            // An entry of the log for each value, write or message.
            (
                Log | UniformConsensus,
                Log
                | UniformConsensus
                | Consensus
                | Register
                | KSet(_)
                | UniformReliableBroadcast
                | ReliableBroadcast,
            ) => true,
            // Each proposes by broadcast, and all choose among what all have.
            (TerminatingBroadcast, ReliableBroadcast) => true,
            (TerminatingBroadcast, Consensus) => outvoted,
            (TerminatingBroadcast, Log | UniformConsensus) => outvoted && binds_all,
            (UniformReliableBroadcast, ReliableBroadcast) => true,
            // A sender that cannot fail is waited for.
            (UniformReliableBroadcast | ReliableBroadcast, TerminatingBroadcast) => {
                failures.tolerate == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::KSet(k) => write!(f, "{k}-set agreement"),
            problem => f.write_str(problem.title()),
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Problem::KSet(k) => serializer.collect_str(&format_args!("{k}-set")),
            problem => serializer.serialize_str(problem.name()),
        }
    }
}
