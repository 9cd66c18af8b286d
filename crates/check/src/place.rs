//! Places the writes of unknown outcome, by replaying the history in the order of its revisions.
//!
//! Where `order` left gaps, this is the search of Wing and Gong ("Testing and verifying concurrent
//! objects", 1993) with the memory of Lowe ("Testing for linearizability", 2017), made small by
//! what revisions give away: the only choice is which open write fills a gap. [`HistoryFacts`] order the
//! choices, earliest deadline first, so that a history that holds is mostly replayed once.
//!
//! The same search restricted to keys that no transaction joins with others (P-compositionality;
//! Horn and Kroening, "Faster linearizability checking via P-compositionality", 2015) decides
//! quickly that a history cannot hold: a gap may then belong to somebody else.

use std::collections::BTreeSet;

use crate::changes::{Account, can_be};
use crate::facts::{Fit, HistoryFacts};
use crate::fingerprint::Fingerprint;
use crate::groups::{Group, Groups};
use crate::history::{EMPTY_REVISION, Revision};
use crate::order::Order;
use crate::plan::{CallBody, CallStep, KeyId, PreparedHistory};
use crate::store::{Mismatch, ModelStore, UndoLog};

/// What a search found.
pub(crate) enum PlacementResult<'h> {
    /// An order that explains every answer, with the number of open writes in it.
    Witness { applied: usize },
    /// There is none; where the attempt that got furthest failed.
    Nothing(Dead<'h>),
    /// The bound was reached first.
    Exhausted,
}

/// Where a replay cannot go on.
pub(crate) struct Dead<'h> {
    /// The revision of the store then.
    pub(crate) revision: Revision,
    pub(crate) why: Why<'h>,
}

pub(crate) enum Why<'h> {
    /// This call was answered otherwise than the store would.
    Answer(usize, Mismatch<'h>),
    /// This unknown write was seen at the next revision, but could not have written there.
    Ineffective(usize),
    /// No open write can have taken the next revision.
    NoWriter,
}

/// Which keys a search is about.
#[derive(Clone, Copy)]
pub(crate) enum Scope {
    All,
    /// Those of one group; gaps may belong to the others.
    Group(Group),
}

/// A gap with the writes that may fill it.
struct Choice {
    /// The revision before the gap.
    before: Revision,
    log: usize,
    candidates: Vec<Candidate>,
    next: usize,
    placed: Option<usize>,
}

#[derive(Clone, Copy)]
enum Candidate {
    /// An index in `Order::free`.
    Open(usize),
    /// A write outside the scope.
    Elsewhere,
}

pub(crate) struct Placement<'p, 'h> {
    plan: &'p PreparedHistory<'h>,
    order: &'p Order,
    facts: &'p HistoryFacts,
    groups: &'p Groups,
    /// What the store says of each gap: only writes that do this are tried there.
    hints: Option<&'p Account<'p>>,
    scope: Scope,
    store: ModelStore<'h>,
    log: UndoLog<'h>,
    /// By index in `Order::free`.
    used: Vec<bool>,
    choices: Vec<Choice>,
    /// Fingerprints of the situations at gaps that have been tried.
    tried: BTreeSet<u128>,
    /// The dead end at the highest revision.
    pub(crate) furthest: Option<Dead<'h>>,
    /// Dead ends met.
    pub(crate) backtracks: u64,
    /// Calls executed and candidates tried.
    pub(crate) steps: u64,
    /// Steps beyond one replay that may be taken.
    bound: u64,
}

impl<'p, 'h> Placement<'p, 'h> {
    pub(crate) fn new(
        plan: &'p PreparedHistory<'h>,
        order: &'p Order,
        facts: &'p HistoryFacts,
        groups: &'p Groups,
        scope: Scope,
        bound: u64,
    ) -> Self {
        Self {
            plan,
            order,
            facts,
            groups,
            hints: None,
            scope,
            store: ModelStore::new(plan.keys.clone()),
            log: UndoLog::new(),
            used: vec![false; order.free.len()],
            choices: Vec::new(),
            tried: BTreeSet::new(),
            furthest: None,
            backtracks: 0,
            steps: 0,
            bound,
        }
    }

    /// Tries only what the store says of itself.
    pub(crate) fn with_hints(mut self, account: &'p Account<'p>) -> Self {
        self.hints = Some(account);
        self
    }

