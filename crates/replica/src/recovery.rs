//! From the records of a log to a replica's state.
//!
//! Hard state is the fold of the records; the state machine is the last complete snapshot among
//! them. A snapshot without its end is as if it had never begun.

use crate::machine::Machine;
use crate::settings::Settings;
use crate::snapshots::{MachineReader, SnapshotError};
use quorate_core::replicated::{Replicated, SnapshotPart};
use quorate_core::{Hard, Journaled, driver};

/// Folds the records of one log of protocol `P`, in order.
#[derive(Debug)]
pub struct Recovery<P: Replicated> {
    hard: P::Hard,
    machine: Machine,
    records: u64,
    /// The log does not start at its very beginning, but with this record; until a snapshot begins,
    /// records are passed over.
    headless: Option<u64>,
    /// The snapshot being read: its id, how far it is read, and the machine it will be.
    reading: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    id: u64,
    offset: u64,
    reader: MachineReader,
    /// What is wrong with it. Counts when the snapshot ends: one that was never completed means
    /// nothing, whatever it holds.
    flaw: Option<SnapshotError>,
}

/// Why a log does not make a replica. Its records passed their checksums, so this is not damage
/// on the disk: another version wrote them, or a bug did.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// A record can't be decoded.
    #[error(
        "record {position} of the log can't be decoded ({error}); was it written by a newer version?"
    )]
    Record {
        /// Counts from 1.
        position: u64,
        /// What the decoder says.
        error: postcard::Error,
    },
    /// The log starts in the middle: its first segments are gone and no snapshot begins it.
    #[error("the log begins at record {position} without a snapshot; earlier segments are missing")]
    NoBeginning {
        /// The first record found; counts from 1.
        position: u64,
    },
    /// The records contradict each other, or lack what they rest on.
    #[error("the log is not one that a replica wrote: {0}")]
    Records(&'static str),
    /// A snapshot that was complete can't be read.
    #[error("snapshot {id}, complete at record {position}, can't be read: {error}")]
    Snapshot {
        /// The record that ends it; counts from 1.
        position: u64,
        /// The snapshot.
        id: u64,
        /// What is wrong with it.
        error: SnapshotError,
    },
}

impl<P: Replicated> Default for Recovery<P> {
    fn default() -> Self {
        Self::founding(Settings::default())
    }
}

impl<P: Replicated> Recovery<P> {
    /// Begins with the state of a cluster founded under these settings. They are those of the
    /// cluster's first log entries; a snapshot brings its own.
    pub fn founding(settings: Settings) -> Self {
        Self {
            hard: P::Hard::default(),
            machine: Machine::founding(settings),
            records: 0,
            headless: None,
            reading: None,
        }
    }

    /// Takes the record at `position` (counting from 1, as the log does).
    ///
    /// # Errors
    /// See [`RecoveryError`]; the replica must not start.
    pub fn feed(&mut self, position: u64, bytes: &[u8]) -> Result<(), RecoveryError> {
        let record: <P::Hard as Hard>::Record = postcard::from_bytes(bytes)
            .map_err(|error| RecoveryError::Record { position, error })?;
        let part = P::snapshot_part(&record);
        let begins = matches!(part, Some(SnapshotPart::Begin { .. }));
        if self.records == 0 && position != 1 && !begins {
            // A crash came between the removal of one superseded segment and the next: what is left
            // of them says nothing that the snapshot behind them does not say again.
            self.headless.get_or_insert(position);
            return Ok(());
        }
        self.records += 1;
        self.hard.apply(&record);
        match part {
            Some(SnapshotPart::Begin { id }) => {
                let reader = MachineReader::default();
                self.reading = Some(Reading {
                    id,
                    offset: 0,
                    reader,
                    flaw: None,
                });
            }
            Some(SnapshotPart::Chunk { id, offset, data }) => {
                if let Some(reading) = &mut self.reading
                    && (reading.id, reading.offset) == (id, offset)
                    && reading.flaw.is_none()
                {
                    reading.offset += data.len() as u64;
                    reading.flaw = reading.reader.feed(data).err();
                }
            }
            Some(SnapshotPart::End { id }) => {
                let machine = match self.reading.take().filter(|reading| reading.id == id) {
                    Some(Reading {
                        flaw: Some(flaw), ..
                    }) => Err(flaw),
                    Some(Reading { reader, .. }) => reader.finish(),
                    None => MachineReader::default().finish(),
                };
                self.machine = machine.map_err(|error| RecoveryError::Snapshot {
                    position,
                    id,
                    error,
                })?;
            }
            None => {}
        }
        Ok(())
    }

