//! The catalogue of protocols: what each assumes, what it solves, what it costs.

mod catalogue;
mod cost;

pub use cost::ProtocolCost;

use crate::behaviour::Behaviours;
use crate::contract::Contract;
use crate::failure::{FailureModel, FaultCount};
use crate::links::LinkModel;
use crate::problem::Problem;
use crate::timing::Synchrony;
use serde::{Serialize, Serializer};
use std::fmt;

/// A protocol that the catalogue knows. Whether quorate has code for it is its [`SupportLevel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolName {
    /// Ongaro and Ousterhout 2014.
    Raft,
    /// Lamport 1998, 2001: a log.
    MultiPaxos,
    /// Lamport 1998, 2001: one decision.
    Paxos,
    /// One fixed leader that waits for a majority of acknowledgements, and no takeover.
    MajorityCommit,
    /// Alsberg and Day 1976; Budhiraja, Marzullo, Schneider and Toueg 1993.
    PrimaryBackup,
    /// Lynch 1996, §6.2.
    FloodSet,
    /// Gray 1978: atomic commit.
    TwoPhaseCommit,
    /// Skeen 1981: atomic commit.
    ThreePhaseCommit,
    /// Gray and Lamport 2006: atomic commit.
    PaxosCommit,
    /// Attiya, Bar-Noy and Dolev 1995: a register.
    Abd,
    /// Ben-Or 1983.
    BenOr,
    /// Castro and Liskov 1999.
    Pbft,
    /// Yin, Malkhi, Reiter, Golan Gueta and Abraham 2019.
    HotStuff,
    /// Buchman, Kwon and Milosevic 2018.
    Tendermint,
    /// Chan and Pass 2023.
    Simplex,
    /// Abraham, Malkhi, Nayak, Ren and Yin 2020.
    SyncHotStuff,
    /// Mostéfaoui, Moumen and Raynal 2014.
    Mmr,
    /// Dolev and Strong 1983.
    DolevStrong,
    /// Lamport, Shostak and Pease 1982: OM(m).
    OralMessages,
    /// Lamport, Shostak and Pease 1982: SM(m).
    SignedMessages,
    /// Bracha 1987.
    Bracha,
    /// Gray 1978.
    TwoGenerals,
}

/// How far can it be run?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupportLevel {
    /// quorate serves clients with it, and runs it in the lab.
    Serves,
    /// quorate runs it in the lab: simulated, to be measured and compared.
    Lab,
    /// The catalogue knows it; quorate has no code for it.
    NotImplemented,
}

/// How many replicas a protocol needs to survive `f` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replicas {
    /// `k·f + 1` at the least.
    PerFault(usize),
    /// This many, no more and no less.
    Exactly(usize),
}

impl Replicas {
    /// Are `n` enough for `f`?
    pub const fn suffices(self, n: usize, f: usize) -> bool {
        match self {
            Replicas::PerFault(k) => n > k * f,
            Replicas::Exactly(exact) => n == exact,
        }
    }

    /// The least number for `f`.
    pub const fn least(self, f: usize) -> usize {
        match self {
            Replicas::PerFault(k) => k * f + 1,
            Replicas::Exactly(exact) => exact,
        }
    }
}

impl fmt::Display for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Replicas::PerFault(1) => f.write_str("n ≥ f + 1"),
            Replicas::PerFault(k) => write!(f, "n ≥ {k}f + 1"),
            Replicas::Exactly(n) => write!(f, "n = {n}"),
        }
    }
}

/// Faulty replicas that a protocol survives, and how many replicas that takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tolerance {
    /// What a faulty replica may do.
    pub behaviours: Behaviours,
    /// How many replicas it takes.
    pub replicas: Replicas,
    /// Over what time these faults may be counted, at the harshest, if that is less than for others.
    pub counted: FaultCount,
}

/// Something true of an admissible protocol that a reader would want to know.
#[derive(Clone, Copy)]
pub struct Caveat {
    /// Under which contracts it matters.
    pub(crate) when: fn(&Contract) -> bool,
    /// What it says.
    pub(crate) text: &'static str,
    /// Does it say that decisions may not come while this lasts? Safety is never conceded.
    pub(crate) stalls: bool,
}

