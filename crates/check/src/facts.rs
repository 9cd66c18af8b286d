//! What is known about each key whatever the open writes did: used to choose well among them, and
//! to see early that a choice cannot be right.

use crate::history::{EMPTY_REVISION, Reply, Revision};
use crate::order::Order;
use crate::plan::{Body, Call, KeyId, Kind, Plan, Step};
use crate::store::Store;

/// What answers say about one key.
#[derive(Clone, Default)]
struct KeyFacts {
    /// Whether an open write may touch it; nothing is collected otherwise.
    open: bool,
    /// Revisions of known puts, ascending.
    puts: Vec<Revision>,
    /// Revisions of known deletes, ascending.
    deletes: Vec<Revision>,
    /// What was seen, by the revision of the answer, ascending.
    seen: Vec<(Revision, Option<Sight>)>,
}

/// An item as it was seen, without its value.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sight {
    created: Revision,
    modified: Revision,
    version: i64,
}

#[derive(Default)]
pub(crate) struct Facts {
    keys: Vec<KeyFacts>,
}

/// How well an open write fits into a gap; the better first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fit {
    /// A later answer needs such a write at this revision at the latest.
    Due(Revision),
    /// Nothing speaks for it or against it.
    Free,
    /// Possible only together with another open write.
    Unlikely,
    /// A later answer rules it out.
    Impossible,
}

impl Facts {
    pub(crate) fn of(plan: &Plan<'_>, order: &Order) -> Self {
        let mut facts = Self {
            keys: vec![KeyFacts::default(); plan.keys.len()],
        };
        for call in &order.free {
            for key in plan.calls[*call].body.keys() {
                facts.keys[key as usize].open = true;
            }
        }
        for revision in EMPTY_REVISION..=order.last {
            if let Some(owner) = order.owner(revision) {
                facts.learn(&plan.calls[owner], revision, plan);
            }
            for observer in order.observers(revision) {
                facts.learn(&plan.calls[*observer], revision, plan);
            }
        }
        facts
    }

    fn learn(&mut self, call: &Call<'_>, revision: Revision, plan: &Plan<'_>) {
        let Some(answer) = call.answer else {
            // An unknown write whose value was seen at this revision: a plain put is certain; of a
            // transaction only what was seen is, and that is in `seen`.
            if let Body::One(Step::Put(key, _)) = call.body {
                self.known(key, |facts| facts.puts.push(revision));
            }
            return;
        };
        for (step, reply) in call.body.answered(&answer.reply) {
            match (step, reply) {
                (Step::Put(key, _), _) => self.known(key, |facts| facts.puts.push(revision)),
                (Step::Delete(key), Reply::Deleted(1..)) => {
                    self.known(key, |facts| facts.deletes.push(revision));
                }
                (Step::Get(key), Reply::Got(item)) if call.kind != Kind::Wrote => {
                    let sight = item.as_ref().map(Sight::of);
                    self.known(key, |facts| facts.see(revision, sight));
                }
                (Step::Scan(first, end), Reply::Scanned(items)) => {
                    let mut items = items.iter().peekable();
                    for key in first..end {
                        let name = plan.keys[key as usize];
                        let item = items.next_if(|item| item.key == *name);
                        self.known(key, |facts| facts.see(revision, item.map(Sight::of)));
                    }
                }
                _ => {}
            }
        }
    }

    fn known(&mut self, key: KeyId, learn: impl FnOnce(&mut KeyFacts)) {
        let facts = &mut self.keys[key as usize];
        if facts.open {
            learn(facts);
        }
    }

    /// How well `body` fits at `gap`, the revision after the store's.
    pub(crate) fn fit(&self, body: &Body<'_>, store: &Store<'_>, gap: Revision) -> Fit {
        match body {
            Body::One(step) => self.fit_step(*step, store, gap),
            // Which writes a transaction does depends on its compares; trying it is cheap.
            Body::Txn { .. } => Fit::Free,
        }
    }

    fn fit_step(&self, step: Step<'_>, store: &Store<'_>, gap: Revision) -> Fit {
        match step {
            Step::Put(key, _) => {
                let version = store.get(key).map_or(0, |cell| cell.version);
                self.keys[key as usize].fit_put(gap, version)
            }
            Step::Delete(key) if store.get(key).is_none() => Fit::Impossible,
            Step::Delete(key) => self.keys[key as usize].fit_delete(gap),
            Step::Get(_) | Step::Scan(..) => Fit::Impossible,
        }
    }
}

impl Sight {
    fn of(item: &crate::history::Item) -> Self {
        Self {
            created: item.create_revision,
            modified: item.mod_revision,
            version: item.version,
        }
    }
}

impl KeyFacts {
    fn see(&mut self, revision: Revision, sight: Option<Sight>) {
        if self.seen.last() != Some(&(revision, sight)) {
            self.seen.push((revision, sight));
        }
    }

    fn next_sight(&self, revision: Revision) -> Option<(Revision, Option<Sight>)> {
        self.seen
            .get(self.seen.partition_point(|(at, _)| *at < revision))
            .copied()
    }

    fn fit_put(&self, gap: Revision, version: i64) -> Fit {
        match self.next_sight(gap) {
            None => Fit::Free,
            Some((_, Some(sight))) if sight.modified < gap => Fit::Impossible,
            Some((_, Some(sight))) if sight.created == gap => Fit::Due(gap),
            Some((_, Some(sight))) if sight.created > gap => {
                if any_within(&self.deletes, gap + 1, sight.created) {
                    Fit::Free
                } else {
                    Fit::Unlikely
                }
            }
            Some((_, Some(sight))) => {
                // The version counts the puts since creation: how many are yet unaccounted for?
                let known = count_within(&self.puts, gap, sight.modified);
                match sight.version - version - known {
                    1.. => Fit::Due(sight.modified),
                    _ => Fit::Impossible,
                }
            }
            Some((at, None)) => {
                if any_within(&self.deletes, gap + 1, at) {
                    Fit::Free
                } else {
                    Fit::Unlikely
                }
            }
        }
    }

    fn fit_delete(&self, gap: Revision) -> Fit {
        match self.next_sight(gap) {
            None => Fit::Free,
            Some((_, Some(sight))) if sight.created <= gap => Fit::Impossible,
            Some((_, Some(sight))) => {
                if any_within(&self.deletes, gap, sight.created) {
                    Fit::Free
                } else {
                    Fit::Due(sight.created)
                }
            }
            Some((at, None)) => match any_within(&self.deletes, gap, at) {
                true if any_within(&self.puts, gap, at) => Fit::Free,
                true => Fit::Unlikely,
                false if any_within(&self.puts, gap, at) => Fit::Unlikely,
                false => Fit::Due(at),
            },
        }
    }
}

/// How many of `sorted` are from `from` to `to`, both included.
fn count_within(sorted: &[Revision], from: Revision, to: Revision) -> i64 {
    let before = |bound: Revision| sorted.partition_point(|revision| *revision < bound);
    i64::try_from(before(to + 1).saturating_sub(before(from))).unwrap_or(i64::MAX)
}

fn any_within(sorted: &[Revision], from: Revision, to: Revision) -> bool {
    count_within(sorted, from, to) > 0
}
