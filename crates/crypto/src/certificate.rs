//! A quorum's signatures over one statement.

use crate::key::Signature;

use crate::keychain::{KeyRoster, Keychain, SignatureError};

use crate::signed::{Statement, Verified};
use quorate_core::{NodeId, NodeSet};
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// A statement with the signatures of several nodes over *this very content*, in order of signer.
/// Bytes from anywhere until it is verified.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Certificate<M> {
    statement: M,
    signatures: Vec<(NodeId, Signature)>,
}

impl<M> Certificate<M> {
    /// Puts one together, as bytes off the wire would. It is worth nothing until it is verified.
    pub fn claimed(statement: M, signatures: Vec<(NodeId, Signature)>) -> Self {
        Self {
            statement,
            signatures,
        }
    }

    /// What is said to have been signed: to decide whether it is worth verifying.
    pub fn claimed_statement(&self) -> &M {
        &self.statement
    }

    /// Who is said to have signed, with what.
    pub fn claimed_signatures(&self) -> &[(NodeId, Signature)] {
        &self.signatures
    }
}

/// A certificate that a quorum of distinct members has signed. Only verification makes one, or
/// counting verified votes ([`Votes`](crate::Votes)).
///
/// ```compile_fail,E0423
/// use quorate_crypto::{Certificate, Certified};
/// fn trust_me<M>(certificate: Certificate<M>) -> Certified<M> {
///     Certified(certificate)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Certified<M>(pub(crate) Certificate<M>);

impl<M> Certified<M> {
    /// What was signed.
    pub fn statement(&self) -> &M {
        &self.0.statement
    }

    /// Who signed.
    pub fn signers(&self) -> NodeSet {
        self.0
            .signatures
            .iter()
            .map(|(signer, _)| *signer)
            .collect()
    }

    /// For the wire, where it has to prove itself again.
    pub fn as_certificate(&self) -> &Certificate<M> {
        &self.0
    }

    /// For the wire, where it has to prove itself again.
    pub fn into_certificate(self) -> Certificate<M> {
        self.0
    }
}

impl<M> Deref for Certified<M> {
    type Target = M;
    fn deref(&self) -> &M {
        &self.0.statement
    }
}

impl KeyRoster {
    /// Checks that at least `quorum` distinct members signed this very statement.
    ///
    /// # Errors
    /// When they did not. One bad signature spoils a certificate, even when enough good ones are
    /// left: an honest node makes none like that.
    pub fn certify<M: Statement>(
        &self,
        certificate: Certificate<M>,
        quorum: usize,
    ) -> Result<Certified<M>, SignatureError> {
        let signatures = &certificate.signatures;
        let have = signatures.len();
        if have < quorum {
            return Err(SignatureError::TooFew { have, need: quorum });
        }
        // In order means distinct; and a certificate has one form only.
        for pair in signatures.windows(2) {
            if pair[0].0 >= pair[1].0 {
                return Err(SignatureError::Disorder(pair[1].0));
            }
        }
        self.check_all(&certificate.statement, signatures)?;
        Ok(Certified(certificate))
    }
}

impl Keychain {
    /// See [`KeyRoster::certify`].
    ///
    /// # Errors
    /// When fewer than `quorum` distinct members signed this.
    pub fn certify<M: Statement>(
        &self,
        certificate: Certificate<M>,
        quorum: usize,
    ) -> Result<Certified<M>, SignatureError> {
        self.roster().certify(certificate, quorum)
    }
}

impl<M: Clone + PartialEq> Certified<M> {
    /// One signature is a certificate of one.
    pub fn alone(vote: Verified<M>) -> Self {
        let (signer, statement, signature) = vote.into_parts();
        Self(Certificate {
            statement,
            signatures: vec![(signer, signature)],
        })
    }

    /// The certificate with one more signer; `None` when the vote is for another content. A signer
    /// who is in already changes nothing.
    #[must_use]
    pub fn joined_by(mut self, vote: Verified<M>) -> Option<Self> {
        let (signer, statement, signature) = vote.into_parts();
        if statement != self.0.statement {
            return None;
        }
        let signatures = &mut self.0.signatures;
        if let Err(place) = signatures.binary_search_by_key(&signer, |(node, _)| *node) {
            signatures.insert(place, (signer, signature));
        }
        Some(self)
    }
}
