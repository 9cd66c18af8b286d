//! Messages of later heights and rounds.

use super::Message;
use quorate_core::NodeId;
use std::collections::{BTreeMap, VecDeque};

/// An honest node says three things in a round: this is twenty rounds of each.
const KEPT: usize = 64;

/// The latest messages of each node that cannot be judged yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Later(BTreeMap<NodeId, VecDeque<Message>>);

impl Later {
    pub(super) fn keep(&mut self, from: NodeId, message: Message) {
        let kept = self.0.entry(from).or_default();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(message);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self) -> Vec<(NodeId, Message)> {
        let all = std::mem::take(&mut self.0).into_iter();
        all.flat_map(|(from, kept)| kept.into_iter().map(move |message| (from, message)))
            .collect()
    }

    /// The latest round of `height` that `count` nodes have reached, if so many are in it or later.
    pub(super) fn round_of(&self, height: u64, count: usize) -> Option<u64> {
        let latest = |kept: &VecDeque<Message>| {
            let places = kept.iter().filter_map(Message::place);
            places.filter(|(h, _)| *h == height).map(|(_, r)| r).max()
        };
        let mut rounds: Vec<u64> = self.0.values().filter_map(latest).collect();
        rounds.sort_unstable_by(|a, b| b.cmp(a));
        rounds.get(count.checked_sub(1)?).copied()
    }
}
