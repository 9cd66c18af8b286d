//! Real disks, sockets, clocks and threads around a replica.
//!
//! A [`Node`] is one replica as a part of a process: it takes the replica's directory and ports,
//! takes part in forming the cluster or joins one, recovers the log, and serves the etcd API. Its
//! threads are
//!
//! | thread | does | blocks on |
//! |---|---|---|
//! | `replica` | steps the replica, in bursts | its inbox, or the next timer |
//! | `disk` | appends, writes, syncs once for whatever has gathered | the disk |
//! | `snapshots` | jobs of the replica: encodes, decodes and drops large states | its queue |
//! | `io` (a few) | sockets: peers and the API | nothing |
//!
//! What this crate never does: decide anything about the protocol. It carries bytes to and from
//! files and peers, tells the replica what time it is, and carries answers back. Every queue in it
//! is bounded, by itself or by what fills it, and says what happens at the bound.
//!
//! Where to start reading: [`Node::start`] puts the parts together; `shell.rs` is the replica's
//! thread and `disk.rs` the disk's; [`storage`] is what lies on the disk, [`peers`] what goes over
//! the wire between replicas; `forming` makes a cluster of members that have just been installed,
//! and `joining` lets an empty directory become a member that was added.

mod backend;
mod clock;
mod config;
mod disk;
mod error;
mod forming;
mod founding;
mod inbox;
pub mod joining;
mod node;
pub mod peers;
mod published;
mod random;
mod recover;
mod serving;
mod shell;
pub mod storage;
mod timers;
mod wire;
mod worker;

pub use config::{NodeConfig, Timeouts};
pub use error::StartError;
pub use founding::Starting;
pub use node::Node;
pub use published::{ClockStatus, Ended};
