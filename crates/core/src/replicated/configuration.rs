//! Who takes part in a replicated log.

use crate::id::NodeId;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Who takes part, and at which feature level. Part of the log, of hard state and of snapshots: a
/// node acts by the latest configuration in its log, committed or not (Raft §6).
///
/// While the voters change, the old and the new ones decide together: a decision then needs a
/// majority of both (joint consensus). So voters may be exchanged in one step, and no moment comes
/// at which two majorities do not meet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Configuration {
    /// Who votes; sorted, each once.
    pub voters: Vec<NodeId>,
    /// Who voted before, while the voters change; otherwise none. Sorted, each once.
    pub outgoing: Vec<NodeId>,
    /// Who is sent the log and does not vote; sorted, each once, none of them a voter.
    pub learners: Vec<NodeId>,
    /// The number of the next node that joins. Numbers are never given twice.
    pub next: u32,
    /// The feature level: what replicas may write into the log. It only rises, when every member
    /// can follow.
    pub level: u16,
    /// What the layer above keeps beside it: names and addresses. Means nothing here.
    pub context: Bytes,
}

impl Configuration {
    /// The largest number of members, learners included.
    pub const MAX_MEMBERS: usize = 128;

    /// The nodes `0..n`, all of which vote.
    pub fn founding(n: u8) -> Self {
        Self {
            voters: NodeId::all(n).collect(),
            next: n.into(),
            level: 1,
            ..Self::default()
        }
    }

    /// Are the voters being exchanged?
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Does the node vote, in the old or the new half?
    pub fn is_voter(&self, node: NodeId) -> bool {
        self.voters.binary_search(&node).is_ok() || self.outgoing.binary_search(&node).is_ok()
    }

    /// Does the node get the log without a vote?
    pub fn is_learner(&self, node: NodeId) -> bool {
        self.learners.binary_search(&node).is_ok()
    }

    /// Does the node take part in any way?
    pub fn is_member(&self, node: NodeId) -> bool {
        self.is_voter(node) || self.is_learner(node)
    }

    /// Everybody who takes part, in order.
    pub fn members(&self) -> Vec<NodeId> {
        let mut members = [&self.voters[..], &self.outgoing, &self.learners].concat();
        members.sort_unstable();
        members.dedup();
        members
    }

    /// Do these nodes decide: are they a majority of each half?
    pub fn is_quorum(&self, mut has: impl FnMut(NodeId) -> bool) -> bool {
        let mut majority =
            |half: &[NodeId]| half.iter().filter(|node| has(**node)).count() > half.len() / 2;
        majority(&self.voters) && (self.outgoing.is_empty() || majority(&self.outgoing))
    }

    /// Can those who have not refused no longer be a quorum?
    pub fn is_lost(&self, mut refused: impl FnMut(NodeId) -> bool) -> bool {
        !self.is_quorum(|node| !refused(node))
    }

    /// The highest value that a quorum has reached.
    pub fn reached(&self, mut value: impl FnMut(NodeId) -> u64) -> u64 {
        let new = reached_by_majority(&self.voters, &mut value);
        match self.outgoing.is_empty() {
            true => new,
            false => new.min(reached_by_majority(&self.outgoing, &mut value)),
        }
    }

    /// The configuration that comes next on the way from this one to `target`: `target` itself, or
    /// the joint one if the voters differ.
    pub fn towards(&self, target: Self) -> Self {
        match self.voters == target.voters {
            true => target,
            false => Self {
                outgoing: self.voters.clone(),
                ..target
            },
        }
    }

    /// What a joint configuration leads to: the new voters alone.
    pub fn left(&self) -> Self {
        Self {
            outgoing: vec![],
            ..self.clone()
        }
    }

    /// Was the node a member once, and is no more? Numbers are not given again, so it never is one
    /// again. Says nothing about a configuration that is not committed.
    pub fn has_removed(&self, node: NodeId) -> bool {
        !self.is_joint() && node.0 < self.next && !self.is_member(node)
    }

    /// Checks whether `target` may follow this configuration, which is not joint.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check_change(&self, target: &Self) -> Result<(), &'static str> {
        target.check()?;
        let members = target.members();
        let mut new = members.iter().filter(|node| !self.is_member(**node));
        let rules = [
            (
                !target.is_joint(),
                "a joint configuration is not asked for: name the new voters alone",
            ),
            (
                target.next >= self.next,
                "the number of the next node falls: numbers are not given twice",
            ),
            (
                new.all(|node| node.0 >= self.next),
                "a new member has a number that was given out before",
            ),
            (target.level >= self.level, "the feature level falls"),
            (
                target.learners.iter().all(|node| !self.is_voter(*node)),
                "a voter becomes a learner: remove it, and add a new member",
            ),
            (
                members.len() <= Self::MAX_MEMBERS,
                "more members than a cluster may have",
            ),
        ];
        first_broken(&rules)
    }

    /// What it counts for against a bound in bytes.
    pub fn bytes(&self) -> usize {
        let nodes = self.voters.len() + self.outgoing.len() + self.learners.len();
        8 * nodes + self.context.len() + 16
    }

    /// Checks what others rely on.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), &'static str> {
        let sorted = |nodes: &[NodeId]| nodes.windows(2).all(|pair| pair[0] < pair[1]);
        let rules = [
            (!self.voters.is_empty(), "nobody votes"),
            (
                sorted(&self.voters) && sorted(&self.outgoing) && sorted(&self.learners),
                "nodes are not in order, or are named twice",
            ),
            (
                self.learners.iter().all(|node| !self.is_voter(*node)),
                "a learner votes",
            ),
            (
                self.members().iter().all(|node| node.0 < self.next),
                "a node has a number that was not given out",
            ),
        ];
        first_broken(&rules)
    }
}

