//! What a store says it did, against what its clients know: the judge of a store that can be opened
//! up, as in simulation.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::history::{Action, EMPTY_REVISION, History, Outcome, Reply, Revision, TxnOp};
use crate::text;
use crate::verdict::{Property, Violation};

/// One row of the history that the store itself keeps: a key changed at a revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RevisionChange {
    /// The revision of the change.
    pub revision: Revision,
    /// The key.
    pub key: Bytes,
    /// Its new value; `None` for a deletion.
    pub value: Option<Bytes>,
}

/// The changes of one revision: the last one for each key.
pub(crate) type Effect<'a> = BTreeMap<&'a Bytes, Option<&'a Bytes>>;

/// What each revision changed, as the store says; empty where it is not asked.
pub(crate) type Account<'a> = BTreeMap<Revision, Effect<'a>>;

/// The changes by revision.
pub(crate) fn effects(changes: &[RevisionChange]) -> Account<'_> {
    let mut effects = Account::new();
    for change in changes {
        let effect = effects.entry(change.revision).or_default();
        effect.insert(&change.key, change.value.as_ref());
    }
    effects
}

/// Judges the store's own account, `changes`, from the first revision to the last, in any order:
/// every acknowledged write is there at its revision and as acknowledged (*durability*); everything
/// there was asked for, was not refused, and happened once (*integrity*).
///
/// Unlike [`crate::check`] this needs no search: what an unknown write did is there to be seen.
///
/// # Errors
/// The first violation.
pub fn check_changes(history: &History, changes: &[RevisionChange]) -> Result<(), Box<Violation>> {
    let effects = effects(changes);
    for (expected, found) in (EMPTY_REVISION + 1..).zip(effects.keys()) {
        if *found != expected {
            let explanation =
                format!("the store has changes of revision {found}, but none of {expected}");
            return Err(violation(Property::Durability, &[], explanation));
        }
    }
    let mut owners: BTreeMap<Revision, usize> = BTreeMap::new();
    for (index, operation) in history.operations.iter().enumerate() {
        let Outcome::Done { response, .. } = &operation.outcome else {
            continue;
        };
        let acknowledged = acknowledged(&operation.action, &response.reply);
        if acknowledged.is_empty() {
            continue;
        }
        if effects.get(&response.revision) != Some(&acknowledged) {
            let found = effects.get(&response.revision).map_or_else(
                || "the store has no such revision".to_owned(),
                |effect| format!("at that revision the store has {}", effect_words(effect)),
            );
            let said = text::operation(history, index);
            return Err(violation(
                Property::Durability,
                &[index],
                format!("what was acknowledged is not there: {said}, but {found}"),
            ));
        }
        if let Some(other) = owners.insert(response.revision, index) {
            let (a, b) = (
                text::operation(history, other),
                text::operation(history, index),
            );
            let explanation = format!("two writes were acknowledged with one revision: {a}; {b}");
            return Err(violation(Property::Integrity, &[other, index], explanation));
        }
    }
    unacknowledged(history, &effects, &owners)
}

/// Every effect without an acknowledgement belongs to an operation of unknown outcome, and to one each.
fn unacknowledged(
    history: &History,
    effects: &BTreeMap<Revision, Effect<'_>>,
    owners: &BTreeMap<Revision, usize>,
) -> Result<(), Box<Violation>> {
    let mut open: BTreeMap<&Bytes, Vec<usize>> = BTreeMap::new();
    for (index, operation) in history.operations.iter().enumerate() {
        if operation.outcome == Outcome::Unknown {
            for key in written(&operation.action) {
                open.entry(key).or_default().push(index);
            }
        }
    }
    let explains = |index: &usize, effect: &Effect<'_>| {
        branches(&history.operations[*index].action).any(|branch| can_be(branch, effect))
    };
    let mut matching = Matching::new(history.operations.len());
    for (revision, effect) in effects
        .iter()
        .filter(|(revision, _)| !owners.contains_key(revision))
    {
        let about = effect
            .keys()
            .next()
            .and_then(|key| open.get(*key))
            .map_or(&[][..], |all| all);
        let candidates: Vec<usize> = about
            .iter()
            .copied()
            .filter(|index| explains(index, effect))
            .collect();
        let first = candidates.first().copied();
        if matching.add(candidates) {
            continue;
        }
        let refused = history
            .operations
            .iter()
            .enumerate()
            .position(|(index, operation)| {
                matches!(operation.outcome, Outcome::Refused { .. }) && explains(&index, effect)
            });
        let why = match (first, refused) {
            (Some(once), _) => format!("it happened twice: {}", text::operation(history, once)),
            (None, Some(refused)) => {
                format!("it was refused: {}", text::operation(history, refused))
            }
            (None, None) => "no operation of unknown outcome asked for that".to_owned(),
        };
        let concerned: Vec<usize> = first.into_iter().chain(refused).collect();
        let explanation = format!(
            "at revision {revision} the store has {}, but {why}",
            effect_words(effect)
        );
        return Err(violation(Property::Integrity, &concerned, explanation));
    }
    Ok(())
}

