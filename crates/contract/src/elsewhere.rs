//! What is possible and not in the catalogue: who has done it, and under which contracts.

use crate::behaviour::Behaviour;
use crate::contract::Contract;
use crate::failure::{FailureModel, FaultCount};
use crate::timing::{DetectorClass, Synchrony};
use serde::Serialize;

/// A protocol, known from the literature, that the catalogue does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KnownElsewhere {
    /// What it is.
    pub what: &'static str,
    /// Where it is defined.
    pub citation: &'static str,
}

/// An entry, and the contracts under which it replicates a log.
struct Entry {
    known: KnownElsewhere,
    when: fn(&Contract) -> bool,
}

const ENTRIES: &[Entry] = &[
    Entry {
        known: KnownElsewhere {
            what: "consensus among replicas that forget, if those that never crash outnumber the rest",
            citation: "Aguilera, Chen, Toueg, Distributed Computing 2000",
        },
        when: |c| {
            c.failures.model.is_honest()
                && c.failures.is_lasting()
                && (c.allows(Behaviour::Forget) || c.allows(Behaviour::LieAboutSync))
                && c.replicas() > 2 * c.tolerate()
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "the rotating coordinator that waits for whoever is not suspected",
            citation: "Chandra, Toueg, J. ACM 1996, §6.1",
        },
        when: |c| {
            c.oracle() == Some(DetectorClass::Perfect)
                && c.failures.model == FailureModel::CrashStop
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "wait for all: nobody fails, so the smallest of all proposals is everybody's",
            citation: "folklore; Fischer, Lynch, Paterson, J. ACM 1985, §1",
        },
        when: |c| c.tolerate() == 0,
    },
    Entry {
        known: KnownElsewhere {
            what: "PBFT with message authentication codes in place of signatures",
            citation: "Castro, Liskov, ACM TOCS 2002; Dwork, Lynch, Stockmeyer, J. ACM 1988",
        },
        when: |c| {
            !c.failures.model.is_honest()
                && c.failures.is_lasting()
                && c.authenticates()
                && c.effective_synchrony() >= Synchrony::PartiallySynchronous
                && c.replicas() > 3 * c.tolerate()
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "PBFT whose replicas recover one after another, each within a bounded time",
            citation: "Castro, Liskov, ACM TOCS 2002",
        },
        when: |c| {
            !c.failures.model.is_honest()
                && c.failures.counted == FaultCount::AtATime
                && c.authenticates()
                && c.effective_synchrony() >= Synchrony::PartiallySynchronous
                && c.replicas() > 3 * c.tolerate()
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "primary and backups with fewer than 2f + 1 replicas, for faults that omit",
            citation: "Budhiraja, Marzullo, Schneider, Toueg: The Primary-Backup Approach, 1993",
        },
        when: |c| {
            let may = c.failures.model.behaviours();
            let one_way = may.contains(Behaviour::DropSend) != may.contains(Behaviour::DropReceive);
            one_way && c.failures.is_lasting() && c.effective_synchrony() == Synchrony::Synchronous
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "a protocol in rounds that leaves out whoever has missed one",
            citation: "Lynch: Distributed Algorithms, 1996, §6.2",
        },
        when: |c| {
            c.failures.model == FailureModel::CrashRecovery
                && c.failures.is_lasting()
                && c.effective_synchrony() == Synchrony::Synchronous
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "consensus by chance among omissions that move",
            citation: "Moniz, Neves, Correia, Veríssimo: Randomization Can Be a Healer, \
                       Distributed Computing 2011",
        },
        when: |c| {
            c.failures.model.is_honest()
                && c.failures.counted == FaultCount::Moving
                && !c.deterministic
        },
    },
];

/// Those that replicate a log under the contract.
pub(crate) fn known_elsewhere(contract: &Contract) -> Vec<KnownElsewhere> {
    let entries = ENTRIES.iter().filter(|entry| (entry.when)(contract));
    entries.map(|entry| entry.known).collect()
}
