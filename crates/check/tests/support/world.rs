//! A naive store, and histories made by it: what the checker must accept, and what to damage.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_check::wgl::{Interval, Model};
use quorate_check::{
    Action, Comparison, History, Item, Operation, Outcome, Reply, Response, RevisionChange, Target,
    TxnOp,
};

/// Value, create revision, mod revision, version.
type Cell = (Bytes, i64, i64, i64);

/// A store as a reader would write it down: a map and a revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Naive {
    pub revision: i64,
    pub cells: BTreeMap<Bytes, Cell>,
}

impl Default for Naive {
    fn default() -> Self {
        Self {
            revision: 1,
            cells: BTreeMap::new(),
        }
    }
}

impl Naive {
    /// Applies `action` and answers.
    pub fn answer(&mut self, action: &Action) -> Response {
        let mut next = self.clone();
        next.revision += 1;
        let mut wrote = false;
        let reply = match action {
            Action::Put { key, value } => next.put(key, value, &mut wrote),
            Action::Delete { key } => next.delete(key, &mut wrote),
            Action::Get { key, .. } => Reply::Got(next.get(key)),
            Action::Scan { from, until, .. } => Reply::Scanned(
                next.cells
                    .keys()
                    .filter(|key| *key >= from && until.as_ref().is_none_or(|until| *key < until))
                    .filter_map(|key| next.get(key))
                    .collect(),
            ),
            Action::Txn(txn) => {
                let succeeded = txn.compares.iter().all(|compare| self.holds(compare));
                let steps = if succeeded { &txn.then } else { &txn.otherwise };
                let step = |step: &TxnOp| match step {
                    TxnOp::Put { key, value } => next.put(key, value, &mut wrote),
                    TxnOp::Delete { key } => next.delete(key, &mut wrote),
                    TxnOp::Get { key } => Reply::Got(next.get(key)),
                };
                Reply::Txn {
                    succeeded,
                    replies: steps.iter().map(step).collect(),
                }
            }
        };
        if wrote {
            *self = next;
        }
        Response {
            revision: self.revision,
            reply,
        }
    }

    fn holds(&self, compare: &Comparison) -> bool {
        let cell = self.cells.get(&compare.key);
        match &compare.equals {
            Target::Value(value) => cell.is_some_and(|cell| cell.0 == *value),
            Target::CreateRevision(revision) => cell.map_or(0, |cell| cell.1) == *revision,
            Target::ModRevision(revision) => cell.map_or(0, |cell| cell.2) == *revision,
            Target::Version(version) => cell.map_or(0, |cell| cell.3) == *version,
        }
    }

    fn put(&mut self, key: &Bytes, value: &Bytes, wrote: &mut bool) -> Reply {
        let now = self.revision;
        let cell = self
            .cells
            .entry(key.clone())
            .or_insert((Bytes::new(), now, 0, 0));
        *cell = (value.clone(), cell.1, now, cell.3 + 1);
        *wrote = true;
        Reply::Put
    }

    fn delete(&mut self, key: &Bytes, wrote: &mut bool) -> Reply {
        let found = self.cells.remove(key).is_some();
        *wrote |= found;
        Reply::Deleted(i64::from(found))
    }

    fn get(&self, key: &Bytes) -> Option<Item> {
        let (value, created, modified, version) = self.cells.get(key)?.clone();
        let key = key.clone();
        Some(Item {
            key,
            value,
            create_revision: created,
            mod_revision: modified,
            version,
        })
    }
}

/// The naive store as a specification for the general search.
pub struct NaiveModel;

impl Model for NaiveModel {
    type Op = (Action, Option<Response>);
    type State = Naive;

    fn initial(&self) -> Naive {
        Naive::default()
    }

    fn step(&self, state: &Naive, (action, answer): &Self::Op) -> Option<Naive> {
        let mut state = state.clone();
        let response = state.answer(action);
        answer
            .as_ref()
            .is_none_or(|answer| *answer == response)
            .then_some(state)
    }
}

