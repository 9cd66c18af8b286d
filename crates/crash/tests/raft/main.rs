//! Raft, told in stories.

#![allow(
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the modules of a test crate are all its own, and a test is a driver"
)]

mod adaptive_timeout;
mod basics;
mod cluster;
mod completeness;
mod directed;
mod fencing;
mod log;
mod memory;
mod random;
mod transcripts;
mod transfers;
mod value;
mod words;
