//! What no protocol can do, each rule with its name, its source and the way out.

use crate::behaviour::Behaviour;
use crate::contract::Contract;
use crate::failure::FailureModel;
use crate::links::LinkModel;
use crate::protocol::Problem;
use crate::quorum;
use crate::storage::StorageModel;
use crate::timing::{Detector, Synchrony};
use crate::wrap::write_beside;
use serde::{Serialize, Serializer};
use std::fmt;

/// A theorem that rules out what some contracts promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Impossibility {
    /// When all may fail, nobody is left to be right.
    NobodyLeft,
    /// No deterministic consensus in an asynchronous system of which one replica may crash.
    Flp,
    /// Half of the replicas may fall silent, and silence proves nothing.
    CrashHalf,
    /// A third of the replicas may lie, and silence proves nothing: signatures do not help.
    ByzantineThird,
    /// A third of the replicas may lie, and nobody can prove who said what.
    ByzantineThirdUnsigned,
    /// Half of the replicas may lie: a client cannot tell who is right.
    ClientsOutvoted,
    /// A liar may speak for everybody.
    Impersonation,
    /// Replicas come back and have forgotten what they promised.
    Amnesia,
    /// Replicas come back and find that the disk had not kept what it said it kept.
    LyingSync,
    /// A detector that is never wrong, where slow and dead look alike.
    PerfectDetector,
    /// A detector that is right in the end, where nothing is ever bounded.
    EventualDetector,
    /// A deadline for messages over links that may lose any of them.
    TwoGenerals,
}

/// A rule that applies, and why, and what would lift it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is broken.
    pub rule: Rule,
    /// Why it applies to this contract.
    pub because: String,
    /// What to change.
    pub remedy: String,
}

/// What a contract can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A theorem.
    Impossible(Impossibility),
    /// The chosen protocol does not fit the contract.
    ChosenProtocol,
    /// No theorem forbids it, but the catalogue has no protocol that fits.
    NoKnownProtocol,
}

impl Rule {
    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Impossible(rule) => rule.name(),
            Rule::ChosenProtocol => "chosen-protocol",
            Rule::NoKnownProtocol => "no-known-protocol",
        }
    }

    /// Where the theorem is proved; nothing for rules that are no theorems.
    pub const fn citation(self) -> Option<&'static str> {
        match self {
            Rule::Impossible(rule) => Some(rule.citation()),
            Rule::ChosenProtocol | Rule::NoKnownProtocol => None,
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut rule = serializer.serialize_struct("Rule", 3)?;
        rule.serialize_field("name", self.name())?;
        rule.serialize_field(
            "statement",
            &match self {
                Rule::Impossible(rule) => Some(rule.statement()),
                _ => None,
            },
        )?;
        rule.serialize_field("citation", &self.citation())?;
        rule.end()
    }
}

impl fmt::Display for Finding {
    /// A few indented lines: the rule and why it applies, the theorem, the way out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = format!("{}: {}.", self.rule.name(), self.because);
        write_beside(f, "", 2, &because)?;
        if let Rule::Impossible(rule) = self.rule {
            let theorem = format!("{} ({}).", rule.statement(), rule.citation());
            write_beside(f, "", 4, &theorem)?;
        }
        write_beside(f, "", 4, &format!("→ {}.", self.remedy))
    }
}

