//! Snapshots on their way to followers that are too far behind for the log.
//!
//! A state was frozen when its snapshot was taken, and is streamed from memory; nothing is read
//! from the disk. A transfer keeps the state that it began with, however many checkpoints come
//! meanwhile, so that it ends under load. At most [`FROZEN`] states are kept. When another one is
//! frozen, the transfers of the oldest are given up: those followers begin again with the newest.
//! Besides, a transfer holds the piece sent last and the one after it.

use super::job::Encoded;
use super::{Job, MachineWriter, Marks, SnapshotUse, retire};
use crate::machine::Machine;
use bytes::Bytes;
use quorate_core::replicated::{Request, SnapshotMeta};
use quorate_core::{Mutant, NodeId};
use std::collections::{BTreeMap, VecDeque};

/// How many frozen states are kept, the newest included. Each costs what has changed since.
const FROZEN: usize = 3;

/// The transfers under way, and the states that they transfer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Outgoing {
    /// The oldest first; the last one is of the snapshot that the log begins with.
    frozen: VecDeque<Frozen>,
    transfers: BTreeMap<NodeId, Transfer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Frozen {
    machine: Machine,
    marks: Marks,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Transfer {
    /// Of which frozen state.
    meta: SnapshotMeta,
    /// The piece handed out last: it may be asked for again.
    sent: Option<Piece>,
    next: Next,
    /// Asked for, and not encoded yet.
    wanted: Option<u64>,
    /// Asked for since the last state was frozen.
    alive: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Piece {
    offset: u64,
    data: Bytes,
    last: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Next {
    /// The piece that begins here is being encoded.
    Encoding(u64),
    /// The writer stands behind the piece.
    Ready(Piece, Box<MachineWriter>),
}

impl Outgoing {
    pub(super) fn new(machine: Machine) -> Self {
        let marks = Marks::default();
        Self {
            frozen: [Frozen { machine, marks }].into(),
            transfers: BTreeMap::new(),
        }
    }

    /// The log begins with another snapshot now.
    pub(crate) fn freeze(&mut self, machine: Machine, marks: Marks, jobs: &mut Vec<Job>) {
        self.frozen.push_back(Frozen { machine, marks });
        // A transfer that was not asked for since the last time is over, or its follower is gone.
        self.stop_if(jobs, |transfer| !transfer.alive);
        for transfer in self.transfers.values_mut() {
            transfer.alive = false;
        }
        self.prune(jobs);
        while self.frozen.len() > FROZEN
            && let Some(oldest) = self.frozen.front().map(|oldest| oldest.machine.index())
        {
            self.stop_if(jobs, |transfer| transfer.meta.at.index == oldest);
            self.prune(jobs);
        }
    }

    /// The piece of snapshot `meta` that starts at `offset` is wanted. Returns it if it is there;
    /// otherwise it comes from [`Outgoing::on_encoded`], or never if the state is not kept.
    pub(crate) fn want(
        &mut self,
        to: NodeId,
        meta: SnapshotMeta,
        offset: u64,
        bytes: usize,
        mutant: Mutant,
        jobs: &mut Vec<Job>,
    ) -> Option<Request> {
        if offset > meta.size || self.frozen(meta.at.index).is_none() {
            return None;
        }
        if self
            .transfers
            .get(&to)
            .is_some_and(|open| open.meta != meta)
        {
            self.stop_one(to, jobs);
            self.prune(jobs);
        }
        if let Some(transfer) = self.transfers.get_mut(&to) {
            transfer.alive = true;
            if let Some(sent) = transfer.sent.as_ref().filter(|sent| sent.offset == offset) {
                return Some(sent.request(to, meta));
            }
            match &transfer.next {
                Next::Encoding(at) if *at == offset => {
                    transfer.wanted = Some(offset);
                    return None;
                }
                Next::Ready(piece, _) if piece.offset == offset => {
                    return Some(transfer.advance(to, bytes, jobs));
                }
                _ => {}
            }
        }
        self.resume(to, meta, offset, bytes, mutant, jobs);
        None
    }

    /// Begins a transfer, or goes on with one after a break.
    fn resume(
        &mut self,
        to: NodeId,
        meta: SnapshotMeta,
        offset: u64,
        bytes: usize,
        mutant: Mutant,
        jobs: &mut Vec<Job>,
    ) {
        self.stop_one(to, jobs);
        let Some(Frozen { machine, marks }) = self.frozen(meta.at.index) else {
            return;
        };
        let mut writer = Box::new(MachineWriter::resume(machine.clone(), marks, offset));
        if mutant.is(Mutant::ChunkLostInResume) && offset > 0 {
            writer.next_chunk(bytes);
        }
        let at = writer.offset();
        jobs.push(Job::encode(SnapshotUse::Transfer(to), writer, bytes));
        self.transfers.insert(
            to,
            Transfer {
                meta,
                sent: None,
                next: Next::Encoding(at),
                wanted: Some(offset),
                alive: true,
            },
        );
    }

    /// A piece for a follower is encoded. Returns it if it is wanted.
    pub(crate) fn on_encoded(
        &mut self,
        to: NodeId,
        encoded: Encoded,
        bytes: usize,
        jobs: &mut Vec<Job>,
    ) -> Option<Request> {
        let Encoded {
            offset,
            chunk: data,
            writer,
            marks,
            ..
        } = encoded;
        let index = writer.machine().index();
        if let Some(frozen) = self
            .frozen
            .iter_mut()
            .find(|frozen| frozen.machine.index() == index)
        {
            frozen.marks.learn(marks);
        }
        let transfer = self.transfers.get_mut(&to).filter(|transfer| {
            transfer.next == Next::Encoding(offset) && transfer.meta.at.index == index
        });
        let Some(transfer) = transfer else {
            retire(writer, jobs);
            return None;
        };
        let piece = Piece {
            // Where it was asked for: the same, but for the seeded defect.
            offset: transfer.wanted.unwrap_or(offset),
            data,
            last: writer.is_done(),
        };
        transfer.next = Next::Ready(piece, writer);
        transfer.wanted.take()?;
        Some(transfer.advance(to, bytes, jobs))
    }

    /// Another node leads: none is needed from here any more.
    pub(crate) fn stop(&mut self, jobs: &mut Vec<Job>) {
        self.stop_if(jobs, |_| true);
        self.prune(jobs);
    }

    /// Is the state of this snapshot still here?
    pub(crate) fn keeps(&self, meta: SnapshotMeta) -> bool {
        self.frozen(meta.at.index).is_some()
    }

    fn frozen(&self, index: u64) -> Option<&Frozen> {
        self.frozen
            .iter()
            .find(|frozen| frozen.machine.index() == index)
    }

    fn stop_if(&mut self, jobs: &mut Vec<Job>, mut over: impl FnMut(&Transfer) -> bool) {
        let all = self.transfers.iter().filter(|(_, transfer)| over(transfer));
        for to in all.map(|(to, _)| *to).collect::<Vec<_>>() {
            self.stop_one(to, jobs);
        }
    }

    fn stop_one(&mut self, to: NodeId, jobs: &mut Vec<Job>) {
        if let Some(Transfer {
            next: Next::Ready(_, writer),
            ..
        }) = self.transfers.remove(&to)
        {
            retire(writer, jobs);
        }
    }

    /// Lets the states go that nothing needs: all but the newest and those in transfer.
    fn prune(&mut self, jobs: &mut Vec<Job>) {
        let used = |index| {
            let mut transfers = self.transfers.values();
            transfers.any(|transfer| transfer.meta.at.index == index)
        };
        let newest = self.frozen.len().saturating_sub(1);
        for (n, frozen) in std::mem::take(&mut self.frozen).into_iter().enumerate() {
            if n == newest || used(frozen.machine.index()) {
                self.frozen.push_back(frozen);
            } else {
                retire(frozen.machine, jobs);
            }
        }
    }
}

impl Transfer {
    /// Hands the next piece out, and has the one after it encoded.
    fn advance(&mut self, to: NodeId, bytes: usize, jobs: &mut Vec<Job>) -> Request {
        let encoding = match &self.next {
            Next::Ready(_, writer) => Next::Encoding(writer.offset()),
            Next::Encoding(at) => Next::Encoding(*at),
        };
        if let Next::Ready(piece, writer) = std::mem::replace(&mut self.next, encoding) {
            match piece.last {
                true => retire(writer, jobs),
                false => jobs.push(Job::encode(SnapshotUse::Transfer(to), writer, bytes)),
            }
            self.sent = Some(piece);
        }
        let empty = Piece {
            offset: 0,
            data: Bytes::new(),
            last: false,
        };
        self.sent.as_ref().unwrap_or(&empty).request(to, self.meta)
    }
}

impl Piece {
    fn request(&self, to: NodeId, meta: SnapshotMeta) -> Request {
        Request::SnapshotData {
            to,
            meta,
            offset: self.offset,
            data: self.data.clone(),
            last: self.last,
        }
    }
}

#[cfg(test)]
mod tests;
