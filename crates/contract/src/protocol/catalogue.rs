//! The entries of the catalogue. What a protocol survives comes from the paper that its entry cites;
//! what a decision costs is what ours sends where we have it, and a test of `lab` holds the two together.

use super::cost::{all_to_all, one_to_all, oral_messages};
use super::{Caveat, Declaration, ProtocolCost, ProtocolName, Replicas, SupportLevel, Tolerance};
use crate::behaviour::{Behaviour, Behaviours};
use crate::contract::Contract;
use crate::failure::{FailureModel, FaultCount};
use crate::links::LinkModel;
use crate::problem::Problem;
use crate::timing::Synchrony;

const fn tolerance(model: FailureModel, per_fault: usize) -> Tolerance {
    Tolerance {
        behaviours: model.behaviours(),
        replicas: Replicas::PerFault(per_fault),
        counted: FaultCount::Moving,
    }
}

/// Protocols that only wait for a majority take a silent, late or lossy replica for a slow one.
const SILENCE_BY_MAJORITY: &[Tolerance] = &[tolerance(FailureModel::Timing, 2)];
const LIES_BY_THIRDS: &[Tolerance] = &[tolerance(FailureModel::Byzantine, 3)];
const LIES_SIGNED: &[Tolerance] = &[tolerance(FailureModel::Byzantine, 1)];

const STABLE_LEADER: &str = "with a leader in place; the commit index rides on the next message";
const PER_ROUND: &str = "for one round, enough when all propose the same; otherwise rounds repeat";

const fn omits(c: &Contract) -> bool {
    let faults = c.failures.model.behaviours();
    let omits = faults.contains(Behaviour::DropSend) || faults.contains(Behaviour::DropReceive);
    omits && c.failures.tolerate > 0
}

const fn moves(c: &Contract) -> bool {
    !c.failures.is_lasting() && c.failures.tolerate > 0
}

const MOVING_FAULTS: Caveat = Caveat {
    when: moves,
    text: "safe wherever faults move; decisions come once they stay where they are for as long as an \
           election takes (Santoro, Widmayer 1989)",
    stalls: false,
};
const OMITTING_LEADER: Caveat = Caveat {
    when: omits,
    text: "safe under omission; a leader whose acknowledgements do not reach a majority steps down \
           (check-quorum), but one that loses only some kinds of message can slow the log down for \
           as long as it leads, and one that does not hear a follower cannot keep it level",
    stalls: true,
};
const DEAF_LEADER: Caveat = Caveat {
    when: omits,
    text: "safe under omission; a leader that loses only some kinds of message, or does not hear \
           that its values were accepted, holds the log up for as long as its heartbeats arrive",
    stalls: true,
};
const DETECTED_CORRUPTION: Caveat = Caveat {
    when: |c| c.storage.may_corrupt,
    text: "corruption is detected by checksums, and a replica that finds it counts as faulty until \
           it is repaired from the others; undetected corruption is a lie",
    stalls: false,
};
const RESTARTED_LIAR: Caveat = Caveat {
    when: |c| {
        let disk = c.storage.behaviours();
        disk.contains(Behaviour::Forget) || disk.contains(Behaviour::LieAboutSync)
    },
    text: "a replica that restarts has forgotten its votes, may vote again, and counts among the \
           f liars for good",
    stalls: false,
};
const LEFT_OUT: Caveat = Caveat {
    when: |c| c.failures.has_liars(),
    text: "a node that a lying leader leaves out of the last decision learns of it with the next one: \
           while nothing more is asked for, it waits",
    stalls: true,
};
const BROADCAST_ONLY: Caveat = Caveat {
    when: |c| c.failures.has_liars() && c.replicas() <= c.failures.tolerate + c.failures.liars(),
    text: "replicas agree, but with n ≤ 2f a client cannot tell the true answer from the lies",
    stalls: false,
};

