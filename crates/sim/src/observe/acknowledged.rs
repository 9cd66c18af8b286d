//! Nothing acknowledged is lost: after every restart, what a client was told is still on enough
//! replicas to be found by any quorum.

use super::{Broken, broken};
use quorate_core::replicated::Configuration;
use quorate_core::{NodeId, NodeSet};

/// What was promised, and who is up.
#[derive(Debug)]
pub(super) struct Acknowledged {
    nodes: u8,
    index: u64,
    up: NodeSet,
}

impl Acknowledged {
    pub(super) fn new(nodes: u8) -> Self {
        Self {
            nodes,
            index: 0,
            up: NodeSet::EMPTY,
        }
    }

    pub(super) fn on_acknowledged(&mut self, applied: u64) {
        self.index = self.index.max(applied);
    }

    /// The highest index that a client was told of.
    pub(super) fn index(&self) -> u64 {
        self.index
    }

    pub(super) fn on_crash(&mut self, node: NodeId) {
        self.up.remove(node);
    }

    pub(super) fn on_start(
        &mut self,
        node: NodeId,
        members: Option<&Configuration>,
        holds: impl Fn(NodeId, u64) -> bool,
    ) -> Result<(), Broken> {
        self.up.insert(node);
        // Who is down may hold it: that is seen when it comes back.
        let founders;
        let members = match members {
            Some(members) => members,
            None => {
                founders = Configuration::founding(self.nodes);
                &founders
            }
        };
        let lack = members
            .members()
            .into_iter()
            .filter(|node| self.up.contains(*node) && !holds(*node, self.index));
        let lacking: NodeSet = lack.collect();
        if members.is_quorum(|node| !lacking.contains(node)) {
            return Ok(());
        }
        let detail = format!(
            "entries up to {} were acknowledged to clients, and {lacking:?} lack some of them after \
             {node} came back: a quorum can be formed without",
            self.index
        );
        broken("nothing acknowledged is lost", detail)
    }
}
