//! Who may sign, and the keys of one node.

use crate::key::{PublicKey, Scheme, SecretKey, Signature};
use crate::signed::{Signed, Statement, Verified, signing_bytes};
use quorate_core::{NodeId, NodeSet};
use rand_core::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One run of one protocol in one cluster: what was signed in one means nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instance(pub u64);

/// Why a signature or a certificate does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SignatureError {
    /// The signer is not in the roster.
    #[error("{0} is no member")]
    Stranger(NodeId),
    /// The signer did not sign this.
    #[error("not signed by {0}")]
    BadSignature(NodeId),
    /// A certificate names a signer twice, or not in order.
    #[error("signers are not distinct and in order at {0}")]
    Disorder(NodeId),
    /// A certificate has too few signers.
    #[error("{have} signers where {need} are needed")]
    TooFew {
        /// Distinct signers.
        have: usize,
        /// The quorum.
        need: usize,
    },
}

/// The public keys of a cluster, each at its node's place, for one instance.
#[derive(Clone)]
pub struct KeyRoster(Arc<Inner>);

struct Inner {
    instance: Instance,
    keys: Vec<PublicKey>,
    fingerprint: [u8; 32],
    signed: AtomicU64,
    verified: AtomicU64,
}

/// What a cluster's keys have done, all its nodes together: to tell what a protocol costs. It is no
/// part of any state, and nothing depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Signatures made.
    pub signed: u64,
    /// Signatures checked, those of certificates one by one.
    pub verified: u64,
}

impl KeyRoster {
    /// What has been signed and checked under this roster and its clones.
    pub fn work(&self) -> Work {
        Work {
            signed: self.0.signed.load(Ordering::Relaxed),
            verified: self.0.verified.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn count_signed(&self) {
        self.0.signed.fetch_add(1, Ordering::Relaxed);
    }

    /// A roster; `None` for more than [`NodeSet::MAX_NODES`] keys.
    pub fn new(instance: Instance, keys: Vec<PublicKey>) -> Option<Self> {
        if keys.len() > usize::from(NodeSet::MAX_NODES) {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&instance.0.to_le_bytes());
        for key in &keys {
            hasher.update(&key.fingerprint());
        }
        let fingerprint = hasher.finalize().into();
        Some(Self(Arc::new(Inner {
            instance,
            keys,
            fingerprint,
            signed: AtomicU64::new(0),
            verified: AtomicU64::new(0),
        })))
    }

    /// How many may sign.
    pub fn nodes(&self) -> u8 {
        self.0.keys.len() as u8
    }

    /// What signatures are bound to.
    pub fn instance(&self) -> Instance {
        self.0.instance
    }

    /// A member's key.
    pub fn key(&self, node: NodeId) -> Option<&PublicKey> {
        self.0.keys.get(node.index())
    }

    pub(crate) fn check<M: Statement>(
        &self,
        signer: NodeId,
        statement: &M,
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        let key = self.key(signer).ok_or(SignatureError::Stranger(signer))?;
        self.0.verified.fetch_add(1, Ordering::Relaxed);
        let bytes = signing_bytes(self.instance(), signer, statement);
        if key.verifies(signature, &bytes) {
            Ok(())
        } else {
            Err(SignatureError::BadSignature(signer))
        }
    }

    /// Checks a signature.
    ///
    /// # Errors
    /// When the signer is no member, or did not sign this.
    pub fn verify<M: Statement>(&self, signed: Signed<M>) -> Result<Verified<M>, SignatureError> {
        self.check(
            signed.claimed_signer(),
            signed.claimed_statement(),
            &signed.signature(),
        )?;
        Ok(Verified(signed))
    }

    /// Checks signatures by different signers over one statement, at once where the scheme can.
    /// Which ones are good is the same as if each was checked by itself.
    pub(crate) fn check_all<M: Statement>(
        &self,
        statement: &M,
        signatures: &[(NodeId, Signature)],
    ) -> Result<(), SignatureError> {
        if signatures.len() > 1 && self.batch(statement, signatures) == Some(true) {
            let many = signatures.len() as u64;
            self.0.verified.fetch_add(many, Ordering::Relaxed);
            return Ok(());
        }
        signatures
            .iter()
            .try_for_each(|(signer, signature)| self.check(*signer, statement, signature))
    }

    /// `None` when the signatures are not all of a scheme that has batches.
    fn batch<M: Statement>(
        &self,
        statement: &M,
        signatures: &[(NodeId, Signature)],
    ) -> Option<bool> {
        let mut batch = ed25519_consensus::batch::Verifier::new();
        let mut transcript = blake3::Hasher::new_derive_key("quorate batch verification");
        for (signer, signature) in signatures {
            let key = self.key(*signer)?.ed25519()?;
            let Signature::Ed25519(compact) = signature else {
                return None;
            };
            let bytes = signing_bytes(self.instance(), *signer, statement);
            transcript.update(&key.to_bytes());
            transcript.update(&compact.0);
            transcript.update(&(bytes.len() as u64).to_le_bytes());
            transcript.update(&bytes);
            let signature: ed25519_consensus::Signature = compact.0.into();
            batch.queue(((*key).into(), signature, &bytes));
        }
        Some(
            batch
                .verify(Coefficients(transcript.finalize_xof()))
                .is_ok(),
        )
    }
}

/// The random coefficients of a batch, drawn from all that is in it: an adversary that chose the signatures
/// chose them before the coefficients (Fiat and Shamir 1986). Chance stays out of this crate.
struct Coefficients(blake3::OutputReader);

impl RngCore for Coefficients {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }
    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.0.fill(dest);
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for Coefficients {}

impl PartialEq for KeyRoster {
    fn eq(&self, other: &Self) -> bool {
        self.0.fingerprint == other.0.fingerprint
    }
}

impl Eq for KeyRoster {}

impl Hash for KeyRoster {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.fingerprint.hash(state);
    }
}

impl fmt::Debug for KeyRoster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRoster({} keys, {:?})", self.nodes(), self.instance())
    }
}

