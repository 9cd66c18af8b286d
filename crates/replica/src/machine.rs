//! The replicated state machine: the store, the sessions, and how far the log is applied.

use crate::entry::{self, Entry};
use crate::request::RequestId;
use crate::sessions::{Applied, SessionId, Sessions, Verdict, hash_words};
use crate::settings::Settings;
use quorate_core::Mutant;
use quorate_core::replicated::Payload;
use quorate_kv as kv;
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What all replicas hold alike after applying the same log. A clone is cheap, and frozen. Machines
/// compare and hash by what they have applied and their digest.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(crate) settings: Settings,
    pub(crate) store: kv::Store,
    pub(crate) sessions: Sessions,
    pub(crate) applied: AppliedPosition,
    /// The cluster's feature level by the last configuration applied.
    pub(crate) level: u16,
}

/// How far the log is applied, and a chain over all that was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct AppliedPosition {
    pub(crate) index: u64,
    pub(crate) term: u64,
    /// Hash of every payload applied, in order: two machines with the same chain took the same
    /// entries (doc 003: audit logs with content checksums).
    pub(crate) chain: u64,
    /// Bytes of log applied, from its very beginning.
    pub(crate) bytes: u64,
}

impl Default for Machine {
    fn default() -> Self {
        Self::founding(Settings::default())
    }
}

impl PartialEq for Machine {
    fn eq(&self, other: &Self) -> bool {
        (self.applied, self.digest()) == (other.applied, other.digest())
    }
}

impl Eq for Machine {}

impl Hash for Machine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.applied, self.digest()).hash(state);
    }
}

/// What an entry counts for beside its payload.
const ENTRY_OVERHEAD: u64 = 16;

/// What applying one entry came to.
#[derive(Debug)]
pub(crate) enum EntryEffect {
    /// The leader's empty entry.
    Nothing,
    /// A session was opened for the caller that used this nonce.
    Opened { nonce: u64, session: SessionId },
    /// A write was judged.
    Write {
        id: RequestId,
        verdict: WriteVerdict,
    },
    /// The entry has a format that this software does not know. Nothing was applied.
    TooNew {
        /// The format.
        format: u16,
    },
    /// The payload is not an entry of ours: a replica wrote what no correct one writes. Nothing was
    /// applied.
    Malformed,
    /// The entry does not follow the one applied last. Nothing was applied.
    OutOfOrder,
}

/// What became of a write.
#[derive(Debug)]
pub(crate) enum WriteVerdict {
    Applied(Arc<Applied>),
    Duplicate(Arc<Applied>),
    AnswerForgotten { revision: i64 },
    Settled,
    Expired,
    OutsideWindow,
}

impl Machine {
    /// The state before the first entry, of a cluster founded under these settings.
    pub fn founding(settings: Settings) -> Self {
        Self {
            settings,
            store: kv::Store::new(),
            sessions: Sessions::default(),
            applied: AppliedPosition::default(),
            level: 1,
        }
    }

    /// The bounds that its cluster has agreed on.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The store, for reads.
    pub fn store(&self) -> &kv::Store {
        &self.store
    }

    /// The log index that was applied last; 0 before the first.
    pub fn index(&self) -> u64 {
        self.applied.index
    }

    /// The term of that entry.
    pub fn term(&self) -> u64 {
        self.applied.term
    }

    /// The cluster's feature level, as of the last entry applied.
    pub fn level(&self) -> u16 {
        self.level
    }

    /// How many client sessions are open.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// What the answers kept for repetitions count for, in bytes.
    pub fn answer_bytes(&self) -> u64 {
        self.sessions.bytes()
    }

    /// One number for the whole state and the history that led to it: equal on every replica at
    /// the same index. Finds bugs and flipped bits, not a forger.
    pub fn digest(&self) -> u64 {
        let Settings {
            sessions,
            session_window,
            answer_bytes,
            session_bytes,
            answers_bytes,
        } = self.settings;
        hash_words([
            self.applied.chain,
            self.store.digest().0,
            self.sessions.sum(),
            sessions,
            session_window,
            answer_bytes,
            session_bytes,
            answers_bytes,
        ])
    }

