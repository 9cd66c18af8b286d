//! The contract itself: everything that is assumed, in one value.

use crate::behaviour::{Behaviour, Behaviours, Component};
use crate::cluster::Cluster;
use crate::failure::{FailureModel, Failures, FaultCount};
use crate::links::{LinkModel, Links};
use crate::problem::Problem;
use crate::protocol::ProtocolName;
use crate::quorum::{Quorum, QuorumSystem};
use crate::storage::{StorageAssumption, StorageModel};
use crate::timing::{DetectorClass, Stabilization, Synchrony, Timing};
use serde::Serialize;
use std::fmt;

/// What may fail, what may be relied on, and who takes part.
///
/// A value of this type is well-formed but may still promise what cannot be:
/// [`Contract::check`] tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Contract {
    /// Who takes part.
    pub cluster: Cluster,
    /// What a faulty replica may do, and how many may be faulty.
    pub failures: Failures,
    /// What may be assumed about time.
    pub timing: Timing,
    /// How much time promises of the steps that replicas take, if not the same as of messages (Dolev,
    /// Dwork, Stockmeyer 1987).
    pub steps: Option<Synchrony>,
    /// The failure detector that is claimed to exist, if the contract claims one.
    pub detector: Option<DetectorClass>,
    /// What may happen to messages.
    pub links: Links,
    /// What a replica finds on its disk after a crash.
    pub storage: StorageAssumption,
    /// What is to be achieved, if the contract says so; else what its protocol achieves, or a log.
    pub problem: Option<Problem>,
    /// The protocol to run, if the contract chooses one.
    pub protocol: Option<ProtocolName>,
    /// Is a protocol that draws random numbers to decide ruled out?
    pub deterministic: bool,
    /// Which sets of replicas are quorums, if the contract says so; else [`Contract::quorum`] replicas,
    /// whichever they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorums: Option<QuorumSystem>,
}

impl Default for Contract {
    /// Three replicas on this machine of which one may crash and come back; timing that
    /// stabilizes; links that lose; disks that keep what was synced and tear what was not.
    fn default() -> Contract {
        Contract {
            cluster: Cluster::loopback("quorate", 3),
            failures: Failures::new(FailureModel::CrashRecovery, 1),
            timing: Timing::PartiallySynchronous(Stabilization::Unknown),
            steps: None,
            detector: None,
            links: Links {
                model: LinkModel::FairLoss,
                signatures: false,
            },
            storage: StorageAssumption {
                model: StorageModel::Durable,
                may_tear: true,
                may_corrupt: false,
                may_lie_about_sync: false,
            },
            problem: None,
            protocol: None,
            deterministic: false,
            quorums: None,
        }
    }
}

impl Contract {
    /// `n`: how many replicas there are.
    pub fn replicas(&self) -> usize {
        self.cluster.len()
    }

    /// `f`: how many replicas may be faulty: at the same time, or in all, as the contract counts.
    pub fn tolerate(&self) -> usize {
        self.failures.tolerate
    }

    /// What is to be achieved.
    pub fn problem(&self) -> Problem {
        let of_protocol = self
            .protocol
            .map(|it| it.declaration().solves.among(&self.failures));
        self.problem.or(of_protocol).unwrap_or_default()
    }

    /// The same with faults counted in total, where some replicas never fail: whatever survives all
    /// others for good survives them in turns.
    pub fn in_total(&self) -> Option<Contract> {
        let always_up = self.failures.always_up;
        (always_up > 0 && !self.failures.is_lasting()).then(|| {
            let mut lasting = self.clone();
            lasting.failures = Failures {
                tolerate: self.replicas().saturating_sub(always_up),
                counted: FaultCount::InTotal,
                ..self.failures
            };
            lasting
        })
    }

    /// Does whatever solves `solved` under this contract solve what it asks for?
    pub fn is_given_by(&self, solved: Problem) -> bool {
        solved.gives(self.problem(), self.replicas(), &self.failures)
    }

