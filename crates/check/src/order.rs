//! What the revisions alone say about the order of the operations.
//!
//! Every answered write owns its revision, every read sits right after the revision it names: the
//! order of everything that was answered is known, and it is checked against real time in one
//! sweep. What remains open are the *gaps*: revisions that no answered write owns, each to be
//! filled by a write of unknown outcome. A gap whose value was seen is filled here; the others are
//! left to `place`.
//!
//! Every violation reported here is definite: it follows from answers alone.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::history::{Action, EMPTY_REVISION, Item, Outcome, Reply, Revision, TxnOp};
use crate::plan::{Call, CallBody, CallKind, CallStep, KeyId, PreparedHistory};
use crate::text;
use crate::verdict::{Property, Violation};

/// The order as far as the revisions give it. Calls are named by their index in the plan.
pub(crate) struct Order {
    /// The last revision that an answer names.
    pub(crate) last: Revision,
    /// The write that took each revision after the first; `None` is a gap.
    owners: Vec<Option<usize>>,
    /// The calls that only observed, by revision.
    observers: Vec<usize>,
    /// Where in `observers` each revision begins.
    starts: Vec<usize>,
    /// For each call the highest revision answered to anybody before it was invoked.
    pub(crate) floors: Vec<Revision>,
    /// Writes of unknown outcome not yet given a revision, by floor.
    pub(crate) free: Vec<usize>,
    /// Gaps whose key and value were seen, but that more than one open write can explain, one of
    /// them a transaction: which other writes it brings is for the search to try.
    pub(crate) required: BTreeMap<Revision, (KeyId, Bytes)>,
}

impl Order {
    /// The write that owns `revision`.
    pub(crate) fn owner(&self, revision: Revision) -> Option<usize> {
        let at = usize::try_from(revision - EMPTY_REVISION - 1).ok()?;
        self.owners.get(at).copied().flatten()
    }

