//! What a contract implies, as data; [`text`] says it in words.

mod assumed;
mod limits;
mod paragraph;
mod text;

pub use limits::Limit;
pub use text::FullText;

use crate::admission::{Admissibility, NotRunnable, admissible};
use crate::behaviour::Behaviours;
use crate::change::SmallestChange;
use crate::contract::Contract;
use crate::elsewhere::KnownElsewhere;
use crate::finding::Finding;
use crate::problem::Problem;
use crate::protocol::{ProtocolCost, ProtocolName, Replicas, SupportLevel};
use crate::quorum::{self, Quorum};
use crate::timing::{Synchrony, Timing};
use serde::Serialize;
use std::time::Duration;

/// Everything that a contract implies. Printed, it is the first screen of `quorate explain`, and by
/// [`Explanation::full`] all of it; serialized, it is what `--json` gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The contract itself.
    pub contract: Contract,
    /// What is assumed, line by line.
    pub assumed: Vec<Assumption>,
    /// Everything that the world may do without breaking the contract.
    pub may_happen: Behaviours,
    /// Everything else: if it happens, nothing is promised any more.
    pub excluded: Behaviours,
    /// What follows in numbers.
    pub follows: Figures,
    /// What no protocol beats here.
    pub limits: Vec<Limit>,
    /// Every protocol of the catalogue, with its verdict.
    pub protocols: Vec<ProtocolCandidate>,
    /// Where the contract stands.
    pub standing: ContractStatus,
    /// What to change, the least of each kind, where nothing is known to do what is asked for.
    pub changes: Vec<SmallestChange>,
    /// The statement for a design document.
    pub paragraph: String,
}

/// One thing that is assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// The part of the contract: `failures`, `timing`, `links`, `storage`.
    pub part: &'static str,
    /// What it says there.
    pub model: String,
    /// What that means.
    pub meaning: String,
}

/// What follows in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// `n`, `f`, the quorum and what any two quorums share.
    pub quorum: Quorum,
    /// Does that intersection keep two decisions from differing?
    pub safe: bool,
    /// Is a quorum left when `f` replicas are silent?
    pub live: bool,
    /// The least `n` for this `f`, by quorums alone.
    pub least_replicas: usize,
    /// The most faulty replicas that quorums of `n` survive.
    pub most_faults: usize,
    /// The least number of rounds that any deterministic protocol needs in some run: `f + 1`, or
    /// `n - 1` if that is less, in synchronous rounds (Fischer and Lynch 1982; Dolev and Strong
    /// 1983), liars or not. `None` where there are no rounds or no faults.
    pub least_rounds: Option<usize>,
    /// How long that takes at most, with the bounds of the contract.
    #[serde(serialize_with = "duration_or_null")]
    pub least_rounds_time: Option<Duration>,
    /// What one decision costs with the protocol that is chosen or fits first.
    pub decision: Option<DecisionCost>,
}

fn duration_or_null<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(crate::duration::format).serialize(serializer)
}

/// What one decision costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionCost {
    /// With which protocol.
    pub protocol: ProtocolName,
    /// What it costs.
    pub cost: ProtocolCost,
}

/// A protocol and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProtocolCandidate {
    /// Which protocol.
    pub protocol: ProtocolName,
    /// What it achieves.
    pub solves: Problem,
    /// How far can quorate run it?
    pub status: SupportLevel,
    /// Where it is defined.
    pub citation: &'static str,
    /// How many replicas it needs for faults such as these; `None` if it survives no such faults.
    pub replicas: Option<Replicas>,
    /// What one decision costs.
    pub cost: ProtocolCost,
    /// Does it fit?
    #[serde(flatten)]
    pub verdict: Admissibility,
}

/// Where a contract stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum ContractStatus {
    /// quorate can serve it, with this protocol.
    Runnable {
        /// The protocol.
        protocol: ProtocolName,
    },
    /// It makes sense, but quorate serves no protocol for it yet.
    NotServed {
        /// Protocols that would do.
        protocols: Vec<ProtocolName>,
    },
    /// No theorem forbids it, and no protocol of the catalogue does it.
    NothingHere {
        /// What is known from the literature to do it; perhaps nothing.
        known: Vec<KnownElsewhere>,
    },
    /// No protocol can run it.
    Contradictory {
        /// Why.
        findings: Vec<Finding>,
    },
}

