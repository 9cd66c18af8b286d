//! Client sessions: a repeated request is applied once (Raft thesis, 6.3).
//!
//! Part of the replicated state: every replica holds the same sessions at the same log index, and
//! they travel in snapshots. What they hold is bounded in number and in bytes by [`Settings`], and
//! the rules at the bounds depend on the log alone. That a write was applied is never forgotten
//! while its session lives; its answer may be.

mod answer;
mod window;

use crate::settings::Settings;
pub(crate) use answer::{Answer, Applied, Kept};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use window::AnswerWindow;
use xxhash_rust::xxh3::xxh3_64;

/// The log index of the entry that opened the session: never used twice, and the same on every replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u64);

#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The log index of its last use.
    pub(crate) used: u64,
    /// What is settled, and the answers to what is not.
    window: AnswerWindow,
    /// Those that can be forgotten, as (applied at, number): the oldest first.
    large: OrdMap<u64, u64>,
    /// What they count for.
    bytes: u64,
}

/// All sessions of a cluster. A clone shares what neither changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    open: OrdMap<SessionId, Session>,
    kept: Totals,
}

/// What the answers of all sessions come to.
#[derive(Clone, Debug, Default, PartialEq)]
struct Totals {
    /// Those that can be forgotten, by the index at which they were applied.
    large: OrdMap<u64, (SessionId, u64)>,
    /// What all count for.
    bytes: u64,
    /// The sum, modulo 2⁶⁴, of the hashes of sessions and answers: kept up to date change by
    /// change, so that the digest of the state costs nothing.
    sum: u64,
}

/// What to do with a write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is new: apply it.
    Fresh,
    /// It was applied before; this was the answer.
    Duplicate(Arc<Applied>),
    /// It was applied before and made this revision; the answer is not kept.
    AnswerForgotten { revision: i64 },
    /// The client has settled it: never apply it.
    Settled,
    /// The session is unknown or was evicted: never apply it.
    Expired,
    /// It runs too far ahead: never apply it.
    OutsideWindow,
}

impl Sessions {
    /// Opens a session named by the log index of the entry that asks for it. Evicts the session
    /// used least recently when there are more than the settings allow.
    pub(crate) fn open(&mut self, index: u64, settings: &Settings) -> SessionId {
        while self.open.len() as u64 >= settings.sessions.max(1) {
            if !self.evict_other_than(SessionId(index)) {
                break;
            }
        }
        let id = SessionId(index);
        self.insert(id, index, 1);
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
        let before = session.hash(id);
        session.used = index;
        while let Some((seq, answer)) = session.window.settle(settled) {
            if let Some(answer) = answer {
                self.kept.subtract(session, id, seq, &answer);
            }
        }
        let after = session.hash(id);
        self.kept.sum = self.kept.sum.wrapping_sub(before).wrapping_add(after);
        if seq < session.settled() {
            return Verdict::Settled;
        }
        match session.window.get(seq).map(|answer| &answer.kept) {
            Some(Kept::Whole(applied)) => Verdict::Duplicate(Arc::clone(applied)),
            Some(Kept::Forgotten { revision }) => Verdict::AnswerForgotten {
                revision: *revision,
            },
            None if seq - session.settled() >= window => Verdict::OutsideWindow,
            None => Verdict::Fresh,
        }
    }

    /// Keeps the answer to a write that was applied at `index`, as far as the bounds allow.
    pub(crate) fn keep(
        &mut self,
        index: u64,
        id: SessionId,
        seq: u64,
        applied: Arc<Applied>,
        settings: &Settings,
    ) {
        self.insert_answer(id, seq, Answer::new(index, applied, settings.answer_bytes));
        while let Some(session) = self.open.get(&id)
            && session.bytes > settings.session_bytes
            && let Some(&(_, oldest)) = session.large.get_min()
        {
            self.forget(id, oldest);
        }
        while self.kept.bytes > settings.answers_bytes {
            if let Some(&(_, (oldest, seq))) = self.kept.large.get_min() {
                self.forget(oldest, seq);
            } else if !self.evict_other_than(id) {
                break;
            }
        }
    }

