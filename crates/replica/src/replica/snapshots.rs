//! Snapshots of the state: one installed from the leader, and this replica's own checkpoint.

use super::Replica;
use crate::checkpoint::Piece;
use crate::config::Limits;
use crate::machine::MachineReader;
use crate::{Actions, Notice};
use quorate_core::driver::Disk;
use quorate_core::replicated::{Checkpoint, Install, Replicated, Request as Ask};
use quorate_core::{Hard, Time};

impl<P: Replicated, D: Disk<<P::Hard as Hard>::Record>> Replica<P, D> {
    pub(super) fn on_install(&mut self, now: Time, install: Install, out: &mut Actions<P>) {
        match install {
            Install::Begin { id, .. } => self.installing = Some((id, MachineReader::default())),
            Install::Chunk { id, data, .. } => {
                let Some((open, reader)) = &mut self.installing else {
                    return;
                };
                if *open == id
                    && let Err(error) = reader.feed(&data)
                {
                    // What is missing is found by the check.
                    self.installing = None;
                    self.reject_snapshot(error.to_string(), out);
                }
            }
            Install::Check { id, meta } => {
                let reader = self.installing.take().filter(|(open, _)| *open == id);
                let good = match reader.map(|(_, reader)| reader.finish()) {
                    Some(Ok(machine))
                        if machine.index() == meta.at.index && machine.digest() == meta.digest =>
                    {
                        self.installed = Some((id, machine));
                        true
                    }
                    Some(Ok(machine)) => {
                        let got = (machine.index(), machine.digest());
                        let want = (meta.at.index, meta.digest);
                        self.reject_snapshot(format!("(index, digest) {got:?}, not {want:?}"), out);
                        false
                    }
                    Some(Err(error)) => {
                        self.reject_snapshot(error.to_string(), out);
                        false
                    }
                    None => false,
                };
                self.ask(now, Ask::InstallChecked { id, good });
            }
            Install::End { id, .. } => {
                let Some((_, machine)) = self.installed.take().filter(|(open, _)| *open == id)
                else {
                    let detail = format!("snapshot {id} ended without having been checked");
                    return self.on_violation("snapshots are checked", detail, out);
                };
                self.counters.snapshots_installed += 1;
                out.notices.push(Notice::SnapshotInstalled {
                    index: machine.index(),
                });
                self.audit.reset();
                self.checkpoint.stop();
                self.outgoing.freeze(machine.clone());
                self.writes.level = machine.level();
                self.machine = machine;
            }
            Install::Abort { .. } => (self.installing, self.installed) = (None, None),
        }
    }

    fn reject_snapshot(&mut self, reason: String, out: &mut Actions<P>) {
        self.counters.snapshot_install_failures += 1;
        out.notices.push(Notice::SnapshotRejected { reason });
    }

    pub(super) fn write_checkpoint(&mut self, now: Time) {
        let Limits {
            checkpoint_bytes,
            chunk_bytes,
            ..
        } = self.config.limits;
        if self.installing.is_some() || self.installed.is_some() || self.gate.failed() {
            return;
        }
        if let Some(index) = self.checkpoint.due(&self.machine, checkpoint_bytes) {
            self.ask(now, Ask::Checkpoint(Checkpoint::Begin { index }));
            return;
        }
        let Ok(durable) = self.disk.durable() else {
            return;
        };
        if let Some(piece) = self.checkpoint.next(durable, chunk_bytes) {
            let step = match piece {
                Piece::Chunk(data) => Checkpoint::Chunk { data },
                Piece::End { digest } => Checkpoint::End { digest },
            };
            self.ask(now, Ask::Checkpoint(step));
            // The piece is one record, behind all that was written so far.
            self.checkpoint.on_logged(self.disk.append(&mut vec![]) + 1);
        }
    }
}
