//! This replica's own checkpoints: the log is compacted as a protocol event (doc 002).
//!
//! When enough has been applied, the machine is frozen and written into the log chunk by chunk,
//! between other records, never more than a chunk ahead of the disk, so that writes go on.

use crate::machine::Machine;
use crate::snapshots::MachineWriter;
use bytes::Bytes;
use quorate_core::driver::Lsn;

/// Decides when, and holds the checkpoint being written.
#[derive(Debug, Default)]
pub(crate) struct Checkpoint {
    /// Bytes applied since the last one began.
    applied_bytes: u64,
    /// What the state weighed then.
    last_bytes: u64,
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    frozen: Machine,
    chunks: MachineWriter,
    /// The last chunk handed out is in the log at this position.
    waits_for: Lsn,
}

/// The next piece of a checkpoint.
#[derive(Debug)]
pub(crate) enum Piece {
    Chunk(Bytes),
    End { digest: u64 },
}

impl Checkpoint {
    pub(crate) fn on_applied(&mut self, bytes: usize) {
        self.applied_bytes += bytes as u64;
    }

    /// Is it time for one? Returns the index to begin at.
    pub(crate) fn due(&mut self, machine: &Machine, threshold: u64) -> Option<u64> {
        // Writing a state costs what it weighs, so a large one is worth more log: at most two
        // bytes of snapshot are written for each byte of log.
        let threshold = threshold.max(self.last_bytes / 2);
        if self.writing.is_some() || self.applied_bytes < threshold || machine.index() == 0 {
            return None;
        }
        self.applied_bytes = 0;
        self.last_bytes = machine.store().size_bytes();
        self.writing = Some(Writing {
            frozen: machine.clone(),
            chunks: MachineWriter::new(machine.clone()),
            waits_for: 0,
        });
        Some(machine.index())
    }

    /// The next piece, if the one before is durable.
    pub(crate) fn next(&mut self, durable: Lsn, bytes: usize) -> Option<Piece> {
        let writing = self
            .writing
            .as_mut()
            .filter(|writing| writing.waits_for <= durable)?;
        Some(match writing.chunks.next_chunk(bytes) {
            Some(chunk) => Piece::Chunk(chunk),
            None => Piece::End {
                digest: writing.frozen.digest(),
            },
        })
    }

    /// The piece handed out last is in the log at `position`.
    pub(crate) fn on_logged(&mut self, position: Lsn) {
        if let Some(writing) = &mut self.writing {
            writing.waits_for = position;
        }
    }

    /// It is complete, or a snapshot from the leader came in between. Returns the state that
    /// was being written.
    pub(crate) fn stop(&mut self) -> Option<Machine> {
        self.writing.take().map(|writing| writing.frozen)
    }
}
