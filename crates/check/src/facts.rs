//! What is known about each key whatever the open writes did: used to choose well among them, and
//! to see early that a choice cannot be right.

use crate::history::{EMPTY_REVISION, Item, Reply, Revision, Target};
use crate::order::Order;
use crate::plan::{Call, CallBody, CallKind, CallStep, KeyId, PreparedHistory};
use crate::store::{KeyState, ModelStore};

/// What answers say about one key.
#[derive(Clone, Default)]
struct KeyFacts {
    /// Whether an open write may touch it; nothing is collected otherwise.
    open: bool,
    /// The floors of the earliest write of unknown outcome that may put, or delete, the key.
    open_put: Option<Revision>,
    open_delete: Option<Revision>,
    /// Revisions of known puts, ascending.
    puts: Vec<Revision>,
    /// Revisions of known deletes, ascending.
    deletes: Vec<Revision>,
    /// What was seen, by revision, ascending.
    seen: Vec<(Revision, Sight)>,
    /// Revisions at which the key was there, which is all that was said; ascending.
    there: Vec<Revision>,
}

/// What the store held under a key at one revision, without the value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    Absent,
    Modified(Revision),
    Item {
        created: Revision,
        modified: Revision,
        version: i64,
    },
}

#[derive(Default)]
pub(crate) struct HistoryFacts {
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
    /// An answer rules it out.
    Impossible,
}

impl HistoryFacts {
    pub(crate) fn of(plan: &PreparedHistory<'_>, order: &Order) -> Self {
        let mut facts = Self {
            keys: vec![KeyFacts::default(); plan.keys.len()],
        };
        for call in &order.free {
            for key in plan.calls[*call].body.keys() {
                facts.keys[key as usize].open = true;
            }
        }
        // Those whose revision is known count here too: a transaction may do more than was seen.
        for (index, call) in plan
            .calls
            .iter()
            .enumerate()
            .filter(|(_, call)| call.kind == CallKind::Unknown)
        {
            for write in call.body.possible_writes() {
                let earliest = match write {
                    CallStep::Put(key, _) => &mut facts.keys[key as usize].open_put,
                    CallStep::Delete(key) => &mut facts.keys[key as usize].open_delete,
                    CallStep::Get(_) | CallStep::Scan(..) => continue,
                };
                let floor = order.floors[index];
                *earliest = Some(earliest.map_or(floor, |earliest: Revision| earliest.min(floor)));
            }
        }
        for revision in EMPTY_REVISION..=order.last {
            if let Some(owner) = order.owner(revision) {
                facts.learn(&plan.calls[owner], revision, plan);
            }
            if let Some((key, _)) = order.required.get(&revision) {
                facts.known(*key, |facts| facts.puts.push(revision));
            }
            for observer in order.observers(revision) {
                facts.learn(&plan.calls[*observer], revision, plan);
            }
        }
        facts
    }

