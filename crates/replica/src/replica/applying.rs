//! Applying committed entries, and reading the state that they made.

use super::Replica;
use crate::audit::Audit;
use crate::machine::{Effect, WriteVerdict};
use crate::reads::Read;
use crate::sessions::Applied;
use crate::{Actions, Config, Header, Outcome, Refusal, Reply, Request, Stopped, Uncertainty};
use quorate_core::Hard;
use quorate_core::driver::Disk;
use quorate_core::replicated::{Payload, Replicated};

impl<P: Replicated, D: Disk<<P::Hard as Hard>::Record>> Replica<P, D> {
    pub(crate) fn apply(&mut self, index: u64, term: u64, payload: &Payload, out: &mut Actions<P>) {
        if let Payload::Configuration(configuration) = payload {
            self.apply_configuration(configuration, out);
        }
        let Config {
            limits,
            mutant,
            software,
            ..
        } = &self.config;
        let effect = self
            .machine
            .apply(index, term, payload, limits, *software, *mutant);
        self.checkpoint.on_applied(payload.command().len());
        if Audit::wants(index) {
            self.audit.on_applied(index, self.machine.digest());
            self.judge_states(out);
        }
        match effect {
            Effect::Nothing => {}
            Effect::Opened { nonce, session } => {
                let refuse = |ticket, outcome| out.replies.push((ticket, outcome));
                let ticket = self
                    .writes
                    .on_opened(nonce, session, &self.config.limits, refuse);
                if let Some(ticket) = ticket {
                    out.replies.push((
                        ticket,
                        Outcome::Done(self.header(), Reply::Session(session)),
                    ));
                }
            }
            Effect::Write { id, verdict } => {
                let outcome = match &verdict {
                    WriteVerdict::Applied(applied) => self.answer(applied),
                    WriteVerdict::Duplicate(applied) => {
                        self.counters.duplicates += 1;
                        self.answer(applied)
                    }
                    WriteVerdict::Settled => Outcome::Unknown(Uncertainty::Settled),
                    WriteVerdict::Expired => {
                        self.writes.forget_own(id.session);
                        Outcome::Unknown(Uncertainty::SessionExpired)
                    }
                    WriteVerdict::OutsideWindow => Outcome::Refused(Refusal::SessionWindow),
                };
                if let Some(ticket) = self.writes.on_judged(id) {
                    out.replies.push((ticket, outcome));
                }
            }
            Effect::TooNew { format } => {
                let (needed, known) = (format, self.config.software);
                self.stop(Stopped::TooOld { needed, known }, out);
            }
            Effect::OutOfOrder => {
                let applied = self.machine.index();
                let detail = format!("entry {index} comes after entry {applied}");
                self.on_violation("entries are applied in order", detail, out);
            }
            Effect::Malformed => {
                self.counters.malformed_entries += 1;
                let detail = format!("entry {index} of term {term} can't be decoded");
                self.on_violation("entries are well-formed", detail, out);
            }
        }
    }

    pub(crate) fn answer(&self, applied: &Applied) -> Outcome {
        let header = Header {
            revision: applied.revision,
            term: self.protocol.term(),
        };
        match &applied.result {
            Ok(response) => Outcome::Done(header, Reply::Written(response.clone())),
            Err(error) => Outcome::Refused(Refusal::Store(*error)),
        }
    }

    pub(crate) fn serve_reads(&mut self, out: &mut Actions<P>) {
        while let Some(reads) = self.reads.servable(self.machine.index()) {
            for Read {
                ticket, request, ..
            } in reads
            {
                out.replies.push((ticket, self.read(&request)));
            }
        }
    }

    /// Reads the local state.
    pub(crate) fn read(&self, request: &Request) -> Outcome {
        let store = self.machine.store();
        let reply = match request {
            Request::Range { request, .. } => store.range(request).map(Reply::Range),
            Request::ReadTxn { txn, .. } => store.read_txn(txn).map(Reply::Txn),
            Request::Members { .. } => {
                Ok(Reply::Configuration(Box::new(self.applied_configuration())))
            }
            _ => Ok(Reply::Ok),
        };
        match reply {
            Ok(reply) => Outcome::Done(self.header(), reply),
            Err(error) => Outcome::Refused(Refusal::Store(error)),
        }
    }
}
