//! Verdicts that are run: what a contract promises is searched inside it, and what it cannot have is
//! shown by the adversary of the theorem.
//!
//! A search never proves: it says "not refuted in so many runs", with what had an effect in them.
//!
//! Start reading at [`prove`]; then [`DrawnRun`], which is one run inside a contract.

mod construct;
mod draw;
mod inside;
mod page;
mod scale;
mod search;
mod system;
mod text;
mod theorem;
mod trial;

pub use draw::{DrawnRun, subject_for};
pub use page::{Page, pages};
pub use scale::Scaled;
pub use search::{EffectCount, Search, search};
pub use theorem::Demonstration;
pub use trial::{Candidate, Loss};

use quorate_contract::{Contract, KnownElsewhere, NotRunnable};
use serde::Serialize;

/// How much is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effort {
    /// How many runs of each protocol that fits.
    pub runs: u64,
    /// The first seed.
    pub seed: u64,
    /// Only the protocol or the theorem of this name.
    pub only: Option<String>,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            runs: 1000,
            seed: 0,
            only: None,
        }
    }
}

impl Effort {
    fn seeds(&self) -> std::ops::Range<u64> {
        self.seed..self.seed.saturating_add(self.runs)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == name)
    }
}

/// A run that refutes a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refutation {
    /// Its seed.
    pub seed: u64,
    /// What does not hold: the name of a property, or `liveness`.
    pub property: String,
    /// The figures.
    pub detail: String,
}

/// Where a contract stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Possibility {
    /// A protocol here does it.
    PossibleHere,
    /// Nothing forbids it, and nothing here does it.
    PossibleElsewhere,
    /// A theorem forbids it, or the chosen protocol does not fit.
    Impossible,
}

/// What running a verdict came to.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// The verdict.
    pub standing: Possibility,
    /// Of what is possible here: the protocols that fit, searched.
    pub searches: Vec<Search>,
    /// Of what is possible elsewhere: who does it.
    pub elsewhere: Vec<KnownElsewhere>,
    /// Of what is impossible: each theorem in the way, with its adversary.
    pub theorems: Vec<Demonstration>,
    /// Of what is possible here: what forbids one step more.
    pub beyond: Option<Beyond>,
}

/// One step beyond a bound.
#[derive(Clone, Debug, Serialize)]
pub struct Beyond {
    /// Replicas.
    pub replicas: usize,
    /// `f`.
    pub tolerate: usize,
    /// What is in the way there.
    pub theorems: Vec<Demonstration>,
    /// The contract, to draw its runs.
    #[serde(skip)]
    pub contract: Contract,
}

impl Possibility {
    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Possibility::PossibleHere => "possible here",
            Possibility::PossibleElsewhere => "possible elsewhere",
            Possibility::Impossible => "impossible",
        }
    }
}

impl Proof {
    /// Was there nothing to run or to tell?
    pub fn is_empty(&self) -> bool {
        self.searches.is_empty() && self.elsewhere.is_empty() && self.theorems.is_empty()
    }

    /// What to run again to see what did not hold: `--only` what, and from which seed.
    pub fn replays(&self) -> Vec<(String, Option<u64>)> {
        let of = |search: &Search| {
            let refuted = search.refuted.as_ref().map(|run| run.seed);
            let seed = refuted.or(search.breach.as_ref().map(|(seed, _)| *seed))?;
            Some((search.protocol.name().to_owned(), Some(seed)))
        };
        let theorems = self.theorems.iter();
        let shown = theorems.filter(|shown| !shown.candidates.is_empty());
        let shown = shown.map(|shown| (shown.rule.to_owned(), None));
        self.searches.iter().filter_map(of).chain(shown).collect()
    }

    /// Was anything run: a protocol searched, or every candidate broken?
    pub fn is_shown(&self) -> bool {
        let broken = |shown: &Demonstration| {
            !shown.candidates.is_empty() && shown.candidates.iter().all(Candidate::is_broken)
        };
        self.searches.iter().any(|search| search.runs > 0) || self.theorems.iter().any(broken)
    }

    /// Did what was run bear the verdict out?
    pub fn holds(&self) -> bool {
        let theorems = self.theorems.iter();
        let beyond = self.beyond.iter().flat_map(|beyond| &beyond.theorems);
        self.searches.iter().all(Search::holds) && theorems.chain(beyond).all(Demonstration::holds)
    }
}

/// Runs the verdict on a contract.
pub fn prove(contract: &Contract, effort: &Effort) -> Proof {
    let standing = standing(contract);
    let mut proof = Proof {
        standing,
        searches: vec![],
        elsewhere: vec![],
        theorems: vec![],
        beyond: None,
    };
    match standing {
        Possibility::PossibleHere => {
            let fitting = contract
                .protocol
                .map_or_else(|| contract.fitting(), |one| vec![one]);
            let wanted = fitting.into_iter().filter(|it| effort.wants(it.name()));
            proof.searches = wanted.map(|it| search(contract, it, effort)).collect();
        }
        Possibility::PossibleElsewhere => proof.elsewhere = contract.known_elsewhere(),
        Possibility::Impossible => proof.theorems = theorems(contract, effort),
    }
    if standing == Possibility::PossibleHere && effort.only.is_none() {
        proof.beyond = beyond(contract, effort);
    }
    proof
}

/// Each theorem in the way of a contract, with its adversary.
fn theorems(contract: &Contract, effort: &Effort) -> Vec<Demonstration> {
    let findings = contract.check().err().map(|found| found.findings);
    let findings = findings.unwrap_or_default().into_iter();
    let wanted = findings.filter(|found| effort.wants(found.rule.name()));
    wanted
        .map(|found| theorem::demonstrate(contract, &found, effort.seed))
        .collect()
}

/// The same contract with one fault more, or one replica fewer, if a theorem forbids that.
fn beyond(contract: &Contract, effort: &Effort) -> Option<Beyond> {
    if contract.replicas() > 16 {
        return None;
    }
    let mut one_more = contract.clone();
    one_more.failures.tolerate += 1;
    let one_less = scale::with_replicas(contract, contract.replicas().saturating_sub(1));
    [one_more, one_less].into_iter().find_map(|other| {
        let (n, f) = (other.replicas(), other.tolerate());
        if n == 0 || f >= n {
            return None;
        }
        let mut theorems = theorems(&other, effort);
        theorems.retain(|shown| shown.is_theorem && !shown.candidates.is_empty());
        (!theorems.is_empty()).then_some(Beyond {
            replicas: n,
            tolerate: f,
            theorems,
            contract: other,
        })
    })
}

fn standing(contract: &Contract) -> Possibility {
    match contract.runnable() {
        Ok(_) | Err(NotRunnable::NotServed { .. }) => Possibility::PossibleHere,
        Err(NotRunnable::NothingHere { .. }) => Possibility::PossibleElsewhere,
        Err(NotRunnable::Contradictory(_)) => Possibility::Impossible,
    }
}
