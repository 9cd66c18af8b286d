//! This replica's own checkpoints: the log is compacted as a protocol event (doc 002).
//!
//! When enough has been applied, the machine is frozen and written into the log chunk by chunk,
//! between other records, never more than a chunk ahead of the disk, so that writes go on. The next
//! chunk is encoded while the last one is on its way to the disk.

use super::job::Encoded;
use super::{Job, MachineWriter, Marks, SnapshotUse, retire};
use crate::machine::Machine;
use bytes::Bytes;
use quorate_core::driver::Lsn;

/// Decides when, and holds the checkpoint being written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Checkpointer {
    /// How many bytes of log the state had taken in when the last one began.
    began_at: u64,
    /// The last entry that it covered. The next one must cover more.
    covered: u64,
    /// The log holds pieces of a snapshot that was given up: only a complete one removes them.
    dead: bool,
    writing: Option<Writing>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Writing {
    frozen: Machine,
    marks: Marks,
    next: Next,
    /// The last chunk handed out is in the log at this position.
    waits_for: Lsn,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Next {
    /// The chunk that begins here is being encoded.
    Encoding(u64),
    /// The chunk; empty after the last one. The writer stands behind it.
    Ready(Bytes, Box<MachineWriter>),
}

/// The next piece of a checkpoint.
#[derive(Debug)]
pub(crate) enum Piece {
    Chunk(Bytes),
    End { digest: u64 },
}

/// Where this replica stands among those of its cluster: `nth` of `of`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckpointTurn {
    pub(crate) nth: u64,
    pub(crate) of: u64,
}

impl Checkpointer {
    pub(super) fn new(machine: &Machine) -> Self {
        Self {
            began_at: machine.applied.bytes,
            covered: machine.index(),
            dead: false,
            writing: None,
        }
    }

    /// Is it time for one? Then it begins, and the index is returned.
    ///
    /// A checkpoint is due each time that the bytes of log applied, which all replicas count alike,
    /// cross a multiple of the period. Each replica's multiples are shifted by its place among the
    /// replicas, so that not all of them write at once. The period is the threshold, doubled until
    /// it is half of what the state weighs: writing a state costs what it weighs, so that about two
    /// bytes of snapshot at most are written for each byte of log.
    pub(crate) fn due(
        &mut self,
        machine: &Machine,
        threshold: u64,
        slot: impl FnOnce() -> CheckpointTurn,
        bytes: usize,
        jobs: &mut Vec<Job>,
    ) -> Option<u64> {
        let applied = machine.applied.bytes;
        if self.writing.is_some() || machine.index() <= self.covered {
            return None;
        }
        if !self.dead && !is_due(self.began_at, applied, period(machine, threshold), slot()) {
            return None;
        }
        (self.began_at, self.covered) = (applied, machine.index());
        self.writing = Some(Writing {
            frozen: machine.clone(),
            marks: Marks::default(),
            next: Next::Encoding(0),
            waits_for: 0,
        });
        let writer = Box::new(MachineWriter::new(machine.clone()));
        jobs.push(Job::encode(SnapshotUse::Checkpoint, writer, bytes));
        Some(machine.index())
    }

    /// A chunk of the checkpoint is encoded.
    pub(crate) fn on_encoded(&mut self, encoded: Encoded, jobs: &mut Vec<Job>) {
        let Encoded {
            offset,
            chunk,
            writer,
            marks,
            ..
        } = encoded;
        match &mut self.writing {
            Some(writing)
                if writing.next == Next::Encoding(offset)
                    && writing.frozen == *writer.machine() =>
            {
                writing.marks.learn(marks);
                writing.next = Next::Ready(chunk, writer);
            }
            _ => retire(writer, jobs),
        }
    }

    /// The next piece, if it is encoded and the one before is durable.
    pub(crate) fn next(
        &mut self,
        durable: Lsn,
        bytes: usize,
        jobs: &mut Vec<Job>,
    ) -> Option<Piece> {
        let writing = self.writing.as_mut();
        let writing = writing.filter(|writing| writing.waits_for <= durable)?;
        let encoding = match &writing.next {
            Next::Ready(_, writer) => Next::Encoding(writer.offset()),
            Next::Encoding(_) => return None,
        };
        let Next::Ready(chunk, writer) = std::mem::replace(&mut writing.next, encoding) else {
            return None;
        };
        if chunk.is_empty() {
            let digest = writing.frozen.digest();
            retire(writer, jobs);
            return Some(Piece::End { digest });
        }
        jobs.push(Job::encode(SnapshotUse::Checkpoint, writer, bytes));
        Some(Piece::Chunk(chunk))
    }

