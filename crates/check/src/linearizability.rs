//! Judges a whole history: real time, answers, what was read at the end.

use crate::changes::{Account, RevisionChange, check_changes, effects};
use crate::facts::HistoryFacts;
use crate::groups::Groups;
use crate::history::{History, Outcome};
use crate::order::Order;
use crate::place::{Dead, Placement, PlacementResult, Scope, Why};
use crate::plan::{CallKind, CallSource, PreparedHistory};
use crate::store::{self, Mismatch};
use crate::text;
use crate::verdict::{GaveUp, HistorySummary, Property, Verdict, Violation};

/// The default bound on the search, in steps of well under a microsecond each.
pub const DEFAULT_STEPS: u64 = 2_000_000;

/// Judges `history` against the specification of a key-value store with revisions.
///
/// Linearizable operations must fit one order that agrees with real time; serializable reads must
/// show the state of the revision they name; the final states must be one and the same and lack
/// nothing acknowledged. All writers of the store must be in the history.
///
/// The work is `O(n log n)` while the revisions give the order, and beyond that at most `steps`
/// steps of search for each of: the whole, and each group of keys that transactions join.
pub fn check(history: &History, steps: u64) -> Verdict {
    verdict(history, &Account::new(), steps)
}

/// [`check`] and [`check_changes`] in one: judges `history` with the store's own account at hand, all
/// `changes` from the first revision to the last.
///
/// The account says what each revision changed, so few writes of unknown outcome fit it, and long
/// histories with thousands of them are decided that can't be without. It is a hint: an order that is
/// found explains every answer whatever the account says, and if none is found with it, the search
/// goes on without it.
pub fn check_with_changes(history: &History, changes: &[RevisionChange], steps: u64) -> Verdict {
    match check_changes(history, changes) {
        Err(violation) => Verdict::Violated(violation),
        Ok(()) => verdict(history, &effects(changes), steps),
    }
}

fn verdict(history: &History, account: &Account<'_>, steps: u64) -> Verdict {
    let plan = PreparedHistory::new(history);
    match judge(&plan, account, steps) {
        Ok(verdict) => verdict,
        Err(violation) => Verdict::Violated(violation),
    }
}

fn judge(
    plan: &PreparedHistory<'_>,
    account: &Account<'_>,
    bound: u64,
) -> Result<Verdict, Box<Violation>> {
    let order = Order::of(plan)?;
    finals(plan)?;
    let open = order.gaps().next().is_some();
    let facts = if open {
        HistoryFacts::of(plan, &order)
    } else {
        HistoryFacts::default()
    };
    let groups = Groups::of(plan);
    let search = |scope, bound| Placement::new(plan, &order, &facts, &groups, scope, bound);
    let holds = |applied, dead_ends| {
        let summary = summarize(plan, &order, applied, dead_ends);
        Ok(Verdict::Holds(summary))
    };
    if open && !account.is_empty() {
        let mut hinted = search(Scope::All, bound).with_hints(account);
        if let PlacementResult::Witness { applied } = hinted.search() {
            return holds(applied, hinted.backtracks);
        }
    }
    let mut whole = search(Scope::All, bound);
    let dead = match whole.search() {
        PlacementResult::Witness { applied } => return holds(applied, whole.backtracks),
        PlacementResult::Nothing(dead) => return Err(explain(plan, &order, &dead)),
        PlacementResult::Exhausted => whole.furthest.take(),
    };
    // The keys apart: if one of them cannot be explained alone, then neither can the whole.
    let first = dead.as_ref().and_then(|dead| match &dead.why {
        Why::Answer(_, mismatch) => mismatch.key().map(|key| groups.of_key(key)),
        Why::Ineffective(_) | Why::NoWriter => None,
    });
    let mut left = bound;
    for group in first
        .into_iter()
        .chain(groups.all().filter(|group| Some(*group) != first))
    {
        let mut part = search(Scope::Group(group), left);
        if let PlacementResult::Nothing(dead) = part.search() {
            return Err(explain(plan, &order, &dead));
        }
        left = left.saturating_sub(part.steps);
        if left == 0 {
            break;
        }
    }
    let furthest = dead.map_or_else(String::new, |dead| explain(plan, &order, &dead).explanation);
    Ok(Verdict::GaveUp(GaveUp {
        bound,
        explanation: format!(
            "{} revisions could each have been taken by one of {} writes of unknown outcome, and \
             the orders tried contradict an answer; the one that got furthest: {furthest}",
            order.gaps().count(),
            order.free.len(),
        ),
    }))
}

