//! One node: its process, its disk, its clock.

use super::members::MemberState;
use crate::clock::Clock;
use crate::disk::{ReplicaDisk, SharedStorage};
use crate::observe::Seen;
use crate::serving::{Actions, Config, Journal, Replica, Simulated, Timer};
use crate::timers::Timers;
use quorate_core::NodeId;
use quorate_replica::{Job, Recovery, Settings};
use quorate_wal as wal;

/// A machine with a disk, on which a replica runs or does not.
#[derive(Debug)]
pub(super) struct SimNode<P: Simulated> {
    pub(super) storage: SharedStorage,
    pub(super) replica: Option<Replica<P>>,
    /// It found its disk damaged, and refuses to start, as it should.
    pub(super) broken: bool,
    /// It has not been created yet: it may join.
    pub(super) unborn: bool,
    /// How it takes part, by the last configuration that is committed.
    pub(super) standing: MemberState,
    /// It was removed from the cluster.
    pub(super) removed: bool,
    /// It is kept down until it is left behind.
    pub(super) kept_down: bool,
    /// The feature level that the software installed on it knows.
    pub(super) software: u16,
    /// That of the software that it ran last, and the newest that it ever ran; 0 for none.
    pub(super) ran: u16,
    pub(super) ran_newest: u16,
    /// The level of the configuration in force at it.
    pub(super) level: u16,
    /// The voters of that configuration.
    pub(super) voters: Vec<NodeId>,
    /// The last index of its log when the last burst ended.
    pub(super) last_index: u64,
    /// The same one burst earlier.
    pub(super) last_before: u64,
    /// The term that it led when the last burst ended, if it did.
    pub(super) led: Option<u64>,
    /// It had stopped when the last burst ended.
    pub(super) silent: bool,
    /// It never comes back.
    pub(super) retired: bool,
    /// It has begun a log, and knows that beside the log: an empty one is then a loss.
    pub(super) log_begun: bool,
    /// Files of its log were lost since it last ran.
    pub(super) lost_files: bool,
    /// Something was done to its disk that it may not survive.
    pub(super) tainted: bool,
    pub(super) clock: Clock,
    pub(super) timers: Timers<Timer<P>>,
    /// Counts starts and stops: what was under way for an earlier one is void.
    pub(super) epoch: u32,
    /// Nothing happens in the process before this time.
    pub(super) paused_until: u64,
    /// No sync ends before this time.
    pub(super) stalled_until: u64,
    /// The end of the stall in which its leadership is watched.
    pub(super) stall_watched: u64,
    /// What the replica asks for, until the end of the burst.
    pub(super) actions: Actions<P>,
    /// What is to be done elsewhere, until it is done.
    pub(super) jobs: Vec<Job>,
    /// A flush is due.
    pub(super) flushing: bool,
    /// How far the log was really durable when the process stopped.
    pub(super) synced: u64,
}

impl<P: Simulated> SimNode<P> {
    pub(super) fn new(unborn: bool, software: u16) -> Self {
        Self {
            storage: SharedStorage::default(),
            replica: None,
            broken: false,
            unborn,
            standing: if unborn {
                MemberState::None
            } else {
                MemberState::Voter
            },
            removed: false,
            kept_down: false,
            software,
            ran: 0,
            ran_newest: 0,
            level: 0,
            led: None,
            silent: false,
            retired: false,
            log_begun: false,
            lost_files: false,
            tainted: false,
            clock: Clock::new(0, 0),
            timers: Timers::default(),
            epoch: 0,
            paused_until: 0,
            stalled_until: 0,
            stall_watched: 0,
            voters: vec![],
            last_index: 0,
            last_before: 0,
            actions: Actions::default(),
            jobs: vec![],
            flushing: false,
            synced: 0,
        }
    }

    /// Takes the process away.
    pub(super) fn stop(&mut self) {
        if let Some(replica) = self.replica.take() {
            self.synced = replica.disk().synced();
        }
        self.epoch += 1;
        self.timers.clear();
        self.actions = Actions::default();
        self.jobs.clear();
        self.flushing = false;
        self.paused_until = 0;
        self.silent = false;
        self.led = None;
    }

    /// Its process runs, and its replica has not left the service.
    pub(super) fn serves(&self) -> bool {
        let replica = self.replica.as_ref();
        replica.is_some_and(|replica| replica.stopped().is_none())
    }
}

/// What a replica shows.
#[inline]
pub(super) fn seen<P: Simulated>(replica: &Replica<P>) -> Seen {
    let (protocol, machine) = (replica.protocol(), replica.machine());
    Seen {
        role: protocol.role(),
        term: protocol.term(),
        commit: protocol.commit(),
        applied: machine.index(),
        digest: machine.digest(),
    }
}

/// Why a replica did not start.
#[derive(Debug)]
pub(super) enum StartError {
    /// The power failed meanwhile.
    PowerFailed,
    /// The log is damaged, or says so.
    Damaged(String),
    /// The disk failed.
    Disk(String),
}

/// Brings a replica up from what is on its disk, as the serving process does. Returns it with the
/// number of the last record found.
///
/// # Errors
/// Why not.
pub(super) fn start<P: Simulated>(
    storage: &SharedStorage,
    log: wal::Config,
    config: &Config<P>,
    settings: Settings,
    me: NodeId,
) -> Result<(Replica<P>, u64), StartError> {
    recover(storage, log, config, settings, me).map_err(|error| match error {
        _ if storage.get().halted() => StartError::PowerFailed,
        error => error,
    })
}

fn recover<P: Simulated>(
    storage: &SharedStorage,
    log: wal::Config,
    config: &Config<P>,
    settings: Settings,
    me: NodeId,
) -> Result<(Replica<P>, u64), StartError> {
    let of_log = |error: wal::Error| match error {
        wal::Error::Io { .. } | wal::Error::Full { .. } => StartError::Disk(error.to_string()),
        error => StartError::Damaged(error.to_string()),
    };
    let mut records = wal::Recovery::new(storage.clone(), log);
    let mut recovery = Recovery::<P>::founding(settings);
    let mut last = 0;
    while let Some((lsn, record)) = records.next().map_err(of_log)? {
        let fed = recovery.feed(lsn.0, record);
        fed.map_err(|error| StartError::Damaged(error.to_string()))?;
        last = lsn.0;
    }
    let (log, _) = records.finish().map_err(of_log)?;
    let recovered = recovery.finish();
    let (hard, machine) = recovered.map_err(|error| StartError::Damaged(error.to_string()))?;
    let disk = ReplicaDisk::new(Journal::new(log), config.mutant);
    Ok((Replica::new(config.clone(), me, hard, machine, disk), last))
}
