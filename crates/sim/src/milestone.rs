//! What a run must have come to for its faults to have met anything.

/// Something that happened to replicas, worth a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Milestone {
    /// A replica became the leader.
    Election,
    /// A snapshot began in a log: a checkpoint of its own state, or one installed from the leader.
    SnapshotBegun,
    /// A checkpoint was completed.
    Checkpoint,
    /// A snapshot from the leader was installed.
    Install,
    /// A snapshot that had begun was given up, or a crash ended it.
    SnapshotAborted,
    /// A late message arrived at a replica that was in a later term by then.
    StaleTermMessage,
    /// A replica that was left behind caught up while clients went on.
    CaughtUp,
    /// A request was refused because it was too large.
    TooLarge,
    /// A leader whose disk hung had left when it had to have.
    StalledLeaderLeft,
}

impl Milestone {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Election,
        Self::SnapshotBegun,
        Self::Checkpoint,
        Self::Install,
        Self::SnapshotAborted,
        Self::StaleTermMessage,
        Self::CaughtUp,
        Self::TooLarge,
        Self::StalledLeaderLeft,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Election => "elections",
            Self::SnapshotBegun => "snapshots-begun",
            Self::Checkpoint => "checkpoints",
            Self::Install => "installs",
            Self::SnapshotAborted => "snapshots-aborted",
            Self::StaleTermMessage => "stale-term-messages",
            Self::CaughtUp => "caught-up-under-load",
            Self::TooLarge => "too-large",
            Self::StalledLeaderLeft => "stalled-leader-left",
        }
    }
}

/// How often each happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MilestoneCounts([u64; Milestone::ALL.len()]);

impl MilestoneCounts {
    /// Counts.
    #[inline]
    pub fn add(&mut self, milestone: Milestone, times: u64) {
        self.0[milestone as usize] += times;
    }

    /// Adds another run's counts.
    pub fn merge(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }

    /// How often.
    pub fn of(&self, milestone: Milestone) -> u64 {
        self.0[milestone as usize]
    }

    /// Each with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Milestone, u64)> + '_ {
        Milestone::ALL
            .into_iter()
            .map(|milestone| (milestone, self.of(milestone)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_place() {
        for (at, milestone) in Milestone::ALL.into_iter().enumerate() {
            assert_eq!(at, milestone as usize);
        }
    }
}
