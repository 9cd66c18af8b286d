//! Faults on real processes: three replicas as processes of their own, clients that never stop,
//! `kill -9` at random moments, and a verdict on everything that the clients were told.
//!
//! [`run`] starts `quorate serve` three times on this machine, lets clients read and
//! write through all of them, and kills or pauses replicas by a plan that its seed decides. At the
//! end it reads what every replica holds, and how it got there revision by revision, and hands all
//! of it to [`quorate_check`]. The [`StormReport`] says whether the history is linearizable and nothing
//! acknowledged is lost, and for how long clients got no acknowledgement around each fault.
//!
//! With `--members` the replicas do not stay the same three: members are added, promoted, removed
//! and replaced by the commands of `quorate member`, see `members/`. With `--gaps` the
//! leader alone is hit, in three ways, to measure how long it is missed.
//!
//! The seed decides what is done and how long after the cluster has settled. What the processes
//! make of it is up to the machine: a storm is not repeated exactly by its seed. The simulation is
//! for that.
//!
//! What this crate never does: share code with the servers beyond the definitions of etcd's API
//! and the contract file. It knows them by their ports, as any client does.
//!
//! Where to start reading: [`StormArgs`], then `storm.rs` for the nemesis of a storm; `client.rs` is
//! one client, `outcome.rs` what an error allows to conclude.

mod account;
mod args;
mod client;
mod cluster;
mod fault_report;
mod gaps;
mod load;
mod members;
mod nemesis;
mod outcome;
mod plan;
mod report;
mod storm;
mod wire;

pub use args::{StormArgs, StormArgsError, Targets};
pub use fault_report::FaultReport;
pub use gaps::{GapSummary, Gaps, LeaderGaps};
pub use report::{OperationTotals, StormReport, StormVerdict};
pub use storm::run;
