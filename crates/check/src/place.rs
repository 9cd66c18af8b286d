//! Places the writes of unknown outcome, by replaying the history in the order of its revisions.
//!
//! Where `order` left gaps, this is the search of Wing and Gong ("Testing and verifying concurrent
//! objects", 1993) with the memory of Lowe ("Testing for linearizability", 2017), made small by
//! what revisions give away: the only choice is which open write fills a gap. [`Facts`] order the
//! choices, earliest deadline first, so that a history that holds is mostly replayed once.
//!
//! The same search restricted to keys that no transaction joins with others (P-compositionality;
//! Horn and Kroening, "Faster linearizability checking via P-compositionality", 2015) decides
//! quickly that a history cannot hold: a gap may then belong to somebody else.

use std::collections::BTreeSet;

use crate::facts::{Facts, Fit};
use crate::history::{EMPTY_REVISION, Revision};
use crate::order::Order;
use crate::plan::{KeyId, Kind, Plan};
use crate::store::{Log, Mismatch, Store};

/// What a search found.
pub(crate) enum Found<'h> {
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

/// One component of keys, or all of them.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'a> {
    All,
    /// The keys whose entry is `true`; gaps may belong to the others.
    Only(&'a [bool]),
}

impl Scope<'_> {
    fn has_key(self, key: KeyId) -> bool {
        match self {
            Scope::All => true,
            Scope::Only(keys) => keys[key as usize],
        }
    }

    fn has(self, plan: &Plan<'_>, call: usize) -> bool {
        // Scans name no key and are compared on the keys of the scope.
        plan.calls[call].body.keys().all(|key| self.has_key(key))
    }
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
    plan: &'p Plan<'h>,
    order: &'p Order,
    facts: &'p Facts,
    scope: Scope<'p>,
    store: Store<'h>,
    log: Log<'h>,
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
        plan: &'p Plan<'h>,
        order: &'p Order,
        facts: &'p Facts,
        scope: Scope<'p>,
        bound: u64,
    ) -> Self {
        Self {
            plan,
            order,
            facts,
            scope,
            store: Store::new(plan.keys.clone()),
            log: Log::new(),
            used: vec![false; order.free.len()],
            choices: Vec::new(),
            tried: BTreeSet::new(),
            furthest: None,
            backtracks: 0,
            steps: 0,
            bound,
        }
    }

    /// Searches for an order.
    pub(crate) fn search(&mut self) -> Found<'h> {
        let bound = self.bound.saturating_add(self.plan.calls.len() as u64);
        let mut result = self.observe().and_then(|()| self.advance());
        while let Err(dead) = result {
            self.backtracks += 1;
            if self
                .furthest
                .as_ref()
                .is_none_or(|furthest| furthest.revision < dead.revision)
            {
                self.furthest = Some(dead);
            }
            if self.steps > bound {
                return Found::Exhausted;
            }
            if !self.back() {
                let dead = Dead {
                    revision: EMPTY_REVISION,
                    why: Why::NoWriter,
                };
                return Found::Nothing(self.furthest.take().unwrap_or(dead));
            }
            result = self
                .fill()
                .and_then(|()| self.observe())
                .and_then(|()| self.advance());
        }
        Found::Witness {
            applied: self.used.iter().filter(|used| **used).count(),
        }
    }

    /// Replays until the end or a dead end, making a choice at each gap.
    fn advance(&mut self) -> Result<(), Dead<'h>> {
        while self.store.revision < self.order.last {
            match self.order.owner(self.store.revision + 1) {
                Some(owner) if self.scope.has(self.plan, owner) => {
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
            if self.scope.has(self.plan, *call) {
                self.execute(*call)?;
            }
        }
        Ok(())
    }

    fn execute(&mut self, call: usize) -> Result<bool, Dead<'h>> {
        self.steps += 1;
        let plan = self.plan;
        let scope = self.scope;
        let Some(called) = plan.calls.get(call) else {
            return Ok(false);
        };
        self.store
            .execute(&called.body, called.answer, &mut self.log, |key| {
                scope.has_key(key)
            })
            .map_err(|mismatch| self.dead(Why::Answer(call, mismatch)))
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

    /// Undoes to the last choice that has a candidate left; `false` if there is none.
    fn back(&mut self) -> bool {
        while let Some(choice) = self.choices.last_mut() {
            self.store.undo(&mut self.log, choice.log, choice.before);
            if let Some(open) = choice.placed.take() {
                self.used[open] = false;
            }
            if choice.next < choice.candidates.len() {
                return true;
            }
            self.choices.pop();
        }
        false
    }

    fn candidates(&self) -> Vec<Candidate> {
        let gap = self.store.revision + 1;
        let mut classes = BTreeSet::new();
        let mut fits: Vec<(Fit, usize)> = Vec::new();
        for (open, call) in self.order.free.iter().enumerate() {
            if self.order.floors[*call] >= gap {
                break; // sorted by floor
            }
            if self.used[open] || !self.scope.has(self.plan, *call) {
                continue;
            }
            let body = &self.plan.calls[*call].body;
            if let Some(class) = self.class(*call)
                && !classes.insert(class)
            {
                continue;
            }
            let fit = self.facts.fit(body, &self.store, gap);
            if fit != Fit::Impossible {
                fits.push((fit, open));
            }
        }
        fits.sort_unstable();
        let due_now = |fit: &Fit| matches!(fit, Fit::Due(at) if *at <= gap);
        let forced = fits.first().is_some_and(|(fit, _)| due_now(fit));
        let mut candidates: Vec<Candidate> = fits
            .into_iter()
            .map(|(_, open)| Candidate::Open(open))
            .collect();
        if let Scope::Only(_) = self.scope
            && !forced
        {
            candidates.push(Candidate::Elsewhere);
        }
        candidates
    }

    /// Writes of one class are interchangeable at a gap: their values are never seen, for then they
    /// would own a revision, and whichever is not used now can be used later.
    fn class(&self, call: usize) -> Option<(KeyId, bool)> {
        use crate::plan::{Body, Step};
        match self.plan.calls[call].body {
            Body::One(Step::Put(key, _)) if !self.plan.compares_values => Some((key, true)),
            Body::One(Step::Delete(key)) => Some((key, false)),
            _ => None,
        }
    }

    /// Two independent 64-bit hashes of the revision, the writes used and the state. That two
    /// different situations collide is as likely as a fault of the memory they are in.
    fn fingerprint(&self) -> u128 {
        let mut mix = Mix::default();
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

/// A 128-bit mixer made of two chains of the finalizer of SplitMix64.
#[derive(Default)]
pub(crate) struct Mix(u64, u64);

impl Mix {
    pub(crate) fn add(&mut self, word: u64) {
        fn stir(mut z: u64) -> u64 {
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
        self.0 = stir(
            self.0
                .wrapping_add(word)
                .wrapping_add(0x9e37_79b9_7f4a_7c15),
        );
        self.1 = stir(
            (self.1 ^ word)
                .wrapping_mul(0xd6e8_feb8_6659_fd93)
                .wrapping_add(1),
        );
    }

    pub(crate) fn finish(self) -> u128 {
        u128::from(self.0) << 64 | u128::from(self.1)
    }
}

/// The keys joined by transactions, as one scope for each component: first those of `first`.
pub(crate) fn components(plan: &Plan<'_>, first: Option<KeyId>) -> Vec<Vec<bool>> {
    let mut parent: Vec<KeyId> = (0..plan.keys.len() as KeyId).collect();
    fn root(parent: &mut [KeyId], mut key: KeyId) -> KeyId {
        while parent[key as usize] != key {
            parent[key as usize] = parent[parent[key as usize] as usize];
            key = parent[key as usize];
        }
        key
    }
    for call in plan
        .calls
        .iter()
        .filter(|call| call.kind != Kind::ObservedPrefix)
    {
        let mut keys = call.body.keys();
        let Some(head) = keys.next() else { continue };
        for key in keys {
            let (a, b) = (root(&mut parent, head), root(&mut parent, key));
            parent[a.max(b) as usize] = a.min(b);
        }
    }
    let roots: Vec<KeyId> = (0..plan.keys.len() as KeyId)
        .map(|key| root(&mut parent, key))
        .collect();
    let first = first.map(|key| roots[key as usize]);
    let distinct: BTreeSet<KeyId> = roots.iter().copied().collect();
    let rest = distinct.into_iter().filter(|root| Some(*root) != first);
    let scope = |wanted: KeyId| roots.iter().map(|root| *root == wanted).collect();
    first.into_iter().chain(rest).map(scope).collect()
}
