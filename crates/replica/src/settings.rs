//! What the state machine depends on, beside the log: part of the replicated state.

use serde::{Deserialize, Serialize};

/// The bounds that decide what an entry comes to. They are part of the replicated state and of its
/// digest and travel in snapshots; local configuration never enters. Two replicas that applied the
/// same log under different bounds would hold different states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Settings {
    /// Client sessions. Beyond: the one used least recently is evicted.
    pub sessions: u64,
    /// Unsettled writes of one session. Beyond: [`crate::Refusal::SessionWindow`].
    pub session_window: u64,
    /// Bytes of one kept answer. Beyond: the answer is given once and not kept, and a repetition
    /// ends as [`crate::Uncertainty::AnswerForgotten`].
    pub answer_bytes: u64,
    /// Bytes of the answers kept for one session. Beyond: its oldest large answers are forgotten.
    pub session_bytes: u64,
    /// Bytes of the answers kept in all, those that say no more than "applied" included. Beyond:
    /// the oldest large answers are forgotten; when none is left, the session used least recently
    /// is evicted.
    pub answers_bytes: u64,
}

impl Settings {
    /// Those of every cluster at its first entry. They are part of feature level 1 and never change:
    /// a replica that replays a log from its beginning must do so under the settings that the log was
    /// written under. A version that wants others raises the level, with an entry that says so.
    pub const FOUNDING: Self = Self {
        sessions: 1024,
        session_window: 8192,
        // The previous value of one key, of the largest size that a request may have.
        answer_bytes: 2 << 20,
        session_bytes: 8 << 20,
        answers_bytes: 64 << 20,
    };
}

impl Default for Settings {
    fn default() -> Self {
        Self::FOUNDING
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    /// A change of these figures would split a cluster whose members replay the same log with two
    /// versions of the software, and no message would say so.
    #[test]
    fn founding_settings_never_change() {
        let digest = Machine::founding(Settings::FOUNDING).digest();
        assert_eq!(format!("{digest:016x}"), "58fa67f49700a16a");
    }
}