/// The operations of `history` for the general search.
pub fn intervals(history: &History) -> Vec<Interval<(Action, Option<Response>)>> {
    history
        .operations
        .iter()
        .filter_map(|operation| {
            let invoked = operation.invoked;
            let action = operation.action.clone();
            match &operation.outcome {
                Outcome::Done { returned, response } => {
                    let op = (action, Some(response.clone()));
                    Some(Interval {
                        invoked,
                        returned: Some(*returned),
                        op,
                    })
                }
                Outcome::Refused { .. } => None,
                Outcome::Unknown => Some(Interval {
                    invoked,
                    returned: None,
                    op: (action, None),
                }),
            }
        })
        .collect()
}

/// What becomes of an operation in a made history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    Refused,
    /// No answer, but it took effect.
    LostAnswer,
    /// No answer, and no effect.
    LostRequest,
}

/// An operation to be performed at the moment `at`.
#[derive(Clone, Debug)]
pub struct Scripted {
    pub client: u64,
    pub at: u64,
    pub invoked: u64,
    pub returned: u64,
    pub action: Action,
    pub fate: Fate,
    /// For a serializable read: how many states back it is answered from.
    pub behind: usize,
}

/// What a faulty store does to one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It acknowledges a write and forgets it.
    Forget,
    /// It applies a write twice.
    Repeat,
    /// It answers a linearizable read from an older state.
    Stale,
    /// It refuses a write and applies it.
    Betray,
}

/// Performs the script against a naive store, in the order of `at`.
pub fn perform(script: Vec<Scripted>) -> History {
    perform_faulty(script, None).history
}

/// What came of a script.
pub struct Performed {
    pub history: History,
    /// The store's own account.
    pub changes: Vec<RevisionChange>,
    /// Whether something could suffer the fault.
    pub happened: bool,
}

/// As [`perform`], but the first operation from the one given on that can suffer the fault does.
pub fn perform_faulty(mut script: Vec<Scripted>, mut fault: Option<(Fault, usize)>) -> Performed {
    script.sort_by_key(|scripted| scripted.at);
    let mut states = vec![Naive::default()];
    let mut history = History::default();
    let mut changes = Vec::new();
    for (number, scripted) in script.into_iter().enumerate() {
        let Scripted {
            client,
            invoked,
            returned,
            action,
            fate,
            mut behind,
            ..
        } = scripted;
        let mut state = states.last().cloned().unwrap_or_default();
        let prefix = matches!(
            action,
            Action::Get {
                serializable: true,
                ..
            } | Action::Scan {
                serializable: true,
                ..
            }
        );
        // A delete may find nothing, and then there is nothing to forget or repeat.
        let is_put = matches!(action, Action::Put { .. });
        let suffers = fault.filter(|(fault, from)| {
            number >= *from
                && match fault {
                    Fault::Forget | Fault::Repeat => is_put && fate == Fate::Answered,

                    Fault::Stale => matches!(
                        action,
                        Action::Get {
                            serializable: false,
                            ..
                        }
                    ),
                    Fault::Betray => is_put && fate == Fate::Refused,
                }
        });
        if suffers.is_some() {
            fault = None;
        }
        let suffers = suffers.map(|(fault, _)| fault);
        if suffers == Some(Fault::Stale) {
            behind = STATES;
        }
        if prefix || suffers == Some(Fault::Stale) {
            state = states[states.len().saturating_sub(1 + behind)].clone();
        }
        let silent = matches!(fate, Fate::Refused | Fate::LostRequest) && suffers.is_none();
        let response = if silent {
            None
        } else {
            Some(state.answer(&action))
        };
        let mut once_more = state.clone();
        let mut take = |state: Naive| {
            let last = states.last().cloned().unwrap_or_default();
            if action.may_write() && state.revision > last.revision {
                changes.extend(difference(&last, &state));
                states.push(state);
                if states.len() > STATES {
                    states.remove(0);
                }
            }
        };
        if suffers != Some(Fault::Forget) {
            take(state);
        }
        if suffers == Some(Fault::Repeat) {
            once_more.answer(&action);
            take(once_more);
        }
        let outcome = match (fate, response) {
            (Fate::Answered, Some(response)) => Outcome::Done { returned, response },
            (Fate::Refused, _) => Outcome::Refused {
                returned,
                why: "too many requests".to_owned(),
            },
            _ => Outcome::Unknown,
        };
        history.operations.push(Operation {
            client,
            invoked,
            action,
            outcome,
        });
    }
    Performed {
        history,
        changes,
        happened: fault.is_none(),
    }
}

