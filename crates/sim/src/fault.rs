//! The kinds of fault that a world can show, and which of them a contract lets it show.

use quorate_contract::{Behaviour, Contract, StorageModel, Timing};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A message is lost.
    Loss,
    /// A message arrives twice.
    Duplication,
    /// Links do not keep the order of messages.
    Reordering,
    /// Links are slow for a while.
    SlowLinks,
    /// Links have little bandwidth for a while.
    Bandwidth,
    /// The cluster falls in two parts for a while.
    Partition,
    /// One direction between two nodes is cut for a while.
    OneWayCut,
    /// One node receives nothing, or what it sends is lost, or both, for a while.
    Isolation,
    /// A process dies; the machine lives on.
    Kill,
    /// The power of one machine fails: unsynced sectors are lost.
    PowerLoss,
    /// The power fails in the middle of a call of the log to the disk.
    PowerLossInCall,
    /// The power of all machines fails at once.
    ClusterPowerLoss,
    /// A crash leaves a sector in part.
    TornSector,
    /// A process does nothing for a while, as in a long collection of garbage.
    Pause,
    /// A clock jumps ahead.
    ClockJump,
    /// A clock is fast or slow for a while.
    ClockDrift,
    /// Syncs hang for a while.
    DiskStall,
    /// A call to the disk fails.
    DiskError,
    /// A disk is full until the replica is restarted.
    DiskFull,
    /// A bit that was durable flips.
    BitRot,
    /// A write lands in the wrong place.
    MisdirectedWrite,
    /// Syncs succeed and do nothing.
    LyingSync,
    /// A replica comes back with an empty disk.
    Wipe,
    /// An operator moves the leadership. Not a fault, but as unwelcome.
    Transfer,
    /// A single message arrives several election timeouts late.
    LateMessage,
    /// A replica hears that the link to a peer is broken: when the peer's process has died, or when it
    /// has not, or is back already.
    PeerGone,
    /// A replica is down or cut off for so long that it needs a snapshot.
    LeftBehind,
    /// A member is added, as a learner, on an empty disk.
    MemberAdded,
    /// A learner becomes a voter.
    MemberPromoted,
    /// A member is removed.
    MemberRemoved,
    /// A member loses its data directory and never comes back; an operator replaces it.
    DirectoryLost,
    /// A node that ran older software comes back with newer software.
    Upgraded,
    /// A node that ran newer software comes back with older software.
    RolledBack,
    /// The cluster's feature level is raised.
    LevelRaised,
    /// A replica stops, because its software is too old for the cluster's feature level.
    RefusedTooOld,
    /// Some of the files of a member's log are lost; it refuses to start, and an operator replaces it.
    DirectoryPartLost,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 36] = [
        Self::Loss,
        Self::Duplication,
        Self::Reordering,
        Self::SlowLinks,
        Self::Bandwidth,
        Self::Partition,
        Self::OneWayCut,
        Self::Isolation,
        Self::Kill,
        Self::PowerLoss,
        Self::PowerLossInCall,
        Self::ClusterPowerLoss,
        Self::TornSector,
        Self::Pause,
        Self::ClockJump,
        Self::ClockDrift,
        Self::DiskStall,
        Self::DiskError,
        Self::DiskFull,
        Self::BitRot,
        Self::MisdirectedWrite,
        Self::LyingSync,
        Self::Wipe,
        Self::Transfer,
        Self::LateMessage,
        Self::PeerGone,
        Self::LeftBehind,
        Self::MemberAdded,
        Self::MemberPromoted,
        Self::MemberRemoved,
        Self::DirectoryLost,
        Self::Upgraded,
        Self::RolledBack,
        Self::LevelRaised,
        Self::RefusedTooOld,
        Self::DirectoryPartLost,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Duplication => "duplication",
            Self::Reordering => "reordering",
            Self::SlowLinks => "slow-links",
            Self::Bandwidth => "bandwidth",
            Self::Partition => "partition",
            Self::OneWayCut => "one-way-cut",
            Self::Isolation => "isolation",
            Self::Kill => "kill",
            Self::PowerLoss => "power-loss",
            Self::PowerLossInCall => "power-loss-in-call",
            Self::ClusterPowerLoss => "cluster-power-loss",
            Self::TornSector => "torn-sector",
            Self::Pause => "pause",
            Self::ClockJump => "clock-jump",
            Self::ClockDrift => "clock-drift",
            Self::DiskStall => "disk-stall",
            Self::DiskError => "disk-error",
            Self::DiskFull => "disk-full",
            Self::BitRot => "bit-rot",
            Self::MisdirectedWrite => "misdirected-write",
            Self::LyingSync => "lying-sync",
            Self::Wipe => "wipe",
            Self::Transfer => "transfer",
            Self::LateMessage => "late-message",
            Self::PeerGone => "peer-gone",
            Self::LeftBehind => "left-behind",
            Self::MemberAdded => "member-added",
            Self::MemberPromoted => "member-promoted",
            Self::MemberRemoved => "member-removed",
            Self::DirectoryLost => "directory-lost",
            Self::Upgraded => "upgraded",
            Self::RolledBack => "rolled-back",
            Self::LevelRaised => "level-raised",
            Self::RefusedTooOld => "refused-too-old",
            Self::DirectoryPartLost => "directory-part-lost",
        }
    }

    /// May the world show it under this contract?
    pub fn is_within(self, contract: &Contract) -> bool {
        use Behaviour as B;
        let allows = |behaviour| contract.allows(behaviour);
        match self {
            Self::Loss => allows(B::Lose),
            Self::Duplication => allows(B::Duplicate),
            Self::Reordering => allows(B::Reorder),
            Self::SlowLinks | Self::Bandwidth | Self::DiskStall => allows(B::Delay),
            // Where links lose nothing, a cut holds messages back until it heals.
            Self::Partition | Self::OneWayCut | Self::Isolation => {
                allows(B::Lose) || allows(B::Delay)
            }
            Self::Kill
            | Self::PowerLoss
            | Self::PowerLossInCall
            | Self::DiskError
            | Self::DiskFull => allows(B::Stop),
            // Every replica may fail in its turn; with durable disks also all at once.
            Self::ClusterPowerLoss => {
                allows(B::Restart) && contract.storage.model == StorageModel::Durable
            }
            Self::TornSector => allows(B::Tear),
            Self::Pause => allows(B::Pause),
            Self::ClockJump | Self::ClockDrift => allows(B::Skew),
            Self::BitRot | Self::MisdirectedWrite => allows(B::Corrupt),
            Self::LyingSync => allows(B::LieAboutSync),
            Self::Wipe => allows(B::Forget),
            Self::LateMessage => {
                let bounded = matches!(contract.timing, Timing::Synchronous(_));
                allows(B::Delay) && allows(B::Reorder) && !bounded
            }
            Self::LeftBehind => allows(B::Restart) && allows(B::Lose),
            // A lost directory is a crash that is never recovered from; another member takes its place.
            Self::MemberAdded
            | Self::MemberPromoted
            | Self::MemberRemoved
            | Self::DirectoryLost
            | Self::DirectoryPartLost => allows(B::Restart) && contract.replicas() >= 3,
            // Other software is a restart.
            Self::Upgraded | Self::RolledBack | Self::LevelRaised | Self::RefusedTooOld => {
                allows(B::Restart)
            }
            Self::Transfer | Self::PeerGone => true,
        }
    }
}

