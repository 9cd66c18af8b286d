//! Protocols for clusters in which up to `f` nodes lie.
//!
//! Each protocol is a folder and a [`quorate_core::ProtocolName`]: a value without clock, randomness,
//! I/O or threads. Each names its entry of the catalogue in [`quorate_contract`] (`PROTOCOL`),
//! where its assumptions and costs are declared. Protocols never see each other, and nothing here
//! knows what a value or a request means, or what a liar does: adversaries live with the drivers.
//!
//! | protocol | what it achieves | among | with |
//! |---|---|---|---|
//! | [`oral_messages`] | broadcast | `n > 3f` | synchronous rounds |
//! | [`signed_messages`], [`dolev_strong`] | broadcast | `n > f` | synchronous rounds, signatures |
//! | [`bracha`] | reliable broadcast | `n > 3f` | nothing about time |
//! | [`ben_or`] | binary consensus | `n > 5f`, or `n > 2f` crashes | coins |
//! | [`pbft`], [`tendermint`], [`hotstuff`] | replicated log | `n > 3f` | time bounded eventually, signatures |
//!
//! What every protocol keeps to:
//!
//! - A vote is a record before it is a message. A node that crashed comes back bound by what it
//!   said; a node that lost its disk must not come back.
//! - "So many votes" means so many *for the same content*, each node's counted once.
//! - What a liar can make a node keep is bounded: one vote for each node in each place, a window of
//!   rounds or sequence numbers, values of at most [`MAX_VALUE`] bytes.
//!
//! Start reading at [`bracha`], the smallest; each protocol has `mod.rs` for the state and the
//! steps, `message.rs` for what is said, and the paper's sections at the branches.

pub mod ben_or;
pub mod bracha;
pub mod dolev_strong;
pub mod hotstuff;
pub mod oral_messages;
pub mod pbft;
mod pool;
mod rounds;
pub mod signed_messages;
pub mod tendermint;
mod value;

pub use rounds::RoundClock;
pub use value::{AgreedValue, MAX_VALUE};
