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
            c.failures.model.is_within(FailureModel::CrashRecovery)
                && !remembers(c)
                && c.failures.never_fail(c.replicas()) > c.tolerate()
                && settles(c)
                && may_end(c)
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "crash-consistent quorums: a replica that comes back without its memory asks a majority \
                   that did not crash meanwhile, and takes part when it is told",
            citation: "Michael, Ports, Sharma, Szekeres, DISC 2017",
        },
        solves: Problem::Register,
        when: is_told_when_back,
    },
    Entry {
        known: KnownElsewhere {
            what: "replication over virtual stable storage: a replica that comes back without its memory \
                   asks a majority that did not crash meanwhile, and takes part when it is told",
            citation: "Michael, Ports, Sharma, Szekeres, DISC 2017",
        },
        solves: Problem::Log,
        when: |c| is_told_when_back(c) && may_end(c),
    },
    Entry {
        known: KnownElsewhere {
            what: "consensus among those who are heard of by a majority at the start; none of them fails \
                   later",
            citation: "Fischer, Lynch, Paterson, J. ACM 1985, §4",
        },
        solves: Problem::Log,
        when: |c| {
            c.failures.model == FailureModel::InitiallyDead && c.replicas() > 2 * c.tolerate()
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "a leader and quorums that the detector names, of whatever size",
            citation: "Delporte-Gallet, Fauconnier, Guerraoui, J. ACM 2010",
        },
        solves: Problem::UniformConsensus,
        when: |c| {
            let gives = |class: DetectorClass| class.elects() && class.gives_quorums();
            is_told_of_crashes(c, gives)
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "consensus by chance over registers, which the detector's quorums hold",
            citation: "Aspnes, Herlihy, J. Algorithms 1990; Delporte-Gallet, Fauconnier, Guerraoui, J. ACM \
                       2010",
        },
        solves: Problem::UniformConsensus,
        when: |c| !c.deterministic && is_told_of_crashes(c, DetectorClass::gives_quorums),
    },
    Entry {
        known: KnownElsewhere {
            what: "a register in the memory of the quorums that the detector names",
            citation: "Delporte-Gallet, Fauconnier, Guerraoui, J. ACM 2010",
        },
        solves: Problem::Register,
        when: |c| is_told_of_crashes(c, DetectorClass::gives_quorums),
    },
    Entry {
        known: KnownElsewhere {
            what: "UpRight: replication that counts crashes and lies apart, with 2c + 3b + 1 replicas",
            citation: "Clement, Kapritsos, Lee, Wang, Alvisi, Dahlin, Riche, SOSP 2009",
        },
        solves: Problem::Log,
        when: |c| {
            let (n, f, liars) = (c.replicas(), c.tolerate(), c.failures.liars());
            c.failures.has_liars()
                && c.failures.crash_only > 0
                && c.authenticates()
                && n > 2 * f + liars
                && c.failures.is_lasting()
                && c.effective_synchrony() >= Synchrony::PartiallySynchronous
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "agreement that counts crashes and lies apart, with c + 3b + 1 replicas",
            citation: "Thambidurai, Park: Interactive Consistency with Multiple Failure Modes, SRDS 1988",
        },
        solves: Problem::TerminatingBroadcast,
        when: |c| {
            let (n, f, liars) = (c.replicas(), c.tolerate(), c.failures.liars());
            c.failures.has_liars()
                && c.failures.crash_only > 0
                && c.authenticates()
                && n > f + 2 * liars
                && c.failures.is_lasting()
                && is_timely(c)
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "rounds that wait for messages in time and for steps as long as these take",
            citation: "Dwork, Lynch, Stockmeyer, J. ACM 1988, §6",
        },
        solves: Problem::Consensus,
        when: |c| c.only_steps_are_late() && c.failures.model.is_within(FailureModel::CrashStop),
    },
    Entry {
        known: KnownElsewhere {
            what: "n - 1 rounds, each of which waits for the values of all replicas that are not suspected",
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
                && (c.failures.counts_recovering || remembers_honestly(c))
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
            let lasting = c.failures.model == FailureModel::InitiallyDead;
            (is_honest_majority(c) && settles(c)) || relayed || lasting
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "relay, and delivery when all have it that the detector trusts",
            citation: "Aguilera, Toueg, Deianov, DISC 1999",
        },
        solves: Problem::UniformReliableBroadcast,
        when: |c| is_told_of_crashes(c, DetectorClass::gives_trust),
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
            what: "collecting votes for a while, and then consensus on the outcome",
            citation: "Guerraoui: Revisiting the Relationship between Non-Blocking Atomic Commitment \
                       and Consensus, WDAG 1995",
        },
        solves: Problem::AtomicCommit,
        when: |c| is_honest_majority(c) && may_end(c) && settles(c),
    },
    Entry {
        known: KnownElsewhere {
            what: "waiting for all but f values and deciding the smallest: f + 1 decisions at most",
            citation: "Chaudhuri: More Choices Allow More Faults, Inf. Comput. 1993",
        },
        solves: Problem::KSet(1),
        when: |c| match c.problem() {
            Problem::KSet(k) => {
                c.failures.model.is_within(FailureModel::CrashStop) && c.tolerate() < usize::from(k)
            }
            _ => false,
        },
    },
    Entry {
        known: KnownElsewhere {
            what: "one decision for each group of those who heard of the same at the start",
            citation: "Biely, Robinson, Schmid: Easy Impossibility Proofs for k-Set Agreement, OPODIS 2011",
        },
        solves: Problem::KSet(1),
        when: |c| match c.problem() {
            Problem::KSet(k) => {
                let left = c.replicas().saturating_sub(c.tolerate());
                c.failures.model == FailureModel::InitiallyDead
                    && (usize::from(k) + 1) * left > c.replicas()
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
        when: |c| is_timely(c) && c.failures.model.is_within(FailureModel::CrashStop),
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
    is_told_of_crashes(c, |class| class == DetectorClass::Perfect)
}

/// Is there an oracle that gives this, and who crashes stays away?
fn is_told_of_crashes(c: &Contract, gives: fn(DetectorClass) -> bool) -> bool {
    c.oracle().is_some_and(gives) && c.failures.model.is_within(FailureModel::CrashStop)
}

/// Does a replica that forgets count as faulty until it is told, by more than half?
fn is_told_when_back(c: &Contract) -> bool {
    c.failures.model.is_within(FailureModel::CrashRecovery)
        && c.failures.counted == FaultCount::AtATime
        && c.failures.counts_recovering
        && c.replicas() > 2 * c.tolerate()
}

/// Is a replica that is correct now correct for long enough to be heard?
fn settles(c: &Contract) -> bool {
    c.failures.counted < FaultCount::Moving
}

/// Is there what makes agreement end: time, an oracle, or chance?
fn may_end(c: &Contract) -> bool {
    c.effective_synchrony() > Synchrony::Asynchronous
        || c.oracle().is_some_and(DetectorClass::elects)
        || c.failures.model == FailureModel::InitiallyDead
        || !c.deterministic
}

/// Does a replica that restarts know what it said?
fn remembers(c: &Contract) -> bool {
    !c.allows(Behaviour::Forget) && !c.allows(Behaviour::LieAboutSync)
}

/// Does the disk of a replica that was cured of lying tell what it said?
fn remembers_honestly(c: &Contract) -> bool {
    let disk = c.storage.behaviours();
    !disk.contains(Behaviour::Forget) && !disk.contains(Behaviour::LieAboutSync)
}

impl Contract {
    /// What the literature has that solves the contract's problem under it, and the catalogue has not.
    pub fn known_elsewhere(&self) -> Vec<KnownElsewhere> {
        if let Some(quorums) = &self.quorums
            && !self.has_usual_quorums()
        {
            return self.known_with_quorums(quorums);
        }
        let lasting = self.in_total();
        let entries = ENTRIES
            .iter()
            .filter(|_| self.tolerate() < self.replicas())
            .filter(|entry| self.is_given_by(entry.solves))
            .filter(|entry| (entry.when)(self) || lasting.as_ref().is_some_and(entry.when));
        entries.map(|entry| entry.known).collect()
    }
}
