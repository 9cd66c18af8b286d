//! Histories as JSON lines, so that a run can be stored and judged again.
//!
//! One record a line: `{"operation": …}` or `{"final": …}`. Blank lines are skipped. Reading is
//! bounded: a line, the number of records and hence the memory have stated limits, and what is
//! beyond them is an error that names the line.

use std::io::{BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use crate::history::{FinalState, History, Operation};

/// Bounds on what [`read`] accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// The longest line, in bytes.
    pub line_bytes: usize,
    /// The most records.
    pub records: usize,
}

impl Default for ReadLimits {
    /// Lines of 4 MiB and ten million records.
    fn default() -> Self {
        Self {
            line_bytes: 4 << 20,
            records: 10_000_000,
        }
    }
}

/// Why a stored history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryReadError {
    /// The source failed.
    #[error("line {line}: cannot be read: {source}")]
    Io {
        /// The line, counted from 1.
        line: usize,
        /// The failure of the source.
        source: std::io::Error,
    },
    /// A line is beyond the bound.
    #[error("line {line}: longer than {limit} bytes")]
    LineTooLong {
        /// The line, counted from 1.
        line: usize,
        /// The bound.
        limit: usize,
    },
    /// There are more records than the bound.
    #[error("line {line}: more than {limit} records")]
    TooManyRecords {
        /// The line, counted from 1.
        line: usize,
        /// The bound.
        limit: usize,
    },
    /// A line is not a record.
    #[error("line {line}: not a record of a history: {source}")]
    Malformed {
        /// The line, counted from 1.
        line: usize,
        /// What the parser found.
        source: serde_json::Error,
    },
    /// An answer arrived before the question was asked.
    #[error("line {line}: returned at {returned} before it was invoked at {invoked}")]
    TimeRunsBackwards {
        /// The line, counted from 1.
        line: usize,
        /// When the operation was invoked.
        invoked: u64,
        /// When it is said to have returned.
        returned: u64,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum HistoryLine {
    Operation(Operation),
    Final(FinalState),
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RecordRef<'a> {
    Operation(&'a Operation),
    Final(&'a FinalState),
}

/// Reads a history from JSON lines.
///
/// # Errors
/// At the first line that is no record or is beyond `limits`; the error names the line.
pub fn read(mut source: impl BufRead, limits: ReadLimits) -> Result<History, HistoryReadError> {
    let mut history = History::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        // One byte more than allowed tells "at the limit" from "beyond it".
        let bound = u64::try_from(limits.line_bytes)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let taken = source.by_ref().take(bound).read_until(b'\n', &mut line);
        if taken.map_err(|source| HistoryReadError::Io {
            line: number,
            source,
        })? == 0
        {
            break;
        }
        let text = line.trim_ascii();
        if text.len() > limits.line_bytes
            || line.len() > limits.line_bytes && !line.ends_with(b"\n")
        {
            return Err(HistoryReadError::LineTooLong {
                line: number,
                limit: limits.line_bytes,
            });
        }
        if text.is_empty() {
            continue;
        }
        if history.operations.len() + history.finals.len() >= limits.records {
            return Err(HistoryReadError::TooManyRecords {
                line: number,
                limit: limits.records,
            });
        }
        match serde_json::from_slice(text) {
            Ok(HistoryLine::Operation(operation)) => {
                if let Some(returned) = operation.returned().filter(|at| *at < operation.invoked) {
                    let invoked = operation.invoked;
                    return Err(HistoryReadError::TimeRunsBackwards {
                        line: number,
                        invoked,
                        returned,
                    });
                }
                history.operations.push(operation);
            }
            Ok(HistoryLine::Final(state)) => history.finals.push(state),
            Err(source) => {
                return Err(HistoryReadError::Malformed {
                    line: number,
                    source,
                });
            }
        }
    }
    Ok(history)
}

/// Writes one operation as one line; a recorder calls this as the run goes.
///
/// # Errors
/// When the sink fails.
pub fn write_operation(mut sink: impl Write, operation: &Operation) -> std::io::Result<()> {
    serde_json::to_writer(&mut sink, &RecordRef::Operation(operation))?;
    sink.write_all(b"\n")
}

/// Writes one final state as one line.
///
/// # Errors
/// When the sink fails.
pub fn write_final(mut sink: impl Write, state: &FinalState) -> std::io::Result<()> {
    serde_json::to_writer(&mut sink, &RecordRef::Final(state))?;
    sink.write_all(b"\n")
}

/// Writes a whole history.
///
/// # Errors
/// When the sink fails.
pub fn write(mut sink: impl Write, history: &History) -> std::io::Result<()> {
    for operation in &history.operations {
        write_operation(&mut sink, operation)?;
    }
    for state in &history.finals {
        write_final(&mut sink, state)?;
    }
    Ok(())
}
