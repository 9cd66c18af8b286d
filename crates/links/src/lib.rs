//! Links between two nodes, as layers: what the wire promises, and what can be made of it.
//!
//! | layer | promises | by |
//! |---|---|---|
//! | [`FairLoss`] | fair loss, finite duplication, no creation | nothing: the wire as it is |
//! | [`Reliable`] | reliable delivery, no duplication, FIFO if asked for | numbers, acknowledgements, retransmission, lives |
//! | [`Authenticated`] | integrity, authenticity | a keyed hash of each packet, with a key for each direction of each pair |
//!
//! They stack: `Authenticated<Reliable<M>>` makes of a wire in an adversary's hands a link that
//! delivers each message once, from the node that sent it.
//!
//! Each is a value with one interface, [`Link`]: messages from the layer above and packets from
//! the wire in, packets for the wire and messages for the layer above out, time as an input.
//! [`Linked`] runs any [`Protocol`](quorate_core::Protocol) over any of them, so that one can see
//! what breaks when a layer is missing. [`history`] has the definitions as checkers, and
//! [`Missing`] leaves one mechanism out of a layer, for the tests that show what it is there for.
//!
//! This crate never reads a clock, never draws a random number, never opens a socket. Every buffer
//! is bounded: a full send buffer refuses ([`SendError`]), and what is beyond the reorder window is
//! dropped and sent again later.
//!
//! Start reading at [`Link`], then [`Reliable`].

pub mod authenticated;
mod fair_loss;
pub mod history;
mod link;
mod linked;
mod missing;
mod refusal;
pub mod reliable;

pub use authenticated::{Authenticated, KeyRing, LinkKey};
pub use fair_loss::FairLoss;
pub use link::{Endpoints, Epoch, Lane, Link, LinkOutput, Received, SendError};
pub use linked::{
    Delivery, EagerDelivery, EagerFrame, Linked, LinkedConfig, LinkedFrame, LinkedHard,
    LinkedRecord, LinkedTimer,
};
pub use missing::Missing;
pub use refusal::LinkRefusal;
pub use reliable::Reliable;