impl Explanation {
    /// All of it in words.
    pub fn full(&self) -> FullText<'_> {
        FullText(self)
    }
}

impl ContractStatus {
    /// Where a contract stands.
    pub fn of(contract: &Contract) -> Self {
        match contract.runnable() {
            Ok(protocol) => Self::Runnable { protocol },
            Err(NotRunnable::NotServed { protocols }) => Self::NotServed { protocols },
            Err(NotRunnable::NothingHere { known }) => Self::NothingHere { known },
            Err(NotRunnable::Contradictory(contradiction)) => Self::Contradictory {
                findings: contradiction.findings,
            },
        }
    }
}

/// Says what a contract implies.
pub fn explain(contract: &Contract) -> Explanation {
    let may_happen = contract.behaviours();
    let standing = ContractStatus::of(contract);
    Explanation {
        assumed: assumed::assumed(contract),
        may_happen,
        excluded: Behaviours::ALL - may_happen,
        follows: figures(contract, &standing),
        limits: limits::limits(contract),
        protocols: ProtocolName::ALL
            .into_iter()
            .map(|p| candidate(contract, p))
            .collect(),
        changes: contract.smallest_changes(),
        paragraph: paragraph::paragraph(contract, &standing),
        standing,
        contract: contract.clone(),
    }
}

fn figures(contract: &Contract, standing: &ContractStatus) -> Figures {
    let (n, f) = (contract.replicas(), contract.tolerate());
    let quorum = contract.quorum();
    let liars = contract.failures.liars();
    let rounds = contract.effective_synchrony() == Synchrony::Synchronous && f > 0;
    let least_rounds = rounds.then_some((f + 1).min(n.saturating_sub(1)));
    let round = match &contract.timing {
        Timing::Synchronous(bounds) => Some(bounds.round_by_clock()),
        _ => None,
    };
    let protocol = match standing {
        ContractStatus::Runnable { protocol } => Some(*protocol),
        ContractStatus::NotServed { protocols } => protocols.first().copied(),
        ContractStatus::NothingHere { .. } | ContractStatus::Contradictory { .. } => None,
    };
    Figures {
        safe: quorum.is_safe(),
        live: quorum.is_live(),
        quorum,
        least_replicas: match (liars, contract.outvotes_in_time()) {
            (0, _) => quorum::replicas_for_crashes(f),
            (_, true) => quorum::replicas_for_timely_liars(f),
            (_, false) => quorum::replicas_for_mixed(f - liars, liars),
        },
        most_faults: if liars == 0 || contract.outvotes_in_time() {
            quorum::max_crashes(n)
        } else {
            quorum::max_liars(n)
        },
        least_rounds,
        least_rounds_time: least_rounds
            .zip(round)
            .map(|(rounds, round)| round.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX)))
            .map(at_most),
        decision: protocol.map(|protocol| DecisionCost {
            protocol,
            cost: protocol.cost(n, f),
        }),
    }
}

/// Rounded up to what a reader wants to see.
fn at_most(duration: Duration) -> Duration {
    let unit = match duration.as_nanos() {
        0..10_000_000 => Duration::from_micros(1),
        _ => Duration::from_millis(1),
    };
    let units = duration.as_nanos().div_ceil(unit.as_nanos());
    u32::try_from(units).map_or(duration, |units| unit.saturating_mul(units))
}

fn candidate(contract: &Contract, protocol: ProtocolName) -> ProtocolCandidate {
    let declared = protocol.declaration();
    let faults = contract.failures.model.behaviours();
    ProtocolCandidate {
        protocol,
        solves: declared.solves.among(&contract.failures),
        status: declared.status,
        citation: declared.citation,
        replicas: declared
            .tolerances
            .iter()
            .find(|t| faults.is_within(t.behaviours))
            .map(|t| t.replicas),
        cost: protocol.cost(contract.replicas(), contract.tolerate()),
        verdict: admissible(contract, protocol),
    }
}
