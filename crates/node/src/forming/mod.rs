//! Forming a cluster: from founders with empty directories to one roster that all of them hold.
//!
//! A founder draws its own id, makes it durable, and *offers* it to the others. The first member of
//! the contract collects the offers of all founders, decides once who founds the cluster (its id
//! and its roster), makes that durable, and only then tells it. The others make it durable before
//! they start. So no member votes before it has written down which cluster it belongs to, and no
//! cluster is formed without every founder.
//!
//! Why it is safe:
//! - *One cluster from one founding.* The collector decides once: after a crash it finds its
//!   decision on disk, or has told it to no one. A collector whose directory was wiped after the
//!   decision can't decide again, as a founder that is part of a cluster never offers itself.
//! - *One owner of each name.* The roster gives each name one id. An offer under a name that a live
//!   founder has offered with another id is refused, and so is any after the decision.
//! - *A wiped member never votes.* It draws another id, which is in no roster.
//!
//! [`Forming`] decides and does no I/O. `peers/offers.rs` carries offers over connections, and
//! `founding.rs` drives both.

pub(crate) mod machine;

pub(crate) use machine::{Forming, Verdict, founders};
pub use machine::{FormingAnswer, Offer};
