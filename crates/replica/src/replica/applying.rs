//! Applying committed entries, and reading the state that they made.

use super::Replica;
use crate::audit::Audit;
use crate::config::Config;
use crate::interface::Actions;
use crate::machine::{EntryEffect, WriteVerdict};
use crate::reads::Read;
use crate::request::{Header, Outcome, Refusal, Reply, Request, Uncertainty};
use crate::sessions::Applied;
use crate::stopped::Stopped;
use quorate_core::Hard;
use quorate_core::driver::Disk;
use quorate_core::replicated::{Entry, Payload, Replicated};

/// How much one flush applies: some milliseconds' worth, well below an election timeout.
#[derive(Debug)]
pub(crate) struct ApplyBudget {
    entries: usize,
    bytes: usize,
}

impl Default for ApplyBudget {
    fn default() -> Self {
        Self {
            entries: 1024,
            bytes: 4 << 20,
        }
    }
}

impl ApplyBudget {
    /// Takes as many entries as are left in it, and returns how many. The last one may exceed the
    /// bytes.
    pub(crate) fn take(&mut self, entries: &[Entry]) -> usize {
        let mut taken = 0;
        for entry in entries.iter().take(self.entries) {
            if self.bytes == 0 {
                break;
            }
            self.bytes = self.bytes.saturating_sub(entry.bytes());
            taken += 1;
        }
        self.entries -= taken;
        taken
    }
}

impl<P: Replicated, D: Disk<<P::Hard as Hard>::Record>> Replica<P, D> {
    pub(crate) fn apply(&mut self, index: u64, term: u64, payload: &Payload, out: &mut Actions<P>) {
        if let Payload::Configuration(configuration) = payload {
            self.apply_configuration(configuration, out);
        }
        let Config {
            mutant, software, ..
        } = &*self.config;
        let effect = self.machine.apply(index, term, payload, *software, *mutant);
        if Audit::wants(index) {
            self.audit.on_applied(index, self.machine.digest());
            self.judge_states(out);
        }
        match effect {
            EntryEffect::Nothing => {}
            EntryEffect::Opened { nonce, session } => {
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
            EntryEffect::Write { id, verdict } => {
                let outcome = match &verdict {
                    WriteVerdict::Applied(applied) => self.answer(applied),
                    WriteVerdict::Duplicate(applied) => {
                        self.counters.duplicates += 1;
                        self.answer(applied)
                    }
                    WriteVerdict::AnswerForgotten { revision } => {
                        self.counters.duplicates += 1;
                        Outcome::Unknown(Uncertainty::AnswerForgotten {
                            revision: *revision,
                        })
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
            EntryEffect::TooNew { format } => {
                let (needed, known) = (format, self.config.software);
                self.stop(Stopped::TooOld { needed, known }, out);
            }
            EntryEffect::OutOfOrder => {
                let applied = self.machine.index();
                let detail = format!("entry {index} comes after entry {applied}");
                self.on_violation("entries are applied in order", detail, out);
            }
            EntryEffect::Malformed => {
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
