//! State-machine safety, seen from the states: equal digests at equal index.

use super::{Broken, broken};
use quorate_core::NodeId;

/// The digest of the state after each index, as first seen.
#[derive(Debug, Default)]
pub(super) struct States {
    digests: Vec<Option<(u64, NodeId)>>,
}

impl States {
    pub(super) fn on_state(&mut self, node: NodeId, index: u64, digest: u64) -> Result<(), Broken> {
        let at = index as usize;
        if self.digests.len() <= at {
            self.digests.resize(at + 1, None);
        }
        match self.digests[at] {
            None => self.digests[at] = Some((digest, node)),
            Some((known, _)) if known == digest => {}
            Some((known, first)) => {
                let detail = format!(
                    "after index {index} the digest is {digest:016x} at {node} and was \
                     {known:016x} at {first}"
                );
                return broken("equal states at equal index", detail);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_state_an_index() {
        let mut states = States::default();
        assert_eq!(states.on_state(NodeId(0), 5, 7), Ok(()));
        assert_eq!(states.on_state(NodeId(1), 5, 7), Ok(()));
        assert_eq!(states.on_state(NodeId(1), 6, 8), Ok(()));
        assert!(states.on_state(NodeId(2), 5, 8).is_err());
    }
}