    /// Adds a session without answers. It is not there yet.
    pub(crate) fn insert(&mut self, id: SessionId, used: u64, settled: u64) {
        let session = Session {
            used,
            window: AnswerWindow::new(settled),
            large: OrdMap::new(),
            bytes: 0,
        };
        self.kept.sum = self.kept.sum.wrapping_add(session.hash(id));
        self.open.insert(id, session);
    }

    /// Adds an answer to a session, if it is there and the write is not settled; it takes the place of
    /// the one that was. `seq` lies within the window.
    pub(crate) fn insert_answer(&mut self, id: SessionId, seq: u64, answer: Answer) {
        let Some(session) = self.open.get_mut(&id).filter(|it| seq >= it.settled()) else {
            return;
        };
        if let Some(before) = session.window.get(seq).cloned() {
            self.kept.subtract(session, id, seq, &before);
        }
        self.kept.add(session, id, seq, &answer);
        session.window.insert(seq, answer);
    }

    /// Forgets a large answer, and not that the write was applied.
    fn forget(&mut self, id: SessionId, seq: u64) {
        let session = self.open.get(&id);
        if let Some(answer) = session.and_then(|session| session.window.get(seq)) {
            self.insert_answer(id, seq, answer.clone().forgotten());
        }
    }

    /// Evicts the session used least recently, but for this one. Returns whether there was one.
    fn evict_other_than(&mut self, id: SessionId) -> bool {
        let others = self.open.iter().filter(|(other, _)| **other != id);
        let oldest = others.min_by_key(|(other, session)| (session.used, **other));
        let Some(oldest) = oldest.map(|(oldest, _)| *oldest) else {
            return false;
        };
        if let Some(session) = self.open.remove(&oldest) {
            let kept = &mut self.kept;
            kept.bytes -= session.bytes;
            kept.sum = kept.sum.wrapping_sub(session.hash(oldest));
            for (seq, answer) in session.window.from(0) {
                kept.sum = kept.sum.wrapping_sub(answer.hash(oldest, seq));
            }
            for (index, _) in &session.large {
                kept.large.remove(index);
            }
        }
        true
    }

    /// A seeded defect: the answers are gone.
    pub(crate) fn lose_answers(&mut self) {
        for (id, session) in std::mem::take(self).open {
            self.insert(id, session.used, session.settled());
        }
    }

    /// How many sessions are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// What the kept answers count for.
    pub(crate) fn bytes(&self) -> u64 {
        self.kept.bytes
    }

    /// One number for all that they hold.
    pub(crate) fn sum(&self) -> u64 {
        self.kept.sum
    }

    /// The sessions from this one on, in order.
    pub(crate) fn from(&self, id: SessionId) -> impl Iterator<Item = (SessionId, &Session)> {
        self.open.range(id..).map(|(id, session)| (*id, session))
    }
}

impl Session {
    /// Writes with a lower number are settled.
    pub(crate) fn settled(&self) -> u64 {
        self.window.settled()
    }

    /// The answers from this number on, in order.
    pub(crate) fn answers_from(&self, seq: u64) -> impl Iterator<Item = (u64, &Answer)> {
        self.window.from(seq)
    }

    fn hash(&self, id: SessionId) -> u64 {
        hash_words([0, id.0, self.used, self.settled()])
    }
}

impl Totals {
    /// An answer comes into a session.
    fn add(&mut self, session: &mut Session, id: SessionId, seq: u64, answer: &Answer) {
        if answer.is_large() {
            session.large.insert(answer.index, seq);
            self.large.insert(answer.index, (id, seq));
        }
        self.bytes += answer.bytes();
        session.bytes += answer.bytes();
        self.sum = self.sum.wrapping_add(answer.hash(id, seq));
    }

    /// An answer leaves a session.
    fn subtract(&mut self, session: &mut Session, id: SessionId, seq: u64, answer: &Answer) {
        if answer.is_large() {
            session.large.remove(&answer.index);
            self.large.remove(&answer.index);
        }
        self.bytes -= answer.bytes();
        session.bytes -= answer.bytes();
        self.sum = self.sum.wrapping_sub(answer.hash(id, seq));
    }
}

/// Hashes numbers in one byte order on every machine.
pub(crate) fn hash_words<const N: usize>(words: [u64; N]) -> u64 {
    xxh3_64(words.map(u64::to_le_bytes).as_flattened())
}

#[cfg(test)]
mod tests;