const RAFT: Declaration = Declaration {
    protocol: ProtocolName::Raft,
    citation: "Ongaro, Ousterhout: In Search of an Understandable Consensus Algorithm, USENIX ATC \
               2014",
    solves: Problem::Log,
    status: SupportLevel::Serves,
    tolerances: SILENCE_BY_MAJORITY,
    counted: FaultCount::AtATime,
    synchrony: Synchrony::PartiallySynchronous,
    follows_oracle: false,
    links: LinkModel::FairLoss,
    signatures: false,
    randomized: false, // Its random timeouts only keep elections apart; the votes decide.
    caveats: &[MOVING_FAULTS, OMITTING_LEADER, DETECTED_CORRUPTION],
    // The leader writes its own log while the others write theirs, and tells them at once what is
    // committed, so that a follower applies it without waiting for the next entry.
    cost: |n, _| {
        ProtocolCost::new(2, 3 * one_to_all(n))
            .syncs(1, n)
            .note("with a leader in place")
    },
};

const MULTI_PAXOS: Declaration = Declaration {
    protocol: ProtocolName::MultiPaxos,
    citation: "Lamport: The Part-Time Parliament, ACM TOCS 1998; Paxos Made Simple, 2001",
    follows_oracle: true,
    status: SupportLevel::Lab,
    caveats: &[MOVING_FAULTS, DEAF_LEADER, DETECTED_CORRUPTION],
    cost: |n, _| {
        ProtocolCost::new(2, 2 * one_to_all(n))
            .syncs(1, n)
            .note(STABLE_LEADER)
    },
    ..RAFT
};

const PAXOS: Declaration = Declaration {
    protocol: ProtocolName::Paxos,
    citation: "Lamport: The Part-Time Parliament, ACM TOCS 1998; Paxos Made Simple, 2001",
    solves: Problem::UniformConsensus,
    follows_oracle: true,
    status: SupportLevel::Lab,
    caveats: &[MOVING_FAULTS, DETECTED_CORRUPTION],
    // Prepare, promise, accept, accepted, and the decision passed on. The proposer's ballot is on
    // its disk before it asks, a promise before it is given, and an acceptance likewise.
    cost: |n, _| {
        ProtocolCost::new(4, 5 * one_to_all(n))
            .syncs(3, 2 * n)
            .note("with one proposer; rivals repeat it")
    },
    ..RAFT
};

const MAJORITY_COMMIT: Declaration = Declaration {
    protocol: ProtocolName::MajorityCommit,
    citation: "folklore; its vote is that of Thomas: A Majority Consensus Approach to Concurrency \
               Control for Multiple Copy Databases, ACM TODS 1979",
    solves: Problem::ReliableBroadcast,
    status: SupportLevel::Lab,
    // A minority of followers may be silent, but the leader is a replica too, and when it stops
    // between two of its messages some know the decision and the others never will.
    tolerances: &[Tolerance {
        behaviours: Behaviours::NONE,
        replicas: Replicas::PerFault(1),
        counted: FaultCount::Moving,
    }],
    counted: FaultCount::Moving,
    synchrony: Synchrony::Asynchronous,
    follows_oracle: false,
    links: LinkModel::Reliable,
    signatures: false,
    randomized: false,
    caveats: &[Caveat {
        when: |_| true,
        text: "the leader is fixed: without it nothing is decided, and what it decided last may be \
               known to some only",
        stalls: false,
    }],
    // The leader writes down what it proposes before it does: it has no ballots, and would propose
    // something else after a crash.
    cost: |n, _| ProtocolCost::new(2, 3 * one_to_all(n)).syncs(2, n),
};

const PRIMARY_BACKUP: Declaration = Declaration {
    protocol: ProtocolName::PrimaryBackup,
    citation: "Budhiraja, Marzullo, Schneider, Toueg: The Primary-Backup Approach, 1993",
    solves: Problem::Log,
    status: SupportLevel::Lab,
    tolerances: &[tolerance(FailureModel::CrashStop, 1)],
    counted: FaultCount::InTotal,
    synchrony: Synchrony::Synchronous,
    follows_oracle: false,
    links: LinkModel::Reliable,
    signatures: false,
    randomized: false,
    caveats: &[],
    // The primary answers once its backups are told: the one that takes over hears of it in time.
    cost: |n, _| ProtocolCost::new(0, one_to_all(n)),
};