    fn learn(&mut self, call: &Call<'_>, revision: Revision, plan: &PreparedHistory<'_>) {
        let Some(answer) = call.answer else {
            // An unknown write whose value was seen at this revision: a plain put is certain; of a
            // transaction only what was seen is, and that is in `seen`.
            if let CallBody::One(CallStep::Put(key, _)) = call.body {
                self.known(key, |facts| facts.puts.push(revision));
            }
            return;
        };
        let before = revision - Revision::from(call.kind == CallKind::Wrote);
        if let (CallBody::Txn { compares, .. }, Reply::Txn { succeeded, .. }) =
            (&call.body, &answer.reply)
        {
            for (key, compare) in compares {
                let alone = compares.len() == 1;
                self.known(*key, |facts| {
                    facts.compared(before, &compare.equals, *succeeded, alone)
                });
            }
        }
        let alone = matches!(call.body, CallBody::One(_));
        for (step, reply) in call.body.answered(&answer.reply) {
            match (step, reply) {
                (CallStep::Put(key, _), _) => self.known(key, |facts| facts.puts.push(revision)),
                // In a transaction, what a delete finds depends on the steps before it.
                (CallStep::Delete(key), Reply::Deleted(0)) if alone => {
                    self.known(key, |facts| facts.see(revision, Sight::Absent));
                }
                (CallStep::Delete(key), Reply::Deleted(1..)) => self.known(key, |facts| {
                    if alone {
                        facts.there.push(before);
                    }
                    facts.deletes.push(revision);
                }),
                // What a transaction reads of its own writes says nothing about the others.
                (CallStep::Get(key), Reply::Got(item)) if call.kind != CallKind::Wrote => {
                    let sight = item.as_ref().map_or(Sight::Absent, Sight::of);
                    self.known(key, |facts| facts.see(revision, sight));
                }
                (CallStep::Scan(first, end), Reply::Scanned(items)) => {
                    let mut items = items.iter().peekable();
                    for key in first..end {
                        let name = plan.keys[key as usize];
                        let item = items.next_if(|item| item.key == *name);
                        let sight = item.map_or(Sight::Absent, Sight::of);
                        self.known(key, |facts| facts.see(revision, sight));
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
    pub(crate) fn fit(&self, body: &CallBody<'_>, store: &ModelStore<'_>, gap: Revision) -> Fit {
        let mut writes = store.branch(body).iter().filter(|step| step.writes());
        match (writes.next(), writes.next()) {
            (None, _) => Fit::Impossible,
            (Some(step), None) => self.fit_step(*step, store, gap),
            // Writes of one transaction are hard to judge one by one; trying them is cheap.
            _ => Fit::Free,
        }
    }

    fn fit_step(&self, step: CallStep<'_>, store: &ModelStore<'_>, gap: Revision) -> Fit {
        match step {
            CallStep::Put(key, _) => self.keys[key as usize].fit_put(gap, store.get(key)),
            CallStep::Delete(key) if store.get(key).is_some() => {
                self.keys[key as usize].fit_delete(gap)
            }
            CallStep::Delete(_) | CallStep::Get(_) | CallStep::Scan(..) => Fit::Impossible,
        }
    }
}

impl Sight {
    fn of(item: &Item) -> Self {
        Self::Item {
            created: item.create_revision,
            modified: item.mod_revision,
            version: item.version,
        }
    }
}

impl KeyFacts {
    fn see(&mut self, revision: Revision, sight: Sight) {
        if self.seen.last() != Some(&(revision, sight)) {
            self.seen.push((revision, sight));
        }
    }

    /// A compare in the state of `revision`; `alone` if it decided the transaction.
    fn compared(&mut self, revision: Revision, equals: &Target, succeeded: bool, alone: bool) {
        use Target::{CreateRevision, ModRevision, Value, Version};
        match (succeeded, equals) {
            (true, CreateRevision(0) | ModRevision(0) | Version(0)) => {
                self.see(revision, Sight::Absent)
            }
            (true, ModRevision(modified)) => self.see(revision, Sight::Modified(*modified)),
            (true, CreateRevision(_) | Version(_) | Value(_)) => self.there.push(revision),
            (false, CreateRevision(0) | ModRevision(0) | Version(0)) if alone => {
                self.there.push(revision);
            }
            (false, _) => {}
        }
    }

    /// What was seen next, from `revision` on, and whether before that the key was there.
    fn next(&self, revision: Revision) -> (Option<(Revision, Sight)>, Option<Revision>) {
        let seen = self
            .seen
            .get(self.seen.partition_point(|(at, _)| *at < revision))
            .copied();
        let there = self
            .there
            .get(self.there.partition_point(|at| *at < revision))
            .copied();
        (
            seen,
            there.filter(|there| seen.is_none_or(|(at, _)| *there <= at)),
        )
    }

    fn fit_put(&self, gap: Revision, cell: Option<&KeyState<'_>>) -> Fit {
        let (seen, there) = self.next(gap);
        let fit = match seen {
            None => Fit::Free,
            Some((at, Sight::Absent)) => self.if_deleted(gap, at),
            Some((_, Sight::Item { modified, .. } | Sight::Modified(modified)))
                if modified < gap =>
            {
                Fit::Impossible
            }
            Some((_, Sight::Modified(modified))) if modified == gap => Fit::Due(gap),
            Some((_, Sight::Modified(_))) => Fit::Free,
            Some((_, Sight::Item { created, .. })) if created == gap => Fit::Due(gap),
            Some((_, Sight::Item { created, .. })) if created > gap => {
                self.if_deleted(gap, created)
            }
            Some((
                _,
                Sight::Item {
                    modified, version, ..
                },
            )) => {
                // The version counts the puts since creation: how many are yet unaccounted for?
                let known = count_within(&self.puts, gap, modified);
                match version - cell.map_or(0, |cell| cell.version) - known {
                    1.. => Fit::Due(modified),
                    _ => Fit::Impossible,
                }
            }
        };
        match there {
            Some(there)
                if fit != Fit::Impossible
                    && cell.is_none()
                    && !any_within(&self.puts, gap, there) =>
            {
                fit.min(Fit::Due(there))
            }
            _ => fit,
        }
    }

    /// For a put that must be gone again before `bound`.
    fn if_deleted(&self, gap: Revision, bound: Revision) -> Fit {
        if any_within(&self.deletes, gap + 1, bound) {
            Fit::Free
        } else {
            needs_another(self.open_delete, bound)
        }
    }

    fn fit_delete(&self, gap: Revision) -> Fit {
        let (seen, there) = self.next(gap);
        let fit = match seen {
            None => Fit::Free,
            Some((_, Sight::Item { created: since, .. } | Sight::Modified(since)))
                if since <= gap =>
            {
                Fit::Impossible
            }
            Some((_, Sight::Modified(_))) => Fit::Free,
            Some((_, Sight::Item { created, .. })) => {
                if any_within(&self.deletes, gap, created) {
                    Fit::Free
                } else {
                    Fit::Due(created)
                }
            }
            Some((at, Sight::Absent)) => {
                match (
                    any_within(&self.deletes, gap, at),
                    any_within(&self.puts, gap, at),
                ) {
                    (true, true) => Fit::Free,
                    (false, false) => Fit::Due(at),
                    _ => Fit::Unlikely,
                }
            }
        };
        match there {
            Some(there) if !any_within(&self.puts, gap, there) => {
                fit.max(needs_another(self.open_put, there))
            }
            _ => fit,
        }
    }
}

/// For a write that is possible only with another open one, by `bound`: `earliest` is the floor of
/// the first of that kind.
fn needs_another(earliest: Option<Revision>, bound: Revision) -> Fit {
    match earliest {
        Some(floor) if floor < bound => Fit::Unlikely,
        _ => Fit::Impossible,
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
