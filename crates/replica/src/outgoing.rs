//! Snapshots on their way to followers that are too far behind for the log.
//!
//! The machine was frozen when the snapshot was taken, and is streamed from memory; nothing is
//! read from the disk. At most one piece a follower is held besides.

use crate::machine::{Machine, MachineWriter};
use bytes::Bytes;
use quorate_core::NodeId;
use quorate_core::replicated::{Request, SnapshotMeta};
use std::collections::BTreeMap;

/// The transfers under way, and the state that they transfer.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The machine as of the snapshot that the log begins with.
    frozen: Machine,
    transfers: BTreeMap<NodeId, Transfer>,
}

#[derive(Debug)]
struct Transfer {
    pieces: MachineWriter,
    /// The piece at `offset`, and the one after it, to know whether it is the last.
    offset: u64,
    piece: Option<Bytes>,
    next: Option<Bytes>,
}

impl Outgoing {
    pub(crate) fn new(frozen: Machine) -> Self {
        Self {
            frozen,
            transfers: BTreeMap::new(),
        }
    }

    /// The log begins with another snapshot now.
    pub(crate) fn freeze(&mut self, machine: Machine) {
        self.frozen = machine;
        self.transfers.clear();
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
        if self.frozen.index() != meta.at.index {
            return None;
        }
        if self
            .transfers
            .get(&to)
            .is_none_or(|transfer| transfer.offset > offset)
        {
            self.transfers
                .insert(to, Transfer::start(&self.frozen, bytes));
        }
        let (skip, piece, last) = self.transfers.get_mut(&to)?.seek(offset, bytes)?;
        Some(Request::SnapshotData {
            to,
            meta,
            offset,
            data: piece.slice(skip..),
            last,
        })
    }

    /// Nobody needs one from here any more.
    pub(crate) fn stop(&mut self) {
        self.transfers.clear();
    }
}

impl Transfer {
    fn start(machine: &Machine, bytes: usize) -> Self {
        let mut pieces = machine.snapshot();
        let piece = pieces.next_chunk(bytes);
        let next = pieces.next_chunk(bytes);
        Self {
            pieces,
            offset: 0,
            piece,
            next,
        }
    }

    /// Goes forward to the piece that holds `offset`: how much of it lies before, the piece, and
    /// whether it is the last one.
    fn seek(&mut self, offset: u64, bytes: usize) -> Option<(usize, Bytes, bool)> {
        loop {
            let piece = self.piece.as_ref()?;
            let skip = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
            let last = self.next.is_none();
            if skip < piece.len() || (last && skip == piece.len()) {
                return Some((skip, piece.clone(), last));
            }
            if last {
                return None;
            }
            self.offset += piece.len() as u64;
            self.piece = self.next.take();
            self.next = self.pieces.next_chunk(bytes);
        }
    }
}
