//! What holds at a node at any time. Agreement between nodes is checked from outside.

use super::Pbft;

pub(super) fn check(pbft: &Pbft) -> Result<(), String> {
    let hard = &pbft.hard;
    let stable = hard.stable_sequence();
    let end = stable + pbft.config.window();
    let within = |n: &u64| *n > stable && *n <= end;
    let rules = [
        (hard.flaw.is_none(), hard.flaw.unwrap_or_default()),
        (
            pbft.delivered >= stable,
            "what is stable is delivered or skipped",
        ),
        (
            pbft.delivered <= end,
            "nothing is delivered beyond the window",
        ),
        (
            hard.accepted.keys().all(within) && hard.prepared.keys().all(within),
            "votes lie in the window",
        ),
        (
            hard.prepared
                .values()
                .all(|c| c.claimed_signatures().len() >= pbft.config.quorum()),
            "what is prepared has a quorum",
        ),
        (
            hard.accepted
                .iter()
                .all(|(sequence, vote)| hard.batches.contains_key(&(*sequence, vote.digest))),
            "who votes for a batch has it",
        ),
        (
            !hard.changing || (pbft.prepares.is_empty() && pbft.commits.is_empty()),
            "no votes are counted between views",
        ),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        None => Ok(()),
        Some((_, rule)) => Err(format!(
            "{rule} (view {}, delivered {}, stable {stable})",
            hard.view, pbft.delivered
        )),
    }
}
