//! Admission: which requests are taken in, and which are refused at once.

use super::Replica;
use crate::config::Limits;
use crate::interface::Actions;
use crate::reads::Read;
use crate::request::{Outcome, Refusal, Reply, Request, Ticket, Uncertainty};
use quorate_core::driver::Disk;
use quorate_core::replicated::{Replicated, Request as Ask};
use quorate_core::{Hard, NodeId, Time};
use quorate_kv as kv;

impl<P: Replicated, D: Disk<<P::Hard as Hard>::Record>> Replica<P, D> {
    pub(crate) fn on_client(
        &mut self,
        now: Time,
        ticket: Ticket,
        request: Request,
        deadline: Time,
        out: &mut Actions<P>,
    ) {
        let ended = match self.admit(now, ticket, request, deadline, out) {
            Ok(None) => return,
            Ok(Some(outcome)) => outcome,
            Err(refusal) => {
                match refusal {
                    Refusal::TooManyRequests => self.counters.refused_too_many += 1,
                    Refusal::TooLarge { .. } => self.counters.refused_too_large += 1,
                    _ => {}
                }
                Outcome::Refused(refusal)
            }
        };
        out.replies.push((ticket, ended));
    }

    /// Takes a request in, or says at once how it ends.
    pub(crate) fn admit(
        &mut self,
        now: Time,
        ticket: Ticket,
        request: Request,
        deadline: Time,
        out: &mut Actions<P>,
    ) -> Result<Option<Outcome>, Refusal> {
        if self.gate.failed() {
            return Err(Refusal::DiskFailed);
        }
        match &request {
            Request::Range {
                serializable: true, ..
            }
            | Request::ReadTxn {
                serializable: true, ..
            }
            | Request::Members { serializable: true } => {
                return Ok(Some(self.read(&request)));
            }
            Request::TransferLeadership(to) => return self.transfer(now, *to).map(Some),
            _ => {}
        }
        let Limits {
            requests,
            bursts_waiting,
            txn_ops,
            store_bytes,
            ..
        } = self.config.limits;
        if self.in_flight() >= requests {
            return Err(Refusal::TooManyRequests);
        }
        match request {
            Request::Write { .. } | Request::OpenSession
                if self.gate.waiting() >= bursts_waiting =>
            {
                Err(Refusal::TooManyRequests)
            }
            Request::Write { command, id } => {
                command.check(txn_ops)?;
                let grows = matches!(command, kv::Command::Put(_) | kv::Command::Txn(_));
                if grows && self.machine.store().size_bytes() >= store_bytes {
                    return Err(Refusal::Store(kv::Error::NoSpace));
                }
                let Some(id) = id else {
                    self.writes
                        .take(ticket, command, deadline, &self.config.limits)?;
                    return Ok(None);
                };
                let earlier =
                    self.writes
                        .take_with(ticket, id, &command, deadline, &self.config.limits)?;
                if let Some(earlier) = earlier {
                    // The client has sent it again and listens under the new ticket.
                    out.replies
                        .push((earlier, Outcome::Unknown(Uncertainty::TimedOut)));
                }
                Ok(None)
            }
            Request::Change(change) => {
                let nonce = self.draw_nonce();
                self.changes.take(nonce, ticket, change, deadline)?;
                Ok(None)
            }
            Request::OpenSession => {
                self.writes
                    .open(Some(ticket), deadline, &self.config.limits);
                Ok(None)
            }
            request => {
                self.reads.take(Read {
                    ticket,
                    request,
                    deadline,
                });
                Ok(None)
            }
        }
    }

    pub(crate) fn transfer(&mut self, now: Time, to: NodeId) -> Result<Outcome, Refusal> {
        if !self.leads() || to == self.me || !self.protocol.configuration().is_voter(to) {
            return Err(Refusal::BadTransfer);
        }
        self.ask(now, Ask::Transfer(to));
        Ok(Outcome::Done(self.header(), Reply::Ok))
    }
}
