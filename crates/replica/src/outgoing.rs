//! Snapshots on their way to followers that are too far behind for the log.
//!
//! The machine was frozen when the snapshot was taken, and is streamed from memory; nothing is
//! read from the disk. At most one piece a follower is held besides.

use crate::machine::Machine;
use crate::snapshots::{MachineWriter, Marks};
use bytes::Bytes;
use quorate_core::NodeId;
use quorate_core::replicated::{Request, SnapshotMeta};
use std::collections::BTreeMap;

/// The transfers under way, and the state that they transfer.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The machine as of the snapshot that the log begins with.
    frozen: Machine,
    marks: Marks,
    transfers: BTreeMap<NodeId, Transfer>,
}

#[derive(Debug)]
struct Transfer {
    writer: MachineWriter,
    /// The piece handed out last, and where it begins: it may be asked for again.
    offset: u64,
    piece: Bytes,
}

impl Outgoing {
    pub(crate) fn new(frozen: Machine) -> Self {
        Self {
            frozen,
            marks: Marks::default(),
            transfers: BTreeMap::new(),
        }
    }

    /// The log begins with another snapshot now.
    pub(crate) fn freeze(&mut self, machine: Machine) {
        *self = Self::new(machine);
    }

    /// The piece of snapshot `meta` that starts at `offset`; `None` if that is not the snapshot
    /// that we have, or not an offset in it.
    pub(crate) fn piece(
        &mut self,
        to: NodeId,
        meta: SnapshotMeta,
        offset: u64,
        bytes: usize,
    ) -> Option<Request> {
        if self.frozen.index() != meta.at.index || offset > meta.size {
            return None;
        }
        let resumable =
            |open: &&mut Transfer| [open.offset, open.writer.offset()].contains(&offset);
        let transfer = match self.transfers.get_mut(&to).filter(resumable) {
            Some(transfer) => transfer,
            None => {
                let writer = MachineWriter::resume(self.frozen.clone(), &self.marks, offset);
                let piece = Bytes::new();
                self.transfers.insert(
                    to,
                    Transfer {
                        writer,
                        offset,
                        piece,
                    },
                );
                self.transfers.get_mut(&to)?
            }
        };
        if offset == transfer.writer.offset() {
            transfer.piece = transfer.writer.next_chunk(bytes).unwrap_or_default();
            transfer.offset = offset;
            self.marks.learn(transfer.writer.take_marks());
        }
        Some(Request::SnapshotData {
            to,
            meta,
            offset,
            data: transfer.piece.clone(),
            last: transfer.writer.is_done(),
        })
    }

    /// Nobody needs one from here any more.
    pub(crate) fn stop(&mut self) {
        self.transfers.clear();
    }
}
