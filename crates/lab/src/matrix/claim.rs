//! What a cell's contract is, and what the protocol claims under it.
//!
//! Nothing here is measured: it all comes from the catalogue.

use super::{Cell, FaultClass, TimingModel};
use crate::system::SystemFacts;
use quorate_contract::{
    Admissibility, Bounds, Cluster, Contract, FailureModel, Failures, FaultCount, LinkModel, Links,
    Stabilization, StorageAssumption, StorageModel, Synchrony, Timing, admissible,
};
use quorate_report::CellVerdict;
use std::time::Duration;

/// Δ: no message takes longer, where time has bounds that are known.
pub(crate) const DELTA: Duration = Duration::from_millis(8);
/// Φ: no sync takes longer.
pub(crate) const PHI: Duration = Duration::from_millis(1);
/// Clocks are off by so many millionths at most.
pub(crate) const DRIFT_PPM: u32 = 1000;

/// What a protocol claims in a cell, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellClaim {
    /// The worst that may show; nothing is claimed beyond the contract.
    pub verdict: Option<CellVerdict>,
    /// Why not better.
    pub why: String,
}

/// The contract of a cell whose protocol is set up for `faults` among `nodes`.
pub(super) fn contract(place: &Cell, facts: &SystemFacts, nodes: u8, faults: u8) -> Contract {
    let declared = facts.catalogue.declaration();
    let model = match place.column.fault {
        FaultClass::Nothing | FaultClass::FairLoss => FailureModel::CrashStop,
        FaultClass::Nodes(model) => model,
        // A replica whose disk forgets counts among the liars, where liars are survived.
        FaultClass::Amnesia | FaultClass::LyingSync if survives_liars(facts) => {
            FailureModel::Byzantine
        }
        FaultClass::Amnesia | FaultClass::LyingSync => FailureModel::CrashRecovery,
    };
    let links = match place.column.fault {
        FaultClass::FairLoss => LinkModel::FairLoss,
        // Outvoting liars needs authenticated senders; without liars, every message is believed.
        _ if survives_liars(facts) => LinkModel::Authenticated,
        // A bound on time means nothing where any message may be lost.
        _ if place.timing == TimingModel::Synchronous => declared.links.max(LinkModel::Reliable),
        _ => declared.links,
    };
    let bounds = Bounds {
        delta: DELTA,
        phi: PHI,
        drift_ppm: DRIFT_PPM,
    };
    Contract {
        cluster: Cluster::loopback("matrix", usize::from(nodes)),
        failures: Failures {
            counted: match is_lasting(place, facts) {
                true => FaultCount::InTotal,
                false => model.counted(),
            },
            ..Failures::new(model, usize::from(place.column.faulty(faults)))
        },
        timing: match place.timing {
            TimingModel::Synchronous => Timing::Synchronous(bounds),
            TimingModel::UnknownBound => Timing::PartiallySynchronous(Stabilization::Unknown),
            TimingModel::Gst => Timing::PartiallySynchronous(Stabilization::Gst(bounds)),
            TimingModel::Asynchronous => Timing::Asynchronous,
        },
        steps: None,
        detector: None,
        links: Links {
            model: links,
            signatures: declared.signatures,
        },
        storage: StorageAssumption {
            model: match place.column.fault {
                FaultClass::Amnesia if !survives_liars(facts) => StorageModel::Amnesiac,
                _ => StorageModel::Durable,
            },
            may_tear: true,
            may_corrupt: false,
            may_lie_about_sync: place.column.fault == FaultClass::LyingSync
                && !survives_liars(facts),
        },
        problem: None,
        protocol: Some(facts.catalogue),
        deterministic: false,
        quorums: None,
    }
}

/// Is the subject set up to outvote liars? Its number of nodes says so, where the catalogue has
/// entries for both.
pub(super) fn survives_liars(facts: &SystemFacts) -> bool {
    let tolerances = facts.catalogue.declaration().tolerances;
    tolerances.iter().any(|tolerance| {
        let enough = tolerance.replicas.suffices(facts.nodes_for(1).into(), 1);
        let byzantine = FailureModel::Byzantine.behaviours();
        byzantine.is_within(tolerance.behaviours) && enough
    })
}

/// Does a node that was faulty once count as faulty for good: by the model, or because the protocol
/// has moved on without it?
pub(super) fn is_lasting(place: &Cell, facts: &SystemFacts) -> bool {
    let by_model = match place.column.fault {
        FaultClass::Nodes(model) => {
            let declared = facts.catalogue.declaration();
            model.counted().min(declared.counted_for(model)) == FaultCount::InTotal
        }
        FaultClass::Amnesia | FaultClass::LyingSync => true,
        FaultClass::Nothing | FaultClass::FairLoss => false,
    };
    by_model || !facts.recovers
}

/// What the catalogue says.
pub(super) fn claim(place: &Cell, facts: &SystemFacts, nodes: u8, faults: u8) -> CellClaim {
    let none = |why: String| CellClaim { verdict: None, why };
    if place.column.faulty(faults) > faults {
        let many = place.column.faulty(faults);
        return none(format!("{many} are faulty, and it is set up for {faults}"));
    }
    let contract = contract(place, facts, nodes, faults);
    let declared = facts.catalogue.declaration();
    if contract.links.model < declared.links {
        return none(format!(
            "it needs {} links, and has {}",
            declared.links, contract.links.model
        ));
    }
    let reasons = match admissible(&contract, facts.catalogue) {
        Admissibility::Admissible { .. } => {
            let conceded = facts.catalogue.concedes_liveness(&contract);
            return CellClaim {
                verdict: Some(match conceded {
                    None => CellVerdict::SafeAndLive,
                    Some(_) => CellVerdict::SafeStalls,
                }),
                why: conceded.unwrap_or_default().to_owned(),
            };
        }
        Admissibility::NotAdmissible { reasons } => reasons,
    };
    let why: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    let mut timely = contract.clone();
    timely.timing = Timing::PartiallySynchronous(Stabilization::Gst(Bounds {
        delta: DELTA,
        phi: PHI,
        drift_ppm: DRIFT_PPM,
    }));
    let only_time = declared.synchrony < Synchrony::Synchronous
        && admissible(&timely, facts.catalogue).is_admissible();
    CellClaim {
        verdict: only_time.then_some(CellVerdict::SafeStalls),
        why: why.join("; "),
    }
}
