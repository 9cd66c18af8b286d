//! Real disks, sockets, clocks and threads around a replica.
//!
//! What this crate never does: decide anything about the protocol. It carries bytes to and from
//! files and peers, tells the replica what time it is, and carries answers back.
//!
//! Where to start reading: [`storage`] for what lies on the disk, [`peers`] for what goes over the
//! wire.

pub mod peers;
pub mod storage;
