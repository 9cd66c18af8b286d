//! Who voted for what, in which round.

use quorate_core::NodeId;
use std::collections::BTreeMap;

/// The votes of the current round and the next ones. Each node's first vote in a place counts; a
/// decision stands wherever its node has not voted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct RoundTally {
    reports: BTreeMap<(u64, NodeId), bool>,
    proposals: BTreeMap<(u64, NodeId), Option<bool>>,
    decisions: BTreeMap<NodeId, bool>,
}

impl RoundTally {
    pub(super) fn report(&mut self, from: NodeId, round: u64, value: bool) {
        self.reports.entry((round, from)).or_insert(value);
    }

    pub(super) fn proposal(&mut self, from: NodeId, round: u64, value: Option<bool>) {
        self.proposals.entry((round, from)).or_insert(value);
    }

    pub(super) fn decided(&mut self, from: NodeId, value: bool) {
        self.decisions.entry(from).or_insert(value);
    }

    pub(super) fn decisions(&self, value: bool) -> usize {
        self.decisions.values().filter(|v| **v == value).count()
    }

    pub(super) fn forget_before(&mut self, round: u64) {
        let first = (round, NodeId(0));
        self.reports = self.reports.split_off(&first);
        self.proposals = self.proposals.split_off(&first);
    }

    fn reports_of(&self, round: u64) -> impl Iterator<Item = bool> {
        let cast = in_round(&self.reports, round).map(|(_, value)| *value);
        let standing = self.decisions.iter();
        let standing =
            standing.filter(move |(node, _)| !self.reports.contains_key(&(round, **node)));
        cast.chain(standing.map(|(_, value)| *value))
    }

    fn proposals_of(&self, round: u64) -> impl Iterator<Item = Option<bool>> {
        let cast = in_round(&self.proposals, round).map(|(_, value)| *value);
        let standing = self.decisions.iter();
        let standing =
            standing.filter(move |(node, _)| !self.proposals.contains_key(&(round, **node)));
        cast.chain(standing.map(|(_, value)| Some(*value)))
    }

    pub(super) fn reports_in(&self, round: u64) -> usize {
        self.reports_of(round).count()
    }

    pub(super) fn reports(&self, round: u64, value: bool) -> usize {
        self.reports_of(round).filter(|v| *v == value).count()
    }

    pub(super) fn proposals_in(&self, round: u64) -> usize {
        self.proposals_of(round).count()
    }

    pub(super) fn proposals(&self, round: u64, value: bool) -> usize {
        self.proposals_of(round)
            .filter(|v| *v == Some(value))
            .count()
    }
}

fn in_round<V>(
    votes: &BTreeMap<(u64, NodeId), V>,
    round: u64,
) -> impl Iterator<Item = (&(u64, NodeId), &V)> {
    votes.range((round, NodeId(0))..=(round, NodeId(u8::MAX.into())))
}