const FLOOD_SET: Declaration = Declaration {
    protocol: ProtocolName::FloodSet,
    citation: "Lynch: Distributed Algorithms, 1996, §6.2",
    solves: Problem::UniformConsensus,
    cost: |n, f| ProtocolCost::new(f + 1, (f + 1) * all_to_all(n)),
    ..PRIMARY_BACKUP
};

const BY_NO_GIVEN_TIME: Caveat = Caveat {
    when: |c| matches!(c.effective_synchrony(), Synchrony::Asynchronous),
    text: "without any bound on time it ends by no given time",
    stalls: true,
};

const TWO_PHASE_COMMIT: Declaration = Declaration {
    protocol: ProtocolName::TwoPhaseCommit,
    citation: "Gray: Notes on Data Base Operating Systems, 1978",
    solves: Problem::AtomicCommit,
    status: SupportLevel::Lab,
    // It is safe whichever nodes crash and come back, but it ends only when the coordinator is up.
    tolerances: &[Tolerance {
        behaviours: Behaviours::NONE,
        replicas: Replicas::PerFault(1),
        counted: FaultCount::Moving,
    }],
    counted: FaultCount::Moving,
    synchrony: Synchrony::Asynchronous,
    follows_oracle: false,
    links: LinkModel::FairLoss,
    signatures: false,
    randomized: false,
    caveats: &[
        Caveat {
            when: |_| true,
            text: "it blocks: while the coordinator is down, participants that have all voted yes \
                   wait for it, and hold what the transaction has locked (Skeen 1981)",
            stalls: false,
        },
        BY_NO_GIVEN_TIME,
    ],
    // Question, vote, outcome. A participant's vote is on its disk before it is sent, and so is the
    // coordinator's decision, which implies its own vote.
    cost: |n, _| ProtocolCost::new(2, 3 * one_to_all(n)).syncs(2, n),
};

const THREE_PHASE_COMMIT: Declaration = Declaration {
    protocol: ProtocolName::ThreePhaseCommit,
    citation: "Skeen: Nonblocking Commit Protocols, SIGMOD 1981",
    solves: Problem::AtomicCommit,
    caveats: &[Caveat {
        when: |_| true,
        text: "a timeout stands for a crash: one message that is late, or a partition, and one half \
               commits while the other one aborts",
        stalls: false,
    }],
    // Question, vote, pre-commit, acknowledgement, outcome.
    cost: |n, _| ProtocolCost::new(4, 5 * one_to_all(n)),
    ..PRIMARY_BACKUP
};

const PAXOS_COMMIT: Declaration = Declaration {
    protocol: ProtocolName::PaxosCommit,
    citation: "Gray, Lamport: Consensus on Transaction Commit, ACM TODS 2006",
    solves: Problem::AtomicCommit,
    // Each participant's vote to all, in ballot 0; what all of them voted from each to the leader, and
    // the outcome. A participant accepts its own vote before it sends it, and the others together.
    cost: |n, _| {
        ProtocolCost::new(2, all_to_all(n) + 2 * one_to_all(n))
            .syncs(2, 2 * n)
            .note("without a takeover")
    },
    ..PAXOS
};

const ABD: Declaration = Declaration {
    protocol: ProtocolName::Abd,
    citation: "Attiya, Bar-Noy, Dolev: Sharing Memory Robustly in Message-Passing Systems, J. ACM \
               1995; for many writers: Lynch, Shvartsman, FTCS 1997",
    solves: Problem::Register,
    status: SupportLevel::Lab,
    synchrony: Synchrony::Asynchronous,
    follows_oracle: false,
    caveats: &[BY_NO_GIVEN_TIME, DETECTED_CORRUPTION],
    // A question, answers, the value under its new tag, acknowledgements. The writer stores it before
    // the others do: so its tags are its own after a crash too.
    cost: |n, _| {
        ProtocolCost::new(4, 4 * one_to_all(n))
            .syncs(2, n)
            .note("for a write; a read costs the same, and syncs only where it brings news")
    },
    ..RAFT
};