/// What one write changed.
fn difference(before: &Naive, after: &Naive) -> Vec<RevisionChange> {
    let revision = after.revision;
    let row = |key: &Bytes, value| RevisionChange {
        revision,
        key: key.clone(),
        value,
    };
    let gone = before
        .cells
        .keys()
        .filter(|key| !after.cells.contains_key(*key));
    let put = after.cells.iter().filter(|(_, cell)| cell.2 == revision);
    let put = put.map(|(key, cell)| row(key, Some(cell.0.clone())));
    put.chain(gone.map(|key| row(key, None))).collect()
}

/// How many states are kept to answer from.
const STATES: usize = 16;

/// SplitMix64: all the chance that a made history needs.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

/// The shape of a large made history.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub operations: u64,
    pub clients: u64,
    pub keys: u64,
    /// Percent of operations whose answer or request is lost.
    pub unknown: u64,
    /// Percent of deletes and of transactions each.
    pub exotic: u64,
}

/// A history that holds.
pub fn made(seed: u64, shape: Shape) -> History {
    perform(script(seed, shape))
}

/// A history that holds, with the store's own account.
pub fn made_with_changes(seed: u64, shape: Shape) -> Performed {
    perform_faulty(script(seed, shape), None)
}

/// A history of a store with one fault, after the middle; `None` if nothing could suffer it.
pub fn made_faulty(seed: u64, shape: Shape, fault: Fault) -> Option<Performed> {
    let middle = usize::try_from(shape.operations / 2).unwrap_or(0);
    Some(perform_faulty(script(seed, shape), Some((fault, middle))))
        .filter(|performed| performed.happened)
}

fn script(seed: u64, shape: Shape) -> Vec<Scripted> {
    let mut dice = Dice(seed);
    let mut script = Vec::new();
    let spread = 100 * shape.clients;
    for number in 0..shape.operations {
        let at = 1_000_000 + number * 100;
        let key = Bytes::from(format!("key{:03}", dice.roll(shape.keys)));
        let value = Bytes::from(format!("value{number}"));
        let kind = dice.roll(100);
        let action = if kind < shape.exotic {
            Action::Delete { key }
        } else if kind < 2 * shape.exotic {
            let equals = match dice.roll(3) {
                0 => Target::ModRevision(0),
                1 => Target::ModRevision(2 + dice.roll(number + 1) as i64),
                _ => Target::Version(dice.roll(3) as i64),
            };
            Action::compare_and_swap(key, equals, value)
        } else if kind < 3 * shape.exotic && dice.chance(20) {
            Action::Scan {
                from: Bytes::new(),
                until: None,
                serializable: dice.chance(50),
            }
        } else if dice.chance(50) {
            Action::Put { key, value }
        } else {
            Action::Get {
                key,
                serializable: dice.chance(20),
            }
        };
        let fate = match dice.roll(100) {
            lost if lost < shape.unknown => {
                if dice.chance(50) {
                    Fate::LostAnswer
                } else {
                    Fate::LostRequest
                }
            }
            99 => Fate::Refused,
            _ => Fate::Answered,
        };
        // What was lost may take effect long after.
        let late = if fate == Fate::LostAnswer {
            dice.roll(10 * spread)
        } else {
            0
        };
        script.push(Scripted {
            client: dice.roll(shape.clients),
            invoked: at - dice.roll(spread),
            at: at + late,
            returned: at + dice.roll(spread),
            action,
            fate,
            behind: dice.roll(6) as usize,
        });
    }
    script
}