/// What a protocol assumes, solves and costs.
#[derive(Clone, Copy)]
pub struct Declaration {
    /// Which protocol.
    pub protocol: ProtocolName,
    /// Where it is defined.
    pub citation: &'static str,
    /// What it achieves.
    pub solves: Problem,
    /// How far can it be run?
    pub status: SupportLevel,
    /// Which faults it survives, the weakest first.
    pub tolerances: &'static [Tolerance],
    /// Over what time its proof counts `f`, at the most: a protocol in rounds has moved on without a
    /// replica that missed one.
    pub counted: FaultCount,
    /// The least that it needs to know about time.
    pub synchrony: Synchrony,
    /// Does it decide with a leader that an oracle names (Ω), without any bound on time?
    pub follows_oracle: bool,
    /// The least that it needs of its links. Retransmission makes fair-loss links reliable.
    pub links: LinkModel,
    /// Does it pass on signed messages?
    pub signatures: bool,
    /// Does it draw random numbers to decide?
    pub randomized: bool,
    pub(crate) caveats: &'static [Caveat],
    cost: fn(n: u64, f: u64) -> ProtocolCost,
}

impl Declaration {
    /// Over what time faults of this model may be counted, at the harshest.
    pub fn counted_for(&self, model: FailureModel) -> FaultCount {
        let covers = |it: &&Tolerance| model.behaviours().is_within(it.behaviours);
        let tolerance = self.tolerances.iter().find(covers);
        tolerance.map_or(self.counted, |it| it.counted.min(self.counted))
    }
}

impl ProtocolName {
    /// Every protocol of the catalogue: those for honest replicas first.
    pub const ALL: [ProtocolName; 22] = [
        ProtocolName::Raft,
        ProtocolName::MultiPaxos,
        ProtocolName::Paxos,
        ProtocolName::MajorityCommit,
        ProtocolName::PrimaryBackup,
        ProtocolName::FloodSet,
        ProtocolName::TwoPhaseCommit,
        ProtocolName::ThreePhaseCommit,
        ProtocolName::PaxosCommit,
        ProtocolName::Abd,
        ProtocolName::BenOr,
        ProtocolName::Pbft,
        ProtocolName::HotStuff,
        ProtocolName::Tendermint,
        ProtocolName::Simplex,
        ProtocolName::SyncHotStuff,
        ProtocolName::Mmr,
        ProtocolName::DolevStrong,
        ProtocolName::OralMessages,
        ProtocolName::SignedMessages,
        ProtocolName::Bracha,
        ProtocolName::TwoGenerals,
    ];

    /// The name used in contract files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            ProtocolName::Raft => "raft",
            ProtocolName::MultiPaxos => "multi-paxos",
            ProtocolName::Paxos => "paxos",
            ProtocolName::MajorityCommit => "majority-commit",
            ProtocolName::PrimaryBackup => "primary-backup",
            ProtocolName::FloodSet => "flood-set",
            ProtocolName::TwoPhaseCommit => "two-phase-commit",
            ProtocolName::ThreePhaseCommit => "three-phase-commit",
            ProtocolName::PaxosCommit => "paxos-commit",
            ProtocolName::Abd => "abd",
            ProtocolName::BenOr => "ben-or",
            ProtocolName::Pbft => "pbft",
            ProtocolName::HotStuff => "hotstuff",
            ProtocolName::Tendermint => "tendermint",
            ProtocolName::Simplex => "simplex",
            ProtocolName::SyncHotStuff => "sync-hotstuff",
            ProtocolName::Mmr => "mmr",
            ProtocolName::DolevStrong => "dolev-strong",
            ProtocolName::OralMessages => "oral-messages",
            ProtocolName::SignedMessages => "signed-messages",
            ProtocolName::Bracha => "bracha",
            ProtocolName::TwoGenerals => "two-generals",
        }
    }

    /// What it assumes, solves and costs.
    pub const fn declaration(self) -> &'static Declaration {
        catalogue::declaration(self)
    }

    /// Does quorate serve clients with it?
    pub const fn serves(self) -> bool {
        matches!(self.declaration().status, SupportLevel::Serves)
    }

    /// What its entry concedes of liveness under a contract that it fits: decisions may wait until
    /// this is over.
    pub fn concedes_liveness(self, contract: &Contract) -> Option<&'static str> {
        let mut caveats = self.declaration().caveats.iter();
        caveats
            .find(|caveat| caveat.stalls && (caveat.when)(contract))
            .map(|caveat| caveat.text)
    }

    /// What one decision costs among `n` replicas built for `f` faults.
    pub fn cost(self, n: usize, f: usize) -> ProtocolCost {
        (self.declaration().cost)(n as u64, f as u64)
    }
}

impl fmt::Display for ProtocolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ProtocolName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
