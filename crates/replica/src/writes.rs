//! Writes in flight at the replica that took them: sent, sent again, answered or given up.

use crate::config::Limits;
use crate::entry;
use crate::machine::Machine;
use crate::request::{Outcome, Refusal, RequestId, Ticket, Uncertainty};
use crate::sessions::SessionId;
use bytes::Bytes;
use quorate_core::{NodeId, Time};
use quorate_kv as kv;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Where an unanswered write was last sent: to this leader, of this term.
pub(crate) type Leader = (u64, NodeId);

/// An entry's way to the leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Transit {
    payload: Bytes,
    sent: Option<Leader>,
    /// When to send it again to the same leader, and how long to wait the next time.
    due: Time,
    wait: Duration,
}

impl Transit {
    fn new(payload: Bytes, limits: &Limits) -> Self {
        Self {
            payload,
            sent: None,
            due: Time::ZERO,
            wait: limits.retry,
        }
    }

    fn on_sent(&mut self, now: Time, leader: Leader) {
        self.wait = match self.sent {
            Some(same) if same == leader => self.wait.saturating_mul(2).min(MAX_WAIT),
            _ => self.wait,
        };
        (self.sent, self.due) = (Some(leader), now + self.wait);
    }
}

/// The longest wait between two repetitions to the same leader.
const MAX_WAIT: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending {
    ticket: Ticket,
    deadline: Time,
    transit: Transit,
}

/// A session being opened, for a client or for the replica itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Opening {
    ticket: Option<Ticket>,
    deadline: Time,
    transit: Transit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Write(SessionId, u64),
    Opening(u64),
}

/// The table of writes in flight. Bounded by the replica's admission control.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Writes {
    pending: BTreeMap<(SessionId, u64), Pending>,
    /// The replica's own session, in which plain writes travel.
    own: Option<SessionId>,
    next_seq: u64,
    /// Plain writes that wait for the own session, oldest first.
    waiting: VecDeque<(Ticket, kv::Command, Time)>,
    opening: BTreeMap<u64, Opening>,
    /// Those that were never sent, oldest first.
    fresh: VecDeque<Key>,
    next_nonce: u64,
    /// Unsettled writes of one session ([`crate::Settings::session_window`]).
    window: u64,
    /// The cluster's feature level, as far as it is applied: entries are written in its format.
    pub(crate) level: u16,
    own_nonce: Option<u64>,
}

impl Writes {
    pub(crate) fn new(nonce: u64, machine: &Machine) -> Self {
        Self {
            window: machine.settings().session_window,
            level: machine.level(),
            next_seq: 1,
            next_nonce: nonce,
            ..Self::default()
        }
    }

    /// The state was replaced by a snapshot.
    pub(crate) fn on_installed(&mut self, machine: &Machine) {
        (self.window, self.level) = (machine.settings().session_window, machine.level());
    }

    /// How many requests are in the table.
    pub(crate) fn len(&self) -> usize {
        self.pending.len() + self.waiting.len() + self.opening.len()
    }

    /// Takes a write under the replica's own session.
    pub(crate) fn take(
        &mut self,
        ticket: Ticket,
        command: kv::Command,
        deadline: Time,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let Some(session) = self.own else {
            self.waiting.push_back((ticket, command, deadline));
            if self.own_nonce.is_none() {
                self.own_nonce = Some(self.open(None, Time(u64::MAX), limits));
            }
            return Ok(());
        };
        if self.next_seq - self.settled(session) >= self.window {
            return Err(Refusal::TooManyRequests);
        }
        let id = RequestId {
            session,
            seq: self.next_seq,
            settled: self.settled(session),
        };
        self.insert(ticket, id, &command, deadline, limits)?;
        self.next_seq += 1;
        Ok(())
    }

