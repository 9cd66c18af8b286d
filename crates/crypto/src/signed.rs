//! Statements, signed and verified.

use crate::key::Signature;

use crate::keychain::{Instance, Keychain, SignatureError};
use quorate_core::NodeId;
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// Something that can be signed: content with all that it depends on (view, round, sequence).
pub trait Statement: Serialize {
    /// Tells this kind of statement from every other, in this protocol and in all others; in the
    /// style of `"pbft/prepare"`. Two types with one domain could stand for each other.
    const DOMAIN: &'static str;
}

/// The bytes that are signed: domain, instance and signer before the statement's one encoding.
pub(crate) fn signing_bytes<M: Statement>(
    instance: Instance,
    signer: NodeId,
    statement: &M,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(160);
    bytes.extend_from_slice(b"quorate/1\0");
    bytes.extend_from_slice(&(M::DOMAIN.len() as u64).to_le_bytes());
    bytes.extend_from_slice(M::DOMAIN.as_bytes());
    bytes.extend_from_slice(&instance.0.to_le_bytes());
    bytes.extend_from_slice(&signer.0.to_le_bytes());
    postcard::to_extend(statement, bytes).expect("plain data is encoded")
}

/// A statement that claims to be signed: bytes from anywhere until it is verified.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signed<M> {
    signer: NodeId,
    statement: M,
    signature: Signature,
}

impl<M> Signed<M> {
    /// Puts one together, as bytes off the wire would. It is worth nothing until it is verified.
    pub fn claimed(signer: NodeId, statement: M, signature: Signature) -> Self {
        Self {
            signer,
            statement,
            signature,
        }
    }

    /// Who is said to have signed.
    pub fn claimed_signer(&self) -> NodeId {
        self.signer
    }

    /// What is said to have been signed: to decide whether it is worth verifying.
    pub fn claimed_statement(&self) -> &M {
        &self.statement
    }

    /// The signature.
    pub fn signature(&self) -> Signature {
        self.signature
    }
}

/// A statement that its signer has signed. Only verification, or signing it oneself, makes one.
///
/// ```compile_fail,E0423
/// use quorate_crypto::{Signed, Verified};
/// fn trust_me<M>(signed: Signed<M>) -> Verified<M> {
///     Verified(signed)
/// }
/// ```
///
/// nor does one come off the wire:
///
/// ```compile_fail,E0277
/// use quorate_crypto::Verified;
/// fn received<'de, T: serde::Deserialize<'de>>() {}
/// received::<Verified<u64>>();
/// ```
///
/// nor does what is signed count as verified:
///
/// ```compile_fail,E0308
/// use quorate_crypto::{Signed, Verified};
/// fn count(vote: Verified<u64>) {}
/// fn on_vote(vote: Signed<u64>) { count(vote) }
/// ```
///
/// The way that is meant:
///
/// ```
/// use quorate_crypto::*;
/// #[derive(Clone, Debug, PartialEq, serde::Serialize)]
/// struct Vote { round: u64 }
/// impl Statement for Vote { const DOMAIN: &'static str = "example/vote"; }
///
/// let keys = deal(Scheme::Ed25519, Instance(7), 4, 1);
/// let signed: Signed<Vote> = keys[0].sign(Vote { round: 3 }).into_signed();
/// let verified: Verified<Vote> = keys[1].verify(signed).unwrap();
/// assert_eq!((verified.signer().0, verified.round), (0, 3));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Verified<M>(pub(crate) Signed<M>);

impl<M> Verified<M> {
    /// Who signed.
    pub fn signer(&self) -> NodeId {
        self.0.signer
    }

    /// What was signed.
    pub fn statement(&self) -> &M {
        &self.0.statement
    }

    /// The signature.
    pub fn signature(&self) -> Signature {
        self.0.signature
    }

    /// For the wire, where it has to prove itself again.
    pub fn into_signed(self) -> Signed<M> {
        self.0
    }

    /// For the wire, where it has to prove itself again.
    pub fn as_signed(&self) -> &Signed<M> {
        &self.0
    }

    pub(crate) fn into_parts(self) -> (NodeId, M, Signature) {
        (self.0.signer, self.0.statement, self.0.signature)
    }
}

impl<M> Deref for Verified<M> {
    type Target = M;
    fn deref(&self) -> &M {
        &self.0.statement
    }
}

impl Keychain {
    /// Signs as oneself.
    pub fn sign<M: Statement>(&self, statement: M) -> Verified<M> {
        self.roster().count_signed();
        let bytes = signing_bytes(self.roster().instance(), self.me(), &statement);
        let signature = self.secret().sign(&bytes);
        Verified(Signed::claimed(self.me(), statement, signature))
    }

    /// Checks a signature.
    ///
    /// # Errors
    /// When the signer is no member, or did not sign this.
    pub fn verify<M: Statement>(&self, signed: Signed<M>) -> Result<Verified<M>, SignatureError> {
        self.roster().verify(signed)
    }
}
