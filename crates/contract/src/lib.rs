//! The contract between a protocol and reality, as types.
//!
//! A failure model is a bound on what may go wrong; everybody assumes one, and here it is written
//! down. A [`Contract`] says who takes part, how replicas may fail and how many at a time, what may
//! be assumed about time, links and disks, and (if one likes) which protocol to run. From it
//! follow quorum sizes, the protocols that are admissible and those that are not, and why.
//!
//! - [`Contract::parse`] reads one from TOML; every error names the line, the key and the remedy.
//! - [`Contract::check`] refuses one that contradicts itself, by the theorem in the way.
//! - [`explain()`] says all that follows from one, as text and as data.
//! - [`Contract::smallest_changes`] tries what would make an impossible one possible.
//! - [`Contract::known_elsewhere`] names what the literature has where nothing here fits.
//! - [`Contract::allows`] and [`Contract::within`] say what the world may do under it.
//!
//! ```
//! use quorate_contract::{Contract, FailureModel, Impossibility, Rule};
//!
//! let mut contract = Contract::default();
//! assert_eq!(contract.quorum().size, 2);
//! assert!(contract.check().is_ok());
//!
//! contract.failures.model = FailureModel::Byzantine; // three replicas, one of them a liar
//! let refused = contract.check().unwrap_err();
//! let rules: Vec<Rule> = refused.findings.iter().map(|finding| finding.rule).collect();
//! assert!(rules.contains(&Rule::Impossible(Impossibility::ByzantineThird)));
//! ```
//!
//! This crate computes and never acts: no files, no clock, no chance, no threads. It never knows
//! how a protocol works, only what the protocol declares about itself.
//!
//! Start reading at [`Contract`], then [`Behaviours`] for what models are made of, [`quorum`] for
//! the arithmetic, [`Problem`] for what is asked for, [`admissible`] and [`Impossibility`] for the
//! reasoning. The exercises in `contracts/corpus/` show it case by case.

mod admission;
mod behaviour;
mod change;
mod cluster;
mod contract;
pub mod duration;
mod elsewhere;
mod explain;
mod failure;
pub mod file;
mod finding;
mod impossibility;
mod links;
mod problem;
mod protocol;
pub mod quorum;
mod quorum_findings;
mod storage;
mod timing;
mod wrap;

pub use admission::{Admissibility, Contradiction, NotRunnable, Reason, admissible};
pub use behaviour::{Behaviour, Behaviours, Component};
pub use change::SmallestChange;
pub use cluster::{Address, AddressError, Cluster, MAX_MEMBERS, MAX_NAME, Member};
pub use contract::{Contract, Exceeded};
pub use elsewhere::KnownElsewhere;
pub use explain::{
    Assumption, ContractStatus, DecisionCost, Explanation, Figures, FullText, Limit,
    ProtocolCandidate, explain,
};
pub use failure::{FailureModel, Failures, FaultCount};
pub use file::{ContractError, MAX_BYTES};
pub use finding::{Finding, Rule};
pub use impossibility::Impossibility;
pub use links::{LinkModel, Links};
pub use problem::Problem;
pub use protocol::{
    Caveat, Declaration, ProtocolCost, ProtocolName, Replicas, SupportLevel, Tolerance,
};
pub use storage::{StorageAssumption, StorageModel};
pub use timing::{Bounds, DetectorClass, Stabilization, Synchrony, Timing};
