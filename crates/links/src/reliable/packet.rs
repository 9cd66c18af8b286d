//! What a reliable link puts on the wire.

use crate::link::Epoch;
use serde::{Deserialize, Serialize};

/// A packet: who speaks to whom in which lives, what has arrived, and at most one message.
///
/// A sender that has not heard of the receiver's life yet says `to: None`, and then nothing else:
/// a message is only ever sent to a life that is known, so that a copy of it means nothing to a
/// later one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Packet<M> {
    /// The sender's life.
    pub from: Epoch,
    /// The receiver's life, as far as the sender knows.
    pub to: Option<Epoch>,
    /// What has arrived of the other direction.
    pub ack: Ack,
    /// A message and its number in the session, from 1.
    pub body: Option<(u64, M)>,
}

/// Which messages have arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ack {
    /// All up to this one: cumulative.
    pub through: u64,
    /// Of those after the first missing one, bit `i` for number `through + 2 + i`: selective. What
    /// lies further ahead is acknowledged later.
    pub beyond: u128,
}

impl Ack {
    /// The numbers acknowledged one by one.
    pub fn selective(self) -> impl DoubleEndedIterator<Item = u64> {
        (0..u64::from(128 - self.beyond.leading_zeros()))
            .filter(move |bit| self.beyond >> bit & 1 == 1)
            .filter_map(move |bit| self.through.checked_add(2 + bit))
    }
}
