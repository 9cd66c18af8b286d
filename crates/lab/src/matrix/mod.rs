//! The table: every protocol under every failure model, at its bound and one beyond, and every
//! timing model, measured on running code and held against what its contract claims.
//!
//! A [`Place`] is a cell. Each of its runs has a [`Token`], from which its [`Plan`] is drawn: who
//! misbehaves how and when, by adversaries that know no protocol. [`sample`] runs it, judges it, and
//! checks that the world stayed inside the cell's contract; a [`Tally`] joins many runs. What the
//! protocol claims comes from the catalogue alone ([`claim`](fn@claim)).

mod adversary;
mod claim;
mod cost;
mod place;
mod plan;
mod sample;
mod table;
mod token;
mod words;

pub use claim::Claim;
pub use cost::{Measured, SIZES, cost, cost_of, faults_for};
pub use place::{Column, Place, TimingModel, What};
pub use plan::Plan;
pub use sample::{Sample, Tally, breach, judge, sample};
pub use table::{cell, replay_command, table};
pub use token::{BadToken, LAB_VERSION, Token, column_named, protocol_named, timing_named};
pub use words::words;

use crate::facts;

/// What a protocol claims in a cell.
pub fn claim(place: &Place) -> Claim {
    let facts = facts(place.protocol).expect("a place has a protocol of the lab");
    claim::claim(place, &facts, plan::nodes(&facts, 1), 1)
}
