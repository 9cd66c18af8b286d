//! What holds at a node at any time. Agreement between nodes is checked from outside.

use super::HotStuff;
use super::message::view_of;

pub(super) fn check(node: &HotStuff) -> Result<(), String> {
    let hard = &node.hard;
    let head = node.committed;
    let (high, locked) = (view_of(&node.high), view_of(&node.locked));
    let rules = [
        (hard.flaw.is_none(), hard.flaw.unwrap_or_default()),
        (locked <= high, "the lock is not above the highest quorum"),
        (view_of(&hard.locked) <= locked, "a lock is not taken back"),
        (hard.view <= node.view, "no view is entered again"),
        (hard.voted <= node.view, "no vote ahead of the view"),
        (
            head.height >= hard.committed.height,
            "no commit is taken back",
        ),
        (
            node.blocks.values().all(|b| b.parent_view() < b.view),
            "views rise along a branch",
        ),
        (
            node.entry.is_none() || !node.changing,
            "a view that waits has not begun",
        ),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        None => Ok(()),
        Some((_, rule)) => Err(format!(
            "{rule} (view {}, voted {}, high {high}, locked {locked}, committed {})",
            node.view, hard.voted, head.height
        )),
    }
}