    /// Applies the committed entry at `index`, which follows the last one.
    pub(crate) fn apply(
        &mut self,
        index: u64,
        term: u64,
        payload: &Payload,
        software: u16,
        mutant: Mutant,
    ) -> EntryEffect {
        if index != self.applied.index + 1 {
            return EntryEffect::OutOfOrder;
        }
        let entry = match payload {
            Payload::Command(command) => match entry::decode(command, software) {
                Ok(entry) => Some(entry),
                Err(entry::Unreadable::TooNew(_)) if mutant.is(Mutant::NewerEntrySkipped) => None,
                Err(entry::Unreadable::TooNew(format)) => return EntryEffect::TooNew { format },
                Err(entry::Unreadable::Malformed) => return EntryEffect::Malformed,
            },
            Payload::Empty | Payload::Configuration(_) => None,
        };
        if let Payload::Configuration(configuration) = payload {
            self.level = configuration.level;
        }
        let seed = self.applied.chain ^ index;
        let chain = match payload {
            Payload::Configuration(configuration) => {
                let bytes = postcard::to_stdvec(configuration).unwrap_or_default();
                xxh3_64_with_seed(&bytes, seed)
            }
            command => xxh3_64_with_seed(command.command(), seed),
        };
        let bytes = self.applied.bytes + payload.command().len() as u64 + ENTRY_OVERHEAD;
        self.applied = AppliedPosition {
            index,
            term,
            chain,
            bytes,
        };
        match entry {
            None => EntryEffect::Nothing,
            Some(Entry::OpenSession { nonce }) => {
                let session = self.sessions.open(index, &self.settings);
                EntryEffect::Opened { nonce, session }
            }
            Some(Entry::Command { id, command }) => EntryEffect::Write {
                id,
                verdict: self.write(index, id, &command, mutant),
            },
        }
    }

    fn write(
        &mut self,
        index: u64,
        id: RequestId,
        command: &kv::Command,
        mutant: Mutant,
    ) -> WriteVerdict {
        let RequestId {
            session,
            seq,
            settled,
        } = id;
        let window = self.settings.session_window;
        match self.sessions.judge(index, session, seq, settled, window) {
            Verdict::Fresh => {}
            Verdict::Duplicate(_) | Verdict::AnswerForgotten { .. }
                if mutant.is(Mutant::DuplicateApplied) => {}
            Verdict::Duplicate(applied) => return WriteVerdict::Duplicate(applied),
            Verdict::AnswerForgotten { revision } => {
                return WriteVerdict::AnswerForgotten { revision };
            }
            Verdict::Settled => return WriteVerdict::Settled,
            Verdict::Expired => return WriteVerdict::Expired,
            Verdict::OutsideWindow => return WriteVerdict::OutsideWindow,
        }
        let result = self.store.apply(command);
        let applied = Arc::new(Applied {
            revision: self.store.revision(),
            result,
        });
        let kept = Arc::clone(&applied);
        self.sessions
            .keep(index, session, seq, kept, &self.settings);
        WriteVerdict::Applied(applied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LEVEL;

    fn apply(machine: &mut Machine, index: u64) -> EntryEffect {
        machine.apply(index, 1, &Payload::Empty, LEVEL, Mutant::None)
    }

    /// The order of entries was checked by an assertion of debug builds alone: a release build would
    /// have applied an entry twice, or passed one over, without a word.
    #[test]
    fn an_entry_that_does_not_follow_the_last_one_is_not_applied() {
        let mut machine = Machine::default();
        for index in [1, 2] {
            assert!(matches!(apply(&mut machine, index), EntryEffect::Nothing));
        }
        let before = (machine.applied, machine.digest());
        for index in [0, 1, 2, 4, u64::MAX] {
            assert!(matches!(
                apply(&mut machine, index),
                EntryEffect::OutOfOrder
            ));
            assert_eq!((machine.applied, machine.digest()), before, "{index}");
        }
        assert!(matches!(apply(&mut machine, 3), EntryEffect::Nothing));
    }
}
