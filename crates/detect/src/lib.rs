//! Failure detectors, and what their suspicions are worth.
//!
//! | detector | for | says at most |
//! |---|---|---|
//! | [`Perfect`] | synchrony: 2Δ + Φ | crashed |
//! | [`AdaptiveDeadline`] | a guess: k round trips | suspected |
//! | [`Doubling`] | partial synchrony: a time-out that adapts | suspected |
//! | [`PhiAccrual`] | a distribution: how improbable is the silence | suspected |
//! | [`Freshness`] | delays and losses of a known mean and variance: NFD-S, NFD-E, Bertier's | suspected |
//! | [`MaybeFailed`] | asynchrony | maybe failed |
//!
//! Each watches one peer for one observer, as a value with one interface, [`Detector`]: what was
//! seen, and when, goes in; changes of opinion come out. A [`QuorumDetector`] puts the opinions of several
//! observers together, and sees what none of them can: a peer that is healthy to one and broken to
//! another.
//!
//! A suspicion is a guess about time, and no protocol here decides by one (DESIGN, rule 4). What
//! the guess is worth is measured: [`OutputTrace::quality`] has the metrics of Chen, Toueg and Aguilera,
//! and [`experiment::tradeoff`] turns each detector's knob over the same simulated network, for
//! the curve of detection time against false suspicions.
//!
//! [`configure`] goes the other way: from the quality that is wanted to the parameters.
//!
//! This crate never reads a clock, never draws a random number, never sends a message; its floats
//! come out the same on every machine. Start reading at [`Detector`], then [`Perfect`], then
//! [`quality`].

mod adaptive;
pub mod configure;
mod detector;
pub mod experiment;
mod freshness;
mod phi;
mod probes;
pub mod quality;
mod quorum;
mod timeout;
mod window;

pub use adaptive::{AdaptiveDeadline, Doubling, Shrink};
pub use detector::{Detector, Observation, ProcessState, Transition};
pub use freshness::{Freshness, Margin};
pub use phi::{Estimate, MAX_PHI, PhiAccrual};
pub use quality::{OutputTrace, Quality};
pub use quorum::{AgreementRule, QuorumDetector, QuorumFinding};
pub use timeout::{MaybeFailed, Perfect};
