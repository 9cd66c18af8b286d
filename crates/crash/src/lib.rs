//! Protocols for clusters whose nodes crash, come back and lose messages, but never lie.
//!
//! Each protocol is a folder and a [`quorate_core::Protocol`]: a value without clock, randomness,
//! I/O or threads. Protocols never see each other, and nothing here knows what the entries of a
//! log mean. Start reading at [`raft`].

pub mod raft;
