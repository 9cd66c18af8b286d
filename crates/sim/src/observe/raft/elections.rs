//! Election safety: at most one leader can be elected in a given term (Raft, figure 3).

use crate::observe::{Broken, broken};
use quorate_core::NodeId;
use std::collections::BTreeMap;

/// Who led in which term. A node that has crashed is another one: it may not lead again in a term
/// in which it has led (KAFKA-10527).
#[derive(Debug, Default)]
pub(super) struct Elections {
    leaders: BTreeMap<u64, (NodeId, u32)>,
    starts: BTreeMap<NodeId, u32>,
}

impl Elections {
    pub(super) fn on_start(&mut self, node: NodeId) {
        *self.starts.entry(node).or_default() += 1;
    }

    pub(super) fn on_leader(&mut self, node: NodeId, term: u64) -> Result<(), Broken> {
        let me = (node, self.starts.get(&node).copied().unwrap_or(0));
        let leader = *self.leaders.entry(term).or_insert(me);
        if leader == me {
            return Ok(());
        }
        let detail = if leader.0 == node {
            format!("{node} leads in term {term} again, after a crash")
        } else {
            format!("{} and {node} both lead in term {term}", leader.0)
        };
        broken("election safety", detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leader_a_term_and_one_life_a_leader() {
        let mut elections = Elections::default();
        let (a, b) = (NodeId(0), NodeId(1));
        elections.on_start(a);
        elections.on_start(b);
        assert_eq!(elections.on_leader(a, 1), Ok(()));
        assert_eq!(elections.on_leader(a, 1), Ok(()));
        assert_eq!(elections.on_leader(b, 2), Ok(()));
        assert!(elections.on_leader(b, 1).is_err());
        elections.on_start(a);
        assert!(elections.on_leader(a, 1).is_err());
    }
}
