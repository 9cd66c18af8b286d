//! Failure models: what a faulty replica is allowed to do.

use crate::behaviour::{Behaviour, Behaviours, Component};
use serde::Serialize;
use std::fmt;

/// A bound on what a faulty replica may do.
///
/// The order is computed from the behaviour sets, never listed. Two orders are found in the
/// literature and both hold here: crash ⊏ omission ⊏ timing ⊏ Byzantine (Cristian 1991; Schneider
/// 1990), and crash-stop ⊏ crash-recovery ⊏ omission ⊏ Byzantine, by what a replica may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureModel {
    /// Is dead from the start, or works for good (Fischer, Lynch, Paterson 1985, §4).
    InitiallyDead,
    /// Works, then stops for good.
    CrashStop,
    /// Stops and may come back, any number of times, with what its storage kept.
    CrashRecovery,
    /// As crash-recovery, and may fail to send messages.
    SendOmission,
    /// As crash-recovery, and may fail to receive messages.
    ReceiveOmission,
    /// As crash-recovery, and may fail to send or to receive messages.
    GeneralOmission,
    /// As general omission, and may be late.
    Timing,
    /// May do anything at all, on its own or together with other faulty replicas.
    Byzantine,
}

impl FailureModel {
    /// Every model. A model stands after all models weaker than itself.
    pub const ALL: [FailureModel; 8] = [
        FailureModel::InitiallyDead,
        FailureModel::CrashStop,
        FailureModel::CrashRecovery,
        FailureModel::SendOmission,
        FailureModel::ReceiveOmission,
        FailureModel::GeneralOmission,
        FailureModel::Timing,
        FailureModel::Byzantine,
    ];

    /// The name used in contract files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            FailureModel::InitiallyDead => "initially-dead",
            FailureModel::CrashStop => "crash-stop",
            FailureModel::CrashRecovery => "crash-recovery",
            FailureModel::SendOmission => "send-omission",
            FailureModel::ReceiveOmission => "receive-omission",
            FailureModel::GeneralOmission => "general-omission",
            FailureModel::Timing => "timing",
            FailureModel::Byzantine => "byzantine",
        }
    }

    /// What a faulty replica may do under this model.
    pub const fn behaviours(self) -> Behaviours {
        use Behaviour::{
            Corrupt, DropReceive, DropSend, Equivocate, Forge, Forget, Late, Lie, LieAboutSync,
            NeverStart, Restart, Stop, Tear,
        };
        match self {
            FailureModel::InitiallyDead => Behaviours::of(&[NeverStart]),
            FailureModel::CrashStop => Behaviours::of(&[NeverStart, Stop]),
            FailureModel::CrashRecovery => Behaviours::of(&[NeverStart, Stop, Restart]),
            FailureModel::SendOmission => Behaviours::of(&[NeverStart, Stop, Restart, DropSend]),
            FailureModel::ReceiveOmission => {
                Behaviours::of(&[NeverStart, Stop, Restart, DropReceive])
            }
            FailureModel::GeneralOmission => {
                Behaviours::of(&[NeverStart, Stop, Restart, DropSend, DropReceive])
            }
            FailureModel::Timing => {
                Behaviours::of(&[NeverStart, Stop, Restart, DropSend, DropReceive, Late])
            }
            // The disk of a liar lies too: there is nothing that its replica may not do.
            FailureModel::Byzantine => Behaviours::of(&[
                NeverStart,
                Stop,
                Restart,
                DropSend,
                DropReceive,
                Late,
                Lie,
                Equivocate,
                Forge,
                Forget,
                Tear,
                Corrupt,
                LieAboutSync,
            ]),
        }
    }

    /// `self ⊑ other`: whatever survives `other` survives `self`.
    pub const fn is_within(self, other: FailureModel) -> bool {
        self.behaviours().is_within(other.behaviours())
    }

    /// Does a faulty replica say only what its protocol allows?
    pub const fn is_honest(self) -> bool {
        !self.behaviours().contains(Behaviour::Lie)
    }

    /// How `f` is counted unless a contract says otherwise: in total where no replica comes back, or
    /// where one that did would not be believed; else at a time.
    pub const fn counted(self) -> FaultCount {
        match self {
            FailureModel::InitiallyDead | FailureModel::CrashStop | FailureModel::Byzantine => {
                FaultCount::InTotal
            }
            _ => FaultCount::AtATime,
        }
    }

    /// The weakest model that covers what was seen of a replica and its disk.
    ///
    /// `None` when nothing was seen that is a replica's fault.
    pub fn least_covering(seen: Behaviours) -> Option<FailureModel> {
        let faults = seen.at(Component::Replica) | seen.at(Component::Disk);
        if faults.is_empty() {
            return None;
        }
        FailureModel::ALL
            .into_iter()
            .find(|model| faults.is_within(model.behaviours()))
    }
}

impl fmt::Display for FailureModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Over what time `f` is counted; a later one allows more.
///
/// Proofs differ here more than their papers say. A bound of `f` over the whole run is what protocols
/// in rounds need: a replica that missed a round has missed it. A bound at each moment lets every
/// replica fail in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultCount {
    /// `f` replicas may ever be faulty; who was faulty once counts for good.
    InTotal,
    /// `f` replicas may be faulty at the same time. In the end faults stay where they are for long
    /// enough.
    AtATime,
    /// `f` replicas may be faulty at the same time, others each moment, without end (Santoro and
    /// Widmayer 1989: mobile faults).
    Moving,
}

