//! Link models: what may happen to a message between two correct replicas.

use crate::behaviour::{Behaviour, Behaviours};
use serde::Serialize;
use std::fmt;

/// What a link promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkModel {
    /// Messages are lost, duplicated and reordered, but what is sent again and again arrives.
    FairLoss,
    /// What a correct replica sends to a correct one arrives once, in any order.
    Reliable,
    /// Reliable, and the receiver knows who sent a message and that it was not changed.
    Authenticated,
}

impl LinkModel {
    /// Every model, from the weakest to the strongest.
    pub const ALL: [LinkModel; 3] = [
        LinkModel::FairLoss,
        LinkModel::Reliable,
        LinkModel::Authenticated,
    ];

    /// The name used in contract files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            LinkModel::FairLoss => "fair-loss",
            LinkModel::Reliable => "reliable",
            LinkModel::Authenticated => "authenticated",
        }
    }

    /// What may happen to a message.
    pub const fn behaviours(self) -> Behaviours {
        use Behaviour::{Duplicate, Garble, Lose, Reorder};
        match self {
            LinkModel::FairLoss => Behaviours::of(&[Lose, Duplicate, Reorder, Garble]),
            LinkModel::Reliable | LinkModel::Authenticated => Behaviours::of(&[Reorder]),
        }
    }
}

impl fmt::Display for LinkModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The links of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Links {
    /// What a link promises.
    pub model: LinkModel,
    /// Can a receiver prove to a third party what a sender said?
    ///
    /// An authenticated link convinces its two ends only. A signature convinces anybody, so a liar
    /// cannot put words into the mouth of another when passing a message on.
    pub signatures: bool,
}
