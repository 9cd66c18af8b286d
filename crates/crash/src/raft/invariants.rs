//! What holds at a node at any time, by the papers' names. What holds between nodes (election
//! safety, log matching, leader completeness, state machine safety) is checked from outside; a
//! node notices only when it would have to act on a breach.

use super::role::State;
use super::{Mode, Raft};

pub(super) fn check(raft: &Raft) -> Result<(), String> {
    let (hard, log) = (&raft.hard, &raft.hard.log);
    let (last, commit) = (log.last(), raft.commit);
    let mut rules = vec![
        (raft.violation.is_none(), raft.violation.unwrap_or_default()),
        (hard.check().is_ok(), hard.check().err().unwrap_or_default()),
        (commit <= last.index, "the commit index is within the log"),
        (
            commit >= log.snapshot().at.index,
            "what a snapshot holds is committed",
        ),
        (
            log.base().index <= log.snapshot().at.index,
            "a snapshot covers what the log lacks",
        ),
        (last.term <= hard.term, "no entry is of a later term"),
    ];
    if let State::Leader(leader) = &raft.state {
        let mut progress = leader.progress.iter();
        rules.extend([
            (hard.vote == Some(raft.me), "a leader voted for itself"),
            (
                leader.opened_at <= last.index || !leader.proposed.is_empty(),
                "a leader opens its term with an entry",
            ),
            (
                progress.all(|p| p.matched <= last.index && p.matched < p.next),
                "no follower is ahead of its leader",
            ),
            (
                leader.progress.iter().all(|p| match &p.mode {
                    Mode::Replicate { inflight } => inflight.len() <= raft.config.max_inflight,
                    _ => true,
                }),
                "what is under way is bounded",
            ),
        ]);
    }
    match rules.into_iter().find(|(holds, _)| !holds) {
        None => Ok(()),
        Some((_, rule)) => Err(format!(
            "{rule} (term {}, commit {commit}, last {}@{}, base {}, snapshot {})",
            hard.term,
            last.index,
            last.term,
            log.base().index,
            log.snapshot().at.index,
        )),
    }
}
