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
        let honest = c.failures.model.is_honest();
        // A liar that restarts counts among the f for good; of the honest, all may restart in turn.
        let restarts =
            honest && f > 0 && c.failures.model.behaviours().contains(Behaviour::Restart);
        // With known bounds, one that comes back is told from one that never left, and left out.
        let always_up = match (c.failures.is_lasting(), c.effective_synchrony()) {
            (true, Synchrony::Synchronous) => n,
            (true, _) => n.saturating_sub(f),
            (false, _) => 0,
        };
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
                    && f > 0
                    && c.oracle().is_none() =>
            {
                let time = match c.timing.synchrony() {
                    Synchrony::Asynchronous => "timing is asynchronous",
                    _ => NO_BOUND_HOLDS,
                };
                case(
                    format!("{time}, the protocol must be deterministic, and f = {f} may crash"),
                    "allow random choices (deterministic = false), or assume partially-synchronous \
                     timing, which is what real networks give"
                        .to_owned(),
                )
            }
            Impossibility::CrashHalf
                if honest
                    && f > 0
                    && (unbounded || comes_back(c))
                    && n <= 2 * f
                    && c.oracle() != Some(DetectorClass::Perfect) => case(
                match unbounded {
                    true => format!("n = {n} replicas are not more than 2f = {}", 2 * f),
                    false => format!(
                        "n = {n} replicas are not more than 2f = {}, and one half may be down until \
                         the other goes down",
                        2 * f
                    ),
                },
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
            Impossibility::UniformLiars if f > 0 && !honest => case(
                format!("f = {f} of n = {n} replicas may lie"),
                "ask for the same of correct replicas only (consensus, reliable-broadcast), or for a \
                 log, whose clients outvote the liars"
                    .to_owned(),
            ),
            Impossibility::TerminatingDetector
                if f > 0 && unbounded && c.oracle() != Some(DetectorClass::Perfect) =>
            {
                case(
                    match c.timing.synchrony() {
                        Synchrony::Synchronous => NO_BOUND_HOLDS.to_owned(),
                        synchrony => format!("timing is {synchrony}"),
                    },
                    "ask for reliable-broadcast, which may leave all waiting for a faulty sender; or \
                     prove the bounds and say synchronous, with reliable links"
                        .to_owned(),
                )
            }
            Impossibility::SetAgreement
                if f > 0
                    && honest
                    && unbounded
                    && c.oracle() != Some(DetectorClass::Perfect) =>
            {
                let Problem::KSet(k) = c.problem() else {
                    return None;
                };
                let k = usize::from(k);
                let undecided = synchrony == Synchrony::Asynchronous
                    && c.deterministic
                    && c.oracle().is_none()
                    && f >= k;
                let apart = (k + 1) * n.saturating_sub(f) <= n;
                (undecided || apart).then(|| {
                    let because = match apart {
                        true => format!(
                            "n = {n} replicas make {} groups of n - f = {}",
                            k + 1,
                            n - f
                        ),
                        false => format!("timing is {synchrony}, and f = {f} may crash, k = {k}"),
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
                    && c.oracle() != Some(DetectorClass::Perfect) =>
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
                if f > 0 && c.deterministic && c.failures.counted == FaultCount::Moving =>
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
                if honest && f > 0 && !unbounded && loses_both_ways(c) && n <= 2 * f =>
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
                    && !unbounded
                    && c.failures.model == FailureModel::ReceiveOmission
                    && n <= 3 * f / 2 =>
            {
                case(
                    format!("n = {n} replicas are not more than 3f/2 = {}", 3 * f / 2),
                    format!("run {} replicas, or tolerate fewer", 3 * f / 2 + 1),
                )
            }
            Impossibility::Amnesia
                if restarts && always_up <= f && c.storage.model == StorageModel::Amnesiac => case(
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
                    && always_up <= f
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
                    && c.oracle().is_none()
                    && !c.may_detect_perfectly() =>
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
                    && c.oracle().is_none()
                    && c.detector.is_some_and(|d| d.needs() == Synchrony::PartiallySynchronous)
                    && synchrony == Synchrony::Asynchronous =>
            {
                case(
                    NO_BOUND_HOLDS.to_owned(),
                    "assume partially-synchronous timing, or claim no detector and decide by \
                     chance"
                        .to_owned(),
                )
            }
            Impossibility::SilentIsNotCrashed
                if f > 0
                    && c.oracle().is_none()
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
        && c.failures.model.behaviours().contains(Behaviour::Restart)
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
            (synchrony, _) => synchrony,
        }
    }

    /// The detector that is assumed and that nothing here builds: where nothing is bounded, a detector
    /// can only be an oracle. Elsewhere it is claimed to be built from timeouts.
    pub fn oracle(&self) -> Option<DetectorClass> {
        match self.timing.synchrony() {
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
