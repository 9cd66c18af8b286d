//! What waits for a read index, at the leader and elsewhere. `read_index` has the rules.

use super::Ticket;
use quorate_core::NodeId;
use std::collections::VecDeque;

/// Who waits for a read index of this leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Reader {
    Local(u64),
    Peer(NodeId, Ticket),
}

/// The rounds of a leader, numbered within its term.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Rounds {
    pub(super) latest: u64,
    /// Not in a round yet.
    pub(super) waiting: Vec<Reader>,
    /// In the order of their rounds: round, read index, reader.
    pub(super) begun: VecDeque<(u64, u64, Reader)>,
}

impl Rounds {
    pub(super) fn latest(&self) -> u64 {
        self.latest
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.begun.len()
    }

    /// The ids of the reads of this node itself.
    pub(super) fn into_local(self) -> impl Iterator<Item = u64> {
        let begun = self.begun.into_iter().map(|(_, _, reader)| reader);
        begun.chain(self.waiting).filter_map(|reader| match reader {
            Reader::Local(id) => Some(id),
            Reader::Peer(..) => None,
        })
    }
}

/// The reads of a node that does not lead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Forwarded {
    /// The round of questions that was begun last.
    pub(super) round: u64,
    /// Not in a question yet.
    pub(super) waiting: Vec<u64>,
    /// Round and id, in order.
    pub(super) asked: VecDeque<(u64, u64)>,
    /// The leader changed: the last question is asked again.
    pub(super) again: bool,
}

impl Forwarded {
    pub(super) fn ask_again(&mut self) {
        self.again = !self.asked.is_empty();
    }
}
