//! Keys and signatures of both schemes.

use ed25519_consensus::{SigningKey, VerificationKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// How signatures are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Ed25519 with the rules of ZIP 215, under which batch and single verification agree.
    Ed25519,
    /// A keyed hash, the key shared between the signer and the [`PublicKey`] that checks it, which
    /// never shows it. Unforgeable inside a simulated world, where an adversary is code that
    /// holds its own keys only; worthless against anybody who computes.
    Ideal,
}

/// A signing key. It is never shown, not even by `Debug`.
#[derive(Clone)]
pub struct SecretKey(Secret);

#[derive(Clone)]
enum Secret {
    Ed25519(Box<SigningKey>),
    Ideal(IdealKey),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct IdealKey {
    salt: [u8; 24],
    seed: u64,
}

impl IdealKey {
    fn sign(&self, bytes: &[u8]) -> u128 {
        let mut salted = Vec::with_capacity(self.salt.len() + bytes.len());
        salted.extend_from_slice(&self.salt);
        salted.extend_from_slice(bytes);
        xxh3_128_with_seed(&salted, self.seed)
    }
}

impl SecretKey {
    /// The key that a seed stands for. Who draws the seed answers for it being secret.
    pub fn from_seed(scheme: Scheme, seed: [u8; 32]) -> Self {
        Self(match scheme {
            Scheme::Ed25519 => Secret::Ed25519(Box::new(SigningKey::from(seed))),
            Scheme::Ideal => {
                let (mut salt, mut rest) = ([0; 24], [0; 8]);
                salt.copy_from_slice(&seed[..24]);
                rest.copy_from_slice(&seed[24..]);
                Secret::Ideal(IdealKey {
                    salt,
                    seed: u64::from_le_bytes(rest),
                })
            }
        })
    }

    /// What checks this key's signatures.
    pub fn public(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Secret::Ed25519(key) => Public::Ed25519(Box::new(key.verification_key())),
            Secret::Ideal(key) => Public::Ideal(*key),
        })
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Signature {
        match &self.0 {
            Secret::Ed25519(key) => Signature::Ed25519(Compact(key.sign(bytes).to_bytes())),
            Secret::Ideal(key) => Signature::Ideal(key.sign(bytes)),
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// What checks signatures.
#[derive(Clone)]
pub struct PublicKey(Public);

#[derive(Clone)]
enum Public {
    Ed25519(Box<VerificationKey>),
    Ideal(IdealKey),
}

impl PublicKey {
    /// An Ed25519 key from its 32 bytes; `None` if they are not a point of the curve. Ideal keys
    /// are not written down: they would give the secret away.
    pub fn from_ed25519_bytes(bytes: [u8; 32]) -> Option<Self> {
        let key = VerificationKey::try_from(bytes).ok()?;
        Some(Self(Public::Ed25519(Box::new(key))))
    }

    /// An Ed25519 key's 32 bytes.
    pub fn to_ed25519_bytes(&self) -> Option<[u8; 32]> {
        match &self.0 {
            Public::Ed25519(key) => Some(key.to_bytes()),
            Public::Ideal(_) => None,
        }
    }

    /// The scheme of this key.
    pub fn scheme(&self) -> Scheme {
        match self.0 {
            Public::Ed25519(_) => Scheme::Ed25519,
            Public::Ideal(_) => Scheme::Ideal,
        }
    }

    pub(crate) fn verifies(&self, signature: &Signature, bytes: &[u8]) -> bool {
        match (&self.0, signature) {
            (Public::Ed25519(key), Signature::Ed25519(signature)) => {
                key.verify(&signature.0.into(), bytes).is_ok()
            }
            (Public::Ideal(key), Signature::Ideal(signature)) => key.sign(bytes) == *signature,
            _ => false,
        }
    }

    /// Names the key; says nothing about an ideal key's secret.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        match &self.0 {
            Public::Ed25519(key) => key.to_bytes(),
            Public::Ideal(key) => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(b"quorate ideal key");
                hasher.update(&key.salt);
                hasher.update(&key.seed.to_le_bytes());
                hasher.finalize().into()
            }
        }
    }

    pub(crate) fn ed25519(&self) -> Option<&VerificationKey> {
        match &self.0 {
            Public::Ed25519(key) => Some(key),
            Public::Ideal(_) => None,
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint() == other.fingerprint()
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint().hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.fingerprint();
        write!(f, "PublicKey({:?} {a:02x}{b:02x}..)", self.scheme())
    }
}

/// A signature, of whatever worth: only a [`KeyRoster`](crate::KeyRoster) can tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Signature {
    /// 64 bytes.
    Ed25519(Compact),
    /// 16 bytes.
    Ideal(u128),
}

/// The 64 bytes of an Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Compact(pub [u8; 64]);

/// Two halves: serde has arrays of up to 32 elements.
impl Serialize for Compact {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (r, s) = self.0.split_at(32);
        let half = |half: &[u8]| -> [u8; 32] { half.try_into().unwrap_or_default() };
        (half(r), half(s)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Compact {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (r, s) = <([u8; 32], [u8; 32])>::deserialize(deserializer)?;
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&r);
        bytes[32..].copy_from_slice(&s);
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519(Compact([a, b, ..])) => write!(f, "sig:{a:02x}{b:02x}"),
            Self::Ideal(tag) => write!(f, "sig:{:04x}", tag >> 112),
        }
    }
}
