//! Orders with chains of signatures.

use crate::value::AgreedValue;
use quorate_core::{Never, NodeId, NodeSet};
use quorate_crypto::{Keychain, Signature, Signed, Statement};
use serde::{Deserialize, Serialize};

/// What a general signs: the order and who signed before him.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SignedOrder {
    /// The order.
    pub order: AgreedValue,
    /// The commander first; empty for the commander himself.
    pub before: Vec<NodeId>,
}

impl Statement for SignedOrder {
    const DOMAIN: &'static str = "signed-messages/order";
}

/// `v : 0 : j1 : … : jk` of the paper. Claims until it is verified.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Message {
    /// The order.
    pub order: AgreedValue,
    /// The signatures, the commander's first.
    pub chain: Vec<(NodeId, Signature)>,
}

impl From<Never> for Message {
    fn from(never: Never) -> Self {
        match never {}
    }
}

/// A chain in which every signature is good.
pub(super) struct Chain(Message);

impl Chain {
    pub(super) fn begin(order: AgreedValue, keys: &Keychain) -> Self {
        let chain = vec![];
        Self(Message { order, chain }).countersigned(keys)
    }

    pub(super) fn verify(message: Message, commander: NodeId, keys: &Keychain) -> Option<Self> {
        let mut before = vec![];
        let mut seen = NodeSet::EMPTY;
        if message.chain.len() > usize::from(keys.roster().nodes()) {
            return None;
        }
        for (signer, signature) in &message.chain {
            let expected = !before.is_empty() || *signer == commander;
            let member = signer.0 < keys.roster().nodes().into();
            if !expected || !member || !seen.insert(*signer) {
                return None;
            }
            let order = SignedOrder {
                order: message.order.clone(),
                before: before.clone(),
            };
            keys.verify(Signed::claimed(*signer, order, *signature))
                .ok()?;
            before.push(*signer);
        }
        (!before.is_empty()).then_some(Self(message))
    }

    pub(super) fn countersigned(self, keys: &Keychain) -> Self {
        let Message { order, mut chain } = self.0;
        let before = chain.iter().map(|(signer, _)| *signer).collect();
        let signed = keys.sign(SignedOrder {
            order: order.clone(),
            before,
        });
        chain.push((signed.signer(), signed.signature()));
        Self(Message { order, chain })
    }

    pub(super) fn order(&self) -> &AgreedValue {
        &self.0.order
    }

    pub(super) fn len(&self) -> usize {
        self.0.chain.len()
    }

    pub(super) fn signers(&self) -> NodeSet {
        self.0.chain.iter().map(|(signer, _)| *signer).collect()
    }

    pub(super) fn message(&self) -> Message {
        self.0.clone()
    }
}
