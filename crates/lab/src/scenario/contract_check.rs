//! How a run stands to its contract: what it showed, which of it was agreed to, and since when not.

use crate::experiment::Experiment;
use quorate_contract::{Behaviour, Behaviours, Component, Contract, Exceeded};
use quorate_core::NodeSet;
use quorate_sim::{Observations, Occurrences};

/// What a run showed, held against the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractCheck {
    /// Everything that departed from the perfect machine.
    pub deviations: Vec<Deviation>,
    /// The most replicas that were faulty at a time; at any time, where failures last.
    pub faulty: usize,
    /// What the contract does not allow.
    pub exceeded: Option<Exceeded>,
}

/// One way in which reality departed from the perfect machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Which.
    pub behaviour: Behaviour,
    /// When, how often, by whom.
    pub occurrences: Occurrences,
    /// Does the contract allow it?
    pub allowed: bool,
}

impl ContractCheck {
    /// How what was seen stands to a contract.
    pub fn of(contract: &Contract, experiment: &Experiment, seen: &Observations) -> Self {
        let faulty = most_faulty(contract, experiment, seen);
        let departure = |(behaviour, shown)| Deviation {
            behaviour,
            occurrences: shown,
            allowed: contract.allows(behaviour),
        };
        Self {
            deviations: seen.iter().map(departure).collect(),
            faulty,
            exceeded: seen.within(contract, faulty).err(),
        }
    }

    /// Where an assumption was broken, and when first: what may be assumed of replicas, disks, links
    /// and time.
    pub fn broken(&self) -> Vec<(Component, Option<u64>)> {
        let too_many = self
            .exceeded
            .is_some_and(|exceeded| exceeded.faulty > exceeded.tolerate);
        let places = [
            Component::Replica,
            Component::Disk,
            Component::Link,
            Component::Time,
        ];
        let of = |place: Component| {
            let outside = self
                .deviations
                .iter()
                .filter(|departure| !departure.allowed && departure.behaviour.component() == place);
            let first = outside.map(|departure| departure.occurrences.first).min();
            let broken = first.is_some() || place == Component::Replica && too_many;
            broken.then_some((place, first))
        };
        places.into_iter().filter_map(of).collect()
    }

    /// Was everything that happened agreed to?
    pub fn is_inside(&self) -> bool {
        self.exceeded.is_none()
    }
}

/// How many replicas were faulty at the same time; in all, where failures last.
fn most_faulty(contract: &Contract, experiment: &Experiment, seen: &Observations) -> usize {
    let granted = contract.storage.behaviours();
    let counts = |behaviour: Behaviour| {
        let of_a_replica = matches!(behaviour.component(), Component::Replica | Component::Disk);
        of_a_replica && !granted.contains(behaviour)
    };
    let shown = seen.iter().filter(|(behaviour, _)| counts(*behaviour));
    let shown: NodeSet = shown.flat_map(|(_, shown)| shown.nodes.iter()).collect();
    if contract.failures.is_lasting() {
        return shown.len();
    }
    let faults: Vec<_> = experiment
        .node_faults
        .iter()
        .filter(|fault| {
            let behaviours: Behaviours = fault.fault.behaviours();
            shown.contains(fault.node) && behaviours.iter().any(counts)
        })
        .collect();
    let at = |moment: u64| -> NodeSet {
        let on = |fault: &&&quorate_sim::ScheduledNodeFault| {
            fault.from <= moment && fault.until.is_none_or(|until| moment < until)
        };
        faults
            .iter()
            .filter(on)
            .map(|fault| fault.node)
            .collect::<NodeSet>()
    };
    let counts = faults.iter().map(|fault| at(fault.from).len());
    counts.max().unwrap_or(0)
}
