//! What is fixed for the life of a node.

use quorate_contract::Timing;
use quorate_core::replicated::Configuration;
use quorate_core::{Ignored, Mutant};
use std::sync::Arc;
use std::time::Duration;

/// The founding members, timeouts and bounds. The same on every node, timeouts included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// Who takes part as long as neither log nor snapshot says anything else. All founders have the
    /// same. A node that joins later founds nothing: it has no voters here, and learns from the
    /// leader who takes part.
    pub founding: Arc<Configuration>,
    /// A follower that hears nothing from a leader campaigns after a time in
    /// `election_min..=election_max`, drawn by the driver. For `election_min` after it heard from
    /// a leader it helps no node to depose it.
    pub election_min: Duration,
    /// See `election_min`. A leader that hears no quorum for this long steps down.
    pub election_max: Duration,
    /// How many times `election_min` and `election_max` a node comes to wait, by doubling, when
    /// what it gave up waiting for comes after all. 1 where the bound on messages is known, and
    /// `election_min` chosen by it: Raft as published. See [`max_timeout_factor`].
    pub max_timeout_factor: u32,
    /// How often a leader shows that it lives. A good deal shorter than `election_min`.
    pub heartbeat: Duration,
    /// A message or a record holds entries of at most this size, or one entry that is larger.
    pub max_batch_bytes: usize,
    /// How many messages with entries may be under way to one follower.
    pub max_inflight: usize,
    /// A leader refuses proposals while more than this waits for a quorum.
    pub max_uncommitted_bytes: usize,
    /// A node refuses reads while this many wait.
    pub max_reads: usize,
    /// How many entries before a snapshot's index stay in the log, for followers that lag a
    /// little and would otherwise need the whole snapshot.
    pub trailing_entries: u64,
    /// The same in bytes; the smaller of the two counts.
    pub trailing_bytes: usize,
    /// A leader keeps in its log what follows a snapshot that it is sending, and what a follower that
    /// answers lacks after one, so that the transfer ends although newer snapshots are made. At most
    /// this many entries, which each of its own snapshots writes once more; beyond it the transfer
    /// starts over with the newest snapshot.
    pub max_retained_entries: u64,
    /// The same in bytes; the smaller of the two counts.
    pub max_retained_bytes: usize,
    /// A transfer of which nothing was acknowledged for this long keeps nothing in the log any more.
    pub transfer_timeout: Duration,
    /// How many pieces of a snapshot may be under way to one follower.
    pub max_snapshot_inflight: usize,
    /// A snapshot chunk that is not acknowledged for this long is sent again.
    pub chunk_timeout: Duration,
    /// A learner becomes a voter only if it lacks at most this many entries of the leader's log:
    /// from then on its acknowledgement may be needed for each entry (thesis §4.2.1).
    pub max_promotion_lag: u64,
    /// A seeded defect; [`Mutant::None`] in all that serves.
    pub mutant: Mutant,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            founding: Configuration::founding(3).into(),
            election_min: Duration::from_millis(300),
            election_max: election_max(Duration::from_millis(300)),
            max_timeout_factor: 1,
            heartbeat: Duration::from_millis(60),
            max_batch_bytes: 1 << 20,
            max_inflight: 64,
            max_uncommitted_bytes: 64 << 20,
            max_reads: 65_536,
            trailing_entries: 10_000,
            trailing_bytes: 16 << 20,
            max_retained_entries: 1_000_000,
            max_retained_bytes: 256 << 20,
            transfer_timeout: Duration::from_secs(30),
            max_snapshot_inflight: 4,
            chunk_timeout: Duration::from_secs(1),
            max_promotion_lag: 1_000,
            mutant: Mutant::None,
        }
    }
}

impl Config {
    /// The defaults, for a cluster that the nodes `0..n` found.
    pub fn of(n: u8) -> Self {
        Self {
            founding: Configuration::founding(n).into(),
            ..Self::default()
        }
    }

    /// Checks what [`Raft`](super::Raft) relies on.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let rules = [
            (
                self.founding.members().is_empty()
                    || self.founding.check().is_ok() && !self.founding.is_joint(),
                "founding: must name voters, or no members for a node that joins",
            ),
            (
                self.founding.members().len() <= Configuration::MAX_MEMBERS,
                "founding: must have at most 128 members",
            ),
            (
                self.heartbeat > Duration::ZERO && self.heartbeat < self.election_min,
                "heartbeat: must be over zero and under election_min",
            ),
            (
                self.election_min <= self.election_max,
                "election_min: must be at most election_max",
            ),
            (
                self.max_timeout_factor > 0,
                "max_timeout_factor: must be over 0",
            ),
            (self.max_batch_bytes > 0, "max_batch_bytes: must be over 0"),
            (self.max_inflight > 0, "max_inflight: must be over 0"),
            (
                self.max_uncommitted_bytes > 0,
                "max_uncommitted_bytes: must be over 0",
            ),
            (
                self.max_snapshot_inflight > 0,
                "max_snapshot_inflight: must be over 0",
            ),
            (self.max_reads > 0, "max_reads: must be over 0"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}

/// The [`Config::election_max`] that goes with an `election_min`: two fifths more.
///
/// The first candidate should not be long in coming, so that a lost leader costs at most one and a half
/// election timeouts, election included. Random timeouts must only be further apart than an election
/// takes (Raft §5.6, §9.3); those who ask at the same time all the same are put in order by the
/// pre-vote, and lose nothing by it.
pub fn election_max(election_min: Duration) -> Duration {
    election_min.saturating_mul(7) / 5
}

/// A node's configuration, inside its state.
pub(super) type Configured = Ignored<Arc<Config>>;

/// No message is waited for longer than this, whatever was late: what a slow hour can make of
/// failover has a bound.
const LONGEST: Duration = Duration::from_secs(5);

/// The [`Config::max_timeout_factor`] that a timing model asks for: 1 where bounds are known, from the
/// start or from some time on, for timeouts are chosen by them. Where no node knows them, as often as
/// `election_min` doubles within five seconds: 16 times the usual 300 ms.
pub fn max_timeout_factor(timing: &Timing, election_min: Duration) -> u32 {
    if timing.bounds().is_some() {
        return 1;
    }
    let times = LONGEST.as_nanos() / election_min.as_nanos().max(1);
    let times = u32::try_from(times).unwrap_or(u32::MAX);
    times.checked_ilog2().map_or(1, |doublings| 1 << doublings)
}
