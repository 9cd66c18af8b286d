//! A snapshot that comes from the leader, to a follower that is too far behind.

use super::{Claim, Configuration, Install, MAX, Output, Raft, Record, SnapshotMeta};
use bytes::Bytes;
use quorate_core::{Effects, Mutant, NodeId};
use std::sync::Arc;

/// A snapshot that is being received.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Installing {
    id: u64,
    /// From whom, in which term. Another leader's bytes for the same state may differ.
    source: (NodeId, u64),
    meta: SnapshotMeta,
    /// As of the snapshot's last entry.
    configuration: Arc<Configuration>,
    received: u64,
    /// All is there, and the layer above looks at it.
    checking: bool,
}

impl Raft {
    pub(super) fn on_snapshot(
        &mut self,
        from: NodeId,
        (meta, configuration): (SnapshotMeta, Arc<Configuration>),
        offset: u64,
        data: Bytes,
        last: bool,
        out: &mut Effects<Self>,
    ) {
        let possible = meta.at.index <= MAX && meta.at.term <= self.hard.term && meta.size <= MAX;
        if !possible || configuration.check().is_err() {
            return; // no leader of this term sends that
        }
        if meta.at.index > self.commit && self.hard.log.holds(meta.at) {
            self.commit_to(meta.at.index, out); // the log has it all, nothing need be installed
        }
        if meta.at.index <= self.commit {
            self.abort_install(out);
            let matched = self.commit;
            return self.claim(from, Claim::Appended { matched }, out);
        }
        let source = (from, self.hard.term);
        let open = self.install.as_ref();
        if !open.is_some_and(|open| open.source == source && open.meta == meta) && offset == 0 {
            self.begin_install(source, meta, configuration, out);
        }
        let Some(open) = &mut self.install else {
            let (at, offset) = (meta.at, 0);
            return self.claim(from, Claim::SnapshotAcked { at, offset }, out);
        };
        if open.source != source || open.meta != meta {
            let (at, offset) = (meta.at, 0);
            return self.claim(from, Claim::SnapshotAcked { at, offset }, out);
        }
        if open.checking {
            return;
        }
        let end = offset.saturating_add(data.len() as u64);
        let fits = end <= meta.size && (end == meta.size) == last;
        if offset == open.received && !fits {
            return self.abort_install(out);
        }
        if offset == open.received {
            let id = open.id;
            open.received = end;
            open.checking = last;
            let chunk = Record::SnapshotChunk {
                id,
                offset,
                data: data.clone(),
            };
            self.hard.write(chunk, out);
            out.output_eager(Output::Install(Install::Chunk { id, offset, data }));
            if last {
                return out.output_eager(Output::Install(Install::Check { id, meta }));
            }
        }
        if let Some(open) = &self.install {
            let (at, offset) = (meta.at, open.received);
            self.claim(from, Claim::SnapshotAcked { at, offset }, out);
        }
    }

    /// The records after this one need nothing before it: when the snapshot counts, the log is
    /// empty after it, for nothing is appended while it comes ([`Raft::abort_install`]).
    fn begin_install(
        &mut self,
        source: (NodeId, u64),
        meta: SnapshotMeta,
        configuration: Arc<Configuration>,
        out: &mut Effects<Self>,
    ) {
        let configuration = match self
            .config
            .mutant
            .is(Mutant::ConfigurationDroppedBySnapshot)
        {
            true => self.configuration.clone(),
            false => configuration,
        };
        self.abort_checkpoint(out);
        self.abort_install(out);
        let id = self.hard.snapshots + 1;
        self.write_begin(id, meta.at, configuration.clone(), out);
        self.install = Some(Installing {
            id,
            source,
            meta,
            configuration,
            received: 0,
            checking: false,
        });
        out.output_eager(Output::Install(Install::Begin { id, meta }));
    }

    pub(super) fn on_install_checked(&mut self, id: u64, good: bool, out: &mut Effects<Self>) {
        if !self
            .install
            .as_ref()
            .is_some_and(|open| open.checking && open.id == id)
        {
            return;
        }
        if !good {
            return self.abort_install(out);
        }
        let Some(open) = self.install.take() else {
            return;
        };
        let (meta, base) = (open.meta, open.meta.at);
        let end = Record::SnapshotEnd {
            id,
            meta,
            base,
            configuration: open.configuration,
        };
        self.hard.write(end, out);
        self.commit = meta.at.index;
        self.follow_configuration(out);
        out.output_eager(Output::Install(Install::End { id, meta }));
        if let Some(leader) = self.leader {
            let matched = meta.at.index;
            self.claim(leader, Claim::Appended { matched }, out);
        }
    }

    pub(super) fn abort_install(&mut self, out: &mut Effects<Self>) {
        if let Some(open) = self.install.take() {
            out.output_eager(Output::Install(Install::Abort { id: open.id }));
        }
    }
}
