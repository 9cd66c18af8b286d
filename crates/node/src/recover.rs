//! From a directory to a replica's state.

use crate::error::StartError;
use crate::founding::Starting;
use crate::serving::{Journal, Serving};
use quorate_core::Journaled;
use quorate_crash::raft;
use quorate_replica::{Machine, Recovery};
use quorate_wal::{self as wal, Progress, Storage};
use std::ops::ControlFlow;
use tracing::{info, warn};

/// What a log holds.
pub(crate) struct Recovered<S: Storage> {
    pub(crate) journal: Journal<S>,
    pub(crate) hard: Journaled<raft::Hard>,
    pub(crate) machine: Machine,
}

/// Progress is told each time that so many bytes more were read.
const TELL_EVERY: u64 = 8 << 20;

/// Reads a log from its beginning.
pub(crate) fn recover<S: Storage>(
    storage: S,
    config: wal::Config,
    progress: &mut (dyn FnMut(Starting) -> ControlFlow<()> + Send),
) -> Result<Recovered<S>, StartError> {
    let mut log = wal::Recovery::new(storage, config);
    let mut replica = Recovery::<Serving>::default();
    let mut told = 0;
    while let Some((lsn, record)) = log.next()? {
        replica.feed(lsn.0, record)?;
        let now = log.progress();
        if now.read >= told + TELL_EVERY {
            told = now.read;
            if progress(Starting::Recovering(now)).is_break() {
                return Err(StartError::Stopped);
            }
        }
    }
    let end = log.progress();
    if told > 0 {
        // It is through: whether to go on is asked by the caller.
        let _ = progress(Starting::Recovering(Progress {
            read: end.total,
            total: end.total,
        }));
    }
    let records = replica.records();
    let (wal, summary) = log.finish()?;
    if let Some(torn) = &summary.torn {
        warn!(
            segment = %torn.segment, offset = torn.offset, bytes = torn.bytes,
            "cut a torn tail: a write that was never synced, and so never acknowledged"
        );
    }
    let (hard, machine) = replica.finish()?;
    info!(records, bytes = end.total, "log recovered");
    Ok(Recovered {
        journal: Journal::new(wal),
        hard,
        machine,
    })
}
