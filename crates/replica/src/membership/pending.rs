//! Changes in flight at the replica that was asked for them.

use super::{Change, ChangeRefusal};
use crate::request::{Outcome, Refusal, Ticket, Uncertainty};
use quorate_core::Time;
use std::collections::BTreeMap;

/// Changes in flight at one replica. Those beyond are refused.
const MAX_PENDING: usize = 16;

/// A change that waits to be made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PendingChange {
    ticket: Ticket,
    pub(crate) change: Change,
    deadline: Time,
    /// It was sent to a leader: it may be made, whatever happens here.
    pub(crate) sent: bool,
}

/// The table of changes in flight, by nonce.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Changes {
    pending: BTreeMap<u64, PendingChange>,
    /// Some are to be sent, for the first time or again.
    pub(crate) due: bool,
}

impl Changes {
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Takes a change in, under a nonce that no other has.
    pub(crate) fn take(
        &mut self,
        nonce: u64,
        ticket: Ticket,
        change: Change,
        deadline: Time,
    ) -> Result<(), Refusal> {
        if self.pending.len() >= MAX_PENDING {
            return Err(Refusal::TooManyRequests);
        }
        let sent = false;
        let pending = PendingChange {
            ticket,
            change,
            deadline,
            sent,
        };
        self.pending.insert(nonce, pending);
        self.due = true;
        Ok(())
    }

    /// All of them, to be sent.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut PendingChange)> {
        self.pending
            .iter_mut()
            .map(|(nonce, change)| (*nonce, change))
    }

    /// The leader has refused it.
    pub(crate) fn on_refused(
        &mut self,
        nonce: u64,
        why: ChangeRefusal,
    ) -> Option<(Ticket, Outcome)> {
        let pending = self.pending.remove(&nonce)?;
        Some((pending.ticket, Outcome::Refused(Refusal::Change(why))))
    }

    /// A configuration that was applied names it as made.
    pub(crate) fn on_made(&mut self, nonce: u64) -> Option<Ticket> {
        self.pending.remove(&nonce).map(|pending| pending.ticket)
    }

    /// Gives up what is past its deadline: refused if it never left, unknown if it did.
    pub(crate) fn expire(&mut self, now: Time, mut tell: impl FnMut(Ticket, Outcome)) -> u64 {
        let before = self.pending.len();
        self.pending.retain(|_, pending| {
            let late = pending.deadline <= now;
            if late {
                let outcome = match pending.sent {
                    true => Outcome::Unknown(Uncertainty::TimedOut),
                    false => Outcome::Refused(Refusal::NoLeader),
                };
                tell(pending.ticket, outcome);
            }
            !late
        });
        (before - self.pending.len()) as u64
    }

    /// Moves every time.
    pub(crate) fn rebase(&mut self, rebase: impl Fn(&mut Time)) {
        let pending = self.pending.values_mut();
        pending.for_each(|pending| rebase(&mut pending.deadline));
    }

    /// Ends everything: the replica serves no more, for this reason.
    pub(crate) fn fail(
        &mut self,
        (refusal, uncertainty): (&Refusal, Uncertainty),
        mut tell: impl FnMut(Ticket, Outcome),
    ) {
        for pending in std::mem::take(&mut self.pending).into_values() {
            let outcome = match pending.sent {
                true => Outcome::Unknown(uncertainty),
                false => Outcome::Refused(refusal.clone()),
            };
            tell(pending.ticket, outcome);
        }
    }
}
