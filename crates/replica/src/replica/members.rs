//! Who takes part: changes on their way to the leader, and what the replica does when one counts.
//!
//! The feature level. A leader proposes to raise it only if each member has said within the last two
//! seconds that its software can follow; a member that is down or cut off blocks the raise. etcd does
//! the same: it decides no cluster version while one member's is unknown (`decideClusterVersion`).
//! One case is left. A member that has said so can be rolled back within those two seconds, or while
//! the entry is under way. It stops in words when the entry reaches its log, applied or not, and again
//! at each start until its software is new enough. It misreads nothing, because entries of the new
//! format come after that entry in every log. If a majority is rolled back in that time, the entry is
//! not committed and the cluster stops serving until enough members run the newer software again.
//! Nothing is lost. A two-phase raise would not close the case: members can be rolled back after its
//! second phase too.

use super::Replica;
use crate::interface::{Actions, Notice};
use crate::membership::{Change, ChangeRefusal};
use crate::peer::PeerMessage;
use crate::request::{Outcome, Reply};
use crate::roster::Roster;
use crate::stopped::Stopped;
use quorate_core::driver::Disk;
use quorate_core::replicated::{Configuration, Refusal as NotTaken, Replicated, Request as Ask};
use quorate_core::{Hard, Mutant, NodeId, Time};
use std::sync::Arc;
use std::time::Duration;

/// A member that was heard within this time counts as up.
pub(super) const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// What a replica knows of another member at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Heard {
    pub(crate) at: Time,
    /// The highest feature level of its software, and when it said so; `None` until it has.
    pub(crate) software: Option<(u16, Time)>,
}

impl<P: Replicated, D: Disk<<P::Hard as Hard>::Record>> Replica<P, D> {
    /// The members by the configuration in force: whom to connect to.
    pub fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// The configuration that was applied last, for answers.
    pub(crate) fn applied_configuration(&self) -> Configuration {
        let applied = self.applied_configuration.as_deref();
        applied.unwrap_or(self.protocol.configuration()).clone()
    }

    /// A message came: the sender is up.
    pub(crate) fn on_heard(&mut self, now: Time, from: NodeId) {
        let heard = self.heard.entry(from).or_insert(Heard {
            at: now,
            software: None,
        });
        heard.at = now;
    }

    /// Another configuration is in force.
    pub(crate) fn on_configured(&mut self, out: &mut Actions<P>) {
        self.proposing = None;
        let configuration = self.protocol.configuration();
        let (needed, known) = (configuration.level, self.config.software);
        if needed > known && !self.config.mutant.is(Mutant::NewerEntrySkipped) {
            return self.stop(Stopped::TooOld { needed, known }, out);
        }
        match Roster::of(configuration) {
            Ok(roster) => self.roster = Arc::new(roster),
            Err(error) => {
                let detail = error.to_string();
                return self.on_violation("configurations are well-formed", detail, out);
            }
        }
        let members = configuration.members();
        self.heard
            .retain(|node, _| members.binary_search(node).is_ok());
        out.notices.push(Notice::Configured);
    }

    /// A committed configuration was reached in the log.
    pub(crate) fn apply_configuration(
        &mut self,
        configuration: &Arc<Configuration>,
        out: &mut Actions<P>,
    ) {
        self.applied_configuration = Some(Arc::clone(configuration));
        self.writes.level = configuration.level;
        if configuration.is_joint() {
            return;
        }
        // One that is not well-formed was found when it came into force.
        let roster = Roster::of(configuration).unwrap_or_default();
        for nonce in roster.recent {
            if let Some(ticket) = self.changes.on_made(nonce) {
                let reply = Reply::Configuration(Box::new((**configuration).clone()));
                out.replies
                    .push((ticket, Outcome::Done(self.header(), reply)));
            }
        }
    }

    /// Sends changes to the leader; as the leader, begins one.
    pub(crate) fn send_changes(&mut self, now: Time, out: &mut Actions<P>) {
        if !self.changes.due {
            return;
        }
        let Some((_, leader)) = self.protocol.proposer() else {
            return;
        };
        self.changes.due = false;
        let mut own = vec![];
        for (nonce, pending) in self.changes.iter_mut() {
            pending.sent = true;
            let change = pending.change.clone();
            if leader == self.me {
                own.push((nonce, change));
            } else {
                let message = PeerMessage::Change { nonce, change };
                out.sends.push((leader, message));
            }
        }
        for (nonce, change) in own {
            self.lead_change(now, self.me, nonce, &change, out);
        }
    }