impl FaultCount {
    /// Every way, the kindest first.
    pub const ALL: [FaultCount; 3] = [FaultCount::InTotal, FaultCount::AtATime, FaultCount::Moving];

    /// The name used in contract files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            FaultCount::InTotal => "in-total",
            FaultCount::AtATime => "at-a-time",
            FaultCount::Moving => "moving",
        }
    }
}

impl fmt::Display for FaultCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How replicas may fail, and how many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Failures {
    /// What a faulty replica may do.
    pub model: FailureModel,
    /// `f`: how many replicas may be faulty.
    pub tolerate: usize,
    /// Over what time `f` is counted.
    pub counted: FaultCount,
    /// Of the `f` Byzantine replicas, how many crash and never lie (mixed bounds: Thambidurai, Park 1988;
    /// Clement et al. 2009).
    /// Always 0 under the other models.
    pub crash_only: usize,
    /// How many replicas never fail at all; it is not known which (Aguilera, Chen, Toueg 2000).
    pub always_up: usize,
    /// Does a replica that comes back count as faulty until the others have told it all that it has
    /// missed (Michael et al. 2017)?
    pub counts_recovering: bool,
}

impl Failures {
    /// `tolerate` replicas that fail as `model` says, counted as usual.
    pub const fn new(model: FailureModel, tolerate: usize) -> Self {
        Self {
            model,
            tolerate,
            counted: model.counted(),
            crash_only: 0,
            always_up: 0,
            counts_recovering: false,
        }
    }

    /// `crash` replicas that crash and never lie, and `byzantine` that may lie.
    pub const fn mixed(crash: usize, byzantine: usize) -> Self {
        Self {
            crash_only: crash,
            ..Self::new(FailureModel::Byzantine, crash + byzantine)
        }
    }

    /// May any replica lie?
    pub const fn has_liars(&self) -> bool {
        self.liars() > 0
    }

    /// How many replicas may lie.
    pub const fn liars(&self) -> usize {
        match self.model {
            FailureModel::Byzantine => self.tolerate.saturating_sub(self.crash_only),
            _ => 0,
        }
    }

    /// How many of `n` replicas never fail, as far as the contract says.
    pub fn never_fail(&self, n: usize) -> usize {
        match self.counted {
            FaultCount::InTotal => n.saturating_sub(self.tolerate),
            FaultCount::AtATime | FaultCount::Moving => self.always_up,
        }
    }

    /// Is a replica that was faulty once faulty for good?
    pub const fn is_lasting(&self) -> bool {
        matches!(self.counted, FaultCount::InTotal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureModel::*;

    /// `a ⊏ b`: within, and not the same.
    fn below(a: FailureModel, b: FailureModel) -> bool {
        a.is_within(b) && !b.is_within(a)
    }

    #[test]
    fn both_hierarchies_of_the_literature_hold() {
        for chain in [
            &[InitiallyDead, CrashStop, GeneralOmission, Timing, Byzantine][..],
            &[
                CrashStop,
                CrashRecovery,
                SendOmission,
                GeneralOmission,
                Byzantine,
            ],
            &[
                CrashStop,
                CrashRecovery,
                ReceiveOmission,
                GeneralOmission,
                Byzantine,
            ],
        ] {
            for pair in chain.windows(2) {
                assert!(below(pair[0], pair[1]), "{} ⊏ {}", pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn send_and_receive_omission_are_not_comparable_and_join_in_general_omission() {
        let (send, receive) = (SendOmission.behaviours(), ReceiveOmission.behaviours());
        assert_eq!(send.partial_cmp(&receive), None);
        assert_eq!(send | receive, GeneralOmission.behaviours());
        assert_eq!(send & receive, CrashRecovery.behaviours());
    }

    #[test]
    fn a_liar_may_do_all_that_a_replica_and_its_disk_can() {
        let all = Behaviours::ALL.at(Component::Replica) | Behaviours::ALL.at(Component::Disk);
        assert_eq!(Byzantine.behaviours(), all);
    }

    #[test]
    fn the_list_is_sorted_so_that_the_first_cover_is_a_least_one() {
        for (i, later) in FailureModel::ALL.iter().enumerate() {
            for earlier in &FailureModel::ALL[..i] {
                assert!(!later.is_within(*earlier), "{later} stands after {earlier}");
            }
        }
    }

    #[test]
    fn what_was_seen_names_the_least_model() {
        let seen = |list: &[Behaviour]| FailureModel::least_covering(Behaviours::of(list));
        assert_eq!(seen(&[]), None);
        assert_eq!(seen(&[Behaviour::Lose, Behaviour::Delay]), None);
        assert_eq!(seen(&[Behaviour::NeverStart]), Some(InitiallyDead));
        assert_eq!(seen(&[Behaviour::Stop]), Some(CrashStop));
        assert_eq!(seen(&[Behaviour::Restart]), Some(CrashRecovery));
        assert_eq!(seen(&[Behaviour::DropReceive]), Some(ReceiveOmission));
        assert_eq!(
            seen(&[Behaviour::DropSend, Behaviour::DropReceive]),
            Some(GeneralOmission)
        );
        assert_eq!(seen(&[Behaviour::Late]), Some(Timing));
        assert_eq!(seen(&[Behaviour::LieAboutSync]), Some(Byzantine));
    }
}
