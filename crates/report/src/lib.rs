//! What was seen, for people: a run as a space-time diagram, a campaign as a table of verdicts.
//!
//! A simulator fills a [`Run`], a campaign fills a [`Matrix`], an experiment with failure detectors
//! fills [`Detectors`], an explanation of quorums fills [`QuorumComparison`]: plain data, read and written as JSON by serde. From them come one HTML page that needs no network and no other file ([`html`]) and text
//! for a terminal ([`terminal`]).
//!
//! # What it never does
//! - It judges nothing: the verdict is in the data.
//! - It hides nothing: what a producer left out stands in [`Cut`]s, and what a page does not draw at
//!   some zoom, it counts on the spot.
//! - It trusts nothing: indices and times are checked before the first byte is written
//!   ([`Run::check`], [`Matrix::check`], [`Detectors::check`]), and labels are text wherever they go, never markup and never
//!   control characters.
//! - The pages load nothing: their content security policy forbids it.
//!
//! # Where to start reading
//! [`run`](Run) and [`matrix`](Matrix) are the data; `html/columns.rs` is how a run travels inside the
//! page; `assets/` holds the page's scripts, one subject a file. `tests/browser.sh` opens sample pages
//! in a headless Chromium.

mod check;
mod cut;
mod detectors;
pub mod html;
mod matrix;
mod quorums;
mod run;
pub mod terminal;

pub use check::Invalid;
pub use detectors::{DetectorCurve, DetectorPoint, Detectors};
pub use matrix::{CellResult, CellVerdict, CostRow, Matrix};
pub use quorums::{QUORUM_COLUMNS, QuorumComparison, QuorumDrawing, QuorumReplica, QuorumRow};
pub use run::{
    CommitIndex, Cut, EventKind, FaultInterval, FaultIntervalKind, Leadership, MessageFate,
    OperationOutcome, OperationSpan, Run, RunEvent, RunMessage, RunNode, RunSummary, Sync, Total,
    VerdictKind,
};
