//! Membership: changes that clients and members ask for, on their way into the log.
//!
//! A change is asked of any replica, which gives it a nonce and sends it to the leader until the
//! configuration that it applies says that the nonce was handled. The leader turns it into a whole
//! new configuration ([`Change::apply`]) and proposes that; the protocol goes there over a joint
//! configuration if the voters change. So a change is made once, however often it is sent, and by
//! whichever leader.

mod change;
mod pending;

pub use change::{Change, ChangeRefusal};
pub(crate) use pending::Changes;
