//! What is possible and not in the catalogue: who has done it, and under which contracts.

use crate::behaviour::Behaviour;
use crate::contract::Contract;
use crate::failure::{FailureModel, FaultCount};
use crate::links::LinkModel;
use crate::problem::Problem;
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

/// An entry, and the contracts under which it solves its problem.
struct Entry {
    known: KnownElsewhere,
    solves: Problem,
    when: fn(&Contract) -> bool,
}

const ENTRIES: &[Entry] = &[
    Entry {
        known: KnownElsewhere {
            what: "consensus among replicas that forget, if those that never crash outnumber the rest",
            citation: "Aguilera, Chen, Toueg, Distributed Computing 2000",
        },
        solves: Problem::UniformConsensus,
        when: |c| {
            c.failures.model.is_honest()
                && c.failures.is_lasting()
                && !remembers(c)
                && c.replicas() > 2 * c.tolerate()
                && may_end(c)
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "the rotating coordinator, which waits for every replica that is not suspected",
            citation: "Chandra, Toueg, J. ACM 1996, §6.1",
        },
        solves: Problem::UniformConsensus,
        when: is_told_who_crashed,
    },
    Entry {
        known: KnownElsewhere {
            what: "wait for all: no replica fails, so all decide the smallest of all proposals",
            citation: "folklore; Fischer, Lynch, Paterson, J. ACM 1985, §1",
        },
        solves: Problem::UniformConsensus,
        when: |c| c.tolerate() == 0,
    },
    Entry {
        known: KnownElsewhere {
            what: "PBFT with message authentication codes in place of signatures",
            citation: "Castro, Liskov, ACM TOCS 2002; Dwork, Lynch, Stockmeyer, J. ACM 1988",
        },
        solves: Problem::Log,
        when: |c| {
            outvotes_liars(c)
                && c.failures.is_lasting()
                && c.effective_synchrony() >= Synchrony::PartiallySynchronous
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "PBFT whose replicas recover one after another, each within a bounded time",
            citation: "Castro, Liskov, ACM TOCS 2002",
        },
        solves: Problem::Log,
        when: |c| {
            outvotes_liars(c)
                && c.failures.counted == FaultCount::AtATime
                && c.effective_synchrony() >= Synchrony::PartiallySynchronous
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "primary and backups with fewer than 2f + 1 replicas, for faults that omit",
            citation: "Budhiraja, Marzullo, Schneider, Toueg: The Primary-Backup Approach, 1993",
        },
        solves: Problem::Log,
        when: |c| {
            let may = c.failures.model.behaviours();
            let one_way = may.contains(Behaviour::DropSend) != may.contains(Behaviour::DropReceive);
            let heard =
                !may.contains(Behaviour::DropReceive) || c.replicas() > 3 * c.tolerate() / 2;
            one_way && heard && c.failures.is_lasting() && is_timely(c)
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "a protocol in rounds that leaves out a replica that has missed one",
            citation: "Lynch: Distributed Algorithms, 1996, §6.2",
        },
        solves: Problem::Log,
        when: |c| {
            c.failures.model == FailureModel::CrashRecovery
                && c.failures.is_lasting()
                && is_timely(c)
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "consensus by chance among omissions that move",
            citation: "Moniz, Neves, Correia, Veríssimo: Randomization Can Be a Healer, \
                       Distributed Computing 2011",
        },
        solves: Problem::UniformConsensus,
        when: |c| {
            is_honest_majority(c) && c.failures.counted == FaultCount::Moving && !c.deterministic
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "a register among liars, with quorums of 2f + 1 of 3f + 1",
            citation: "Martin, Alvisi, Dahlin: Minimal Byzantine Storage, DISC 2002",
        },
        solves: Problem::Register,
        when: |c| outvotes_liars(c) && c.failures.is_lasting(),
    },
    Entry {
        known: KnownElsewhere {
            what: "relay: who delivers a message first sends it to all",
            citation: "Hadzilacos, Toueg: A Modular Approach to Fault-Tolerant Broadcasts, 1994",
        },
        solves: Problem::ReliableBroadcast,
        when: |c| c.failures.model.is_honest() && remembers(c) && settles(c),
    },
    Entry {
        known: KnownElsewhere {
            what: "relay, and delivery when all have it that can be waited for",
            citation: "Hadzilacos, Toueg: A Modular Approach to Fault-Tolerant Broadcasts, 1994",
        },
        solves: Problem::UniformReliableBroadcast,
        when: |c| {
            let relayed =
                c.failures.model == FailureModel::CrashStop && c.links.model != LinkModel::FairLoss;
            (is_honest_majority(c) && settles(c)) || relayed
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "relay, and delivery when all have it that the detector does not suspect",
            citation: "Aguilera, Toueg, Deianov, DISC 1999",
        },
        solves: Problem::UniformReliableBroadcast,
        when: is_told_who_crashed,
    },
    Entry {
        known: KnownElsewhere {
            what: "wait for the sender's message or its suspicion, and agree which it was",
            citation: "Chandra, Toueg, J. ACM 1996",
        },
        solves: Problem::TerminatingBroadcast,
        when: is_told_who_crashed,
    },
    Entry {
        known: KnownElsewhere {
            what: "collecting votes for a while, and then consensus by chance on the outcome",
            citation: "Guerraoui: Revisiting the Relationship between Non-Blocking Atomic Commitment \
                       and Consensus, WDAG 1995; Ben-Or, PODC 1983",
        },
        solves: Problem::AtomicCommit,
        when: |c| is_honest_majority(c) && settles(c) && !c.deterministic,
    },
    Entry {
        known: KnownElsewhere {
            what: "waiting for all but f values and deciding the smallest: f + 1 decisions at most",
            citation: "Chaudhuri: More Choices Allow More Faults, Inf. Comput. 1993",
        },
        solves: Problem::KSet(1),
        when: |c| match c.problem() {
            Problem::KSet(k) => {
                c.failures.model == FailureModel::CrashStop && c.tolerate() < usize::from(k)
            }
            _ => false,
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "flooding for f/k + 1 rounds",
            citation: "Chaudhuri, Herlihy, Lynch, Tuttle, J. ACM 2000",
        },
        solves: Problem::KSet(1),
        when: |c| is_timely(c) && c.failures.model == FailureModel::CrashStop,
    },
];

