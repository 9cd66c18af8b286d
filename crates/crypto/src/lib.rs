//! Keys, signatures and certificates for protocols among liars.
//!
//! The rule that the types carry: **only verification makes a [`Verified`]**, and only verified
//! votes *for the same content* make a [`Certified`]. A protocol that takes `Verified<M>` cannot
//! forget to check a signature, and "2f + 1 acknowledgements" cannot be counted over different
//! contents.
//!
//! What is signed is never the bytes that came in: a statement is encoded anew (postcard, one
//! encoding for each value) behind its domain, the instance of the protocol and the signer's
//! place, so that a signature means one thing in one place only.
//!
//! Two schemes behind one type: real Ed25519, whose batch and single verification agree, and an
//! *ideal* one for simulation and search, much faster, that no code inside a simulated
//! world can forge because nothing hands out the secrets of others. Never use the ideal one across
//! a real network.
//!
//! This crate draws no random number, keeps no state, does no I/O. Start reading at [`Keychain`],
//! then [`Signed`] and [`Verified`], then [`Votes`] and [`Certificate`].

mod certificate;
mod digest;
mod key;
mod keychain;
mod signed;
mod votes;

pub use certificate::{Certificate, Certified};
pub use digest::Digest;
pub use key::{PublicKey, Scheme, SecretKey, Signature};
pub use keychain::{Instance, KeyRoster, Keychain, SignatureError, Work, deal};
pub use signed::{Signed, Statement, Verified};
pub use votes::{Counted, Evidence, Votes};