    /// The quorum that this contract calls for, whether or not it is safe and live.
    pub fn quorum(&self) -> Quorum {
        let (n, f, liars) = (self.replicas(), self.tolerate(), self.failures.liars());
        if liars == 0 {
            Quorum::among_honest(n, f)
        } else if self.outvotes_in_time() {
            Quorum::among_timely_liars(n, f)
        } else {
            Quorum::among_mixed(n, f, liars)
        }
    }

    /// Is a lie signed, and heard of by everybody within a known time?
    pub fn outvotes_in_time(&self) -> bool {
        self.failures.has_liars()
            && self.links.signatures
            && self.effective_synchrony() == Synchrony::Synchronous
    }

    /// Everything that may go wrong without breaking the contract.
    ///
    /// What a liar's disk may do is in it, though an honest replica's disk may not do it: whether
    /// a behaviour is within bounds also depends on how many replicas show it, see
    /// [`Contract::within`].
    pub fn behaviours(&self) -> Behaviours {
        let mut replica = self.failures.model.behaviours();
        if self.authenticates() {
            // The links refuse what is said in another's name before a protocol sees it.
            replica = replica - Behaviours::from(Behaviour::Forge);
        }
        if self.failures.tolerate == 0 {
            replica = Behaviours::NONE;
        }
        replica
            | self.storage_behaviours()
            | self.links.model.behaviours()
            | self.timing.behaviours()
            | self.step_behaviours()
    }

    /// What time may do to the steps of correct replicas, where it promises less of them.
    fn step_behaviours(&self) -> Behaviours {
        match self.steps {
            Some(Synchrony::PartiallySynchronous | Synchrony::Asynchronous) => {
                Behaviours::of(&[Behaviour::Pause])
            }
            Some(Synchrony::Synchronous) | None => Behaviours::NONE,
        }
    }

    /// What any disk may do. A disk shows its faults only to a replica that restarts, but for
    /// corruption, which is met whenever something is read.
    fn storage_behaviours(&self) -> Behaviours {
        let disk = self.storage.behaviours();
        if self.failures.tolerate > 0
            && self
                .failures
                .model
                .behaviours()
                .contains(Behaviour::Restart)
        {
            disk
        } else {
            disk & Behaviours::from(Behaviour::Corrupt)
        }
    }

    /// May the world show this behaviour without breaking the contract?
    ///
    /// This is what a simulated world asks before it injects a fault.
    pub fn allows(&self, behaviour: Behaviour) -> bool {
        self.behaviours().contains(behaviour)
    }

    /// Is what was seen still inside the contract?
    ///
    /// `seen` is everything observed; `faulty` is how many replicas showed a fault of a replica or
    /// of a disk that the storage model does not already grant to everyone.
    ///
    /// # Errors
    /// [`Exceeded`] says which behaviours were never agreed to, and by how much `f` is exceeded.
    pub fn within(&self, seen: Behaviours, faulty: usize) -> Result<(), Exceeded> {
        let exceeded = Exceeded {
            outside: seen - self.behaviours(),
            faulty,
            tolerate: self.failures.tolerate,
            counted: self.failures.counted,
        };
        if exceeded.outside.is_empty() && faulty <= exceeded.tolerate {
            Ok(())
        } else {
            Err(exceeded)
        }
    }
}