const BEN_OR: Declaration = Declaration {
    protocol: ProtocolName::BenOr,
    citation: "Ben-Or: Another Advantage of Free Choice, PODC 1983",
    solves: Problem::UniformConsensus,
    status: SupportLevel::Lab,
    // A node that comes back says its last words again. What one omitted is not said again, and a round
    // from which others omit as well waits for good.
    tolerances: &[
        tolerance(FailureModel::CrashRecovery, 2),
        Tolerance {
            counted: FaultCount::InTotal,
            ..tolerance(FailureModel::Timing, 2)
        },
        tolerance(FailureModel::Byzantine, 5),
    ],
    counted: FaultCount::AtATime,
    synchrony: Synchrony::Asynchronous,
    // Among honest replicas the sender is believed; liars are kept honest about it separately.
    follows_oracle: false,
    links: LinkModel::Reliable,
    signatures: false,
    randomized: true,
    caveats: &[
        Caveat {
            when: |_| true,
            text: "ends with probability 1; with local coins the expected number of rounds grows \
                   exponentially with n in the worst case",
            stalls: false,
        },
        Caveat {
            when: |c| c.effective_synchrony() == Synchrony::Asynchronous && c.tolerate() > 0,
            text: "without any bound on time it decides by no given time",
            stalls: true,
        },
        DETECTED_CORRUPTION,
    ],
    cost: |n, _| {
        // Reports, proposals, and the decision passed on.
        ProtocolCost::new(2, 3 * all_to_all(n))
            .syncs(2, 3 * n)
            .note(PER_ROUND)
    },
};

const PBFT: Declaration = Declaration {
    protocol: ProtocolName::Pbft,
    citation: "Castro, Liskov: Practical Byzantine Fault Tolerance, OSDI 1999",
    solves: Problem::Log,
    status: SupportLevel::Lab,
    tolerances: LIES_BY_THIRDS,
    counted: FaultCount::AtATime,
    synchrony: Synchrony::PartiallySynchronous,
    follows_oracle: false,
    links: LinkModel::Authenticated,
    signatures: true, // A view change shows what others voted.
    randomized: false,
    caveats: &[RESTARTED_LIAR],
    // Pre-prepare to all; prepare from each backup to all others; commit from all to all.
    cost: |n, _| {
        let prepare = one_to_all(n) * one_to_all(n);
        ProtocolCost::new(3, one_to_all(n) + prepare + all_to_all(n)).syncs(3, 2 * n)
    },
};

const HOTSTUFF: Declaration = Declaration {
    protocol: ProtocolName::HotStuff,
    citation: "Yin, Malkhi, Reiter, Golan Gueta, Abraham: HotStuff, PODC 2019",
    signatures: true,
    caveats: &[RESTARTED_LIAR, LEFT_OUT],
    // Three blocks and the last quorum from the leader, three votes by all. The leader's vote is on
    // disk before its block leaves: the promises of leader and followers take turns.
    cost: |n, _| {
        ProtocolCost::new(6, 7 * one_to_all(n))
            .syncs(6, 3 * n)
            .note("for one alone; in a stream, one send and one vote per decision")
    },
    ..PBFT
};

const TENDERMINT: Declaration = Declaration {
    protocol: ProtocolName::Tendermint,
    citation: "Buchman, Kwon, Milosevic: The Latest Gossip on BFT Consensus, 2018",
    signatures: true,
    cost: |n, _| {
        ProtocolCost::new(3, one_to_all(n) + 2 * all_to_all(n))
            .syncs(3, 2 * n + 1)
            .note("with direct links; gossip sends more")
    },
    ..PBFT
};

const SIMPLEX: Declaration = Declaration {
    protocol: ProtocolName::Simplex,
    citation: "Chan, Pass: Simplex Consensus, TCC 2023",
    signatures: true,
    // Proposal, votes, notarizations passed on, finalize messages.
    cost: |n, _| ProtocolCost::new(3, one_to_all(n) + 3 * all_to_all(n)).syncs(3, 2 * n + 1),
    status: SupportLevel::NotImplemented,
    ..PBFT
};

