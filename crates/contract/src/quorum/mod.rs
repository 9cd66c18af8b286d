//! Quorums: how many replicas, which sets of them, how much two sets share, what a set survives.
//!
//! [`size`](Quorum) is counting, for quorums that are any replicas of a number. A [`QuorumSystem`] says
//! which sets are quorums of a read and of a write: thresholds, grids, zones, weights, witnesses and
//! learners, all made of one monotone formula ([`VoteFormula`]). From a system follow [`QuorumFigures`]
//! (overlap, faults survived, availability, load) and, where it does not hold, a
//! [`QuorumCounterexample`] with the replicas by name.

mod counterexample;
mod figures;
mod formula;
mod load;
mod nearest;
mod size;
mod system;
mod table;

pub use counterexample::{QuorumCounterexample, QuorumNeeds};
pub use figures::{PhaseFigures, QuorumFigures, QuorumOverlap};
pub use formula::VoteFormula;
pub use load::LoadBounds;
pub use size::{
    Quorum, intersection, majority, max_crashes, max_liars, quorum_among_liars, quorum_for_masking,
    replicas_for_crashes, replicas_for_liars, replicas_for_masking, replicas_for_mixed,
    replicas_for_timely_liars,
};
pub use system::{InvalidQuorums, MAX_LISTED, QuorumKind, QuorumPhase, QuorumSystem};
