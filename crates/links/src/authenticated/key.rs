//! Keys that two nodes share.

use quorate_core::NodeId;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A secret that two nodes share and no third node knows.
///
/// It is never shown: `Debug` is redacted, nothing serializes it, and it adds nothing to a hash.
///
/// ```compile_fail,E0277
/// fn leak(key: quorate_links::Key) -> Vec<u8> {
///     postcard::to_stdvec(&key).unwrap()
/// }
/// ```
#[derive(Clone)]
pub struct LinkKey(blake3::Hash);

impl LinkKey {
    /// A key of 32 secret bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(blake3::Hash::from_bytes(secret))
    }

    /// The key for what `from` says to `to`: it tells the two directions of a pair apart, so that
    /// a packet can't be sent back to its sender as the peer's own.
    pub(super) fn one_way(&self, from: NodeId, to: NodeId) -> Self {
        let mut way = blake3::Hasher::new_keyed(self.0.as_bytes());
        way.update(b"quorate links 1: one direction");
        way.update(&from.0.to_le_bytes());
        way.update(&to.0.to_le_bytes());
        Self(way.finalize())
    }

    pub(super) fn seal(&self, bytes: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(self.0.as_bytes(), bytes)
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

/// In constant time.
impl PartialEq for LinkKey {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for LinkKey {}

/// All keys alike: a fingerprint of a node's state says nothing about them.
impl Hash for LinkKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(0);
    }
}

/// The keys of one node: one for each of its peers.
///
/// Keys are per pair and not per cluster: with one key for all, each member could speak in the
/// name of every other. With these a liar can say what it likes in its own name, to each peer
/// another thing; and since both ends of a pair could have made a seal, a seal proves nothing to a
/// third node. Where that is needed a protocol signs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRing {
    keys: BTreeMap<NodeId, LinkKey>,
}

impl KeyRing {
    /// Keys that were dealt by other means.
    pub fn new(keys: impl IntoIterator<Item = (NodeId, LinkKey)>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
        }
    }

    /// The ring of node `me` in a cluster of `nodes`, from a secret that only the dealer knows and
    /// that no node keeps.
    pub fn deal(secret: &[u8; 32], me: NodeId, nodes: u8) -> Self {
        let key = |peer: NodeId| {
            let (low, high) = (me.min(peer), me.max(peer));
            let mut pair = blake3::Hasher::new_keyed(secret);
            pair.update(b"quorate links 1: the key of a pair of nodes");
            pair.update(&low.0.to_le_bytes());
            pair.update(&high.0.to_le_bytes());
            LinkKey(pair.finalize())
        };
        Self::new(
            NodeId::all(nodes)
                .filter(|peer| *peer != me)
                .map(|peer| (peer, key(peer))),
        )
    }

    /// The key shared with a peer.
    pub fn get(&self, peer: NodeId) -> Option<&LinkKey> {
        self.keys.get(&peer)
    }
}