    /// Takes a write under a client's session. A repetition that is still in flight here replaces
    /// the earlier ticket, which is returned: its answer will come to the new one.
    pub(crate) fn take_with(
        &mut self,
        ticket: Ticket,
        id: RequestId,
        command: &kv::Command,
        deadline: Time,
        limits: &Limits,
    ) -> Result<Option<Ticket>, Refusal> {
        if id.seq.saturating_sub(id.settled) >= self.window {
            return Err(Refusal::SessionWindow);
        }
        if let Some(pending) = self.pending.get_mut(&(id.session, id.seq)) {
            pending.deadline = pending.deadline.max(deadline);
            return Ok(Some(std::mem::replace(&mut pending.ticket, ticket)));
        }
        self.insert(ticket, id, command, deadline, limits)?;
        Ok(None)
    }

    fn insert(
        &mut self,
        ticket: Ticket,
        id: RequestId,
        command: &kv::Command,
        deadline: Time,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let payload = entry::encode_command(self.level, id, command);
        let (size, limit) = (payload.len(), limits.request_bytes);
        if size > limit {
            return Err(Refusal::TooLarge { size, limit });
        }
        let transit = Transit::new(payload, limits);
        self.pending.insert(
            (id.session, id.seq),
            Pending {
                ticket,
                deadline,
                transit,
            },
        );
        self.fresh.push_back(Key::Write(id.session, id.seq));
        Ok(())
    }

    /// Asks for a session; with a ticket for a client, without one for the replica itself.
    pub(crate) fn open(&mut self, ticket: Option<Ticket>, deadline: Time, limits: &Limits) -> u64 {
        let nonce = self.next_nonce;
        self.next_nonce = self.next_nonce.wrapping_add(1);
        let transit = Transit::new(entry::encode_open_session(self.level, nonce), limits);
        self.opening.insert(
            nonce,
            Opening {
                ticket,
                deadline,
                transit,
            },
        );
        self.fresh.push_back(Key::Opening(nonce));
        nonce
    }

    fn settled(&self, session: SessionId) -> u64 {
        let mut own = self.pending.range((session, 0)..(session, u64::MAX));
        own.next().map_or(self.next_seq, |((_, seq), _)| *seq)
    }

    /// A session was opened. Returns the client's ticket, if it was a client's; if it was the
    /// replica's own, the writes that waited for it are taken.
    pub(crate) fn on_opened(
        &mut self,
        nonce: u64,
        session: SessionId,
        limits: &Limits,
        mut refuse: impl FnMut(Ticket, Outcome),
    ) -> Option<Ticket> {
        let opening = self.opening.remove(&nonce)?;
        if self.own_nonce == Some(nonce) {
            (self.own, self.own_nonce) = (Some(session), None);
            self.next_seq = 1;
            for (ticket, command, deadline) in std::mem::take(&mut self.waiting) {
                if let Err(refusal) = self.take(ticket, command, deadline, limits) {
                    refuse(ticket, Outcome::Refused(refusal));
                }
            }
        }
        opening.ticket
    }

    /// A write was applied or judged, here: it is no longer in flight.
    pub(crate) fn on_judged(&mut self, id: RequestId) -> Option<Ticket> {
        if self.pending.is_empty() {
            return None;
        }
        self.pending
            .remove(&(id.session, id.seq))
            .map(|pending| pending.ticket)
    }

    /// The cluster has evicted the replica's own session: later writes open another.
    pub(crate) fn forget_own(&mut self, session: SessionId) {
        if self.own == Some(session) {
            self.own = None;
        }
    }

    /// Collects what has to go to the leader for the first time. Stops at the first that `accept`
    /// declines; the rest waits.
    pub(crate) fn send_fresh(
        &mut self,
        now: Time,
        leader: Leader,
        mut accept: impl FnMut(&Bytes) -> bool,
    ) {
        while let Some(key) = self.fresh.front().copied() {
            if let Some(transit) = self.transit_mut(key)
                && transit.sent.is_none()
            {
                if !accept(&transit.payload) {
                    return;
                }
                transit.on_sent(now, leader);
            }
            self.fresh.pop_front();
        }
    }

