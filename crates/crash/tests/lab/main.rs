//! The protocols of the lab, each within what it assumes and one step beyond.

#![allow(
    unreachable_pub,
    dead_code,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test is a driver; the modules of a test crate are all its own"
)]

mod abd;
mod atomic_commit;
mod flood_set;
mod garbage;
mod majority;
mod multi_paxos;
mod paxos;
mod primary_backup;
mod two_generals;
mod world;