    /// How many records were taken.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The hard state and the machine.
    ///
    /// # Errors
    /// If the records do not make a replica; it must not start.
    pub fn finish(self) -> Result<(Journaled<P::Hard>, Machine), RecoveryError> {
        if self.records == 0
            && let Some(position) = self.headless
        {
            return Err(RecoveryError::NoBeginning { position });
        }
        let logged = P::check_hard(&self.hard).map_err(RecoveryError::Records)?;
        let held = self.machine.index();
        if logged != held {
            return Err(RecoveryError::Records(
                "the log and the state name different snapshots",
            ));
        }
        Ok((driver::restored(self.hard), self.machine))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_crash::raft::{self, Raft, Record};

    /// A crash between the removals of two superseded segments leaves the second one at the head
    /// of the log. (The simulator found that such a log was refused.)
    #[test]
    fn what_a_later_snapshot_supersedes_is_passed_over() {
        let encode = |record: &Record| postcard::to_stdvec(record).expect("encodes");
        let superseded = encode(&Record::Boot);
        let begin = encode(&Record::SnapshotBegin {
            configuration: raft::Configuration::founding(3).into(),
            id: 3,
            term: 5,
            vote: None,
            boots: 2,
            base: raft::Position::default(),
        });
        let mut recovery = Recovery::<Raft>::default();
        recovery.feed(7, &superseded).expect("passed over");
        recovery.feed(8, &begin).expect("the log begins here");
        let (hard, _) = recovery.finish().expect("it is whole");
        assert_eq!((hard.term, hard.boots), (5, 2));

        let mut recovery = Recovery::<Raft>::default();
        recovery.feed(7, &superseded).expect("passed over");
        let refused = recovery.finish().expect_err("nothing begins this log");
        assert!(matches!(
            refused,
            RecoveryError::NoBeginning { position: 7 }
        ));
    }

    /// A leader's piece that makes no machine is refused by the protocol, and never ends; the
    /// replica must still come back afterwards, and must not if a snapshot that counts is bad.
    #[test]
    fn a_bad_piece_counts_only_when_its_snapshot_ends() {
        let base = raft::Position::default();
        let begin = Record::SnapshotBegin {
            configuration: raft::Configuration::founding(3).into(),
            id: 1,
            term: 0,
            vote: None,
            boots: 1,
            base,
        };
        let data = bytes::Bytes::from_static(b"\x04\0\0\0junk");
        let chunk = Record::SnapshotChunk {
            id: 1,
            offset: 0,
            data,
        };
        let meta = raft::SnapshotMeta::default();
        let end = Record::SnapshotEnd {
            id: 1,
            meta,
            base,
            configuration: raft::Configuration::founding(3).into(),
        };
        let recover = |records: &[&Record]| {
            let mut recovery = Recovery::<Raft>::default();
            for (position, record) in (1..).zip(records) {
                recovery.feed(position, &postcard::to_stdvec(record).expect("encodes"))?;
            }
            recovery.finish().map(drop)
        };
        recover(&[&Record::Boot, &begin, &chunk]).expect("it never ended");
        let refused = recover(&[&Record::Boot, &begin, &chunk, &end]);
        assert!(matches!(
            refused,
            Err(RecoveryError::Snapshot {
                position: 4,
                id: 1,
                ..
            })
        ));
    }
}