/// What one node needs to sign and to verify.
#[derive(Clone)]
pub struct Keychain {
    me: NodeId,
    secret: SecretKey,
    roster: KeyRoster,
}

impl Keychain {
    /// A node's keys; `None` if the secret is not that of the roster's key at `me`.
    pub fn new(me: NodeId, secret: SecretKey, roster: KeyRoster) -> Option<Self> {
        (roster.key(me) == Some(&secret.public())).then_some(Self { me, secret, roster })
    }

    /// As whom this node signs.
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// Who may sign.
    pub fn roster(&self) -> &KeyRoster {
        &self.roster
    }

    pub(crate) fn secret(&self) -> &SecretKey {
        &self.secret
    }
}

/// The roster and the place say it all: the secret is the one that belongs there.
impl PartialEq for Keychain {
    fn eq(&self, other: &Self) -> bool {
        (self.me, &self.roster) == (other.me, &other.roster)
    }
}

impl Eq for Keychain {}

impl Hash for Keychain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.me.hash(state);
        self.roster.hash(state);
    }
}

impl fmt::Debug for Keychain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keychain({})", self.me)
    }
}

/// Deals keys to a cluster of `n` from a seed: for simulations and tests, where the dealer is
/// trusted. A cluster that serves draws each secret where it is used.
///
/// # Panics
/// If `n` is over [`NodeSet::MAX_NODES`].
pub fn deal(scheme: Scheme, instance: Instance, n: u8, seed: u64) -> Vec<Keychain> {
    let secrets: Vec<SecretKey> = NodeId::all(n)
        .map(|node| {
            let mut hasher = blake3::Hasher::new_derive_key("quorate dealer");
            hasher.update(&seed.to_le_bytes());
            hasher.update(&node.0.to_le_bytes());
            SecretKey::from_seed(scheme, hasher.finalize().into())
        })
        .collect();
    let publics = secrets.iter().map(SecretKey::public).collect();
    let roster = KeyRoster::new(instance, publics).expect("at most 128 nodes");
    NodeId::all(n)
        .zip(secrets)
        .map(|(me, secret)| Keychain {
            me,
            secret,
            roster: roster.clone(),
        })
        .collect()
}