/// Reality has left the contract: the protocol promises nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Exceeded {
    /// Behaviours that the contract excludes.
    pub outside: Behaviours,
    /// How many replicas were faulty, counted as the contract counts.
    pub faulty: usize,
    /// How many may be.
    pub tolerate: usize,
    /// Over what time they are counted.
    pub counted: FaultCount,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outside the contract: ")?;
        if self.faulty > self.tolerate {
            let Exceeded {
                faulty, tolerate, ..
            } = self;
            let over = match self.counted {
                FaultCount::InTotal => "in all",
                FaultCount::AtATime | FaultCount::Moving => "at the same time",
            };
            write!(f, "{faulty} replicas are faulty {over}, {tolerate} may be")?;
            if !self.outside.is_empty() {
                f.write_str("; ")?;
            }
        }
        for (place, whose) in [
            (Component::Replica, "a replica showed"),
            (Component::Disk, "a disk showed"),
            (Component::Link, "a link showed"),
            (Component::Time, "time showed"),
        ] {
            let outside = self.outside.at(place);
            if outside.is_empty() {
                continue;
            }
            if self.outside.iter().next().map(Behaviour::component) != Some(place) {
                f.write_str(", ")?;
            }
            write!(f, "{whose} {outside}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Exceeded {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_allows_what_raft_is_built_for_and_nothing_else() {
        use Behaviour::*;
        let contract = Contract::default();
        let allowed = [
            NeverStart, Stop, Restart, Tear, Lose, Duplicate, Reorder, Garble, Delay, Pause, Skew,
        ];
        assert_eq!(contract.behaviours(), Behaviours::of(&allowed));
    }

    #[test]
    fn time_is_within_bounds_only_in_the_synchronous_model() {
        let mut contract = Contract::default();
        assert!(contract.allows(Behaviour::Delay));
        contract.timing = Timing::Synchronous(crate::timing::Bounds {
            delta: std::time::Duration::from_millis(5),
            phi: std::time::Duration::ZERO,
            drift_ppm: 100,
        });
        for behaviour in [Behaviour::Delay, Behaviour::Pause, Behaviour::Skew] {
            assert!(!contract.allows(behaviour), "{behaviour}");
        }
    }

    #[test]
    fn nobody_forgets_who_never_restarts() {
        let mut contract = Contract::default();
        contract.storage.model = StorageModel::Amnesiac;
        assert!(contract.allows(Behaviour::Forget));
        contract.failures.model = FailureModel::CrashStop;
        assert!(!contract.allows(Behaviour::Forget));
        assert!(!contract.allows(Behaviour::Tear));
    }

    #[test]
    fn with_no_fault_tolerated_no_replica_may_fail_but_links_may_still_lose() {
        let mut contract = Contract::default();
        contract.failures.tolerate = 0;
        assert!(!contract.allows(Behaviour::Stop));
        assert!(contract.allows(Behaviour::Lose));
    }

    #[test]
    fn authenticated_links_keep_forgeries_out() {
        let mut contract = Contract::default();
        contract.failures.model = FailureModel::Byzantine;
        assert!(contract.allows(Behaviour::Forge));
        contract.links.model = LinkModel::Authenticated;
        assert!(!contract.allows(Behaviour::Forge));
        assert!(contract.allows(Behaviour::Lie));
    }

    #[test]
    fn exceeding_the_contract_is_said_in_words() {
        let contract = Contract::default();
        let crash = Behaviours::of(&[Behaviour::Stop, Behaviour::Restart]);
        assert_eq!(contract.within(crash, 1), Ok(()));
        let two = contract.within(crash, 2).expect_err("one may be down");
        assert_eq!(
            two.to_string(),
            "outside the contract: 2 replicas are faulty at the same time, 1 may be"
        );
        let lie = contract
            .within(crash.with(Behaviour::Lie), 1)
            .expect_err("nobody may lie");
        assert_eq!(
            lie.to_string(),
            "outside the contract: a replica showed {lie}"
        );
        let mut lasting = contract.clone();
        lasting.failures.counted = FaultCount::InTotal;
        let two = lasting.within(crash, 2).expect_err("one may ever be");
        assert_eq!(
            two.to_string(),
            "outside the contract: 2 replicas are faulty in all, 1 may be"
        );
        let both = Behaviours::of(&[Behaviour::LieAboutSync, Behaviour::Lie]);
        let both = contract.within(both, 3).expect_err("both");
        assert_eq!(
            both.to_string(),
            "outside the contract: 3 replicas are faulty at the same time, 1 may be; \
             a replica showed {lie}, a disk showed {lie-about-sync}"
        );
    }
}
