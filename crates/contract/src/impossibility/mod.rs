//! What no protocol can do: each rule with its name, its statement and its source.

mod case;

use crate::contract::Contract;
use crate::finding::{Finding, Rule};
use crate::problem::Problem;

/// A theorem that rules out what some contracts promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Impossibility {
    /// When all may fail, no correct replica is left.
    NobodyLeft,
    /// No deterministic consensus in an asynchronous system of which one replica may crash.
    Flp,
    /// Half of the replicas may fall silent, and silence proves nothing.
    CrashHalf,
    /// A third of the replicas may lie, and silence proves nothing: signatures do not help.
    ByzantineThird,
    /// A third of the replicas may lie, and there are no signatures to prove who said what.
    ByzantineThirdUnsigned,
    /// Half of the replicas may lie: a client cannot tell who is right.
    ClientsOutvoted,
    /// A liar may speak in the name of any replica.
    Impersonation,
    /// Replicas come back and have forgotten what they promised.
    Amnesia,
    /// Replicas come back and find that the disk had not kept what it said it kept.
    LyingSync,
    /// The faults move on each round, so no replica is heard by all in time.
    MovingFaults,
    /// Half of the replicas may lose messages in both directions, and even what they deliver must
    /// agree.
    OmissionHalf,
    /// Two thirds of the replicas may be deaf, and even what they decide must agree.
    DeafThirds,
    /// A detector that is never wrong, where slow and dead look alike.
    PerfectDetector,
    /// A detector of crashes, where who is silent need not have crashed.
    SilentIsNotCrashed,
    /// A detector that is right in the end, where nothing is ever bounded.
    EventualDetector,
    /// A detector that names quorums, where half may fail and silence proves nothing.
    QuorumDetector,
    /// A deadline for messages over links that may lose any of them.
    TwoGenerals,
    /// That a sender said nothing, where nothing tells that it has crashed.
    TerminatingDetector,
    /// No more than k decisions, where k or more may crash and nothing is bounded.
    SetAgreement,
    /// A promise that binds liars.
    UniformLiars,
    /// What even the faulty deliver, where links lose and half may crash.
    UniformHalf,
}

