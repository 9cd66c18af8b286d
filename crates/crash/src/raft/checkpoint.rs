//! Writing a snapshot of the own state machine into the log, and cutting the log.

use super::{Checkpoint, Configuration, Output, Position, Raft, Record, SnapshotMeta};
use bytes::Bytes;
use quorate_core::{Effects, Time};
use std::sync::Arc;

/// A snapshot that is being written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Writing {
    id: u64,
    at: Position,
    base: Position,
    size: u64,
}

impl Raft {
    pub(super) fn on_checkpoint(&mut self, now: Time, step: Checkpoint, out: &mut Effects<Self>) {
        match step {
            Checkpoint::Begin { index } => self.begin_checkpoint(now, index, out),
            Checkpoint::Chunk { data } => self.write_chunk(data, out),
            Checkpoint::End { digest } => self.end_checkpoint(digest, out),
            Checkpoint::Abort => self.abort_checkpoint(out),
        }
    }

    fn begin_checkpoint(&mut self, now: Time, index: u64, out: &mut Effects<Self>) {
        let log = &self.hard.log;
        let useful = index > log.snapshot().at.index && index <= self.commit;
        let term = log.term_at(index).filter(|_| useful);
        let (Some(term), None, None) = (term, &self.install, &self.writing) else {
            return out.output_eager(Output::CheckpointAborted);
        };
        let (id, config) = (self.hard.snapshots + 1, &self.config);
        let base = log.earliest_base(index, config.trailing_entries, config.trailing_bytes);
        let base = match self.retained(now, index) {
            Some(needed) if needed < base.index => Position {
                term: log.term_at(needed).unwrap_or(0),
                index: needed,
            },
            _ => base,
        };
        let Some(base) = self.configured_base(base, index) else {
            return out.output_eager(Output::CheckpointAborted);
        };
        self.write_begin(id, base, self.configuration_at(base.index), out);
        self.restate(base, out);
        self.writing = Some(Writing {
            id,
            at: Position { term, index },
            base,
            size: 0,
        });
        out.output_eager(Output::CheckpointBegun { id });
    }

    /// The first position from `base` to `index` at which the configuration is known. A node that
    /// joined may have entries from before the first configuration that its log holds: it keeps
    /// these, or has no snapshot, until there is one.
    fn configured_base(&self, base: Position, index: u64) -> Option<Position> {
        let log = &self.hard.log;
        if !self.config.founding.voters.is_empty() || log.configuration_at(base.index).is_some() {
            return Some(base);
        }
        let first = log.first_configured().filter(|first| *first <= index)?;
        let term = log.term_at(first)?;
        Some(Position { term, index: first })
    }

    pub(super) fn write_begin(
        &mut self,
        id: u64,
        base: Position,
        configuration: Arc<Configuration>,
        out: &mut Effects<Self>,
    ) {
        let begin = Record::SnapshotBegin {
            id,
            term: self.hard.term,
            vote: self.hard.vote,
            boots: self.hard.boots,
            base,
            configuration,
        };
        self.hard.write(begin, out);
    }

    /// Writes the log after `base` once more, so that the records before need not be kept.
    fn restate(&mut self, base: Position, out: &mut Effects<Self>) {
        let mut at = base.index + 1;
        while at <= self.hard.log.last().index {
            let entries = self.hard.log.slice(at, self.config.max_batch_bytes);
            let next = at + entries.len() as u64;
            self.hard.write(Record::SnapshotTail { at, entries }, out);
            at = next;
        }
    }

    fn write_chunk(&mut self, data: Bytes, out: &mut Effects<Self>) {
        if let Some(writing) = &mut self.writing {
            let (id, offset) = (writing.id, writing.size);
            writing.size += data.len() as u64;
            self.hard
                .write(Record::SnapshotChunk { id, offset, data }, out);
        }
    }

    fn end_checkpoint(&mut self, digest: u64, out: &mut Effects<Self>) {
        if let Some(Writing { id, at, base, size }) = self.writing.take() {
            let meta = SnapshotMeta { at, size, digest };
            let end = Record::SnapshotEnd {
                id,
                meta,
                base,
                configuration: self.configuration_at(at.index),
            };
            self.hard.write(end, out);
            out.output_eager(Output::CheckpointEnded { id, meta });
        }
    }

    pub(super) fn abort_checkpoint(&mut self, out: &mut Effects<Self>) {
        if self.writing.take().is_some() {
            out.output_eager(Output::CheckpointAborted);
        }
    }
}
