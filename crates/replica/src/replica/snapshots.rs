//! Snapshots of the state: those installed from the leader, those handed to followers, and this
//! replica's own checkpoint.

use super::Replica;
use crate::config::Limits;
use crate::interface::{Actions, Notice};
use crate::snapshots::{
    CheckpointTurn, Installed, JobDone, JobResult, Marks, Piece, SnapshotUse, retire,
};
use quorate_core::driver::Disk;
use quorate_core::replicated::{Checkpoint, Install, Replicated, Request as Ask, SnapshotMeta};
use quorate_core::{Hard, Mutant, NodeId, Time};

impl<P: Replicated, D: Disk<<P::Hard as Hard>::Record>> Replica<P, D> {
    pub(super) fn on_install(&mut self, now: Time, install: Install, out: &mut Actions<P>) {
        let snapshots = &mut self.snapshots;
        match install {
            Install::Begin { id, .. } => {
                if snapshots.incoming.begin(id, &mut out.jobs) {
                    snapshots.checkpoint.on_dead_pieces();
                }
            }
            Install::Chunk { id, data, .. } => {
                snapshots.incoming.on_piece(id, data, &mut out.jobs);
            }
            Install::Check { id, meta } => {
                let installed = snapshots.incoming.on_check(id, meta, &mut out.jobs);
                self.on_installed(now, installed, out);
            }
            Install::End { id, .. } => self.end_install(id, out),
            Install::Abort { .. } => {
                if snapshots.incoming.stop(&mut out.jobs) {
                    snapshots.checkpoint.on_dead_pieces();
                }
            }
        }
    }

    /// The snapshot that was checked replaces the state.
    fn end_install(&mut self, id: u64, out: &mut Actions<P>) {
        let Some(mut machine) = self.snapshots.incoming.end(id) else {
            let detail = format!("snapshot {id} ended without having been checked");
            return self.on_violation("snapshots are checked", detail, out);
        };
        if self.config.mutant.is(Mutant::SessionAnswersLostInASnapshot) {
            machine.sessions.lose_answers();
        }
        self.counters.snapshots_installed += 1;
        out.notices.push(Notice::SnapshotInstalled {
            index: machine.index(),
        });
        self.audit.reset();
        self.writes.on_installed(&machine);
        let snapshots = &mut self.snapshots;
        snapshots.checkpoint.on_installed(&machine, &mut out.jobs);
        let marks = Marks::default();
        snapshots
            .outgoing
            .freeze(machine.clone(), marks, &mut out.jobs);
        retire(std::mem::replace(&mut self.machine, machine), &mut out.jobs);
    }

    pub(super) fn on_job_done(&mut self, now: Time, done: JobDone, out: &mut Actions<P>) {
        let (snapshots, jobs) = (&mut self.snapshots, &mut out.jobs);
        let installed = match *done.0 {
            JobResult::Encoded(chunk) => {
                let wanted = match chunk.purpose {
                    SnapshotUse::Checkpoint => {
                        snapshots.checkpoint.on_encoded(chunk, jobs);
                        None
                    }
                    SnapshotUse::Transfer(to) => {
                        let bytes = self.config.limits.chunk_bytes;
                        snapshots.outgoing.on_encoded(to, chunk, bytes, jobs)
                    }
                };
                if let Some(piece) = wanted {
                    self.ask(now, piece);
                }
                return;
            }
            JobResult::Decoded { id, reader, result } => {
                snapshots.incoming.on_decoded(id, reader, result, jobs)
            }
            JobResult::Finished { id, result } => snapshots.incoming.on_finished(id, result, jobs),
            JobResult::Dropped => return,
        };
        self.on_installed(now, installed, out);
    }

    fn on_installed(&mut self, now: Time, installed: Installed, out: &mut Actions<P>) {
        let (id, good) = match installed {
            Installed::Wait => return,
            Installed::Bad(reason) => return self.reject_snapshot(reason, out),
            Installed::Checked { id, good } => (id, good),
            Installed::Refused { id, reason } => {
                self.reject_snapshot(reason, out);
                (id, false)
            }
        };
        self.ask(now, Ask::InstallChecked { id, good });
    }

    fn reject_snapshot(&mut self, reason: String, out: &mut Actions<P>) {
        self.counters.snapshot_install_failures += 1;
        out.notices.push(Notice::SnapshotRejected { reason });
    }

    /// A follower needs a piece of a snapshot.
    pub(super) fn on_snapshot_wanted(
        &mut self,
        now: Time,
        to: NodeId,
        meta: SnapshotMeta,
        offset: u64,
        out: &mut Actions<P>,
    ) {
        let (bytes, mutant) = (self.config.limits.chunk_bytes, self.config.mutant);
        let outgoing = &mut self.snapshots.outgoing;
        if !outgoing.keeps(meta) {
            // It starts over with the newest.
            return self.ask(now, Ask::SnapshotGone { meta });
        }
        if let Some(piece) = outgoing.want(to, meta, offset, bytes, mutant, &mut out.jobs) {
            self.ask(now, piece);
        }
    }

    /// A checkpoint of the own state is in the log.
    pub(super) fn on_checkpoint_ended(&mut self, out: &mut Actions<P>) {
        if let Some((machine, marks)) = self.snapshots.checkpoint.on_ended() {
            self.counters.checkpoints += 1;
            out.notices.push(Notice::CheckpointDone {
                index: machine.index(),
            });
            self.snapshots
                .outgoing
                .freeze(machine, marks, &mut out.jobs);
        }
    }

    pub(super) fn write_checkpoint(&mut self, now: Time, out: &mut Actions<P>) {
        let Limits {
            checkpoint_bytes,
            chunk_bytes,
            ..
        } = self.config.limits;
        if self.snapshots.incoming.is_open() || self.gate.failed() {
            return;
        }
        let (me, members) = (self.me, || self.protocol.configuration().members());
        let slot = || {
            let members = members();
            let before = members.iter().filter(|member| **member < me);
            CheckpointTurn {
                nth: before.count() as u64,
                of: members.len() as u64 + 1,
            }
        };
        let checkpoint = &mut self.snapshots.checkpoint;
        let due = checkpoint.due(
            &self.machine,
            checkpoint_bytes,
            slot,
            chunk_bytes,
            &mut out.jobs,
        );
        if let Some(index) = due {
            self.ask(now, Ask::Checkpoint(Checkpoint::Begin { index }));
            return;
        }
        let Ok(durable) = self.disk.durable() else {
            return;
        };
        if let Some(piece) = checkpoint.next(durable, chunk_bytes, &mut out.jobs) {
            let step = match piece {
                Piece::Chunk(data) => Checkpoint::Chunk { data },
                Piece::End { digest } => Checkpoint::End { digest },
            };
            self.ask(now, Ask::Checkpoint(step));
            // The piece is one record, behind all that was written so far.
            let position = self.disk.append(&mut vec![]) + 1;
            self.snapshots.checkpoint.on_logged(position);
        }
    }
}