impl Impossibility {
    /// Every rule.
    pub const ALL: [Impossibility; 12] = [
        Impossibility::NobodyLeft,
        Impossibility::PerfectDetector,
        Impossibility::EventualDetector,
        Impossibility::TwoGenerals,
        Impossibility::Flp,
        Impossibility::Impersonation,
        Impossibility::ByzantineThird,
        Impossibility::ByzantineThirdUnsigned,
        Impossibility::ClientsOutvoted,
        Impossibility::CrashHalf,
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
            Impossibility::Amnesia => "amnesia",
            Impossibility::LyingSync => "lying-sync",
            Impossibility::PerfectDetector => "perfect-detector",
            Impossibility::EventualDetector => "eventual-detector",
            Impossibility::TwoGenerals => "two-generals",
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
                "Without synchrony, consensus needs more than 2f replicas even if nobody lies: two \
                 halves that cannot hear each other would decide apart"
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
            Impossibility::TwoGenerals => {
                "Over links that may lose any message, no number of messages makes two parties \
                 sure of each other by a deadline"
            }
        }
    }

    /// Where it is proved.
    pub const fn citation(self) -> &'static str {
        match self {
            Impossibility::NobodyLeft => "by definition",
            Impossibility::Flp => "Fischer, Lynch, Paterson, J. ACM 1985",
            Impossibility::CrashHalf => {
                "Dwork, Lynch, Stockmeyer, J. ACM 1988; Bracha, Toueg, J. ACM 1985"
            }
            Impossibility::ByzantineThird => {
                "Dwork, Lynch, Stockmeyer, J. ACM 1988; Bracha, Toueg, J. ACM 1985"
            }
            Impossibility::ByzantineThirdUnsigned => {
                "Pease, Shostak, Lamport, J. ACM 1980; Lamport, Shostak, Pease, TOPLAS 1982"
            }
            Impossibility::ClientsOutvoted => "Schneider, ACM Computing Surveys 1990",
            Impossibility::Impersonation => {
                "assumption A2 of Lamport, Shostak, Pease, TOPLAS 1982; Douceur, IPTPS 2002"
            }
            Impossibility::Amnesia | Impossibility::LyingSync => {
                "Aguilera, Chen, Toueg, Distributed Computing 2000"
            }
            Impossibility::PerfectDetector => "Chandra, Toueg, J. ACM 1996",
            Impossibility::EventualDetector => "Chandra, Hadzilacos, Toueg, J. ACM 1996",
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
                | Impossibility::TwoGenerals
        )
    }

    /// Where the rule applies, can nobody solve this problem?
    pub const fn forbids(self, problem: Problem) -> bool {
        match self {
            Impossibility::NobodyLeft | Impossibility::Impersonation => true,
            // A detector that cannot be had can be done without.
            Impossibility::PerfectDetector | Impossibility::EventualDetector => false,
            // Only what has a deadline; chance decides consensus without one (Ben-Or 1983).
            Impossibility::TwoGenerals => {
                matches!(problem, Problem::Broadcast | Problem::CoordinatedAttack)
            }
            // Reliable broadcast promises no end.
            Impossibility::Flp | Impossibility::ByzantineThirdUnsigned => problem.makes_a_log(),
            Impossibility::ByzantineThird => !matches!(problem, Problem::CoordinatedAttack),
            // Agreement on what a sender said does not yet serve a client.
            Impossibility::ClientsOutvoted
            | Impossibility::CrashHalf
            | Impossibility::Amnesia
            | Impossibility::LyingSync => {
                matches!(problem, Problem::Replication | Problem::Consensus)
            }
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

    fn case(self, c: &Contract) -> Option<(String, String)> {
        let (n, f) = (c.replicas(), c.tolerate());
        let honest = c.failures.model.is_honest();
        // A liar that restarts counts among the f for good; of the honest, all may restart in turn.
        let restarts =
            honest && f > 0 && c.failures.model.behaviours().contains(Behaviour::Restart);
        let synchrony = c.effective_synchrony();
        let unbounded = synchrony < Synchrony::Synchronous;
        let case = |because: String, remedy: String| Some((because, remedy));
        match self {
            Impossibility::NobodyLeft if f >= n => case(
                format!("f = {f} of n = {n} replicas may be faulty at the same time"),
                format!("tolerate {} or fewer, or add replicas", n.saturating_sub(1)),
            ),
            Impossibility::Flp
                if c.timing.synchrony() == Synchrony::Asynchronous && c.deterministic && f > 0 =>
            {
                case(
                    format!(
                        "timing is asynchronous, the protocol must be deterministic, and f = {f} \
                         may crash"
                    ),
                    "allow random choices (deterministic = false), or assume partially-synchronous \
                     timing, which is what real networks give"
                        .to_owned(),
                )
            }
            Impossibility::CrashHalf if honest && f > 0 && unbounded && n <= 2 * f => case(
                format!("n = {n} replicas are not more than 2f = {}", 2 * f),
                format!(
                    "run {} replicas, or tolerate {}",
                    quorum::replicas_for_crashes(f),
                    quorum::max_crashes(n)
                ),
            ),
            Impossibility::ByzantineThird if !honest && f > 0 && unbounded && n <= 3 * f => case(
                format!(
                    "n = {n} replicas are not more than 3f = {}, and time is {}",
                    3 * f,
                    synchrony
                ),
                format!(
                    "run {} replicas, or tolerate {} {}",
                    quorum::replicas_for_liars(f),
                    quorum::max_liars(n),
                    if quorum::max_liars(n) == 1 { "liar" } else { "liars" },
                ),
            ),
            Impossibility::ByzantineThirdUnsigned
                if !honest && f > 0 && !unbounded && n <= 3 * f && !c.links.signatures =>
            {
                case(
                    format!("n = {n} replicas are not more than 3f = {}, unsigned", 3 * f),
                    format!(
                        "sign messages (signatures = true), or run {} replicas",
                        quorum::replicas_for_liars(f)
                    ),
                )
            }
            Impossibility::ClientsOutvoted
                if !honest && f > 0 && !unbounded && n <= 2 * f && c.links.signatures =>
            {
                case(
                    format!("n = {n} replicas are not more than 2f = {}", 2 * f),
                    format!("run {} replicas, or choose a broadcast protocol", 2 * f + 1),
                )
            }
            Impossibility::Impersonation if !honest && f > 0 && !c.authenticates() => case(
                format!("replicas may lie, and links are {} only", c.links.model),
                "make the links authenticated, or sign messages (signatures = true)".to_owned(),
            ),
            Impossibility::Amnesia if restarts && c.storage.model == StorageModel::Amnesiac => case(
                format!(
                    "under {} every replica may restart in its turn, and storage is amnesiac: no \
                     vote of a quorum is safe",
                    c.failures.model
                ),
                "keep what was promised on durable storage; or treat a replica that comes back as \
                 a new one (crash-stop), which must be told everything before it may vote"
                    .to_owned(),
            ),
            Impossibility::LyingSync
                if restarts
                    && c.storage.model == StorageModel::Durable
                    && c.storage.may_lie_about_sync =>
            {
                case(
                    format!(
                        "under {} every replica may restart in its turn, and a sync may report \
                         what is not so",
                        c.failures.model
                    ),
                    "use disks whose sync is true (or whose cache survives a power loss); or \
                     count a replica with such a disk as byzantine"
                        .to_owned(),
                )
            }
            Impossibility::PerfectDetector
                if c.detector == Some(Detector::Perfect) && !c.may_detect_perfectly() =>
            {
                let because = if c.timing.synchrony() < Synchrony::Synchronous {
                    format!("timing is {}", c.timing.synchrony())
                } else if c.links.model == LinkModel::FairLoss {
                    "links may lose every message that would prove a replica alive".to_owned()
                } else {
                    format!("a replica that fails by {} may be silent and alive", c.failures.model)
                };
                case(
                    because,
                    "claim an eventually-perfect detector and decide by quorums; or prove the \
                     bounds and say synchronous, with reliable links and replicas that only crash"
                        .to_owned(),
                )
            }
            Impossibility::EventualDetector
                if f > 0
                    && synchrony == Synchrony::Asynchronous
                    && c.detector.is_some_and(|d| d.needs() == Synchrony::PartiallySynchronous) =>
            {
                case(
                    format!("timing is {synchrony}"),
                    "assume partially-synchronous timing, or claim no detector and decide by \
                     chance"
                        .to_owned(),
                )
            }
            Impossibility::TwoGenerals
                if c.timing.synchrony() == Synchrony::Synchronous
                    && c.links.model == LinkModel::FairLoss =>
            {
                case(
                    "timing is synchronous but links may lose any message: delta binds only what \
                     arrives"
                        .to_owned(),
                    "say that links are reliable (retransmission within delta), or that timing is \
                     partially-synchronous"
                        .to_owned(),
                )
            }
            _ => None,
        }
    }
}

impl Contract {
    /// Does a receiver know who sent a message? Signatures give that over any link.
    pub fn authenticates(&self) -> bool {
        self.links.model == LinkModel::Authenticated || self.links.signatures
    }

    /// How much may really be relied on: bounds on time mean nothing where any message may be lost.
    ///
    /// Partial synchrony over fair-loss links is read as Dwork, Lynch and Stockmeyer have it:
    /// before stabilization anything may be lost, after it retransmission gets through in time.
    pub fn effective_synchrony(&self) -> Synchrony {
        match (self.timing.synchrony(), self.links.model) {
            (Synchrony::Synchronous, LinkModel::FairLoss) => Synchrony::Asynchronous,
            (synchrony, _) => synchrony,
        }
    }

    /// Can timeouts tell exactly who has crashed? Only if whoever lives is heard in time.
    fn may_detect_perfectly(&self) -> bool {
        self.effective_synchrony() == Synchrony::Synchronous
            && self.failures.model.is_within(FailureModel::CrashRecovery)
    }
}
