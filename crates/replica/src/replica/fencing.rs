//! Fail-stop: a replica that can't be trusted leaves the service, once, and says why.
//!
//! A replica whose state differs from the others', which sees a safety property violated, or which
//! can't read an entry, would do harm with every vote and every answer that follows. So it does
//! nothing more: it takes no input, releases no message, and refuses its clients in words (doc 002:
//! an impossible state is observable; doc 003: a faulty replica is isolated).

use super::Replica;
use crate::audit::{Divergence, Verdict};
use crate::interface::{Actions, Notice};
use crate::request::{Refusal, Uncertainty};
use crate::stopped::Stopped;
use quorate_core::Hard;
use quorate_core::driver::Disk;
use quorate_core::replicated::Replicated;

impl<P: Replicated, D: Disk<<P::Hard as Hard>::Record>> Replica<P, D> {
    /// Why the replica has left the service, if it has.
    pub fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref()
    }

    /// A safety property is violated.
    pub(crate) fn on_violation(
        &mut self,
        property: &'static str,
        detail: String,
        out: &mut Actions<P>,
    ) {
        if self.stopped.is_none() {
            self.counters.violations += 1;
            self.stop(Stopped::Violation { property, detail }, out);
        }
    }

    /// Leaves the service. Only the first reason counts.
    pub(crate) fn stop(&mut self, why: Stopped, out: &mut Actions<P>) {
        if self.stopped.is_some() {
            return;
        }
        self.gate.fail();
        self.loopback.clear();
        self.outputs.clear();
        let refusal = Refusal::Stopped(why.kind());
        let mut tell = |ticket, outcome| out.replies.push((ticket, outcome));
        let ends = (&refusal, Uncertainty::Stopped);
        self.writes.fail(ends, &mut tell);
        self.reads.fail(&refusal, &mut tell);
        self.changes.fail(ends, &mut tell);
        out.notices.push(Notice::Stopped(why.clone()));
        self.stopped = Some(why);
    }

    /// Compares the state with the peers': the one that a quorum does not hold is wrong.
    pub(crate) fn judge_states(&mut self, out: &mut Actions<P>) {
        let verdict = self.audit.verdict(self.me, self.protocol.configuration());
        let Some(Verdict::Mine(found) | Verdict::Theirs(found)) = verdict else {
            return;
        };
        let Divergence {
            peer,
            index,
            mine,
            theirs,
        } = found;
        let detail = format!(
            "at index {index} the state's digest is {mine:016x} here and {theirs:016x} at {peer}"
        );
        match verdict {
            Some(Verdict::Theirs(_)) => out.notices.push(Notice::PeerDiverged { peer, detail }),
            _ => self.on_violation("state-machine safety", detail, out),
        }
    }

    /// The protocol has seen something that its model excludes: nothing of this burst may leave.
    pub(crate) fn fence(&mut self, out: &mut Actions<P>) {
        if let Some(detail) = self.protocol.violation() {
            self.on_violation("the protocol's local invariants", detail.to_owned(), out);
        }
    }
}