const SYNC_HOTSTUFF: Declaration = Declaration {
    protocol: ProtocolName::SyncHotStuff,
    citation: "Abraham, Malkhi, Nayak, Ren, Yin: Sync HotStuff, IEEE S&P 2020",
    tolerances: &[tolerance(FailureModel::Byzantine, 2)],
    synchrony: Synchrony::Synchronous,
    signatures: true,
    cost: |n, _| {
        ProtocolCost::new(2, one_to_all(n) + all_to_all(n))
            .note("and a wait of 2Δ before the decision")
    },
    status: SupportLevel::NotImplemented,
    ..PBFT
};

const MMR: Declaration = Declaration {
    protocol: ProtocolName::Mmr,
    citation: "Mostéfaoui, Moumen, Raynal: Signature-Free Asynchronous Byzantine Consensus with \
               t < n/3 and O(n²) Messages, PODC 2014",
    solves: Problem::UniformConsensus,
    synchrony: Synchrony::Asynchronous,
    signatures: false,
    randomized: true,
    caveats: &[
        Caveat {
            when: |_| true,
            text: "ends with probability 1, after a constant number of rounds on average; needs a \
                   common coin that nobody can predict",
            stalls: false,
        },
        RESTARTED_LIAR,
    ],
    // Estimates, auxiliary values and coin shares, each from all to all.
    cost: |n, _| {
        ProtocolCost::new(3, 3 * all_to_all(n))
            .syncs(2, 2 * n)
            .note(PER_ROUND)
    },
    status: SupportLevel::NotImplemented,
    ..PBFT
};

const DOLEV_STRONG: Declaration = Declaration {
    protocol: ProtocolName::DolevStrong,
    citation: "Dolev, Strong: Authenticated Algorithms for Byzantine Agreement, SIAM J. Comput. \
               1983",
    solves: Problem::TerminatingBroadcast,
    status: SupportLevel::Lab,
    tolerances: LIES_SIGNED,
    counted: FaultCount::InTotal,
    synchrony: Synchrony::Synchronous,
    follows_oracle: false,
    links: LinkModel::Authenticated,
    signatures: true,
    randomized: false,
    caveats: &[BROADCAST_ONLY],
    // The sender to all; then, if there is a second round, each receiver to all but the sender.
    cost: |n, f| {
        let relays = if f == 0 {
            0
        } else {
            one_to_all(n) * n.saturating_sub(2)
        };
        ProtocolCost::new(f + 1, one_to_all(n) + relays)
            .note("in synchronous rounds, always all of them")
    },
};

const ORAL_MESSAGES: Declaration = Declaration {
    protocol: ProtocolName::OralMessages,
    citation: "Lamport, Shostak, Pease: The Byzantine Generals Problem, ACM TOPLAS 1982, §3",
    tolerances: LIES_BY_THIRDS,
    signatures: false,
    caveats: &[],
    cost: |n, f| ProtocolCost::new(f + 1, oral_messages(n, f)).note("in synchronous rounds"),
    ..DOLEV_STRONG
};

const SIGNED_MESSAGES: Declaration = Declaration {
    protocol: ProtocolName::SignedMessages,
    citation: "Lamport, Shostak, Pease: The Byzantine Generals Problem, ACM TOPLAS 1982, §4",
    ..DOLEV_STRONG
};

const BRACHA: Declaration = Declaration {
    protocol: ProtocolName::Bracha,
    citation: "Bracha: Asynchronous Byzantine Agreement Protocols, Inf. Comput. 1987",
    solves: Problem::ReliableBroadcast,
    synchrony: Synchrony::Asynchronous,
    signatures: false,
    caveats: &[
        Caveat {
            when: |_| true,
            text: "not a log: a faulty sender may leave everybody waiting, which is why FLP does \
                   not forbid it",
            stalls: false,
        },
        RESTARTED_LIAR,
    ],
    cost: |n, _| ProtocolCost::new(3, one_to_all(n) + 2 * all_to_all(n)).syncs(3, 2 * n + 1),
    ..PBFT
};