/// The final states among themselves and against what was acknowledged.
fn finals(plan: &PreparedHistory<'_>) -> Result<(), Box<Violation>> {
    let acknowledged = plan
        .calls
        .iter()
        .enumerate()
        .filter(|(_, call)| call.kind == CallKind::Wrote)
        .max_by_key(|(_, call)| call.revision());
    let finals = &plan.history.finals;
    for state in finals {
        if let Some((index, call)) = acknowledged
            && let Some(revision) = call.revision()
            && state.contents.revision < revision
        {
            return Err(plan.violation(
                Property::Durability,
                &[index],
                format!(
                    "replica {} ends at revision {}, so what was acknowledged is lost: {}",
                    state.replica,
                    state.contents.revision,
                    plan.words(index)
                ),
            ));
        }
    }
    for pair in finals.windows(2) {
        let [a, b] = pair else { continue };
        if a.contents != b.contents {
            return Err(plan.violation(
                Property::Convergence,
                &[],
                format!(
                    "replica {} ends at revision {} and replica {} at revision {}{}",
                    a.replica,
                    a.contents.revision,
                    b.replica,
                    b.contents.revision,
                    if a.contents.revision == b.contents.revision {
                        " with other contents"
                    } else {
                        ""
                    }
                ),
            ));
        }
    }
    Ok(())
}

fn summarize(
    plan: &PreparedHistory<'_>,
    order: &Order,
    applied: usize,
    backtracks: u64,
) -> HistorySummary {
    let mut summary = HistorySummary {
        revision: order.last,
        dead_ends: backtracks,
        ..HistorySummary::default()
    };
    for operation in &plan.history.operations {
        match operation.outcome {
            Outcome::Done { .. } => summary.answered += 1,
            Outcome::Refused { .. } => summary.refused += 1,
            Outcome::Unknown => summary.unknown += 1,
        }
    }
    let unknown = plan
        .calls
        .iter()
        .filter(|call| call.kind == CallKind::Unknown)
        .count();
    summary.unknown_applied = unknown - order.free.len() + applied;
    for (index, call) in plan.calls.iter().enumerate() {
        if call.kind == CallKind::ObservedPrefix
            && let (CallSource::Operation(_), Some(revision)) = (call.source, call.revision())
            && revision < order.floors[index]
        {
            summary.stale_reads += 1;
            let behind = order.floors[index] - revision;
            summary.most_revisions_behind = summary.most_revisions_behind.max(behind);
        }
    }
    summary
}

fn explain(plan: &PreparedHistory<'_>, order: &Order, dead: &Dead<'_>) -> Box<Violation> {
    let revision = dead.revision;
    match &dead.why {
        Why::Answer(call, mismatch) => explain_answer(plan, order, revision, *call, mismatch),
        Why::Ineffective(call) => plan.violation(
            Property::Linearizability,
            &[*call],
            format!(
                "revision {} was taken by {}, but in the state of revision {revision} that changes \
                 nothing",
                revision + 1,
                plan.words(*call)
            ),
        ),
        Why::NoWriter => plan.violation(
            Property::Integrity,
            &[],
            format!(
                "something took revision {}, but no write of unknown outcome can have: each \
                 contradicts a later answer, was invoked later, or is needed elsewhere",
                revision + 1
            ),
        ),
    }
}

fn explain_answer(
    plan: &PreparedHistory<'_>,
    order: &Order,
    revision: i64,
    call: usize,
    mismatch: &Mismatch<'_>,
) -> Box<Violation> {
    let said = plan.words(call);
    let mut calls = vec![call];
    let mut lost = false;
    let why = match mismatch {
        Mismatch::Shape => "the answer is of another kind than the question".to_owned(),
        Mismatch::Revision { expected } => {
            format!("by the order of the revisions it must be of revision {expected}")
        }
        Mismatch::Foreign { answered } => format!(
            "it shows {}, a key that nobody wrote, or one out of order or range",
            text::quote(&answered.key)
        ),
        Mismatch::Deleted { key, expected } => format!(
            "after revision {revision} there are {expected} keys {} to delete",
            text::quote(plan.keys[*key as usize])
        ),
        Mismatch::Branch { succeeded, .. } => format!(
            "in the state of revision {revision} its compares {}",
            if *succeeded { "hold" } else { "do not hold" }
        ),
        Mismatch::Holds {
            key,
            expected,
            answered,
        } => {
            let mut why = format!(
                "it shows {} under {}, which at revision {revision} must be {}",
                text::item(*answered),
                text::quote(plan.keys[*key as usize]),
                store::state_text(expected.as_ref()),
            );
            let shown = answered.map_or(0, |item| item.mod_revision);
            let due = expected.map_or(0, |cell| cell.modified);
            for (writer, label) in [
                (due, "the write that it misses"),
                (shown, "the one it shows"),
            ] {
                if let Some(writer) = order.owner(writer).filter(|_| due != shown) {
                    calls.push(writer);
                    why.push_str(&format!("; {label}: {}", plan.words(writer)));
                    lost |= due > shown && plan.calls[writer].answer.is_some();
                }
            }
            why
        }
    };
    let called = &plan.calls[call];
    let property = match (called.source, called.kind) {
        (CallSource::Final(_), _) if lost => Property::Durability,
        (CallSource::Final(_), _) => Property::Convergence,
        (_, CallKind::ObservedPrefix) => Property::PrefixRead,
        _ => Property::Linearizability,
    };
    plan.violation(property, &calls, format!("{said}, but {why}"))
}
