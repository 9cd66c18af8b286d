//! Raft in the words of a replicated log.

use super::{Body, Configuration, Hard, Message, Notice, Raft, Record, Refusal, Role};
use quorate_core::replicated::{Replicated, SnapshotMeta, SnapshotPart};
use quorate_core::{NodeId, Time};

impl Replicated for Raft {
    fn proposer(&self) -> Option<(u64, NodeId)> {
        Some((self.term(), self.leader()?))
    }

    fn can_propose(&self, len: usize) -> Result<(), Refusal> {
        self.can_propose(len)
    }

    fn role(&self) -> Role {
        self.role()
    }

    fn term(&self) -> u64 {
        self.term()
    }

    fn leader(&self) -> Option<NodeId> {
        self.leader()
    }

    fn first_index(&self) -> u64 {
        self.log().base().index + 1
    }

    fn last_index(&self) -> u64 {
        self.last_index()
    }

    fn commit(&self) -> u64 {
        self.commit()
    }

    fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    fn violation(&self) -> Option<&'static str> {
        self.violation
    }

    fn transfers(&self) -> Vec<(NodeId, SnapshotMeta)> {
        self.transfers().collect()
    }

    fn canonical(&self, now: Time) -> Self {
        self.canonical(now)
    }

    fn snapshot_part(record: &Record) -> Option<SnapshotPart<'_>> {
        match record {
            Record::SnapshotBegin { id, .. } => Some(SnapshotPart::Begin { id: *id }),
            Record::SnapshotChunk { id, offset, data } => Some(SnapshotPart::Chunk {
                id: *id,
                offset: *offset,
                data,
            }),
            Record::SnapshotEnd { id, .. } => Some(SnapshotPart::End { id: *id }),
            Record::Boot
            | Record::Ballot { .. }
            | Record::Append { .. }
            | Record::SnapshotTail { .. } => None,
        }
    }

    fn check_hard(hard: &Hard) -> Result<u64, &'static str> {
        hard.check()?;
        Ok(hard.log.snapshot().at.index)
    }

    fn is_bulk(message: &Message) -> bool {
        matches!(
            message.body,
            Body::Notice(Notice::Append { .. } | Notice::Snapshot { .. })
        )
    }

    fn message_bytes(message: &Message) -> usize {
        match &message.body {
            Body::Notice(Notice::Append { entries, .. }) => entries.bytes(),
            Body::Notice(Notice::Snapshot {
                data,
                configuration,
                ..
            }) => data.len() + configuration.bytes(),
            _ => 0,
        }
    }

    fn record_bytes(record: &Record) -> usize {
        match record {
            Record::Append { entries, .. } | Record::SnapshotTail { entries, .. } => {
                entries.bytes()
            }
            Record::SnapshotChunk { data, .. } => data.len(),
            Record::SnapshotBegin { configuration, .. }
            | Record::SnapshotEnd { configuration, .. } => configuration.bytes(),
            Record::Boot | Record::Ballot { .. } => 0,
        }
    }
}
