//! The specification: what a key-value store with revisions answers, as a state that can be undone.
//!
//! Written apart from the `kv` crate on purpose: a checker that shared code with what it judges
//! would share its mistakes.

use std::rc::Rc;

use bytes::Bytes;

use crate::history::{EMPTY_REVISION, Item, Reply, Response, Revision, Target};
use crate::plan::{CallBody, CallStep, KeyId};
use crate::text;

/// What the store holds under one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyState<'h> {
    pub(crate) value: &'h Bytes,
    pub(crate) created: Revision,
    pub(crate) modified: Revision,
    pub(crate) version: i64,
}

/// What is under a key, as text.
pub(crate) fn state_text(cell: Option<&KeyState<'_>>) -> String {
    match cell {
        None => "no such key".to_owned(),
        Some(cell) => format!(
            "{} (mod revision {}, created at {}, version {})",
            text::quote(cell.value),
            cell.modified,
            cell.created,
            cell.version
        ),
    }
}

/// The store at one revision.
#[derive(Clone, Debug)]
pub(crate) struct ModelStore<'h> {
    pub(crate) revision: Revision,
    keys: Rc<[&'h Bytes]>,
    cells: Vec<Option<KeyState<'h>>>,
}

/// What `undo` needs: the cells that were overwritten, oldest first.
pub(crate) type UndoLog<'h> = Vec<(KeyId, Option<KeyState<'h>>)>;

/// An answer that the store would not have given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch<'h> {
    /// The answer is of another kind than the question.
    Shape,
    /// The answer carries another revision.
    Revision { expected: Revision },
    /// A key holds something else.
    Holds {
        key: KeyId,
        expected: Option<KeyState<'h>>,
        answered: Option<&'h Item>,
    },
    /// A scan returned a key that no operation ever named, or out of order.
    Foreign { answered: &'h Item },
    /// Another number of keys was there to be deleted.
    Deleted { key: KeyId, expected: i64 },
    /// The compares of a transaction turn out the other way.
    Branch {
        succeeded: bool,
        first_key: Option<KeyId>,
    },
}

impl Mismatch<'_> {
    /// The key it is about, if it is about one.
    pub(crate) fn key(&self) -> Option<KeyId> {
        match self {
            Self::Holds { key, .. } | Self::Deleted { key, .. } => Some(*key),
            Self::Branch { first_key, .. } => *first_key,
            Self::Shape | Self::Revision { .. } | Self::Foreign { .. } => None,
        }
    }
}

impl<'h> ModelStore<'h> {
    /// An empty store over these keys, in key order.
    pub(crate) fn new(keys: Rc<[&'h Bytes]>) -> Self {
        let cells = vec![None; keys.len()];
        Self {
            revision: EMPTY_REVISION,
            keys,
            cells,
        }
    }

    pub(crate) fn get(&self, key: KeyId) -> Option<&KeyState<'h>> {
        self.cells.get(key as usize).and_then(Option::as_ref)
    }

