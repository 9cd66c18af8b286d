//! Layers with one mechanism left out, to show what it is there for.

use serde::{Deserialize, Serialize};

/// The mechanism that a link is made to do without.
///
/// The branches are compiled in only with the feature `mutants`, which tests enable and the
/// product does not: without it, [`Missing::is`] is the constant `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// None: what serves.
    #[default]
    Nothing,
    /// What is lost stays lost. Violates reliable delivery.
    Retransmission,
    /// What arrives is delivered, again and again. Violates no duplication.
    DuplicateSuppression,
    /// Packets of earlier lives count. Violates no duplication, and reliable delivery: a number
    /// of the last life passes for one of this life.
    Epochs,
    /// In a link that promises order, messages are delivered as they arrive. Violates FIFO.
    Reordering,
    /// A full send buffer takes the message and forgets the oldest. Violates reliable delivery.
    BackPressure,
    /// Messages beyond the window are held. Violates bounded memory.
    Window,
    /// Nothing is sent again before the timer says so. Violates nothing; costs time.
    FastRetransmit,
    /// Any seal will do. Violates integrity and authenticity.
    Seal,
    /// The seal does not say who of the two speaks. Violates authenticity: a message comes back to
    /// its sender as the peer's own.
    Identity,
}

impl Missing {
    /// Is this the mechanism that is missing? Always `false` in the product.
    #[inline]
    pub fn is(self, mechanism: Self) -> bool {
        cfg!(feature = "mutants") && self == mechanism
    }
}