    /// The piece handed out last is in the log at `position`.
    pub(crate) fn on_logged(&mut self, position: Lsn) {
        if let Some(writing) = &mut self.writing {
            writing.waits_for = position;
        }
    }

    /// It is complete: the state that it holds, and where its frames begin.
    pub(crate) fn on_ended(&mut self) -> Option<(Machine, Marks)> {
        let Writing { frozen, marks, .. } = self.writing.take()?;
        self.dead = false;
        Some((frozen, marks))
    }

    /// It will not be completed.
    pub(crate) fn on_aborted(&mut self, jobs: &mut Vec<Job>) {
        if let Some(Writing { frozen, next, .. }) = self.writing.take() {
            if let Next::Ready(_, writer) = next {
                retire(writer, jobs);
            }
            retire(frozen, jobs);
        }
    }

    /// An installation was given up that has pieces in the log: the next checkpoint is due at once,
    /// so that the space comes back.
    pub(crate) fn on_dead_pieces(&mut self) {
        self.dead = true;
    }

    /// The log begins with a snapshot of this machine, which came from the leader.
    pub(crate) fn on_installed(&mut self, machine: &Machine, jobs: &mut Vec<Job>) {
        self.on_aborted(jobs);
        *self = Self::new(machine);
    }
}

/// How many bytes of log lie between two checkpoints.
fn period(machine: &Machine, threshold: u64) -> u64 {
    let mut period = threshold.max(1);
    while period < machine.store().size_bytes() / 2 {
        period = period.saturating_mul(2);
    }
    period
}

/// Whether one of the slot's multiples of the period lies between.
fn is_due(from: u64, to: u64, period: u64, slot: CheckpointTurn) -> bool {
    let shift = period / slot.of.max(1) * slot.nth;
    let cell = |bytes: u64| bytes.saturating_add(shift) / period;
    cell(to) > cell(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three replicas that apply the same log never begin at the same place, and each begins once
    /// in a period.
    #[test]
    fn replicas_take_turns() {
        let begins = |nth| {
            let slot = CheckpointTurn { nth, of: 3 };
            let steps = (0..3000).map(|n| (n * 10, n * 10 + 10));
            let due = steps.filter(|(from, to)| is_due(*from, *to, 3000, slot));
            due.map(|(_, to)| to).collect::<Vec<u64>>()
        };
        let all = [begins(0), begins(1), begins(2)];
        for each in &all {
            assert_eq!(each.len(), 10);
            assert!(each.windows(2).all(|pair| pair[1] - pair[0] == 3000));
        }
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let apart = all[a].iter().zip(&all[b]).map(|(a, b)| a.abs_diff(*b));
            assert!(apart.min() >= Some(1000), "{a} and {b}");
        }
    }

    /// What was given up leaves the log with the next checkpoint, which is due at once, and once.
    #[test]
    fn dead_pieces_make_a_checkpoint_due() {
        let slot = || CheckpointTurn { nth: 0, of: 1 };
        let mut machine = Machine::default();
        let mut checkpoint = Checkpointer::new(&machine);
        let mut jobs = vec![];
        let mut due = |checkpoint: &mut Checkpointer, machine: &Machine| {
            checkpoint.due(machine, 1 << 20, slot, 100, &mut jobs)
        };
        checkpoint.on_dead_pieces();
        assert_eq!(due(&mut checkpoint, &machine), None, "nothing is applied");
        machine.applied.index = 7;
        machine.applied.bytes = 100;
        assert_eq!(due(&mut checkpoint, &machine), Some(7));
        checkpoint.on_ended().expect("it was being written");
        machine.applied.index = 8;
        machine.applied.bytes = 200;
        assert_eq!(due(&mut checkpoint, &machine), None);
    }
}