/// Is it known from the start by when a message has come?
fn is_timely(c: &Contract) -> bool {
    c.effective_synchrony() == Synchrony::Synchronous
}

/// Are the faulty no liars, and fewer than half?
fn is_honest_majority(c: &Contract) -> bool {
    c.failures.model.is_honest() && c.replicas() > 2 * c.tolerate() && remembers(c)
}

/// Are the liars known by name, and fewer than a third?
fn outvotes_liars(c: &Contract) -> bool {
    c.failures.has_liars() && c.authenticates() && c.replicas() > 3 * c.tolerate()
}

/// Does an oracle tell exactly who has crashed, and who crashes stays away?
fn is_told_who_crashed(c: &Contract) -> bool {
    c.oracle() == Some(DetectorClass::Perfect) && c.failures.model == FailureModel::CrashStop
}

/// Is a replica that is correct now correct for long enough to be heard?
fn settles(c: &Contract) -> bool {
    c.failures.counted < FaultCount::Moving
}

/// Is there what makes agreement end: time, an oracle, or chance?
fn may_end(c: &Contract) -> bool {
    c.effective_synchrony() > Synchrony::Asynchronous || c.oracle().is_some() || !c.deterministic
}

/// Does a replica that restarts know what it said?
fn remembers(c: &Contract) -> bool {
    !c.allows(Behaviour::Forget) && !c.allows(Behaviour::LieAboutSync)
}

impl Contract {
    /// What the literature has that solves the contract's problem under it, and the catalogue has not.
    pub fn known_elsewhere(&self) -> Vec<KnownElsewhere> {
        let entries = ENTRIES
            .iter()
            .filter(|_| self.tolerate() < self.replicas())
            .filter(|entry| self.is_given_by(entry.solves) && (entry.when)(self));
        entries.map(|entry| entry.known).collect()
    }
}