const TWO_GENERALS: Declaration = Declaration {
    protocol: ProtocolName::TwoGenerals,
    citation: "Gray: Notes on Data Base Operating Systems, 1978",
    solves: Problem::CoordinatedAttack,
    status: SupportLevel::Lab,
    tolerances: &[Tolerance {
        behaviours: Behaviours::NONE,
        replicas: Replicas::Exactly(2),
        counted: FaultCount::Moving,
    }],
    counted: FaultCount::InTotal,
    synchrony: Synchrony::Synchronous,
    follows_oracle: false,
    links: LinkModel::Reliable,
    signatures: false,
    randomized: false,
    caveats: &[],
    cost: |_, _| ProtocolCost::new(1, 1),
};

pub(super) const fn declaration(protocol: ProtocolName) -> &'static Declaration {
    match protocol {
        ProtocolName::Raft => &RAFT,
        ProtocolName::MultiPaxos => &MULTI_PAXOS,
        ProtocolName::Paxos => &PAXOS,
        ProtocolName::MajorityCommit => &MAJORITY_COMMIT,
        ProtocolName::PrimaryBackup => &PRIMARY_BACKUP,
        ProtocolName::FloodSet => &FLOOD_SET,
        ProtocolName::TwoPhaseCommit => &TWO_PHASE_COMMIT,
        ProtocolName::ThreePhaseCommit => &THREE_PHASE_COMMIT,
        ProtocolName::PaxosCommit => &PAXOS_COMMIT,
        ProtocolName::Abd => &ABD,
        ProtocolName::BenOr => &BEN_OR,
        ProtocolName::Pbft => &PBFT,
        ProtocolName::HotStuff => &HOTSTUFF,
        ProtocolName::Tendermint => &TENDERMINT,
        ProtocolName::Simplex => &SIMPLEX,
        ProtocolName::SyncHotStuff => &SYNC_HOTSTUFF,
        ProtocolName::Mmr => &MMR,
        ProtocolName::DolevStrong => &DOLEV_STRONG,
        ProtocolName::OralMessages => &ORAL_MESSAGES,
        ProtocolName::SignedMessages => &SIGNED_MESSAGES,
        ProtocolName::Bracha => &BRACHA,
        ProtocolName::TwoGenerals => &TWO_GENERALS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_filed_under_its_own_name() {
        for protocol in ProtocolName::ALL {
            assert_eq!(protocol.declaration().protocol, protocol);
        }
        let names: std::collections::BTreeSet<_> =
            ProtocolName::ALL.iter().map(|p| p.name()).collect();
        assert_eq!(names.len(), ProtocolName::ALL.len());
    }

    #[test]
    fn costs_are_those_of_the_papers() {
        let messages = |protocol: ProtocolName, n, f| protocol.cost(n, f).messages;
        assert_eq!(messages(ProtocolName::Raft, 3, 1), 6);
        assert_eq!(messages(ProtocolName::Raft, 5, 2), 12);
        assert_eq!(messages(ProtocolName::Pbft, 4, 1), 3 + 9 + 12);
        assert_eq!(messages(ProtocolName::Tendermint, 4, 1), 3 + 12 + 12);
        assert_eq!(messages(ProtocolName::HotStuff, 4, 1), 7 * 3);
        assert_eq!(messages(ProtocolName::OralMessages, 4, 1), 3 + 3 * 2);
        assert_eq!(
            messages(ProtocolName::OralMessages, 7, 2),
            6 + 6 * 5 + 6 * 5 * 4
        );
        assert_eq!(messages(ProtocolName::DolevStrong, 4, 1), 9);
        assert_eq!(ProtocolName::DolevStrong.cost(7, 2).delays, 3);
        assert_eq!(ProtocolName::Raft.cost(3, 1).syncs_in_sequence, 1);
    }

    #[test]
    fn costs_are_defined_for_every_cluster() {
        for protocol in ProtocolName::ALL {
            for n in 0..=crate::cluster::MAX_MEMBERS {
                for f in 0..=n {
                    let cost = protocol.cost(n, f);
                    assert!(
                        cost.syncs >= cost.syncs_in_sequence || n < 3,
                        "{protocol} {n} {f}"
                    );
                }
            }
        }
        assert_eq!(ProtocolName::OralMessages.cost(128, 42).messages, u64::MAX);
    }
}
