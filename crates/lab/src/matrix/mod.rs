//! The table: every protocol under every failure model, at its bound and one beyond, and every
//! timing model, measured on running code and held against what its contract claims.
//!
//! A [`Cell`] is a cell. Each of its runs has a [`Token`], from which its [`RunPlan`] is drawn: who
//! misbehaves how and when, by adversaries that know no protocol. [`sample`] runs it, judges it, and
//! checks that the world stayed inside the cell's contract; a [`CellTally`] joins many runs. What the
//! protocol claims comes from the catalogue alone ([`claim`](fn@claim)).

mod cell;
pub(crate) mod claim;
mod cost;
pub(crate) mod plan;
mod sample;
mod table;
mod text;
mod token;

pub use cell::{Cell, Column, FaultClass, TimingModel};
pub use claim::CellClaim;
pub use cost::{Measured, SIZES, cost, cost_of, faults_for};
pub use plan::RunPlan;
pub use sample::{CellTally, Sample, breach, judge, sample};
pub use table::{cell, replay_command, table};
pub use text::render;
pub use token::{BadToken, LAB_VERSION, Token, column_named, protocol_named, timing_named};

use crate::system::facts;

/// What a protocol claims in a cell.
pub fn claim(place: &Cell) -> CellClaim {
    let facts = facts(place.protocol).expect("a place has a protocol of the lab");
    claim::claim(place, &facts, plan::nodes(&facts, 1), 1)
}