    /// Whether a write would do at `gap` what the store says was done there.
    fn is_as_said(&self, body: &CallBody<'h>, gap: Revision) -> bool {
        let Some(effect) = self.hints.and_then(|hints| hints.get(&gap)) else {
            return true;
        };
        let name = |key: &KeyId| self.plan.keys[*key as usize];
        let writes = self
            .store
            .branch(body)
            .iter()
            .filter_map(|step| match step {
                CallStep::Put(key, value) => Some((name(key), Some(*value))),
                CallStep::Delete(key) => Some((name(key), None)),
                CallStep::Get(_) | CallStep::Scan(..) => None,
            });
        can_be(writes, effect)
    }

    /// Searches for an order.
    pub(crate) fn search(&mut self) -> PlacementResult<'h> {
        let bound = self.bound.saturating_add(self.plan.calls.len() as u64);
        let mut result = self.observe().and_then(|()| self.advance());
        while let Err(dead) = result {
            self.backtracks += 1;
            let culprit = self.culprit(&dead);
            if self
                .furthest
                .as_ref()
                .is_none_or(|furthest| furthest.revision < dead.revision)
            {
                self.furthest = Some(dead);
            }
            if self.steps > bound {
                return PlacementResult::Exhausted;
            }
            if !self.back(culprit) {
                let dead = Dead {
                    revision: EMPTY_REVISION,
                    why: Why::NoWriter,
                };
                return PlacementResult::Nothing(self.furthest.take().unwrap_or(dead));
            }
            result = self
                .fill()
                .and_then(|()| self.observe())
                .and_then(|()| self.advance());
        }
        PlacementResult::Witness {
            applied: self.used.iter().filter(|used| **used).count(),
        }
    }

    /// Replays until the end or a dead end, making a choice at each gap.
    fn advance(&mut self) -> Result<(), Dead<'h>> {
        while self.store.revision < self.order.last {
            match self.order.owner(self.store.revision + 1) {
                Some(owner) if self.has(owner) => {
                    if !self.execute(owner)? {
                        return Err(self.dead(Why::Ineffective(owner)));
                    }
                }
                Some(_) => self.store.revision += 1,
                None => {
                    self.open()?;
                    self.fill()?;
                }
            }
            self.observe()?;
        }
        Ok(())
    }

    /// Checks the reads at the revision of the store.
    fn observe(&mut self) -> Result<(), Dead<'h>> {
        let order = self.order;
        for call in order.observers(self.store.revision) {
            if self.has(*call) {
                self.execute(*call)?;
            }
        }
        Ok(())
    }

    fn execute(&mut self, call: usize) -> Result<bool, Dead<'h>> {
        self.steps += 1;
        let called = &self.plan.calls[call];
        let (groups, scope) = (self.groups, self.scope);
        self.store
            .execute(&called.body, called.answer, &mut self.log, |key| {
                within(groups, scope, key)
            })
            .map_err(|mismatch| self.dead(Why::Answer(call, mismatch)))
    }

    fn has_key(&self, key: KeyId) -> bool {
        within(self.groups, self.scope, key)
    }

    /// Whether a call is in the scope. Scans name no key: they are, and are compared on its keys.
    fn has(&self, call: usize) -> bool {
        self.plan.calls[call]
            .body
            .keys()
            .next()
            .is_none_or(|key| self.has_key(key))
    }

    fn dead(&self, why: Why<'h>) -> Dead<'h> {
        Dead {
            revision: self.store.revision,
            why,
        }
    }

    /// Opens the choice at the gap after the store's revision.
    fn open(&mut self) -> Result<(), Dead<'h>> {
        if self.furthest.is_some() && !self.tried.insert(self.fingerprint()) {
            return Err(self.dead(Why::NoWriter));
        }
        let candidates = self.candidates();
        self.choices.push(Choice {
            before: self.store.revision,
            log: self.log.len(),
            candidates,
            next: 0,
            placed: None,
        });
        Ok(())
    }

    /// Fills the gap of the last choice with its next candidate that has an effect there.
    fn fill(&mut self) -> Result<(), Dead<'h>> {
        while let Some(choice) = self.choices.last_mut() {
            let Some(candidate) = choice.candidates.get(choice.next).copied() else {
                break;
            };
            choice.next += 1;
            self.steps += 1;
            match candidate {
                Candidate::Elsewhere => {
                    self.store.revision += 1;
                    return Ok(());
                }
                Candidate::Open(open) => {
                    let body = &self.plan.calls[self.order.free[open]].body;
                    let mark = self.log.len();
                    let before = self.store.revision;
                    if self.store.execute(body, None, &mut self.log, |_| true) == Ok(true) {
                        choice.placed = Some(open);
                        self.used[open] = true;
                        return Ok(());
                    }
                    self.store.undo(&mut self.log, mark, before);
                }
            }
        }
        Err(self.dead(Why::NoWriter))
    }

    /// Undoes to the last choice that has a candidate left and may matter; `false` if there is none.
    ///
    /// What a group of keys holds depends on no other group's keys, and neither does which open
    /// writes to it fit into a gap. So where no candidate was about the group that contradicts an
    /// answer, no other candidate can mend it.
    fn back(&mut self, mut culprit: Option<Group>) -> bool {
        while let Some(choice) = self.choices.last_mut() {
            self.store.undo(&mut self.log, choice.log, choice.before);
            if let Some(open) = choice.placed.take() {
                self.used[open] = false;
            }
            let (groups, plan, order) = (self.groups, self.plan, self.order);
            let is_about = |group: Group| {
                choice.candidates.iter().any(|candidate| match candidate {
                    Candidate::Open(open) => {
                        groups.of_call(&plan.calls[order.free[*open]]) == Some(group)
                    }
                    Candidate::Elsewhere => false,
                })
            };
            if culprit.is_none_or(is_about) {
                if choice.next < choice.candidates.len() {
                    return true;
                }
                // Earlier choices decide what the candidates here were.
                culprit = None;
            }
            self.choices.pop();
        }
        false
    }

    /// The group whose keys contradict an answer.
    fn culprit(&self, dead: &Dead<'h>) -> Option<Group> {
        match &dead.why {
            Why::Answer(_, mismatch) => mismatch.key().map(|key| self.groups.of_key(key)),
            Why::Ineffective(call) => self.groups.of_call(&self.plan.calls[*call]),
            Why::NoWriter => None,
        }
    }

    fn candidates(&self) -> Vec<Candidate> {
        let gap = self.store.revision + 1;
        let required = self.order.required.get(&gap);
        let mut classes = BTreeSet::new();
        let mut fits: Vec<(Fit, usize)> = Vec::new();
        for (open, call) in self.order.free.iter().enumerate() {
            if self.order.floors[*call] >= gap {
                break; // sorted by floor
            }
            if self.used[open] || !self.has(*call) {
                continue;
            }
            let body = &self.plan.calls[*call].body;
            if required.is_some_and(|(key, value)| !body.may_put(*key, value)) {
                continue;
            }
            if !self.is_as_said(body, gap) {
                continue;
            }
            if let Some(class) = self.class(*call)
                && !classes.insert(class)
            {
                continue;
            }
            let fit = match required {
                Some(_) => Fit::Due(gap),
                None => self.facts.fit(body, &self.store, gap),
            };
            if fit != Fit::Impossible {
                fits.push((fit, open));
            }
        }
        fits.sort_unstable();
        let due_now = |fit: &Fit| matches!(fit, Fit::Due(at) if *at <= gap);
        let forced = fits.first().is_some_and(|(fit, _)| due_now(fit))
            || required.is_some_and(|(key, _)| self.has_key(*key));
        let mut candidates: Vec<Candidate> = fits
            .into_iter()
            .map(|(_, open)| Candidate::Open(open))
            .collect();
        if let Scope::Group(_) = self.scope
            && !forced
        {
            candidates.push(Candidate::Elsewhere);
        }
        candidates
    }

    /// Writes of one class are interchangeable at a gap: their values are never seen, for then they
    /// would own a revision, and whichever is not used now can be used later.
    fn class(&self, call: usize) -> Option<(KeyId, bool)> {
        match self.plan.calls[call].body {
            CallBody::One(CallStep::Put(key, value)) => {
                let is_required = self
                    .order
                    .required
                    .values()
                    .any(|(k, v)| *k == key && v == value);
                (!is_required && !self.plan.compares_values).then_some((key, true))
            }
            CallBody::One(CallStep::Delete(key)) => Some((key, false)),
            _ => None,
        }
    }

    /// Two independent 64-bit hashes of the revision, the writes used and the state. That two
    /// different situations collide is as likely as a fault of the memory they are in.
    fn fingerprint(&self) -> u128 {
        let mut mix = Fingerprint::default();
        mix.add(self.store.revision.unsigned_abs());
        for (open, _) in self.used.iter().enumerate().filter(|(_, used)| **used) {
            mix.add(open as u64);
        }
        for (key, cell) in self.store.cells() {
            mix.add(u64::from(key) | 1 << 63);
            mix.add(cell.created.unsigned_abs());
            mix.add(cell.modified.unsigned_abs());
            mix.add(cell.version.unsigned_abs());
            for chunk in cell.value.chunks(8) {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                mix.add(u64::from_le_bytes(word));
            }
        }
        mix.finish()
    }
}

fn within(groups: &Groups, scope: Scope, key: KeyId) -> bool {
    match scope {
        Scope::All => true,
        Scope::Group(group) => groups.of_key(key) == group,
    }
}
