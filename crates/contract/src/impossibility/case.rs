//! When each rule applies, why, and what would lift it.

use super::Impossibility;
use crate::behaviour::Behaviour;
use crate::contract::Contract;
use crate::failure::{FailureModel, FaultCount};
use crate::links::LinkModel;
use crate::problem::Problem;
use crate::quorum;
use crate::storage::StorageModel;
use crate::timing::{DetectorClass, Synchrony};

/// Why bounds on time are void over fair-loss links.
const NO_BOUND_HOLDS: &str = "links may lose messages, so that no bound on time holds";

impl Impossibility {
    /// Why the rule applies, and the remedy.
    pub(super) fn case(self, c: &Contract) -> Option<(String, String)> {
        let (n, f) = (c.replicas(), c.tolerate());
        let liars = c.failures.liars();
        let crashes = f - liars;
        let honest = c.failures.model.is_honest();
        let oracle = c.oracle();
        // Where a liar counts for good, one that restarts is one of the f still; else all may restart
        // in their turn.
        let restarts = f > 0
            && (honest || !c.failures.is_lasting())
            && c.failures.model.behaviours().contains(Behaviour::Restart);
        let synchrony = c.effective_synchrony();
        let unbounded = synchrony < Synchrony::Synchronous;
        let case = |because: String, remedy: String| Some((because, remedy));
        match self {
            Impossibility::NobodyLeft if f >= n => case(
                format!("f = {f} of n = {n} replicas may be faulty"),
                format!("tolerate {} or fewer, or add replicas", n.saturating_sub(1)),
            ),
            Impossibility::Flp
                if synchrony == Synchrony::Asynchronous
                    && c.deterministic
                    && fails_in_the_run(c)
                    && !oracle.is_some_and(DetectorClass::elects) =>
            {
                let time = c.why_unbounded();
                case(
                    format!("{time}, the protocol must be deterministic, and f = {f} may crash"),
                    "allow random choices (deterministic = false), or assume partially-synchronous \
                     timing, which is what real networks give"
                        .to_owned(),
                )
            }
            Impossibility::CrashHalf
                if f > 0
                    && n <= 2 * f
                    && (honest && unbounded && !c.only_steps_are_late()
                        || comes_back(c) && (honest || !unbounded))
                    && !c.is_told_of_partitions() =>
            {
                case(
                    match unbounded {
                        true => format!("n = {n} replicas are not more than 2f = {}", 2 * f),
                        false => format!(
                            "n = {n} replicas are not more than 2f = {}, and one half may be down \
                             until the other goes down",
                            2 * f
                        ),
                    },
                    format!(
                        "run {} replicas, or tolerate {}",
                        quorum::replicas_for_crashes(f),
                        quorum::max_crashes(n)
                    ),
                )
            }
            Impossibility::ByzantineThird if liars > 0 && unbounded && n <= least_of_liars(c) => {
                let bound = least_of_liars(c);
                case(
                    format!(
                        "n = {n} replicas are not more than {} = {bound}, and {}",
                        named(bound, liars, crashes),
                        c.why_unbounded()
                    ),
                    match crashes {
                        0 => format!(
                            "run {} replicas, or tolerate {} {}",
                            bound + 1,
                            quorum::max_liars(n),
                            if quorum::max_liars(n) == 1 { "liar" } else { "liars" },
                        ),
                        _ => format!("run {} replicas, or tolerate fewer", bound + 1),
                    },
                )
            }
            Impossibility::ByzantineThirdUnsigned
                if liars > 0
                    && (!unbounded || c.only_steps_are_late())
                    && n <= 3 * liars + crashes
                    && !c.links.signatures =>
            {
                let bound = 3 * liars + crashes;
                case(
                    format!(
                        "n = {n} replicas are not more than {} = {bound}, unsigned",
                        named(bound, liars, crashes)
                    ),
                    format!(
                        "sign messages (signatures = true), or run {} replicas",
                        bound + 1
                    ),
                )
            }
            Impossibility::ClientsOutvoted
                if liars > 0 && !unbounded && n <= 2 * liars + crashes =>
            {
                let bound = 2 * liars + crashes;
                case(
                    format!(
                        "n = {n} replicas are not more than {} = {bound}",
                        named(bound, liars, crashes)
                    ),
                    format!("run {} replicas, or choose a broadcast protocol", bound + 1),
                )
            }
            Impossibility::Impersonation if liars > 0 && !c.authenticates() => case(
                format!("replicas may lie, and links are {} only", c.links.model),
                "make the links authenticated, or sign messages (signatures = true)".to_owned(),
            ),
            Impossibility::UniformLiars if liars > 0 => case(
                format!("{liars} of n = {n} replicas may lie"),
                "ask for the same of correct replicas only (consensus, reliable-broadcast), or for a \
                 log, whose clients outvote the liars"
                    .to_owned(),
            ),
            Impossibility::TerminatingDetector
                if f > 0 && unbounded && oracle != Some(DetectorClass::Perfect) =>
            {
                case(
                    c.why_unbounded().to_owned(),
                    "ask for reliable-broadcast, which may leave all waiting for a faulty sender; or \
                     prove the bounds and say synchronous, with reliable links"
                        .to_owned(),
                )
            }
            Impossibility::SetAgreement
                if f > 0
                    && honest
                    && unbounded
                    && !c.only_steps_are_late()
                    && !c.is_told_of_partitions() =>
            {
                let Problem::KSet(k) = c.problem() else {
                    return None;
                };
                let k = usize::from(k);
                let undecided = synchrony == Synchrony::Asynchronous
                    && c.deterministic
                    && fails_in_the_run(c)
                    && !oracle.is_some_and(DetectorClass::elects)
                    && f >= k;
                let apart = (k + 1) * n.saturating_sub(f) <= n;
                (undecided || apart).then(|| {
                    let because = match apart {
                        true => format!(
                            "n = {n} replicas make {} groups of n - f = {}",
                            k + 1,
                            n - f
                        ),
                        false => {
                            format!("{}, and f = {f} may crash, k = {k}", c.why_unbounded())
                        }
                    };
                    // The most that leaves no k + 1 groups, and where nothing is bounded fewer than k.
                    let together = n - n / (k + 1) - 1;
                    let most = match undecided {
                        true => together.min(k - 1),
                        false => together,
                    };
                    let remedy = format!("tolerate {most}, or allow more decisions");
                    (because, remedy)
                })
            }
            Impossibility::UniformHalf
                if f > 0
                    && honest
                    && unbounded
                    && n <= 2 * f
                    && c.links.model == LinkModel::FairLoss
                    && fails_in_the_run(c)
                    && !oracle.is_some_and(DetectorClass::gives_trust) =>
            {
                case(
                    format!("n = {n} replicas are not more than 2f = {}, and links lose", 2 * f),
                    format!(
                        "run {} replicas, or say that links are reliable",
                        quorum::replicas_for_crashes(f)
                    ),
                )
            }
            Impossibility::MovingFaults
                if f > 0
                    && c.deterministic
                    && c.failures.counted == FaultCount::Moving
                    && c.failures.always_up == 0 =>
            {
                case(
                    format!(
                        "f = {f} of n = {n} replicas may be faulty at each moment, and others at \
                         the next, without end"
                    ),
                    "assume that faults stay where they are for long enough (counted = \
                     \"at-a-time\"), or allow random choices (deterministic = false)"
                        .to_owned(),
                )
            }
            Impossibility::OmissionHalf
                if honest
                    && f > 0
                    && (!unbounded
                        || c.only_steps_are_late()
                        || !Impossibility::CrashHalf.forbids(c.problem()))
                    && loses_both_ways(c)
                    && n <= 2 * f
                    && !c.is_told_of_partitions() =>
            {
                case(
                    format!("n = {n} replicas are not more than 2f = {}", 2 * f),
                    format!(
                        "run {} replicas, or tolerate {}; or show that a replica that fails stops \
                         (crash-stop)",
                        quorum::replicas_for_crashes(f),
                        quorum::max_crashes(n)
                    ),
                )
            }
            Impossibility::DeafThirds
                if f > 0
                    && (!unbounded || c.only_steps_are_late())
                    && c.failures.model == FailureModel::ReceiveOmission
                    && n <= 3 * f / 2 =>
            {
                case(
                    format!("n = {n} replicas are not more than 3f/2 = {}", 3 * f / 2),
                    format!("run {} replicas, or tolerate fewer", 3 * f / 2 + 1),
                )
            }
            Impossibility::Amnesia
                if restarts && forgets_for_good(c) && c.storage.model == StorageModel::Amnesiac => case(
                format!(
                    "under {} {}, and storage is amnesiac: no vote of a quorum is safe",
                    c.failures.model,
                    in_their_turn(c),
                ),
                "keep what was promised on durable storage; or treat a replica that comes back as \
                 a new one (crash-stop), which must be told everything before it may vote"
                    .to_owned(),
            ),
            Impossibility::LyingSync
                if restarts
                    && forgets_for_good(c)
                    && c.storage.model == StorageModel::Durable
                    && c.storage.may_lie_about_sync =>
            {
                case(
                    format!(
                        "under {} {}, and a sync may report what is not so",
                        c.failures.model,
                        in_their_turn(c),
                    ),
                    "use disks whose sync is true (or whose cache survives a power loss); or \
                     count a replica with such a disk as byzantine"
                        .to_owned(),
                )
            }
            Impossibility::PerfectDetector
                if f > 0
                    && c.detector == Some(DetectorClass::Perfect)
                    && oracle.is_none()
                    && !c.may_detect_perfectly() =>
            {
                let because = if c.declared_synchrony() < Synchrony::Synchronous {
                    c.why_unbounded().to_owned()
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
                if fails_in_the_run(c)
                    && oracle.is_none()
                    && c.detector.is_some_and(|d| d.needs() == Synchrony::PartiallySynchronous)
                    && synchrony == Synchrony::Asynchronous =>
            {
                case(
                    c.why_unbounded().to_owned(),
                    "assume partially-synchronous timing, or claim no detector and decide by \
                     chance"
                        .to_owned(),
                )
            }
            Impossibility::QuorumDetector
                if f > 0
                    && oracle.is_none()
                    && c.detector.is_some_and(gathers)
                    && unbounded
                    && n <= 2 * f =>
            {
                case(
                    format!("n = {n} replicas are not more than 2f = {}", 2 * f),
                    format!(
                        "run {} replicas, or claim what timeouts can build (eventual-leader)",
                        quorum::replicas_for_crashes(f)
                    ),
                )
            }
            Impossibility::SilentIsNotCrashed
                if f > 0
                    && oracle.is_none()
                    && c.detector == Some(DetectorClass::EventuallyPerfect)
                    && !c.failures.model.is_within(FailureModel::CrashRecovery) =>
            {
                case(
                    format!("a replica that fails by {} may be silent and alive", c.failures.model),
                    "claim an eventual leader (eventual-leader), which is enough for a log; or show \
                     that a replica that fails stops"
                        .to_owned(),
                )
            }
            Impossibility::TwoGenerals
                if unbounded
                    && (c.problem() == Problem::CoordinatedAttack
                        || c.timing.synchrony() == Synchrony::Synchronous
                            && c.links.model == LinkModel::FairLoss) =>
            {
                case(
                    match c.timing.synchrony() {
                        Synchrony::Synchronous if c.links.model == LinkModel::FairLoss => {
                            "timing is synchronous but links may lose any message: delta binds only \
                             what arrives"
                                .to_owned()
                        }
                        _ => format!(
                            "{}: what is late for the deadline is as good as lost",
                            c.why_unbounded()
                        ),
                    },
                    "say that links are reliable (retransmission within delta), or that timing is \
                     partially-synchronous"
                        .to_owned(),
                )
            }
            _ => None,
        }
    }
}

/// Who may restart.
fn in_their_turn(c: &Contract) -> String {
    match c.failures.is_lasting() {
        true => format!(
            "half of the replicas ({} of {}) may restart",
            c.tolerate(),
            c.replicas()
        ),
        false => "every replica may restart in its turn".to_owned(),
    }
}

/// May each half of the replicas be down in its turn, so that the two never meet?
fn comes_back(c: &Contract) -> bool {
    c.failures.counted > FaultCount::InTotal
        && c.failures.always_up == 0
        && !c.failures.counts_recovering
        && c.failures.model.behaviours().contains(Behaviour::Restart)
}

/// May a replica fail once the run has begun?
fn fails_in_the_run(c: &Contract) -> bool {
    c.tolerate() > 0 && c.failures.model != FailureModel::InitiallyDead
}

/// May so many forget what they promised that those who never do are too few to remind them?
fn forgets_for_good(c: &Contract) -> bool {
    let (n, f) = (c.replicas(), c.tolerate());
    if c.effective_synchrony() == Synchrony::Synchronous && c.failures.never_fail(n) > 0 {
        // One that comes back is told from one that never left, and left out.
        return false;
    }
    // One that comes back is told before it counts again; by too few, if half may be faulty, but that is
    // another theorem's.
    let reminded = c.failures.counts_recovering && c.failures.counted < FaultCount::Moving;
    c.failures.never_fail(n) <= f && !reminded
}

/// Does the detector name sets of replicas that meet, or that hold a correct one?
fn gathers(detector: DetectorClass) -> bool {
    detector.gives_trust() && detector != DetectorClass::Perfect
}

/// The most replicas that liars divide where time has no known bound.
fn least_of_liars(c: &Contract) -> usize {
    let liars = c.failures.liars();
    match c.only_steps_are_late() {
        true => 2 * liars,
        false => 2 * c.tolerate() + liars,
    }
}

/// A bound by what it is made of.
fn named(bound: usize, liars: usize, crashes: usize) -> String {
    let parts = [(1, 1), (1, 2), (1, 3), (2, 3)];
    let fits = |(c, b): &(usize, usize)| c * crashes + b * liars == bound;
    match (crashes, parts.iter().rev().find(|part| fits(part))) {
        (0, _) => format!("{}f", bound / liars),
        (_, Some((1, b))) => format!("c + {b}b"),
        (_, Some((c, b))) => format!("{c}c + {b}b"),
        (_, None) => format!("{}b", bound / liars),
    }
}

/// May a faulty replica lose messages both ways, or be late, which is as bad?
fn loses_both_ways(c: &Contract) -> bool {
    let may = c.failures.model.behaviours();
    may.contains(Behaviour::DropSend) && may.contains(Behaviour::DropReceive)
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
            _ => self.declared_synchrony(),
        }
    }

