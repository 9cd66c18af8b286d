//! Raft, told in stories.

#![allow(
    unreachable_pub,
    reason = "the modules of a test crate are all its own"
)]

mod basics;
mod cluster;
mod random;
mod transcripts;
mod words;
