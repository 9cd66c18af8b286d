//! What holds at a node at any time, by the papers' names. What holds between nodes (election
//! safety, log matching, leader completeness, state machine safety) is checked from outside; a
//! node notices only when it would have to act on a breach.

use super::role::{Leader, State};
use super::{Mode, Raft};

pub(super) fn check(raft: &Raft) -> Result<(), String> {
    let rule = match broken(raft) {
        None => return Ok(()),
        Some(rule) => rule,
    };
    let (term, commit, log) = (raft.hard.term, raft.commit, &raft.hard.log);
    let (last, base, snapshot) = (log.last(), log.base().index, log.snapshot().at.index);
    Err(format!(
        "{rule} (term {term}, commit {commit}, last {}@t{}, base {base}, snapshot {snapshot})",
        last.index, last.term,
    ))
}

/// The first rule that does not hold.
fn broken(raft: &Raft) -> Option<&'static str> {
    let (hard, log, commit) = (&raft.hard, &raft.hard.log, raft.commit);
    let last = log.last();
    let flaw = raft.violation();
    let rules = [
        (commit <= last.index, "the commit index is within the log"),
        (
            commit >= log.snapshot().at.index,
            "what a snapshot holds is committed",
        ),
        (last.term <= hard.term, "no entry is of a later term"),
        (
            hard.configuration().unwrap_or(&raft.config.founding) == &raft.configuration,
            "a node acts by the latest configuration in its log",
        ),
    ];
    flaw.or_else(|| first_broken(&rules))
        .or_else(|| match &raft.state {
            State::Leader(leader) => broken_leader(raft, leader),
            _ => None,
        })
}

fn broken_leader(raft: &Raft, leader: &Leader) -> Option<&'static str> {
    let last = raft.hard.log.last().index;
    let max = raft.config.max_inflight;
    let mut progress = leader.progress.iter();
    first_broken(&[
        (raft.hard.vote == Some(raft.me), "a leader voted for itself"),
        (
            leader.opened_at <= last || !leader.proposed.is_empty(),
            "a leader opens its term with an entry",
        ),
        (
            progress.all(|p| p.matched <= last && p.matched < p.next && p.next <= last + 1),
            "no follower is ahead of its leader",
        ),
        (
            leader.progress.iter().all(|p| match p.mode {
                Mode::Snapshot(_) => p.under_way() <= raft.config.max_snapshot_inflight,
                _ => p.under_way() <= max,
            }),
            "what is under way is bounded",
        ),
    ])
}

fn first_broken(rules: &[(bool, &'static str)]) -> Option<&'static str> {
    rules
        .iter()
        .find(|(holds, _)| !holds)
        .map(|(_, rule)| *rule)
}
