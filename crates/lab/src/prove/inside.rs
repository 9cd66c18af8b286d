//! Did a run stay inside its contract? What it showed is held against what is allowed: counted from
//! observations, not from plans.

use super::draw::DrawnRun;
use crate::run::RunOutcome;
use quorate_contract::{Behaviour, Behaviours, Component, Contract};
use quorate_core::NodeSet;
use quorate_sim::{NodeFault, ScheduledNodeFault};

/// Why the run was not inside the contract, if it was not: then a generator or the world is wrong.
pub(super) fn breach(contract: &Contract, run: &DrawnRun, outcome: &RunOutcome) -> Option<String> {
    let mut shown = Behaviours::NONE;
    let flooded = outcome.traffic.overflowed > 0;
    for (behaviour, how) in outcome.observed.iter() {
        let by_faulty = how.nodes.iter().all(|node| run.faulty.contains(node));
        match behaviour.component() {
            Component::Replica | Component::Disk if !by_faulty => {
                return Some(format!(
                    "{behaviour} was shown by a node that is not faulty"
                ));
            }
            // A faulty node that is late is late; only correct ones suffer from time.
            Component::Time
                if by_faulty && behaviour == Behaviour::Pause && !contract.allows(behaviour) =>
            {
                shown = shown.with(Behaviour::Late);
            }
            // Liars can flood links until these lose messages: theirs is the fault.
            Component::Link
                if behaviour == Behaviour::Lose
                    && flooded
                    && !run.experiment.liars().is_empty() => {}
            _ => shown = shown.with(behaviour),
        }
        let of_time = matches!(behaviour.component(), Component::Time | Component::Link)
            && !matches!(behaviour, Behaviour::Reorder | Behaviour::Pause);
        if run.calm.is_some_and(|calm| how.last > calm) && of_time && !flooded {
            return Some(format!(
                "{behaviour} was shown after time had become bounded"
            ));
        }
    }
    let faulty = most_faulty(contract, run);
    contract
        .within(shown, faulty)
        .err()
        .map(|exceeded| exceeded.to_string())
}

/// How many nodes are faulty at the same time, at the most; or ever, where that counts.
fn most_faulty(contract: &Contract, run: &DrawnRun) -> usize {
    if contract.failures.is_lasting() {
        return run.faulty.len();
    }
    let by_time = |fault: &ScheduledNodeFault| {
        matches!(
            fault.fault,
            NodeFault::Pause | NodeFault::Drift(_) | NodeFault::ClockJump(_)
        ) && contract.allows(Behaviour::Pause)
    };
    let faults = || {
        let faults = run.experiment.node_faults.iter();
        faults.filter(|fault| run.faulty.contains(fault.node) && !by_time(fault))
    };
    let at = |moment: u64| -> NodeSet {
        let covers = |fault: &&ScheduledNodeFault| {
            fault.from <= moment && fault.until.is_none_or(|until| until >= moment)
        };
        faults().filter(covers).map(|fault| fault.node).collect()
    };
    let counts = faults().map(|fault| at(fault.from).len());
    counts.max().unwrap_or(0)
}
