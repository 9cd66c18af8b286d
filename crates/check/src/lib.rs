//! Judges what clients saw: histories of operations against the specification of the store.
//!
//! A history holds what each client asked, when, and how it ended: *done*, *refused* or *unknown*.
//! [`check`] says whether one order of the operations, consistent with real time, explains every
//! answer; whether serializable reads showed states that did exist; and whether what replicas hold
//! at the end is the same everywhere and lacks nothing that was acknowledged. A violation comes
//! with the operations concerned and an explanation in words. The work is bounded, and giving up is
//! a verdict of its own.
//!
//! [`check_changes`] judges a store that can be opened up by its own account of what it did, and
//! [`check_with_changes`] judges a history with that account at hand.
//!
//! What this crate never does: it never runs anything, reads no clock and no file, and shares no
//! code with the store that it judges.
//!
//! ```
//! use quorate_check::{Verdict, check, jsonl, DEFAULT_STEPS};
//!
//! let recorded = r#"
//! {"operation":{"client":1,"invoked":0,"action":{"put":{"key":"k","value":"a"}},
//! "outcome":{"done":{"returned":5,"response":{"revision":2,"reply":"put"}}}}}
//! "#;
//! // One record a line.
//! let recorded = recorded.replace(",\n", ",");
//! let history = jsonl::read(recorded.as_bytes(), jsonl::ReadLimits::default())?;
//! let Verdict::Holds(summary) = check(&history, DEFAULT_STEPS) else { panic!("it holds") };
//! assert_eq!(summary.revision, 2);
//! # Ok::<(), jsonl::HistoryReadError>(())
//! ```
//!
//! Start reading at [`History`], then `order` (what revisions give away for nothing) and `place`
//! (the search for what they do not). [`wgl`] is the general search for anything that is not a
//! store with revisions.

mod changes;
mod escape;
mod facts;
mod fingerprint;
mod groups;
mod history;
pub mod jsonl;
mod linearizability;
mod order;
mod place;
mod plan;
mod store;
mod text;
mod verdict;
pub mod wgl;

pub use changes::{RevisionChange, check_changes};
pub use history::{
    Action, Comparison, EMPTY_REVISION, FinalState, History, Item, Operation, Outcome, Reply,
    Response, Revision, Target, Txn, TxnOp,
};
pub use linearizability::{DEFAULT_STEPS, check, check_with_changes};
pub use verdict::{GaveUp, HistorySummary, Property, Verdict, Violation};