    /// Collects what has to go to the leader again: whatever another leader had, and what this one
    /// has had for longer than its wait. Stops at the first that `accept` declines. Returns how
    /// many were sent again.
    pub(crate) fn send_again(
        &mut self,
        now: Time,
        leader: Leader,
        mut accept: impl FnMut(&Bytes) -> bool,
    ) -> u64 {
        let mut again = 0;
        let openings = self
            .opening
            .values_mut()
            .map(|opening| &mut opening.transit);
        let pending = self
            .pending
            .values_mut()
            .map(|pending| &mut pending.transit);
        for transit in openings.chain(pending) {
            if transit.sent.is_none() || (transit.sent == Some(leader) && transit.due > now) {
                continue;
            }
            if !accept(&transit.payload) {
                break;
            }
            again += 1;
            transit.on_sent(now, leader);
        }
        again
    }

    fn transit_mut(&mut self, key: Key) -> Option<&mut Transit> {
        match key {
            Key::Write(session, seq) => self
                .pending
                .get_mut(&(session, seq))
                .map(|pending| &mut pending.transit),
            Key::Opening(nonce) => self
                .opening
                .get_mut(&nonce)
                .map(|opening| &mut opening.transit),
        }
    }

    /// Gives up what is past its deadline: refused if it never left, unknown if it did.
    pub(crate) fn expire(&mut self, now: Time, mut tell: impl FnMut(Ticket, Outcome)) -> u64 {
        let mut count = 0;
        self.pending.retain(|_, pending| {
            let late = pending.deadline <= now;
            if late {
                count += 1;
                tell(pending.ticket, given_up(pending.transit.sent.is_some()));
            }
            !late
        });
        self.opening.retain(|_, opening| {
            let late = opening.deadline <= now;
            if let (true, Some(ticket)) = (late, opening.ticket) {
                count += 1;
                // A session that may exist and that no client knows does no harm.
                tell(ticket, Outcome::Refused(Refusal::NoLeader));
            }
            !late
        });
        self.waiting.retain(|(ticket, _, deadline)| {
            let late = *deadline <= now;
            if late {
                count += 1;
                tell(*ticket, Outcome::Refused(Refusal::NoLeader));
            }
            !late
        });
        count
    }

    /// Moves every time.
    pub(crate) fn rebase(&mut self, rebase: impl Fn(&mut Time)) {
        for pending in self.pending.values_mut() {
            rebase(&mut pending.deadline);
            rebase(&mut pending.transit.due);
        }
        for opening in self.opening.values_mut() {
            rebase(&mut opening.deadline);
            rebase(&mut opening.transit.due);
        }
        self.waiting.iter_mut().for_each(|(.., at)| rebase(at));
    }

    /// Ends everything: the replica serves no more, for this reason.
    pub(crate) fn fail(
        &mut self,
        (refusal, uncertainty): (&Refusal, Uncertainty),
        mut tell: impl FnMut(Ticket, Outcome),
    ) {
        let refused = Outcome::Refused(refusal.clone());
        for (_, pending) in std::mem::take(&mut self.pending) {
            let sent = pending.transit.sent.is_some();
            let unknown = Outcome::Unknown(uncertainty);
            tell(pending.ticket, if sent { unknown } else { refused.clone() });
        }
        for ticket in std::mem::take(&mut self.opening)
            .into_values()
            .filter_map(|o| o.ticket)
        {
            tell(ticket, refused.clone());
        }
        for (ticket, ..) in std::mem::take(&mut self.waiting) {
            tell(ticket, refused.clone());
        }
    }
}

fn given_up(sent: bool) -> Outcome {
    if sent {
        Outcome::Unknown(Uncertainty::TimedOut)
    } else {
        Outcome::Refused(Refusal::NoLeader)
    }
}
