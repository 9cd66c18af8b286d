//! What holds at a node at any time. Agreement between nodes is checked from outside.

use super::{Step, Tendermint};

pub(super) fn check(node: &Tendermint) -> Result<(), String> {
    let hard = &node.hard;
    let quorum = node.config.quorum();
    let said = hard
        .said
        .get(&node.round)
        .filter(|_| node.unwritten.is_none());
    let rules = [
        (hard.flaw.is_none(), hard.flaw.unwrap_or_default()),
        (
            hard.locked
                .as_ref()
                .is_none_or(|(polka, _)| polka.claimed_signatures().len() >= quorum),
            "a lock has a quorum",
        ),
        (
            node.locked().map(|(round, _)| round) <= node.valid_round(),
            "what is locked is valid",
        ),
        (
            node.step < Step::Prevote
                || said.is_some_and(|said| said.prevote.is_some())
                || said.is_some_and(|said| said.precommit.is_some()),
            "who has prevoted has written it down",
        ),
        (
            node.step < Step::Precommit || said.is_some_and(|said| said.precommit.is_some()),
            "who has precommitted has written it down",
        ),
        (
            node.blocks
                .values()
                .all(|block| block.height == node.height),
            "blocks are of this height",
        ),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        None => Ok(()),
        Some((_, rule)) => Err(format!(
            "{rule} (height {}, round {}, {:?})",
            node.height, node.round, node.step
        )),
    }
}
