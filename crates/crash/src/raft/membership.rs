//! Changing who takes part: joint consensus (Raft §6, thesis §4.3), with learners that catch up
//! before they vote (thesis §4.2.1).
//!
//! A configuration is an entry of the log. It counts from the moment at which it is in a node's log,
//! committed or not, and no more once it is cut off. A change of the voters goes over a joint
//! configuration, in which the old and the new voters decide together; the leader leaves it by
//! itself as soon as it is committed, and so does a later leader that finds it.
//!
//! # How a removed node learns it
//!
//! A node that leaves gets all entries up to the joint configuration, like any member. The final
//! configuration drops it, from the leader's list of members too. When it is committed the leader
//! tells each node that it dropped ([`Notice::Removed`]), once. A node that misses this hears no
//! leader any more, and asks for pre-votes: a node that knows of the committed configuration answers
//! with [`Notice::Removed`] instead of a vote. So nothing is remembered about nodes that left. The
//! answer may be believed for good, whatever its term: numbers are not given twice.

use super::role::{State, Transfer};
use super::{Configuration, Entry, Notice, Output, Payload, Progress, Raft, Refusal};
use quorate_core::{Effects, Mutant, NodeId, Time};
use std::borrow::Cow;
use std::sync::Arc;

impl Raft {
    /// The configuration that counts votes and acknowledgements.
    pub(super) fn decides(&self) -> Cow<'_, Configuration> {
        if self.config.mutant.is(Mutant::StaleConfigurationCounted) {
            let base = self.hard.log.base().index;
            return Cow::Owned(Configuration::clone(&self.configuration_at(base)));
        }
        if self.config.mutant.is(Mutant::JointNeedsOneMajority) {
            return Cow::Owned(self.configuration.left());
        }
        Cow::Borrowed(&self.configuration)
    }

    pub(super) fn is_quorum(&self, has: impl FnMut(NodeId) -> bool) -> bool {
        self.decides().is_quorum(has)
    }

    /// The configuration as of an entry that is not before the log's base.
    pub(super) fn configuration_at(&self, index: u64) -> Arc<Configuration> {
        let known = self.hard.log.configuration_at(index);
        known.unwrap_or(&self.config.founding).clone()
    }

    /// Acts by the latest configuration in the log, after the log has changed.
    pub(super) fn follow_configuration(&mut self, out: &mut Effects<Self>) {
        let latest = self.hard.configuration().unwrap_or(&self.config.founding);
        if Arc::ptr_eq(latest, &self.configuration) || *latest == self.configuration {
            return;
        }
        self.configuration = latest.clone();
        self.voter = self.configuration.is_voter(self.me);
        self.member = self.configuration.is_member(self.me);
        // New members are sent the configuration itself, and say what they lack before it.
        let next = self.hard.log.last().index.max(1);
        if let State::Leader(leader) = &mut self.state {
            let known = std::mem::take(&mut leader.progress);
            let progress = self.progress_of_members(known, next);
            if let State::Leader(leader) = &mut self.state {
                leader.progress = progress;
                let stays = |to| self.configuration.is_voter(to);
                leader.transfer = leader.transfer.take().filter(|it| stays(it.to));
            }
        }
        out.output_eager(Output::Configured);
    }

    /// What a leader knows of each member, and of itself; of new ones nothing yet.
    pub(super) fn progress_of_members(&self, mut known: Vec<Progress>, next: u64) -> Vec<Progress> {
        known.retain(|it| it.node == self.me || self.configuration.is_member(it.node));
        let mut members = self.configuration.members();
        members.push(self.me);
        for node in members {
            if let Err(place) = known.binary_search_by_key(&node, |it| it.node) {
                known.insert(place, Progress::probe(node, next));
            }
        }
        known
    }

    pub(super) fn on_reconfigure(&mut self, target: Configuration, out: &mut Effects<Self>) {
        let verdict = self.check_change(&target);
        match (&mut self.state, verdict) {
            (State::Leader(leader), Ok(())) => {
                let entry = Entry {
                    term: self.hard.term,
                    payload: Payload::Configuration(self.configuration.towards(target).into()),
                };
                leader.uncommitted += entry.bytes();
                leader.proposed.push(entry);
            }
            (_, verdict) => {
                let leader = self.leader;
                let why = verdict.err().unwrap_or(Refusal::NotLeader { leader });
                out.output_eager(Output::ReconfigureRefused { why });
            }
        }
    }

    fn check_change(&self, target: &Configuration) -> Result<(), Refusal> {
        let State::Leader(leader) = &self.state else {
            let leader = self.leader;
            return Err(Refusal::NotLeader { leader });
        };
        if leader.transfer.is_some() {
            return Err(Refusal::Transferring);
        }
        let proposed = leader.proposed.iter();
        // An entry of the own term first: otherwise two leaders in turn could change the same
        // configuration, each without the other's change (Ongaro, raft-dev, July 2015).
        if self.commit < leader.opened_at
            || self.configuration.is_joint()
            || self.hard.log.configured_at() > self.commit
            || proposed.fold(false, |any, it| any | is_configuration(it))
        {
            return Err(Refusal::Reconfiguring);
        }
        let checked = self.configuration.check_change(target);
        checked.map_err(Refusal::BadConfiguration)?;
        if self.configuration.towards(target.clone()).bytes() > self.config.max_batch_bytes {
            let why = "larger than a message may be";
            return Err(Refusal::BadConfiguration(why));
        }
        let mut new = target.voters.iter();
        let behind = new.find(|node| !self.configuration.is_voter(**node) && !self.is_near(**node));
        match behind {
            Some(node) if !self.config.mutant.is(Mutant::PromotedBeforeCaughtUp) => {
                Err(Refusal::NotCaughtUp(*node))
            }
            _ => Ok(()),
        }
    }

    /// Is the member heard, and does it have nearly all of the log?
    fn is_near(&self, node: NodeId) -> bool {
        let State::Leader(leader) = &self.state else {
            return false;
        };
        let (last, lag) = (self.hard.log.last().index, self.config.max_promotion_lag);
        leader.progress(node).is_some_and(|progress| {
            progress.silent <= 1 && progress.matched > 0 && progress.matched + lag >= last
        })
    }

    /// The leader's next step, once the configuration in force is committed: out of a joint one; or
    /// out of office, if it is no voter any more.
    pub(super) fn pursue_change(&mut self, now: Time, out: &mut Effects<Self>) {
        let at = self.hard.log.configured_at();
        if (self.voter && !self.configuration.is_joint()) || self.commit < at {
            return;
        }
        let best = match &self.state {
            State::Leader(leader) if self.commit >= leader.opened_at => self.best_voter(leader),
            _ => return,
        };
        let State::Leader(leader) = &mut self.state else {
            return;
        };
        if leader.transfer.is_some() {
            return;
        }
        if self.configuration.is_joint() {
            if leader.proposed.iter().any(is_configuration) {
                return;
            }
            let entry = Entry {
                term: self.hard.term,
                payload: Payload::Configuration(self.configuration.left().into()),
            };
            leader.uncommitted += entry.bytes();
            leader.proposed.push(entry);
        } else if let Some(to) = best {
            leader.transfer = Some(Transfer { to, since: now });
            self.hand_over(to, out);
        }
    }

    /// Must this node not go on leading? It is no voter by a committed configuration, or its disk
    /// hangs.
    pub(super) fn must_leave(&self, now: Time) -> bool {
        let removed = !self.voter && self.commit >= self.hard.log.configured_at();
        removed || self.is_stalled(now)
    }

    /// After the commit index moved from `before`: tells those that a change dropped.
    pub(super) fn tell_dropped(&self, before: u64, out: &mut Effects<Self>) {
        let at = self.hard.log.configured_at();
        if before >= at || self.commit < at || self.configuration.is_joint() {
            return;
        }
        for node in self.configuration_at(at - 1).members() {
            if node != self.me && !self.configuration.is_member(node) {
                self.notice(node, Notice::Removed, out);
            }
        }
    }

    /// Tells a node that it was removed, if a committed configuration says so.
    pub(super) fn tell_removed(&self, node: NodeId, out: &mut Effects<Self>) -> bool {
        let removed = self.knows_removed(node) && !self.config.mutant.is(Mutant::RemovedNodeVotes);
        if removed {
            self.notice(node, Notice::Removed, out);
        }
        removed
    }

    fn knows_removed(&self, node: NodeId) -> bool {
        self.commit >= self.hard.log.configured_at() && self.configuration.has_removed(node)
    }

    /// The configuration in force lacks this node: says so once, when it is committed.
    pub(super) fn notice_removal(&mut self, out: &mut Effects<Self>) {
        let leads = matches!(self.state, State::Leader(_));
        if !self.removed && !leads && self.knows_removed(self.me) {
            self.leave(out);
        }
    }

    pub(super) fn on_removed(&mut self, from: NodeId, out: &mut Effects<Self>) {
        if !self.removed && from != self.me {
            self.leave(out);
        }
    }

    fn leave(&mut self, out: &mut Effects<Self>) {
        if self.config.mutant.is(Mutant::RemovedNodeVotes) {
            return;
        }
        self.removed = true;
        let other = self.leader.filter(|leader| *leader != self.me);
        self.become_follower(other, out);
        out.output_eager(Output::Removed);
    }
}

fn is_configuration(entry: &Entry) -> bool {
    matches!(entry.payload, Payload::Configuration(_))
}
