//! Work that takes time with the size of the state, as values.

use super::{MachineReader, MachineWriter, Mark, SnapshotError};
use crate::machine::Machine;
use bytes::Bytes;
use quorate_core::NodeId;

/// Work for the driver: independent of the replica, and free of I/O. Run it anywhere, at any time,
/// and give what it returns back as [`crate::Input::JobDone`]. A job that is lost with its process
/// is not missed; one that is lost while the process goes on stops what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Job(Work);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Work {
    Encode {
        purpose: SnapshotUse,
        writer: Box<MachineWriter>,
        bytes: usize,
    },
    Decode {
        id: u64,
        reader: MachineReader,
        pieces: Vec<Bytes>,
    },
    Finish {
        id: u64,
        reader: MachineReader,
    },
    Drop(Garbage),
}

/// What a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SnapshotUse {
    Checkpoint,
    Transfer(NodeId),
}

/// A state that nothing needs any more: freeing it takes time with its size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Garbage {
    Machine(Machine),
    Writer(Box<MachineWriter>),
    Reader(MachineReader),
}

/// What came of a [`Job`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JobDone(pub(crate) Box<JobResult>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum JobResult {
    /// A chunk is encoded.
    Encoded(Encoded),
    /// Pieces were read, or why they can't be.
    Decoded {
        id: u64,
        reader: MachineReader,
        result: Result<(), SnapshotError>,
    },
    /// All was read: the machine, or why there is none.
    Finished {
        id: u64,
        result: Result<Machine, SnapshotError>,
    },
    Dropped,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Encoded {
    pub(crate) purpose: SnapshotUse,
    /// Where the chunk begins.
    pub(crate) offset: u64,
    /// Empty after the last.
    pub(crate) chunk: Bytes,
    /// Stands behind the chunk.
    pub(crate) writer: Box<MachineWriter>,
    /// The frames that were passed.
    pub(crate) marks: Vec<Mark>,
}

impl Job {
    pub(crate) fn encode(purpose: SnapshotUse, writer: Box<MachineWriter>, bytes: usize) -> Self {
        Self(Work::Encode {
            purpose,
            writer,
            bytes,
        })
    }

    pub(crate) fn decode(id: u64, reader: MachineReader, pieces: Vec<Bytes>) -> Self {
        Self(Work::Decode { id, reader, pieces })
    }

    pub(crate) fn finish(id: u64, reader: MachineReader) -> Self {
        Self(Work::Finish { id, reader })
    }

    /// Does the work.
    pub fn run(self) -> JobDone {
        JobDone(Box::new(match self.0 {
            Work::Encode {
                purpose,
                mut writer,
                bytes,
            } => {
                let offset = writer.offset();
                let chunk = writer.next_chunk(bytes).unwrap_or_default();
                let marks = writer.take_marks();
                JobResult::Encoded(Encoded {
                    purpose,
                    offset,
                    chunk,
                    writer,
                    marks,
                })
            }
            Work::Decode {
                id,
                mut reader,
                pieces,
            } => {
                let result = pieces.iter().try_for_each(|piece| reader.feed(piece));
                JobResult::Decoded { id, reader, result }
            }
            Work::Finish { id, reader } => {
                let result = reader.finish();
                JobResult::Finished { id, result }
            }
            Work::Drop(garbage) => {
                drop(garbage);
                JobResult::Dropped
            }
        }))
    }
}

/// Hands a state out to be dropped.
pub(crate) fn retire(garbage: impl Into<Retired>, jobs: &mut Vec<Job>) {
    jobs.push(Job(Work::Drop(garbage.into().0)));
}

/// What [`retire`] takes.
pub(crate) struct Retired(Garbage);

impl From<Machine> for Retired {
    fn from(machine: Machine) -> Self {
        Self(Garbage::Machine(machine))
    }
}

impl From<Box<MachineWriter>> for Retired {
    fn from(writer: Box<MachineWriter>) -> Self {
        Self(Garbage::Writer(writer))
    }
}

impl From<MachineReader> for Retired {
    fn from(reader: MachineReader) -> Self {
        Self(Garbage::Reader(reader))
    }
}
