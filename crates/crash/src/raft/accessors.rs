//! What the layer above may look at.

use super::role::State;
use super::{Config, Configuration, Hard, Log, Progress, Raft, Refusal, Role};
use quorate_core::NodeId;
use std::sync::Arc;

impl Raft {
    /// This node's part in its term.
    pub fn role(&self) -> Role {
        match self.state.role() {
            Role::Follower if !self.voter || self.removed => Role::Learner,
            role => role,
        }
    }

    /// Who takes part, by the latest configuration in the log, committed or not (Raft §6).
    pub fn configuration(&self) -> &Arc<Configuration> {
        &self.configuration
    }

    /// Whether a committed configuration lacks this node, which was a member before. It takes no
    /// part any more.
    pub fn is_removed(&self) -> bool {
        self.removed
    }

    /// The term.
    pub fn term(&self) -> u64 {
        self.hard.term
    }

    /// The leader of the term, as far as it is known.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// The index up to which entries are known to be committed.
    pub fn commit(&self) -> u64 {
        self.commit
    }

    /// The index of the last entry.
    pub fn last_index(&self) -> u64 {
        self.hard.log.last().index
    }

    /// What happened that cannot happen in the failure model, if anything did: the node has to be
    /// stopped. It sends nothing and grants nothing any more.
    pub fn violation(&self) -> Option<&'static str> {
        self.violation.or_else(|| self.hard.check().err())
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.hard.log
    }

    /// All that survives a crash.
    pub fn hard(&self) -> &Hard {
        &self.hard
    }

    /// What this node was configured with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// For a leader: how far each member is, itself included, in order. Empty otherwise.
    pub fn progress(&self) -> &[Progress] {
        match &self.state {
            State::Leader(leader) => &leader.progress,
            _ => &[],
        }
    }

    /// For a leader: the size of what waits for a quorum.
    pub fn uncommitted_bytes(&self) -> usize {
        match &self.state {
            State::Leader(leader) => leader.uncommitted,
            _ => 0,
        }
    }

    /// Whether this node leads and has committed an entry of its own term: only then does it know
    /// all that is committed (Raft §8).
    pub fn is_leader_with_own_term_commit(&self) -> bool {
        matches!(&self.state, State::Leader(leader) if self.commit >= leader.opened_at)
    }

    /// Whether a proposal of `len` bytes would be taken now.
    ///
    /// # Errors
    /// Why not.
    pub fn can_propose(&self, len: usize) -> Result<(), Refusal> {
        let State::Leader(leader) = &self.state else {
            return Err(Refusal::NotLeader {
                leader: self.leader,
            });
        };
        if leader.transfer.is_some() {
            return Err(Refusal::Transferring);
        }
        let bytes = leader.uncommitted.saturating_add(len);
        // One that is over the bound by itself gets through when it is alone.
        if leader.uncommitted > 0 && bytes > self.config.max_uncommitted_bytes {
            return Err(Refusal::Busy);
        }
        Ok(())
    }
}
