//! Several observers: failure as a relation between the one who looks and the one who is seen.

use crate::detector::ProcessState;
use quorate_core::{NodeId, NodeSet, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many observers must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgreementRule {
    /// More than half of all observers: two quorum detectors of the same observers never come to opposite
    /// findings, and one bad link proves nothing.
    Majority,
    /// f + 1, of whom one at least tells the truth though `liars` = f do not.
    OneHonest {
        /// How many observers may lie.
        liars: u8,
    },
}

/// What the observers find together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuorumFinding {
    /// No observer has reported of late.
    Unknown,
    /// All who report trust the peer.
    Healthy,
    /// Healthy to some and broken to others, who are too few to say that it failed: a gray failure
    /// (Huang and others, HotOS 2017; doc 003), or a link of theirs. No observer can see this by
    /// itself.
    Gray {
        /// Those who trust it.
        healthy_to: NodeSet,
        /// Those who don't.
        broken_to: NodeSet,
    },
    /// All who report suspect it, and they are too few: perhaps it is they who are cut off.
    Unconfirmed {
        /// Those who do.
        broken_to: NodeSet,
    },
    /// Enough observers suspect it. Some may not: then treat it as failed, and do not be surprised
    /// when it speaks.
    Failed {
        /// Those who suspect it.
        broken_to: NodeSet,
        /// Those who don't.
        healthy_to: NodeSet,
    },
}

/// The reports of several observers about one peer.
///
/// A report counts for a while and then no more: an observer that has fallen silent says nothing,
/// neither good nor bad. A report that is older than the one that is there is ignored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QuorumDetector {
    observers: NodeSet,
    agreement: AgreementRule,
    valid_for: Duration,
    reports: BTreeMap<NodeId, (Time, ProcessState)>,
}

impl QuorumDetector {
    /// A quorum detector with these observers. Reports of other nodes are ignored.
    pub fn new(observers: NodeSet, agreement: AgreementRule, valid_for: Duration) -> Self {
        Self {
            observers,
            agreement,
            valid_for,
            reports: BTreeMap::new(),
        }
    }

    /// How many must agree.
    pub fn quorum(&self) -> usize {
        match self.agreement {
            AgreementRule::Majority => self.observers.len() / 2 + 1,
            AgreementRule::OneHonest { liars } => usize::from(liars) + 1,
        }
    }

    /// Takes an observer's report, made at `at` on the clock of the quorum detector. Says
    /// whether it counts.
    pub fn report(&mut self, at: Time, observer: NodeId, opinion: ProcessState) -> bool {
        let known = self.reports.get(&observer);
        let counts =
            self.observers.contains(observer) && known.is_none_or(|(known_at, _)| *known_at <= at);
        if counts {
            self.reports.insert(observer, (at, opinion));
        }
        counts
    }

    /// What the reports that are still valid come to.
    pub fn finding(&self, now: Time) -> QuorumFinding {
        let (mut healthy_to, mut broken_to) = (NodeSet::EMPTY, NodeSet::EMPTY);
        for (observer, (at, opinion)) in &self.reports {
            if now.since(*at) > self.valid_for {
                continue;
            }
            if opinion.is_trust() {
                healthy_to.insert(*observer);
            } else {
                broken_to.insert(*observer);
            }
        }
        match (healthy_to.is_empty(), broken_to.is_empty()) {
            (true, true) => QuorumFinding::Unknown,
            (false, true) => QuorumFinding::Healthy,
            _ if broken_to.len() >= self.quorum() => QuorumFinding::Failed {
                broken_to,
                healthy_to,
            },
            (true, false) => QuorumFinding::Unconfirmed { broken_to },
            (false, false) => QuorumFinding::Gray {
                healthy_to,
                broken_to,
            },
        }
    }
}
