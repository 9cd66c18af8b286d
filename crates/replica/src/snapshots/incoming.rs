//! A snapshot that comes from the leader, on its way to become the state.
//!
//! Pieces that come while others are being read wait in memory: as many bytes at most as the
//! snapshot has, which the state will take anyway.

use super::{Job, MachineReader, SnapshotError, retire};
use crate::machine::Machine;
use bytes::Bytes;
use quorate_core::replicated::SnapshotMeta;

/// What is being installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Incoming {
    #[default]
    Nothing,
    /// Pieces come.
    Reading(Reading),
    /// All was read and checked; the protocol has to say that it counts.
    Checked { id: u64, machine: Machine },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reading {
    id: u64,
    /// None while a job has it.
    reader: Option<MachineReader>,
    /// Not read yet.
    waiting: Vec<Bytes>,
    /// Pieces have come.
    begun: bool,
    /// All pieces are there: what they must make.
    check: Option<SnapshotMeta>,
    /// It makes nothing, and that was told.
    bad: bool,
}

/// What the replica has to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Installed {
    /// Nothing yet.
    Wait,
    /// It can't be read; the protocol asks for the check later.
    Bad(String),
    /// It is checked: tell the protocol.
    Checked { id: u64, good: bool },
    /// It is checked, and not what it should be.
    Refused { id: u64, reason: String },
}

impl Incoming {
    /// A new one begins. Returns whether pieces of one that was open are in the log.
    pub(crate) fn begin(&mut self, id: u64, jobs: &mut Vec<Job>) -> bool {
        let dead = self.stop(jobs);
        *self = Self::Reading(Reading {
            id,
            reader: Some(MachineReader::default()),
            waiting: vec![],
            begun: false,
            check: None,
            bad: false,
        });
        dead
    }

    /// The next piece.
    pub(crate) fn on_piece(&mut self, id: u64, data: Bytes, jobs: &mut Vec<Job>) {
        if let Some(reading) = self.reading(id) {
            reading.begun = true;
            if !reading.bad {
                reading.waiting.push(data);
            }
            reading.go_on(jobs);
        }
    }

    /// All pieces have come.
    pub(crate) fn on_check(
        &mut self,
        id: u64,
        meta: SnapshotMeta,
        jobs: &mut Vec<Job>,
    ) -> Installed {
        let good = false;
        let Some(reading) = self.reading(id).filter(|reading| !reading.bad) else {
            return Installed::Checked { id, good };
        };
        reading.check = Some(meta);
        reading.go_on(jobs);
        Installed::Wait
    }

    /// A job has read pieces.
    pub(crate) fn on_decoded(
        &mut self,
        id: u64,
        reader: MachineReader,
        result: Result<(), SnapshotError>,
        jobs: &mut Vec<Job>,
    ) -> Installed {
        let reading = self.reading(id).filter(|reading| reading.reader.is_none());
        let Some(reading) = reading else {
            retire(reader, jobs);
            return Installed::Wait;
        };
        let Err(error) = result else {
            reading.reader = Some(reader);
            reading.go_on(jobs);
            return Installed::Wait;
        };
        retire(reader, jobs);
        reading.bad = true;
        reading.waiting = vec![];
        let reason = error.to_string();
        match reading.check {
            Some(_) => Installed::Refused { id, reason },
            None => Installed::Bad(reason),
        }
    }

    /// A job has read all.
    pub(crate) fn on_finished(
        &mut self,
        id: u64,
        result: Result<Machine, SnapshotError>,
        jobs: &mut Vec<Job>,
    ) -> Installed {
        let meta = self.reading(id).and_then(|reading| reading.check);
        let Some(meta) = meta else {
            if let Ok(machine) = result {
                retire(machine, jobs);
            }
            return Installed::Wait;
        };
        let reason = match result {
            Ok(machine) if (machine.index(), machine.digest()) == (meta.at.index, meta.digest) => {
                *self = Self::Checked { id, machine };
                return Installed::Checked { id, good: true };
            }
            Ok(machine) => {
                let got = (machine.index(), machine.digest());
                let want = (meta.at.index, meta.digest);
                retire(machine, jobs);
                format!("(index, digest) {got:?}, not {want:?}")
            }
            Err(error) => error.to_string(),
        };
        if let Some(reading) = self.reading(id) {
            reading.bad = true;
        }
        Installed::Refused { id, reason }
    }

    /// It counts: the machine, if it is the one that was checked.
    pub(crate) fn end(&mut self, id: u64) -> Option<Machine> {
        match std::mem::take(self) {
            Self::Checked { id: open, machine } if open == id => Some(machine),
            other => {
                *self = other;
                None
            }
        }
    }

    /// It will not be completed. Returns whether pieces of it are in the log.
    pub(crate) fn stop(&mut self, jobs: &mut Vec<Job>) -> bool {
        match std::mem::take(self) {
            Self::Nothing => false,
            Self::Checked { machine, .. } => {
                retire(machine, jobs);
                true
            }
            Self::Reading(Reading { reader, begun, .. }) => {
                if let Some(reader) = reader {
                    retire(reader, jobs);
                }
                begun
            }
        }
    }

    /// Whether one is under way.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    fn reading(&mut self, id: u64) -> Option<&mut Reading> {
        match self {
            Self::Reading(reading) if reading.id == id => Some(reading),
            _ => None,
        }
    }
}

impl Reading {
    /// Has the next part of the work done, unless one is being done.
    fn go_on(&mut self, jobs: &mut Vec<Job>) {
        if self.bad || (self.waiting.is_empty() && self.check.is_none()) {
            return;
        }
        let Some(reader) = self.reader.take() else {
            return;
        };
        let pieces = std::mem::take(&mut self.waiting);
        jobs.push(match pieces.is_empty() {
            true => Job::finish(self.id, reader),
            false => Job::decode(self.id, reader, pieces),
        });
    }
}