    /// What is promised of messages and of steps both.
    pub fn declared_synchrony(&self) -> Synchrony {
        let messages = self.timing.synchrony();
        self.steps.map_or(messages, |steps| messages.min(steps))
    }

    /// Do messages keep their bounds, while those of steps hold only in the end (Dwork, Lynch,
    /// Stockmeyer 1988, §6)?
    pub fn only_steps_are_late(&self) -> bool {
        self.timing.synchrony() == Synchrony::Synchronous
            && self.links.model != LinkModel::FairLoss
            && self.steps == Some(Synchrony::PartiallySynchronous)
    }

    /// Which bound on time does not hold.
    pub fn why_unbounded(&self) -> &'static str {
        let messages = self.timing.synchrony();
        match (self.effective_synchrony(), self.steps) {
            (Synchrony::Synchronous, _) => "time has bounds",
            (Synchrony::Asynchronous, Some(Synchrony::Asynchronous)) => {
                "the steps of replicas have no bound"
            }
            (Synchrony::Asynchronous, _) if messages == Synchrony::Asynchronous => {
                "timing is asynchronous"
            }
            (Synchrony::Asynchronous, _) => NO_BOUND_HOLDS,
            (Synchrony::PartiallySynchronous, _) if messages == Synchrony::Synchronous => {
                "the steps of replicas are bounded only in the end"
            }
            (Synchrony::PartiallySynchronous, _) => "timing is partially-synchronous",
        }
    }

    /// Does an oracle keep two groups of replicas apart from deciding each by itself?
    pub(crate) fn is_told_of_partitions(&self) -> bool {
        // A perfect detector spares a replica that is silent and has not crashed.
        let silent = self
            .failures
            .model
            .behaviours()
            .contains(Behaviour::DropSend);
        match self.oracle() {
            Some(DetectorClass::Perfect) => !silent,
            Some(class) => class.gives_quorums(),
            None => false,
        }
    }

    /// The detector that is assumed and that nothing here builds: where nothing is bounded, a detector
    /// can only be an oracle. Elsewhere it is claimed to be built from timeouts.
    pub fn oracle(&self) -> Option<DetectorClass> {
        match self.declared_synchrony() {
            Synchrony::Asynchronous => self.detector,
            _ => None,
        }
    }

    /// Can timeouts tell exactly which nodes have crashed? Only if every live node is heard in time.
    fn may_detect_perfectly(&self) -> bool {
        self.effective_synchrony() == Synchrony::Synchronous
            && self.failures.model.is_within(FailureModel::CrashRecovery)
    }
}
