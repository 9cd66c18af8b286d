//! The follower's side of replication.

use super::{Claim, Entries, MAX, Position, Raft, Record};
use quorate_core::{Effects, NodeId};

impl Raft {
    /// Raft, figure 2, AppendEntries.
    pub(super) fn on_append(
        &mut self,
        from: NodeId,
        prev: Position,
        entries: Entries,
        commit: u64,
        out: &mut Effects<Self>,
    ) {
        let fits = entries.first().is_none_or(|entry| entry.term >= prev.term);
        let ours = entries.last().map_or(prev.term, |entry| entry.term) <= self.hard.term;
        let matched = prev.index.saturating_add(entries.len() as u64);
        let sound = (entries.configurations()).all(|(_, it)| it.check().is_ok());
        if !fits || !ours || !sound || matched > MAX {
            return; // no leader of this term sends that
        }
        if prev.index < self.hard.log.base().index {
            // It cannot be compared, but is committed, and so is in every leader's log, with all
            // that is committed here. All of that is durable by the time that this leaves.
            let matched = self.commit;
            return self.claim(from, Claim::Appended { matched }, out);
        }
        if !self.hard.log.holds(prev) {
            if prev.index <= self.commit {
                self.violation = Some("leader completeness: a leader lacks a committed entry");
                return;
            }
            let hint = self.hard.log.last_at_most(prev.term, prev.index);
            let prev = prev.index;
            return self.claim(from, Claim::Rejected { prev, hint }, out);
        }
        let known = self.known(prev, &entries);
        if known < entries.len() {
            let at = prev.index + 1 + known as u64;
            if at <= self.commit {
                self.violation = Some("leader completeness: a leader lacks a committed entry");
                return;
            }
            self.abort_install(out);
            let entries = match known {
                0 => entries,
                _ => entries.slice(known..entries.len()),
            };
            self.hard.write(Record::Append { at, entries }, out);
            self.follow_configuration(out);
        }
        // Not the whole log: what follows the leader's entries may still be another leader's. One
        // answer for all that a burst brings.
        let earlier = self.acknowledge.map_or(0, |(_, matched)| matched);
        self.acknowledge = Some((from, matched.max(earlier)));
        self.commit_to(commit.min(matched).max(self.commit), out);
    }

    /// How many of the entries after `prev` are in the log already. Only a conflict cuts the log:
    /// a late message must not take back what a newer one brought.
    fn known(&self, prev: Position, entries: &Entries) -> usize {
        let log = &self.hard.log;
        if prev.index == log.last().index {
            return 0;
        }
        let following = (prev.index + 1..).zip(entries.iter());
        following
            .take_while(|(index, entry)| log.term_at(*index) == Some(entry.term))
            .count()
    }

    /// The leader says that entries which this node has acknowledged are committed.
    pub(super) fn commit_acknowledged(&mut self, index: u64, out: &mut Effects<Self>) {
        if index > self.hard.log.last().index {
            self.violation = Some("durability: entries that were acknowledged are gone");
            return;
        }
        self.commit_to(index, out);
    }
}