    /// The calls that observed the store at `revision`.
    pub(crate) fn observers(&self, revision: Revision) -> &[usize] {
        let Ok(at) = usize::try_from(revision - EMPTY_REVISION) else {
            return &[];
        };
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(from), Some(to)) => &self.observers[*from..*to],
            _ => &[],
        }
    }

    /// The revisions without an owner, ascending.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = Revision> + '_ {
        (EMPTY_REVISION + 1..)
            .zip(&self.owners)
            .filter(|(_, owner)| owner.is_none())
            .map(|(r, _)| r)
    }

    /// Reads the order off the revisions.
    pub(crate) fn of(plan: &PreparedHistory<'_>) -> Result<Self, Box<Violation>> {
        let (last, owners) = owners(plan)?;
        let floors = floors(plan)?;
        let (observers, starts) = observers(plan, last);
        let mut free: Vec<usize> = (0..plan.calls.len())
            .filter(|call| plan.calls[*call].kind == CallKind::Unknown)
            .collect();
        free.sort_by_key(|call| floors[*call]);
        let mut order = Self {
            last,
            owners,
            observers,
            starts,
            floors,
            free,
            required: BTreeMap::new(),
        };
        order.pin(plan)?;
        order.count(plan)?;
        Ok(order)
    }

    /// Gives a revision to every unknown write whose value was seen.
    fn pin(&mut self, plan: &PreparedHistory<'_>) -> Result<(), Box<Violation>> {
        let mut seen: BTreeMap<Revision, (&Item, usize)> = BTreeMap::new();
        for (index, call) in plan.calls.iter().enumerate() {
            for item in items(call) {
                let answered = call.revision().unwrap_or(EMPTY_REVISION);
                if item.mod_revision <= EMPTY_REVISION || item.mod_revision > answered {
                    return Err(plan.violation(
                        Property::Linearizability,
                        &[index],
                        format!(
                            "{} shows {} changed at revision {}, which cannot be: the answer is of \
                             revision {answered}",
                            plan.words(index),
                            text::quote(&item.key),
                            item.mod_revision,
                        ),
                    ));
                }
                if self.owner(item.mod_revision).is_none() {
                    seen.entry(item.mod_revision).or_insert((item, index));
                }
            }
        }
        if seen.is_empty() {
            return Ok(());
        }
        let mut puts: BTreeMap<(&[u8], &[u8]), Vec<usize>> = BTreeMap::new();
        for index in &self.free {
            for write in plan.calls[*index].body.possible_writes() {
                if let CallStep::Put(key, value) = write {
                    let calls = puts.entry((plan.keys[key as usize], value)).or_default();
                    if calls.last() != Some(index) {
                        calls.push(*index);
                    }
                }
            }
        }
        let mut pinned = vec![false; plan.calls.len()];
        for (revision, (item, observer)) in seen {
            // Ascending revisions: an operation that could have been at this one can be at any later one:
            // taking any is optimal here; taking the latest invoked leaves most for the other gaps.
            let candidates = puts
                .get(&(&item.key[..], &item.value[..]))
                .map_or(&[][..], |c| &c[..]);
            let fits = |call: &&usize| !pinned[**call] && self.floors[**call] < revision;
            let Some(call) = candidates.iter().rev().find(fits).copied() else {
                return Err(unexplained(plan, item, observer, candidates));
            };
            let is_txn = |call: &usize| matches!(plan.calls[*call].body, CallBody::Txn { .. });
            if candidates.len() > 1 && candidates.iter().any(is_txn) {
                if let Ok(key) = plan.keys.binary_search(&&item.key) {
                    self.required
                        .insert(revision, (key as KeyId, item.value.clone()));
                }
                continue;
            }
            pinned[call] = true;
            if let Ok(at) = usize::try_from(revision - EMPTY_REVISION - 1) {
                self.owners[at] = Some(call);
            }
        }
        self.free.retain(|call| !pinned[*call]);
        Ok(())
    }

    /// Hall's condition for writes with an earliest but no latest revision: the i-th gap needs at
    /// least i writes that can be as early.
    fn count(&self, plan: &PreparedHistory<'_>) -> Result<(), Box<Violation>> {
        let mut released = 0;
        for (filled, gap) in self.gaps().enumerate() {
            while self
                .free
                .get(released)
                .is_some_and(|call| self.floors[*call] < gap)
            {
                released += 1;
            }
            if released <= filled {
                let around: Vec<usize> = [gap - 1, gap + 1]
                    .iter()
                    .filter_map(|r| self.owner(*r))
                    .collect();
                let between: Vec<String> = around.iter().map(|call| plan.words(*call)).collect();
                return Err(plan.violation(
                    Property::Integrity,
                    &around,
                    format!(
                        "something took revision {gap}, but no operation can have: every write of \
                         unknown outcome is accounted for or was invoked later. An operation took \
                         effect twice, or one took effect that was refused or that nobody asked \
                         for. Next to it: {}",
                        if between.is_empty() {
                            "nothing".to_owned()
                        } else {
                            between.join("; ")
                        },
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// The items that an answer shows.
fn items<'h>(call: &Call<'h>) -> impl Iterator<Item = &'h Item> {
    fn in_reply(reply: &Reply) -> &[Item] {
        match reply {
            Reply::Got(Some(item)) => std::slice::from_ref(item),
            Reply::Scanned(items) => items,
            Reply::Put | Reply::Deleted(_) | Reply::Got(None) | Reply::Txn { .. } => &[],
        }
    }
    call.answer
        .into_iter()
        .flat_map(|answer| match &answer.reply {
            Reply::Txn { replies, .. } => replies
                .iter()
                .flat_map(in_reply as fn(&'h Reply) -> &'h [Item]),
            reply => std::slice::from_ref(reply)
                .iter()
                .flat_map(in_reply as fn(&'h Reply) -> &'h [Item]),
        })
}

type Owners = Vec<Option<usize>>;

fn owners(plan: &PreparedHistory<'_>) -> Result<(Revision, Owners), Box<Violation>> {
    let writers = plan
        .calls
        .iter()
        .filter(|c| matches!(c.kind, CallKind::Wrote | CallKind::Unknown))
        .count();
    let most = Revision::try_from(writers).unwrap_or(Revision::MAX - 1) + EMPTY_REVISION;
    let mut last = EMPTY_REVISION;
    for (index, call) in plan.calls.iter().enumerate() {
        let Some(revision) = call.revision() else {
            continue;
        };
        let least = EMPTY_REVISION + Revision::from(call.kind == CallKind::Wrote);
        if revision < least || revision > most {
            let (property, why) = if revision < least {
                let why = format!("the first revision that it can have is {least}");
                (Property::Linearizability, why)
            } else {
                let why = format!(
                    "all {writers} writes that were acknowledged or may have happened end at \
                     revision {most}: something took effect twice, or without being asked for"
                );
                (Property::Integrity, why)
            };
            let explanation = format!("{}, but {why}", plan.words(index));
            return Err(plan.violation(property, &[index], explanation));
        }
        last = last.max(revision);
    }
    // At most one revision for each write: this allocation is bounded by the history.
    let mut owners: Owners = vec![None; usize::try_from(last - EMPTY_REVISION).unwrap_or(0)];
    for (index, call) in plan.calls.iter().enumerate() {
        let (CallKind::Wrote, Some(revision)) = (call.kind, call.revision()) else {
            continue;
        };
        let Ok(at) = usize::try_from(revision - EMPTY_REVISION - 1) else {
            continue;
        };
        if let Some(other) = owners[at].replace(index) {
            return Err(plan.violation(
                Property::Linearizability,
                &[other, index],
                format!(
                    "two writes were acknowledged with one revision: {}; {}",
                    plan.words(other),
                    plan.words(index)
                ),
            ));
        }
    }
    Ok((last, owners))
}

/// The real-time order: what was answered before an operation was invoked comes before it.
fn floors(plan: &PreparedHistory<'_>) -> Result<Vec<Revision>, Box<Violation>> {
    let calls = &plan.calls;
    let mut by_invocation: Vec<usize> = (0..calls.len()).collect();
    by_invocation.sort_by_key(|call| calls[*call].invoked);
    let mut by_return: Vec<usize> = (0..calls.len())
        .filter(|call| calls[*call].returned < u64::MAX)
        .collect();
    by_return.sort_by_key(|call| calls[*call].returned);

    let mut floors = vec![EMPTY_REVISION; calls.len()];
    let mut floor = (EMPTY_REVISION, None);
    let mut returned = by_return.into_iter().peekable();
    for index in by_invocation {
        let call = &calls[index];
        // At equal times the two count as concurrent: the clock cannot tell.
        while let Some(before) = returned.next_if(|before| calls[*before].returned < call.invoked) {
            let revision = calls[before].revision().unwrap_or(EMPTY_REVISION);
            if revision > floor.0 {
                floor = (revision, Some(before));
            }
        }
        floors[index] = floor.0;
        let (Some(revision), Some(before)) = (call.revision(), floor.1) else {
            continue;
        };
        let late = match call.kind {
            CallKind::Wrote => revision <= floor.0,
            CallKind::Observed => revision < floor.0,
            CallKind::ObservedPrefix | CallKind::Unknown => false,
        };
        if late {
            return Err(plan.violation(
                Property::Linearizability,
                &[before, index],
                format!(
                    "the order of the revisions contradicts real time: {} was over before {} \
                     began, so that had to be of revision {} or later",
                    plan.words(before),
                    plan.words(index),
                    floor.0 + Revision::from(call.kind == CallKind::Wrote),
                ),
            ));
        }
    }
    Ok(floors)
}

fn observers(plan: &PreparedHistory<'_>, last: Revision) -> (Vec<usize>, Vec<usize>) {
    let slot = |call: &Call<'_>| usize::try_from(call.revision()? - EMPTY_REVISION).ok();
    let observes =
        |call: &&Call<'_>| matches!(call.kind, CallKind::Observed | CallKind::ObservedPrefix);
    let mut starts = vec![0; usize::try_from(last - EMPTY_REVISION).unwrap_or(0) + 2];
    for at in plan.calls.iter().filter(observes).filter_map(slot) {
        starts[at + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut next = starts.clone();
    let mut observers = vec![0; starts.last().copied().unwrap_or(0)];
    for (index, call) in plan
        .calls
        .iter()
        .enumerate()
        .filter(|(_, call)| observes(call))
    {
        if let Some(at) = slot(call) {
            observers[next[at]] = index;
            next[at] += 1;
        }
    }
    (observers, starts)
}

/// An item was seen that no write can have put at its revision.
fn unexplained(
    plan: &PreparedHistory<'_>,
    item: &Item,
    observer: usize,
    candidates: &[usize],
) -> Box<Violation> {
    let puts_it = |action: &Action| {
        match action {
        Action::Put { key, value } => *key == item.key && *value == item.value,
        Action::Txn(txn) => txn.then.iter().chain(&txn.otherwise).any(|step| {
            matches!(step, TxnOp::Put { key, value } if *key == item.key && *value == item.value)
        }),
        _ => false,
    }
    };
    let matching = |wanted: fn(&Outcome) -> bool| {
        let operations = plan.history.operations.iter().enumerate();
        operations
            .filter(|(_, op)| wanted(&op.outcome) && puts_it(&op.action))
            .map(|(at, _)| at)
            .next()
    };
    let mut calls = vec![observer];
    calls.extend(candidates.iter().take(3));
    let seen = format!(
        "{} shows {} = {} put at revision {}",
        plan.words(observer),
        text::quote(&item.key),
        text::quote(&item.value),
        item.mod_revision
    );
    let mut extra = None;
    let why = if let Some(first) = candidates.first() {
        format!(
            "every write of it has its revision elsewhere or was invoked later: {}",
            plan.words(*first)
        )
    } else if let Some(done) = matching(|outcome| matches!(outcome, Outcome::Done { .. })) {
        extra = Some(done);
        format!(
            "the only write of it is at another revision: {}",
            text::operation(plan.history, done)
        )
    } else if let Some(refused) = matching(|outcome| matches!(outcome, Outcome::Refused { .. })) {
        extra = Some(refused);
        format!(
            "that write was refused: {}",
            text::operation(plan.history, refused)
        )
    } else {
        "nobody ever wrote it".to_owned()
    };
    let mut violation = plan.violation(Property::Integrity, &calls, format!("{seen}, but {why}"));
    violation.operations.extend(extra);
    violation.operations.sort_unstable();
    violation
}