impl Impossibility {
    /// Every rule.
    pub const ALL: [Impossibility; 21] = [
        Impossibility::NobodyLeft,
        Impossibility::PerfectDetector,
        Impossibility::EventualDetector,
        Impossibility::SilentIsNotCrashed,
        Impossibility::QuorumDetector,
        Impossibility::TwoGenerals,
        Impossibility::UniformLiars,
        Impossibility::TerminatingDetector,
        Impossibility::SetAgreement,
        Impossibility::UniformHalf,
        Impossibility::Flp,
        Impossibility::Impersonation,
        Impossibility::ByzantineThird,
        Impossibility::ByzantineThirdUnsigned,
        Impossibility::ClientsOutvoted,
        Impossibility::CrashHalf,
        Impossibility::OmissionHalf,
        Impossibility::DeafThirds,
        Impossibility::MovingFaults,
        Impossibility::Amnesia,
        Impossibility::LyingSync,
    ];

    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Impossibility::NobodyLeft => "nobody-left",
            Impossibility::Flp => "flp",
            Impossibility::CrashHalf => "crash-half",
            Impossibility::ByzantineThird => "byzantine-third",
            Impossibility::ByzantineThirdUnsigned => "byzantine-third-unsigned",
            Impossibility::ClientsOutvoted => "clients-outvoted",
            Impossibility::Impersonation => "impersonation",
            Impossibility::MovingFaults => "moving-faults",
            Impossibility::OmissionHalf => "omission-half",
            Impossibility::DeafThirds => "deaf-thirds",
            Impossibility::Amnesia => "amnesia",
            Impossibility::LyingSync => "lying-sync",
            Impossibility::PerfectDetector => "perfect-detector",
            Impossibility::EventualDetector => "eventual-detector",
            Impossibility::SilentIsNotCrashed => "silent-is-not-crashed",
            Impossibility::QuorumDetector => "quorum-detector",
            Impossibility::TwoGenerals => "two-generals",
            Impossibility::TerminatingDetector => "terminating-detector",
            Impossibility::SetAgreement => "set-agreement",
            Impossibility::UniformLiars => "uniform-liars",
            Impossibility::UniformHalf => "uniform-half",
        }
    }

    /// The theorem in one sentence.
    pub const fn statement(self) -> &'static str {
        match self {
            Impossibility::NobodyLeft => "A promise needs at least one replica that keeps it",
            Impossibility::Flp => {
                "In an asynchronous system no deterministic protocol decides in every run when one \
                 replica may crash"
            }
            Impossibility::CrashHalf => {
                "Without synchrony, or if replicas come back, consensus and registers need more than 2f \
                 replicas even if none lies: two halves that do not hear each other would decide apart"
            }
            Impossibility::ByzantineThird => {
                "Without synchrony, agreement needs more than 3f replicas when f may lie, with \
                 signatures or without"
            }
            Impossibility::ByzantineThirdUnsigned => {
                "Even with synchrony, agreement needs more than 3f replicas when f may lie and \
                 nobody can prove to a third what a second said; signatures lift this"
            }
            Impossibility::ClientsOutvoted => {
                "A service of which f replicas may lie needs more than 2f of them, so that the \
                 answer that f + 1 give is a true one"
            }
            Impossibility::Impersonation => {
                "Votes count only if it is known who cast them: a liar that can speak for others \
                 has as many votes as it likes"
            }
            Impossibility::MovingFaults => {
                "Where in each round the messages of another replica may be lost, no deterministic \
                 protocol decides in every run, even with synchrony"
            }
            Impossibility::OmissionHalf => {
                "Even with synchrony, agreement that binds the faulty too needs more than 2f \
                 replicas when f may lose messages both ways: each half may be the one that nobody \
                 hears"
            }
            Impossibility::DeafThirds => {
                "Even with synchrony, agreement that binds the faulty too needs more than 3f/2 replicas \
                 when f may fail to receive: two groups that hear only themselves would decide apart"
            }
            Impossibility::Amnesia => {
                "Without stable storage, replicas that crash and recover reach consensus only if \
                 those that never crash outnumber those that are lost"
            }
            Impossibility::LyingSync => {
                "A replica that restarts after a sync that was none has forgotten a promise, as if \
                 it had no stable storage"
            }
            Impossibility::PerfectDetector => {
                "Without known bounds on time, no detector suspects all who crashed and nobody \
                 else: slow and dead look alike"
            }
            Impossibility::EventualDetector => {
                "Where nothing is ever bounded, no detector is right even in the end: with it and a \
                 majority a deterministic protocol would decide, which FLP forbids"
            }
            Impossibility::SilentIsNotCrashed => {
                "A detector of crashes looks at silence, and a replica that omits or lies is silent \
                 when it likes and has not crashed"
            }
            Impossibility::QuorumDetector => {
                "Where time has no known bound, timeouts name sets of replicas that always meet, or always \
                 hold a correct one, only if more than half are correct"
            }
            Impossibility::TerminatingDetector => {
                "To deliver that a sender has said nothing takes a detector that is never wrong: the \
                 two can be built from each other"
            }
            Impossibility::SetAgreement => {
                "Without synchrony, no deterministic protocol keeps the decisions to k when k or more \
                 replicas may crash, and none at all when k + 1 groups could each be all that is left"
            }
            Impossibility::UniformLiars => {
                "A liar decides and delivers what it likes: a promise can bind the correct only"
            }
            Impossibility::UniformHalf => {
                "Over links that lose, what even a faulty replica delivers all deliver only if more \
                 than half are correct, or a detector tells who is gone"
            }
            Impossibility::TwoGenerals => {
                "Where any message may be lost, or late, no number of messages makes two parties sure of \
                 each other by a deadline"
            }
        }
    }

    /// Where it is proved.
    pub const fn citation(self) -> &'static str {
        match self {
            Impossibility::NobodyLeft => "by definition",
            Impossibility::Flp => {
                "Fischer, Lynch, Paterson, J. ACM 1985; Dolev, Dwork, Stockmeyer, J. ACM 1987"
            }
            Impossibility::CrashHalf => {
                "Dwork, Lynch, Stockmeyer, J. ACM 1988; Bracha, Toueg, J. ACM 1985; Attiya, Bar-Noy, \
                 Dolev, J. ACM 1995"
            }
            Impossibility::ByzantineThird => {
                "Dwork, Lynch, Stockmeyer, J. ACM 1988; Bracha, Toueg, J. ACM 1985; with crashes counted \
                 apart: Clement et al., SOSP 2009"
            }
            Impossibility::ByzantineThirdUnsigned => {
                "Pease, Shostak, Lamport, J. ACM 1980; Lamport, Shostak, Pease, TOPLAS 1982; with crashes \
                 counted apart: Thambidurai, Park, SRDS 1988"
            }
            Impossibility::ClientsOutvoted => "Schneider, ACM Computing Surveys 1990",
            Impossibility::Impersonation => {
                "assumption A2 of Lamport, Shostak, Pease, TOPLAS 1982; Douceur, IPTPS 2002"
            }
            Impossibility::MovingFaults => "Santoro, Widmayer: Time Is Not a Healer, STACS 1989",
            Impossibility::OmissionHalf => {
                "Neiger, Toueg, J. Algorithms 1990; Budhiraja, Marzullo, Schneider, Toueg 1993"
            }
            Impossibility::DeafThirds => "Budhiraja, Marzullo, Schneider, Toueg 1993",
            Impossibility::Amnesia | Impossibility::LyingSync => {
                "Aguilera, Chen, Toueg, Distributed Computing 2000"
            }
            Impossibility::PerfectDetector => "Chandra, Toueg, J. ACM 1996",
            Impossibility::SilentIsNotCrashed => {
                "Malkhi, Reiter: Unreliable Intrusion Detection in Distributed Computations, CSFW 1997; \
                 Doudou, Garbinato, Guerraoui, Schiper: Muteness Failure Detectors, EDCC 1999"
            }
            Impossibility::EventualDetector => "Chandra, Hadzilacos, Toueg, J. ACM 1996",
            Impossibility::QuorumDetector => {
                "Delporte-Gallet, Fauconnier, Guerraoui, J. ACM 2010; Aguilera, Toueg, Deianov, DISC 1999"
            }
            Impossibility::TerminatingDetector => "Chandra, Toueg, J. ACM 1996",
            Impossibility::SetAgreement => {
                "Borowsky, Gafni, STOC 1993; Herlihy, Shavit, J. ACM 1999; Saks, Zaharoglou, SIAM J. \
                 Comput. 2000"
            }
            Impossibility::UniformLiars => "by definition",
            Impossibility::UniformHalf => "Aguilera, Toueg, Deianov, DISC 1999",
            Impossibility::TwoGenerals => "Akkoyunlu, Ekanadham, Huber, SOSP 1975; Gray 1978",
        }
    }

    /// Does the rule make the contract void by itself, whatever it is to be used for?
    pub const fn voids(self) -> bool {
        matches!(
            self,
            Impossibility::NobodyLeft
                | Impossibility::PerfectDetector
                | Impossibility::EventualDetector
                | Impossibility::SilentIsNotCrashed
                | Impossibility::QuorumDetector
        )
    }

    /// Where the rule applies, is this problem unsolvable for every protocol?
    pub const fn forbids(self, problem: Problem) -> bool {
        use Problem::{
            AtomicCommit, Consensus, CoordinatedAttack, KSet, Log, Register, TerminatingBroadcast,
            UniformConsensus, UniformReliableBroadcast,
        };
        match self {
            Impossibility::NobodyLeft | Impossibility::Impersonation => true,
            // A detector that cannot be had can be done without.
            Impossibility::PerfectDetector
            | Impossibility::EventualDetector
            | Impossibility::SilentIsNotCrashed
            | Impossibility::QuorumDetector => false,
            // Only what has a deadline; chance decides consensus without one (Ben-Or 1983).
            Impossibility::TwoGenerals => matches!(problem, CoordinatedAttack),
            Impossibility::TerminatingDetector => matches!(problem, TerminatingBroadcast),
            Impossibility::SetAgreement => matches!(problem, KSet(_)),
            Impossibility::UniformLiars => problem.is_uniform(),
            Impossibility::UniformHalf => matches!(problem, UniformReliableBroadcast),
            // A reliable broadcast promises no end, a register no agreement.
            Impossibility::Flp | Impossibility::MovingFaults => problem.agrees(),
            Impossibility::ByzantineThird => !matches!(problem, CoordinatedAttack | KSet(_)),
            Impossibility::ByzantineThirdUnsigned => {
                !matches!(problem, CoordinatedAttack | KSet(_) | Register)
            }
            // Agreement on what a sender said does not yet serve a client.
            Impossibility::ClientsOutvoted => matches!(problem, Log | Consensus | Register),
            Impossibility::CrashHalf | Impossibility::Amnesia | Impossibility::LyingSync => {
                matches!(
                    problem,
                    Log | Consensus
                        | UniformConsensus
                        | TerminatingBroadcast
                        | AtomicCommit
                        | Register
                )
            }
            // Plain consensus and broadcasts do not bind what the faulty decide or deliver.
            Impossibility::OmissionHalf => matches!(
                problem,
                Log | UniformConsensus | UniformReliableBroadcast | AtomicCommit
            ),
            Impossibility::DeafThirds => matches!(problem, Log | UniformConsensus),
        }
    }

    /// Why the rule applies to a contract and what would lift it; `None` if it does not apply.
    pub fn finding(self, contract: &Contract) -> Option<Finding> {
        let (because, remedy) = self.case(contract)?;
        Some(Finding {
            rule: Rule::Impossible(self),
            because,
            remedy,
        })
    }
}
