//! Protocols for clusters whose nodes crash, come back and lose messages, but never lie.
//!
//! Each protocol is a folder and a [`quorate_core::Protocol`]: a value without clock, randomness,
//! I/O or threads. Protocols never see each other, and nothing here knows what the entries of a
//! log mean. [`raft`] is the one that serves, with members that change by joint
//! consensus; the others run in the lab, to be measured beside it
//! and beyond what they assume. Start reading at [`raft`]; for something small, at [`majority`].

pub mod abd;
pub mod collect;
pub mod commit_outcome;
pub mod flood_set;
pub mod majority;
pub mod multi_paxos;
pub mod paxos;
pub mod paxos_commit;
pub mod primary_backup;
pub mod raft;
pub mod three_phase_commit;
pub mod two_generals;
pub mod two_phase_commit;
