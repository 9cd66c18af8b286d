//! Client sessions: a repeated request is applied once (Raft thesis, 6.3).
//!
//! Part of the replicated state: every replica holds the same sessions at the same log index, and
//! they travel in snapshots.

use quorate_kv as kv;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The log index of the entry that opened the session: unique for ever, on every replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u64);

/// What became of a write when it was first applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    /// The store's revision right after.
    pub(crate) revision: i64,
    pub(crate) result: Result<kv::Response, kv::Error>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    /// The log index of its last use.
    used: u64,
    settled: u64,
    /// Answers to writes not settled yet, bounded by the window.
    answers: BTreeMap<u64, Arc<Applied>>,
}

/// All sessions of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sessions {
    open: BTreeMap<SessionId, Session>,
}

/// What to do with a write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is new: apply it.
    Fresh,
    /// It was applied before; this was the answer.
    Duplicate(Arc<Applied>),
    /// The client has settled it: never apply it.
    Settled,
    /// The session is unknown or was evicted: never apply it.
    Expired,
    /// It runs too far ahead: never apply it.
    OutsideWindow,
}

impl Sessions {
    /// Opens a session named by the log index of the entry that asks for it. Evicts the session
    /// used least recently when there are more than `limit`.
    pub(crate) fn open(&mut self, index: u64, limit: usize) -> SessionId {
        while self.open.len() >= limit.max(1) {
            let oldest = self
                .open
                .iter()
                .min_by_key(|(id, session)| (session.used, **id));
            let Some(oldest) = oldest.map(|(id, _)| *id) else {
                break;
            };
            self.open.remove(&oldest);
        }
        let id = SessionId(index);
        self.open.insert(
            id,
            Session {
                used: index,
                settled: 1,
                answers: BTreeMap::new(),
            },
        );
        id
    }

    /// Judges the write `seq` of session `id`, used at log index `index`.
    pub(crate) fn judge(
        &mut self,
        index: u64,
        id: SessionId,
        seq: u64,
        settled: u64,
        window: u64,
    ) -> Verdict {
        let Some(session) = self.open.get_mut(&id) else {
            return Verdict::Expired;
        };
        session.used = index;
        if settled > session.settled {
            session.settled = settled;
            session.answers = session.answers.split_off(&settled);
        }
        if seq < session.settled {
            return Verdict::Settled;
        }
        if let Some(applied) = session.answers.get(&seq) {
            return Verdict::Duplicate(Arc::clone(applied));
        }
        if seq - session.settled >= window {
            return Verdict::OutsideWindow;
        }
        Verdict::Fresh
    }

    /// Keeps the answer to a write that was just applied.
    pub(crate) fn keep(&mut self, id: SessionId, seq: u64, applied: Arc<Applied>) {
        if let Some(session) = self.open.get_mut(&id) {
            session.answers.insert(seq, applied);
        }
    }

    /// How many sessions are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 4;

    fn applied(revision: i64) -> Arc<Applied> {
        Arc::new(Applied {
            revision,
            result: Err(kv::Error::EmptyKey),
        })
    }

    #[test]
    fn a_repetition_gets_the_first_answer_until_it_is_settled() {
        let mut sessions = Sessions::default();
        let id = sessions.open(7, 10);
        assert_eq!(sessions.judge(8, id, 1, 1, WINDOW), Verdict::Fresh);
        sessions.keep(id, 1, applied(5));
        assert_eq!(
            sessions.judge(9, id, 1, 1, WINDOW),
            Verdict::Duplicate(applied(5))
        );
        assert_eq!(sessions.judge(10, id, 2, 2, WINDOW), Verdict::Fresh);
        assert_eq!(sessions.judge(11, id, 1, 1, WINDOW), Verdict::Settled);
    }

    /// Requests of one session may be applied in any order: a proxy has many in flight.
    #[test]
    fn order_does_not_matter_within_the_window() {
        let mut sessions = Sessions::default();
        let id = sessions.open(7, 10);
        assert_eq!(sessions.judge(8, id, 4, 1, WINDOW), Verdict::Fresh);
        sessions.keep(id, 4, applied(5));
        assert_eq!(sessions.judge(9, id, 5, 1, WINDOW), Verdict::OutsideWindow);
        assert_eq!(sessions.judge(10, id, 2, 1, WINDOW), Verdict::Fresh);
    }

    #[test]
    fn the_session_used_least_recently_is_evicted_and_never_comes_back() {
        let mut sessions = Sessions::default();
        let (a, b) = (sessions.open(1, 2), sessions.open(2, 2));
        assert_eq!(sessions.judge(3, a, 1, 1, WINDOW), Verdict::Fresh);
        let c = sessions.open(4, 2);
        assert_eq!(sessions.len(), 2);
        assert_eq!(sessions.judge(5, b, 1, 1, WINDOW), Verdict::Expired);
        assert_eq!(sessions.judge(6, a, 1, 1, WINDOW), Verdict::Fresh);
        assert_eq!(sessions.judge(7, c, 1, 1, WINDOW), Verdict::Fresh);
    }
}