    /// The keys present.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (KeyId, &KeyState<'h>)> {
        (0..)
            .zip(&self.cells)
            .filter_map(|(key, cell)| Some((key, cell.as_ref()?)))
    }

    /// Does `body` and compares what it gives with `answer`. Returns whether it wrote, and so took
    /// a revision. After an error the store is as it was.
    ///
    /// `cares` says which keys a scan is compared on.
    pub(crate) fn execute(
        &mut self,
        body: &CallBody<'h>,
        answer: Option<&'h Response>,
        log: &mut UndoLog<'h>,
        cares: impl Fn(KeyId) -> bool,
    ) -> Result<bool, Mismatch<'h>> {
        let mark = log.len();
        let before = self.revision;
        let result = self.run(body, answer.map(|answer| &answer.reply), log, &cares);
        let result = result.and_then(|wrote| {
            self.revision = before + Revision::from(wrote);
            match answer {
                Some(answer) if answer.revision != self.revision => Err(Mismatch::Revision {
                    expected: self.revision,
                }),
                _ => Ok(wrote),
            }
        });
        if result.is_err() {
            self.undo(log, mark, before);
        }
        result
    }

    /// Puts back what was overwritten since `log` was `mark` long.
    pub(crate) fn undo(&mut self, log: &mut UndoLog<'h>, mark: usize, revision: Revision) {
        for (key, cell) in log.drain(mark..).rev() {
            self.cells[key as usize] = cell;
        }
        self.revision = revision;
    }

    fn run(
        &mut self,
        body: &CallBody<'h>,
        reply: Option<&'h Reply>,
        log: &mut UndoLog<'h>,
        cares: &impl Fn(KeyId) -> bool,
    ) -> Result<bool, Mismatch<'h>> {
        let (compares, then, otherwise) = match body {
            CallBody::One(step) => return self.step(*step, reply, log, cares),
            CallBody::Txn {
                compares,
                then,
                otherwise,
            } => (compares, then, otherwise),
        };
        let holds = compares
            .iter()
            .all(|(key, compare)| self.compare(*key, &compare.equals));
        let replies = match reply {
            None => None,
            Some(Reply::Txn { succeeded, replies }) => {
                if *succeeded != holds {
                    let first_key = compares.first().map(|(key, _)| *key);
                    return Err(Mismatch::Branch {
                        succeeded: holds,
                        first_key,
                    });
                }
                Some(replies)
            }
            Some(_) => return Err(Mismatch::Shape),
        };
        let steps = if holds { then } else { otherwise };
        if replies.is_some_and(|replies| replies.len() != steps.len()) {
            return Err(Mismatch::Shape);
        }
        let mut wrote = false;
        for (at, step) in steps.iter().enumerate() {
            let reply = replies.and_then(|replies| replies.get(at));
            wrote |= self.step(*step, reply, log, cares)?;
        }
        Ok(wrote)
    }

    /// The steps that `body` would do in this state.
    pub(crate) fn branch<'b>(&self, body: &'b CallBody<'h>) -> &'b [CallStep<'h>] {
        match body {
            CallBody::One(step) => std::slice::from_ref(step),
            CallBody::Txn {
                compares,
                then,
                otherwise,
            } => {
                let holds = compares
                    .iter()
                    .all(|(key, compare)| self.compare(*key, &compare.equals));
                if holds { then } else { otherwise }
            }
        }
    }

    fn compare(&self, key: KeyId, equals: &Target) -> bool {
        let cell = self.get(key);
        match equals {
            Target::Value(value) => cell.is_some_and(|cell| cell.value == value),
            Target::ModRevision(revision) => cell.map_or(0, |cell| cell.modified) == *revision,
            Target::CreateRevision(revision) => cell.map_or(0, |cell| cell.created) == *revision,
            Target::Version(version) => cell.map_or(0, |cell| cell.version) == *version,
        }
    }

    fn step(
        &mut self,
        step: CallStep<'h>,
        reply: Option<&'h Reply>,
        log: &mut UndoLog<'h>,
        cares: &impl Fn(KeyId) -> bool,
    ) -> Result<bool, Mismatch<'h>> {
        match (step, reply) {
            (CallStep::Put(key, value), None | Some(Reply::Put)) => {
                let revision = self.revision + 1;
                let old = self.get(key);
                let new = KeyState {
                    value,
                    created: old.map_or(revision, |old| old.created),
                    modified: revision,
                    version: old.map_or(0, |old| old.version) + 1,
                };
                self.set(key, Some(new), log);
                Ok(true)
            }
            (CallStep::Delete(key), None | Some(Reply::Deleted(_))) => {
                let found = i64::from(self.get(key).is_some());
                if reply.is_some_and(|reply| *reply != Reply::Deleted(found)) {
                    return Err(Mismatch::Deleted {
                        key,
                        expected: found,
                    });
                }
                if found > 0 {
                    self.set(key, None, log);
                }
                Ok(found > 0)
            }
            (CallStep::Get(key), Some(Reply::Got(answered))) => {
                self.expect(key, answered.as_ref())?;
                Ok(false)
            }
            (CallStep::Scan(first, end), Some(Reply::Scanned(items))) => {
                self.expect_range(first, end, items, cares)?;
                Ok(false)
            }
            (CallStep::Get(_) | CallStep::Scan(..), None) => Ok(false),
            _ => Err(Mismatch::Shape),
        }
    }

    fn set(&mut self, key: KeyId, cell: Option<KeyState<'h>>, log: &mut UndoLog<'h>) {
        let slot = &mut self.cells[key as usize];
        log.push((key, std::mem::replace(slot, cell)));
    }

    fn expect(&self, key: KeyId, answered: Option<&'h Item>) -> Result<(), Mismatch<'h>> {
        let expected = self.get(key);
        let same = match (expected, answered) {
            (None, None) => true,
            (Some(cell), Some(item)) => {
                cell.modified == item.mod_revision
                    && cell.created == item.create_revision
                    && cell.version == item.version
                    && *cell.value == item.value
                    && *self.keys[key as usize] == item.key
            }
            _ => false,
        };
        if same {
            Ok(())
        } else {
            Err(Mismatch::Holds {
                key,
                expected: expected.copied(),
                answered,
            })
        }
    }

    /// Walks the keys of the range and the items side by side: both are in key order.
    fn expect_range(
        &self,
        first: KeyId,
        end: KeyId,
        items: &'h [Item],
        cares: &impl Fn(KeyId) -> bool,
    ) -> Result<(), Mismatch<'h>> {
        let mut at = first;
        let absent = |key: KeyId| {
            if cares(key) {
                self.expect(key, None)
            } else {
                Ok(())
            }
        };
        for item in items {
            while at < end && *self.keys[at as usize] < item.key {
                absent(at)?;
                at += 1;
            }
            if at >= end || *self.keys[at as usize] != item.key {
                return Err(Mismatch::Foreign { answered: item });
            }
            if cares(at) {
                self.expect(at, Some(item))?;
            }
            at += 1;
        }
        (at..end).try_for_each(absent)
    }
}
