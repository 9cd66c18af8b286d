//! One node: its process, its disk, its clock.

use crate::disk::{ReplicaDisk, SharedStorage};
use crate::observe::Seen;
use crate::serving::{Actions, Config, Journal, Replica, Timer};
use crate::{Clock, Timers};
use quorate_core::NodeId;
use quorate_replica::{Job, Recovery, Settings};
use quorate_wal as wal;

/// A machine with a disk, on which a replica runs or does not.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) storage: SharedStorage,
    pub(super) replica: Option<Replica>,
    /// It found its disk damaged, and refuses to start, as it should.
    pub(super) broken: bool,
    /// It never comes back.
    pub(super) retired: bool,
    /// Something was done to its disk that it may not survive.
    pub(super) tainted: bool,
    pub(super) clock: Clock,
    pub(super) timers: Timers<Timer>,
    /// Counts starts and stops: what was under way for an earlier one is void.
    pub(super) epoch: u32,
    /// Nothing happens in the process before this time.
    pub(super) paused_until: u64,
    /// No sync ends before this time.
    pub(super) stalled_until: u64,
    /// What the replica asks for, until the end of the burst.
    pub(super) actions: Actions,
    /// What is to be done elsewhere, until it is done.
    pub(super) jobs: Vec<Job>,
    /// A flush is due.
    pub(super) flushing: bool,
    /// How far the log was really durable when the process stopped.
    pub(super) synced: u64,
}

impl Node {
    pub(super) fn new() -> Self {
        Self {
            storage: SharedStorage::default(),
            replica: None,
            broken: false,
            retired: false,
            tainted: false,
            clock: Clock::new(0, 0),
            timers: Timers::default(),
            epoch: 0,
            paused_until: 0,
            stalled_until: 0,
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
    }
}

/// What a replica shows.
#[inline]
pub(super) fn seen(replica: &Replica) -> Seen {
    let (raft, machine) = (replica.protocol(), replica.machine());
    Seen {
        role: raft.role(),
        term: raft.term(),
        commit: raft.commit(),
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
pub(super) fn start(
    storage: &SharedStorage,
    log: wal::Config,
    config: &Config,
    settings: Settings,
    me: NodeId,
) -> Result<(Replica, u64), StartError> {
    recover(storage, log, config, settings, me).map_err(|error| match error {
        _ if storage.get().halted() => StartError::PowerFailed,
        error => error,
    })
}

fn recover(
    storage: &SharedStorage,
    log: wal::Config,
    config: &Config,
    settings: Settings,
    me: NodeId,
) -> Result<(Replica, u64), StartError> {
    let of_log = |error: wal::Error| match error {
        wal::Error::Io { .. } | wal::Error::Full { .. } => StartError::Disk(error.to_string()),
        error => StartError::Damaged(error.to_string()),
    };
    let mut records = wal::Recovery::new(storage.clone(), log);
    let mut recovery = Recovery::<quorate_crash::raft::Raft>::founding(settings);
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
