//! Scenarios: stories of what went wrong, as small files that run (docs 000, 003 and 004 tell most
//! of ours).
//!
//! A file says what is assumed (the contract, in the words of contract files), what runs where, who
//! asks for what, what goes wrong when, and what is to be expected. `[[case]]` tables change some
//! of it and say what is to be expected then; `[[without]]` tables do the same with the key defence
//! turned off, since a story in which nothing can go wrong proves nothing.
//!
//! Start reading at [`Scenario::parse`] and one of the files in `scenarios/`; then [`run_part`].

mod catalogue;
mod contract_check;
mod names;
mod read;
mod run_part;
mod table;
mod text;
mod timeline;

pub use catalogue::{EMBEDDED, Embedded, find};
pub use contract_check::{ContractCheck, Deviation};
pub use names::NodeNames;
pub use run_part::{ScenarioRun, run_part, run_part_with_progress};
pub use table::four_modes;
pub use text::render;
pub use timeline::timeline;

use crate::experiment::Experiment;
use quorate_contract::Contract;
use quorate_core::NodeId;
use quorate_report::CellVerdict;

/// A story that runs.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: String,
    /// What it is about, in a line.
    pub title: String,
    /// The story.
    pub story: String,
    /// The document that tells it: `doc 003, ...`.
    pub source: Option<String>,
    /// Its runs, in the order in which they are told.
    pub parts: Vec<ScenarioPart>,
    /// Why there is no defence to be turned off, where there is none.
    pub nothing_to_turn_off: Option<String>,
}

/// One run of a story, or the same over many seeds.
#[derive(Clone, Debug)]
pub struct ScenarioPart {
    /// Its place in the story.
    pub kind: PartKind,
    /// What it is called: empty for the story itself, else a case or the defence that is off.
    pub name: String,
    /// What it shows.
    pub explanation: String,
    /// The case that it is without a defence, if it is not the story itself.
    pub of: Option<String>,
    /// What is assumed.
    pub contract: Contract,
    /// What is run.
    pub experiment: Experiment,
    /// What nodes and zones are called.
    pub names: NodeNames,
    /// The first seed.
    pub first_seed: u64,
    /// How many seeds from there on.
    pub seeds: u64,
    /// What is to be expected.
    pub expect: Expect,
}

/// A run's place in its story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// The story itself.
    Story,
    /// A variation of it.
    Case,
    /// The key defence is off.
    Without,
}

/// What is to be expected of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// What it comes to.
    pub verdict: CellVerdict,
    /// The property that is violated, if one is.
    pub property: Option<String>,
    /// Does reality stay inside the contract?
    pub inside: bool,
    /// All is decided by then, in nanoseconds of the world.
    pub within: Option<u64>,
    /// And not before.
    pub not_before: Option<u64>,
    /// What nodes decide: the values, `nothing` for a decision to do nothing, or `undecided`.
    pub decided: Vec<(NodeId, String)>,
    /// Figures that outputs tell, by name.
    pub facts: Vec<(String, String)>,
    /// On how many of the seeds.
    pub of_seeds: OfSeeds,
}

/// On how many of the seeds an expectation must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfSeeds {
    /// On every one.
    All,
    /// On one at least.
    Some,
    /// On so many of a million, as far as chance allows: within three standard deviations.
    Chance(u32),
}
