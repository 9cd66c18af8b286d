//! The name of one run of the table: what it takes to run it again.

use super::{Cell, Column, TimingModel};
use crate::system::{NAMES, facts};
use std::fmt;
use std::str::FromStr;

/// Runs of another version of the lab are other runs: raise this when a generator, a judge or the
/// meaning of a seed changes.
pub const LAB_VERSION: u32 = 2;

/// One run: a place and a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// Where.
    pub cell: Cell,
    /// Which of its runs.
    pub seed: u64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{LAB_VERSION}:{}:{}", self.cell, self.seed)
    }
}

/// Why a text names no run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It has not five parts.
    #[error(
        "{text:?} is not VERSION:PROTOCOL:FAILURE:TIMING:SEED; this would be one: {LAB_VERSION}:raft:byzantine+1:gst:17"
    )]
    Shape {
        /// What was asked.
        text: String,
    },
    /// It is of another version of the lab.
    #[error(
        "the run is of version {version} of the lab, and this is version {LAB_VERSION}: a seed means another run here. Run it with the quorate that printed it, or the whole table with this one (quorate matrix)"
    )]
    Version {
        /// Which.
        version: String,
    },
    /// There is no such protocol.
    #[error("there is no protocol {name:?}; there are: {known}", known = NAMES.join(", "))]
    Protocol {
        /// What was asked.
        name: String,
    },
    /// There is no such column.
    #[error("there is no failure column {name:?}; there are: {known}", known = known_columns())]
    Column {
        /// What was asked.
        name: String,
    },
    /// There is no such timing model.
    #[error("there is no timing model {name:?}; there are: {known}", known = known_timings())]
    Timing {
        /// What was asked.
        name: String,
    },
    /// The seed is no number.
    #[error("the seed {seed:?} is not a number from 0 to 18446744073709551615")]
    Seed {
        /// What was asked.
        seed: String,
    },
}

fn known_columns() -> String {
    let names: Vec<_> = Column::all().into_iter().map(Column::name).collect();
    names.join(", ")
}

fn known_timings() -> String {
    TimingModel::ALL.map(TimingModel::name).join(", ")
}

/// The protocol of this name.
///
/// # Errors
/// If there is none: which there are.
pub fn protocol_named(name: &str) -> Result<&'static str, BadToken> {
    facts(name)
        .map(|facts| facts.name)
        .ok_or_else(|| BadToken::Protocol {
            name: name.to_owned(),
        })
}

/// The column of this name.
///
/// # Errors
/// If there is none: which there are.
pub fn column_named(name: &str) -> Result<Column, BadToken> {
    Column::named(name).ok_or_else(|| BadToken::Column {
        name: name.to_owned(),
    })
}

/// The timing model of this name.
///
/// # Errors
/// If there is none: which there are.
pub fn timing_named(name: &str) -> Result<TimingModel, BadToken> {
    TimingModel::named(name).ok_or_else(|| BadToken::Timing {
        name: name.to_owned(),
    })
}

impl FromStr for Token {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let parts: Vec<_> = text.split(':').collect();
        let [version, protocol, column, timing, seed] = parts[..] else {
            return Err(BadToken::Shape {
                text: text.to_owned(),
            });
        };
        if version != LAB_VERSION.to_string() {
            return Err(BadToken::Version {
                version: version.to_owned(),
            });
        }
        Ok(Self {
            cell: Cell {
                protocol: protocol_named(protocol)?,
                column: column_named(column)?,
                timing: timing_named(timing)?,
            },
            seed: seed.parse().map_err(|_| BadToken::Seed {
                seed: seed.to_owned(),
            })?,
        })
    }
}