/// A matching of changes to operations, one each, that grows along augmenting paths (Berge): an
/// operation that could explain two changes is moved where it is needed.
struct Matching {
    /// Of each change, the operations that can explain it.
    candidates: Vec<Vec<usize>>,
    /// Of each change, the operation that explains it.
    given: Vec<Option<usize>>,
    /// Of each operation, the change that it explains.
    taken: Vec<Option<usize>>,
}

impl Matching {
    fn new(operations: usize) -> Self {
        Self {
            candidates: Vec::new(),
            given: Vec::new(),
            taken: vec![None; operations],
        }
    }

    /// Adds a change; `false` if it and those before it cannot all be explained.
    fn add(&mut self, candidates: Vec<usize>) -> bool {
        let start = self.candidates.len();
        self.candidates.push(candidates);
        self.given.push(None);
        // Of each operation reached, the change from which it was.
        let mut reached: BTreeMap<usize, usize> = BTreeMap::new();
        let mut queue = vec![start];
        let mut at = 0;
        while let Some(change) = queue.get(at).copied() {
            at += 1;
            for operation in &self.candidates[change] {
                if reached.contains_key(operation) {
                    continue;
                }
                reached.insert(*operation, change);
                match self.taken[*operation] {
                    Some(other) => queue.push(other),
                    None => {
                        self.flip(*operation, &reached);
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Gives each operation on the path that ends at `operation` to the change it was reached from.
    fn flip(&mut self, mut operation: usize, reached: &BTreeMap<usize, usize>) {
        while let Some(change) = reached.get(&operation).copied() {
            self.taken[operation] = Some(change);
            match self.given[change].replace(operation) {
                Some(had) => operation = had,
                None => return,
            }
        }
    }
}

/// What an answer says was changed.
fn acknowledged<'a>(action: &'a Action, reply: &Reply) -> Effect<'a> {
    match (action, reply) {
        (Action::Put { key, value }, Reply::Put) => Effect::from([(key, Some(value))]),
        (Action::Delete { key }, Reply::Deleted(1..)) => Effect::from([(key, None)]),
        (Action::Txn(txn), Reply::Txn { succeeded, replies }) => {
            let steps = if *succeeded {
                &txn.then
            } else {
                &txn.otherwise
            };
            let changed =
                steps
                    .iter()
                    .zip(replies)
                    .filter_map(|(step, reply)| match (step, reply) {
                        (TxnOp::Put { key, value }, _) => Some((key, Some(value))),
                        (TxnOp::Delete { key }, Reply::Deleted(1..)) => Some((key, None)),
                        _ => None,
                    });
            changed.collect()
        }
        _ => Effect::new(),
    }
}

/// The writes of each way that an operation can go.
fn branches(action: &Action) -> impl Iterator<Item = Vec<(&Bytes, Option<&Bytes>)>> {
    let (single, txn) = match action {
        Action::Put { key, value } => (Some(vec![(key, Some(value))]), None),
        Action::Delete { key } => (Some(vec![(key, None)]), None),
        Action::Get { .. } | Action::Scan { .. } => (None, None),
        Action::Txn(txn) => (None, Some([&txn.then, &txn.otherwise])),
    };
    let steps = txn.into_iter().flatten().map(|steps| {
        let writes = steps.iter().filter_map(|step| match step {
            TxnOp::Put { key, value } => Some((key, Some(value))),
            TxnOp::Delete { key } => Some((key, None)),
            TxnOp::Get { .. } => None,
        });
        writes.collect()
    });
    single.into_iter().chain(steps)
}

fn written(action: &Action) -> std::collections::BTreeSet<&Bytes> {
    branches(action).flatten().map(|(key, _)| key).collect()
}

/// Whether these writes, one after the other, can have had `effect`: every put shows, a delete only
/// if it found something.
pub(crate) fn can_be<'a>(
    writes: impl IntoIterator<Item = (&'a Bytes, Option<&'a Bytes>)>,
    effect: &Effect<'_>,
) -> bool {
    let all: Effect<'_> = writes.into_iter().collect();
    effect
        .iter()
        .all(|(key, value)| all.get(key) == Some(value))
        && all
            .iter()
            .all(|(key, value)| value.is_none() || effect.contains_key(key))
}

fn effect_words(effect: &Effect<'_>) -> String {
    let change = |(key, value): (&&Bytes, &Option<&Bytes>)| match value {
        Some(value) => format!("{} = {}", text::quote(key), text::quote(value)),
        None => format!("{} deleted", text::quote(key)),
    };
    effect.iter().map(change).collect::<Vec<_>>().join(", ")
}

fn violation(property: Property, operations: &[usize], explanation: String) -> Box<Violation> {
    let mut operations = operations.to_vec();
    operations.sort_unstable();
    operations.dedup();
    Box::new(Violation {
        property,
        explanation,
        operations,
    })
}