/// How often each kind of fault was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultCounts([u64; Fault::ALL.len()]);

impl Default for FaultCounts {
    fn default() -> Self {
        Self([0; Fault::ALL.len()])
    }
}

impl FaultCounts {
    /// Counts.
    #[inline]
    pub fn add(&mut self, fault: Fault, times: u64) {
        self.0[fault as usize] += times;
    }

    /// Adds another run's counts.
    pub fn merge(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(sum, more)| *sum += more);
    }

    /// How often.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Each kind with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.into_iter().map(|fault| (fault, self.of(fault)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_contract::FailureModel;

    #[test]
    fn the_contract_decides() {
        let mut contract = Contract::default();
        let within = |contract: &Contract| {
            Fault::ALL
                .into_iter()
                .filter(|f| f.is_within(contract))
                .count()
        };
        let outside = [
            Fault::BitRot,
            Fault::MisdirectedWrite,
            Fault::LyingSync,
            Fault::Wipe,
        ];
        assert!(outside.iter().all(|fault| !fault.is_within(&contract)));
        assert_eq!(within(&contract), Fault::ALL.len() - outside.len());
        contract.failures.model = FailureModel::CrashStop;
        assert!(Fault::Kill.is_within(&contract));
        assert!(!Fault::ClusterPowerLoss.is_within(&contract));
        contract.storage.may_corrupt = true;
        assert!(Fault::BitRot.is_within(&contract));
    }

    #[test]
    fn each_kind_has_its_own_place() {
        for (at, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(at, fault as usize);
        }
    }
}
