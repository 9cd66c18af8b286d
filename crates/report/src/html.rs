//! One HTML file a report: no network, no other file, nothing to build.
//!
//! What everyone must see (the verdict, the clause, the command, the totals, what was cut) is plain
//! HTML and shows without scripts. The data travel as JSON in the page; the scripts draw them.

mod charts;
mod columns;
mod detectors;
mod page;
mod quorums;
mod run;
mod table;

use crate::check::Invalid;

use crate::detectors::Detectors;

use crate::matrix::Matrix;

use crate::quorums::QuorumComparison;

use crate::run::Run;
use std::io::{self, Write};
use thiserror::Error;

/// Why there is no page.
#[derive(Debug, Error)]
pub enum PageError {
    /// The data do not hold together. Nothing was written.
    #[error("nothing to show: {0}")]
    Invalid(#[from] Invalid),
    /// The writer failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes the space-time diagram of a run.
pub fn run(run: &Run, writer: impl Write) -> Result<(), PageError> {
    run.check()?;
    run::write(run, &mut io::BufWriter::new(writer))?;
    Ok(())
}

/// Writes the table of a campaign, with its charts.
pub fn matrix(matrix: &Matrix, writer: impl Write) -> Result<(), PageError> {
    matrix.check()?;
    table::write(matrix, &mut io::BufWriter::new(writer))?;
    Ok(())
}

/// Writes what failure detectors trade, as a chart and a table.
pub fn detectors(detectors: &Detectors, writer: impl Write) -> Result<(), PageError> {
    detectors.check()?;
    detectors::write(detectors, &mut io::BufWriter::new(writer))?;
    Ok(())
}

/// Writes quorum systems, each drawn, and a table of all.
pub fn quorums(comparison: &QuorumComparison, writer: impl Write) -> Result<(), PageError> {
    quorums::write(comparison, &mut io::BufWriter::new(writer))?;
    Ok(())
}