fn first_broken(rules: &[(bool, &'static str)]) -> Result<(), &'static str> {
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, rule)) => Err(rule),
        None => Ok(()),
    }
}

/// The highest value that a majority has reached; 0 if there are no nodes. This is asked for each
/// acknowledgement: it allocates nothing for clusters of the usual sizes.
fn reached_by_majority(nodes: &[NodeId], value: &mut impl FnMut(NodeId) -> u64) -> u64 {
    let (mut few, mut many) = ([0; 9], vec![]);
    let values = match few.get_mut(..nodes.len()) {
        Some(values) => values,
        None => {
            many.resize(nodes.len(), 0);
            &mut many[..]
        }
    };
    for (slot, node) in values.iter_mut().zip(nodes) {
        *slot = value(*node);
    }
    values.sort_unstable();
    // A majority has at least the value with a minority below it.
    let minority = nodes.len().saturating_sub(1) / 2;
    values.get(minority).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(ids: &[u32]) -> Vec<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn a_joint_decision_needs_both_majorities() {
        let joint = Configuration {
            voters: nodes(&[0, 1, 3]),
            outgoing: nodes(&[0, 1, 2]),
            next: 4,
            ..Configuration::default()
        };
        assert_eq!(joint.check(), Ok(()));
        let by = |has: &[u32]| joint.is_quorum(|node| has.contains(&node.0));
        assert!(by(&[0, 1]) && by(&[0, 2, 3]) && !by(&[0, 3]) && !by(&[0, 2]));
        assert!(joint.is_lost(|node| node.0 < 2) && !joint.is_lost(|node| node.0 > 1));
        let at = [5, 3, 9, 1];
        assert_eq!(joint.reached(|node| at[node.0 as usize]), 3);
        assert_eq!(joint.members(), nodes(&[0, 1, 2, 3]));
    }

    #[test]
    fn the_value_reached_is_that_of_a_majority() {
        for n in 1..=7 {
            let all = Configuration::founding(n);
            let reached = all.reached(|node| node.0.into());
            let quorum = u64::from(n) / 2 + 1;
            assert_eq!(u64::from(n) - reached, quorum, "{n}");
        }
    }

    /// All changes among four nodes, and all sets that decide: no two of them miss each other, while
    /// the old and the new voters alone do.
    #[test]
    fn quorums_meet_across_a_change() {
        let of = |set: u32| {
            nodes(&[0, 1, 2, 3])
                .into_iter()
                .filter(move |n| set >> n.0 & 1 > 0)
        };
        let decides = |c: &Configuration, set: u32| c.is_quorum(|node| set >> node.0 & 1 > 0);
        let mut apart = 0;
        for (old, new) in (1..16).flat_map(|old| (1..16).map(move |new| (old, new))) {
            let [old, target] = [old, new].map(|set| Configuration {
                voters: of(set).collect(),
                ..Configuration::founding(4)
            });
            let joint = old.towards(target.clone());
            for (a, b) in (0..16).flat_map(|a| (0..16).map(move |b| (a, b))) {
                if decides(&joint, a) && a & b == 0 {
                    assert!(!decides(&old, b) && !decides(&target, b) && !decides(&joint, b));
                }
                apart += u32::from(decides(&old, a) && decides(&target, b) && a & b == 0);
            }
        }
        assert!(
            apart > 0,
            "without a joint configuration they would miss each other"
        );
    }

    #[test]
    fn a_change_keeps_numbers_and_level() {
        let now = Configuration {
            learners: nodes(&[4]),
            next: 5,
            ..Configuration::founding(3)
        };
        let with = |change: fn(&mut Configuration)| {
            let mut target = now.clone();
            change(&mut target);
            now.check_change(&target)
        };
        assert_eq!(with(|c| c.voters = nodes(&[0, 1])), Ok(()));
        assert_eq!(
            with(|c| (c.voters, c.learners) = (nodes(&[0, 4]), vec![])),
            Ok(())
        );
        assert_eq!(with(|c| (c.learners, c.next) = (nodes(&[4, 5]), 6)), Ok(()));
        assert!(with(|c| c.learners = nodes(&[3])).is_err(), "3 is gone");
        assert!(with(|c| c.next = 4).is_err());
        assert!(with(|c| c.level = 0).is_err());
        assert!(with(|c| c.outgoing = nodes(&[0])).is_err());
        assert!(with(|c| (c.voters, c.learners) = (nodes(&[0, 1]), nodes(&[2]))).is_err());
        assert!(now.has_removed(NodeId(3)) && !now.has_removed(NodeId(5)));
        let target = Configuration {
            voters: nodes(&[1, 2, 4]),
            learners: vec![],
            ..now.clone()
        };
        let joint = now.towards(target.clone());
        assert_eq!(joint.outgoing, now.voters);
        assert_eq!(joint.left(), target);
        assert!(!joint.has_removed(NodeId(0)) && target.has_removed(NodeId(0)));
    }

    #[test]
    fn what_is_wrong_with_a_configuration_is_said() {
        let bad = |change: fn(&mut Configuration)| {
            let mut configuration = Configuration::founding(3);
            change(&mut configuration);
            configuration.check().is_err()
        };
        assert!(bad(|c| c.voters.clear()));
        assert!(bad(|c| c.voters.reverse()));
        assert!(bad(|c| c.learners.push(NodeId(1))));
        assert!(bad(|c| c.next = 2));
    }
}