    /// A replica asks for a change. What can't be done now is asked again later.
    pub(crate) fn lead_change(
        &mut self,
        now: Time,
        from: NodeId,
        nonce: u64,
        change: &Change,
        out: &mut Actions<P>,
    ) {
        let configuration = self.protocol.configuration();
        let busy = configuration.is_joint() || self.proposing.is_some();
        if !self.leads() || busy || self.roster.recent.contains(&nonce) {
            return;
        }
        let changed = change.apply(configuration, nonce).and_then(|next| {
            self.is_safe(now, change, &next)?;
            Ok(next)
        });
        match changed {
            Ok(next) => {
                self.proposing = Some((from, nonce));
                self.ask(now, Ask::Reconfigure(Box::new(next)));
            }
            Err(why) => self.refuse_change(from, nonce, why, out),
        }
    }

    /// Gives a vote to a member that was added as a voter, once it has caught up.
    pub(crate) fn promote_next(&mut self, now: Time, out: &mut Actions<P>) {
        let mut waiting = self.roster.members.iter().filter(|member| member.promote);
        let next = waiting.find(|member| self.heard.contains_key(&member.node));
        if self.leads()
            && let Some(id) = next.map(|member| member.id)
        {
            let nonce = self.draw_nonce();
            self.lead_change(now, self.me, nonce, &Change::Promote { id }, out);
        }
    }

    pub(crate) fn draw_nonce(&mut self) -> u64 {
        let nonce = self.next_nonce;
        self.next_nonce = nonce.wrapping_add(1);
        nonce
    }

    /// Would the cluster still be served? etcd's strict check of reconfigurations.
    fn is_safe(
        &self,
        now: Time,
        change: &Change,
        next: &Configuration,
    ) -> Result<(), ChangeRefusal> {
        let up = |node: NodeId| {
            let heard = self.heard.get(&node);
            node == self.me || heard.is_some_and(|heard| now.since(heard.at) <= HEARD_WITHIN)
        };
        let known = |node: NodeId| match node == self.me {
            true => self.config.software,
            false => match self.heard.get(&node).and_then(|heard| heard.software) {
                Some((software, at)) if now.since(at) <= HEARD_WITHIN => software,
                _ => 0,
            },
        };
        match change {
            Change::Remove { .. } => {
                let served = next.is_quorum(up);
                served.then_some(()).ok_or(ChangeRefusal::TooFewUp)
            }
            Change::RaiseLevel { .. } if self.config.mutant.is(Mutant::LevelRaisedTooEarly) => {
                Ok(())
            }
            Change::RaiseLevel { to } => {
                let able = next.members().into_iter().all(|node| known(node) >= *to);
                able.then_some(()).ok_or(ChangeRefusal::Unsupported)
            }
            _ => Ok(()),
        }
    }

    /// The protocol does not take the configuration that it was given last.
    pub(crate) fn on_reconfigure_refused(&mut self, why: NotTaken, out: &mut Actions<P>) {
        let Some((from, nonce)) = self.proposing.take() else {
            return;
        };
        match why {
            NotTaken::NotCaughtUp(_) => {
                self.refuse_change(from, nonce, ChangeRefusal::NotCaughtUp, out);
            }
            NotTaken::BadConfiguration(_) => {
                self.refuse_change(from, nonce, ChangeRefusal::Invalid, out);
            }
            // Another change is under way, or leadership is about to move: it is asked again.
            _ => {}
        }
    }

    fn refuse_change(
        &mut self,
        from: NodeId,
        nonce: u64,
        why: ChangeRefusal,
        out: &mut Actions<P>,
    ) {
        if from == self.me {
            out.replies.extend(self.changes.on_refused(nonce, why));
        } else {
            out.sends
                .push((from, PeerMessage::ChangeRefused { nonce, why }));
        }
    }
}
