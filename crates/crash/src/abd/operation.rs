//! A read or a write that this node serves: two phases, a majority for each.

use super::{Abd, Message, OperationId, Output, ReadRule, Request, Resend, Tag, Tagged};
use bytes::Bytes;
use quorate_core::{Effects, NodeId, NodeSet, To};

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Operation {
    request: Request,
    phase: Phase,
    /// Who has answered in this phase; each counts once.
    answers: NodeSet,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// With the newest value that was told.
    Query(Tagged),
    /// With what is to be stored.
    Store(Tagged),
}

impl Operation {
    /// What it has others store.
    pub(super) fn tag(&self) -> Option<Tag> {
        match &self.phase {
            Phase::Query(_) => None,
            Phase::Store(tagged) => Some(tagged.tag),
        }
    }

    fn message(&self, id: OperationId) -> Message {
        match &self.phase {
            Phase::Query(_) => Message::Query(id),
            Phase::Store(tagged) => Message::Store(id, tagged.clone()),
        }
    }
}

impl Abd {
    /// Phase 1. What this node stores itself counts as an answer.
    pub(super) fn begin(&mut self, request: Request, out: &mut Effects<Self>) {
        if self.operations.len() >= self.config.window {
            return out.output(Output::Busy(request));
        }
        let id = OperationId {
            incarnation: self.hard.incarnation,
            number: self.next,
        };
        self.next += 1;
        let operation = Operation {
            request,
            phase: Phase::Query(Tagged::default()),
            answers: NodeSet::EMPTY,
        };
        self.operations.insert(id, operation);
        for peer in self.peers() {
            out.send(To::One(peer), Message::Query(id));
        }
        self.arm_anew(out);
        let stored = self.hard.stored.clone();
        out.send(To::One(self.me), Message::Value(id, stored));
    }

    pub(super) fn on_value(
        &mut self,
        from: NodeId,
        id: OperationId,
        found: Tagged,
        out: &mut Effects<Self>,
    ) {
        let quorum = self.config.quorum();
        let Some(operation) = self.operations.get_mut(&id) else {
            return; // it is over, or of before a crash
        };
        let Phase::Query(newest) = &mut operation.phase else {
            return;
        };
        if !operation.answers.insert(from) {
            return;
        }
        if found.tag > newest.tag {
            *newest = found;
        }
        if operation.answers.len() < quorum {
            return;
        }
        let newest = newest.clone();
        match operation.request.clone() {
            Request::Write(value) => {
                // Greater than what this node has stored too: that may be of a write of its own, which
                // no other has heard of yet.
                let greatest = newest.tag.max(self.hard.stored.tag);
                let tag = Tag {
                    seq: greatest.seq.saturating_add(1),
                    node: self.me,
                };
                let value = Some(value);
                self.begin_store(id, Tagged { tag, value }, out);
            }
            Request::Read(read) if self.config.read == ReadRule::AnswerAtOnce => {
                self.operations.remove(&id);
                out.output(Output::Read {
                    id: read,
                    found: newest,
                });
            }
            Request::Read(_) => self.begin_store(id, newest, out),
        }
    }

    /// Phase 2. This node counts once its own copy is on disk.
    fn begin_store(&mut self, id: OperationId, tagged: Tagged, out: &mut Effects<Self>) {
        self.store(tagged.clone(), out);
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.phase = Phase::Store(tagged.clone());
            operation.answers = NodeSet::EMPTY;
        }
        out.send(To::One(self.me), Message::Stored(id));
        for peer in self.peers() {
            out.send(To::One(peer), Message::Store(id, tagged.clone()));
        }
        self.arm_anew(out);
    }

    pub(super) fn on_stored(&mut self, from: NodeId, id: OperationId, out: &mut Effects<Self>) {
        let quorum = self.config.quorum();
        let Some(operation) = self.operations.get_mut(&id) else {
            return;
        };
        let Phase::Store(tagged) = &operation.phase else {
            return;
        };
        if !operation.answers.insert(from) || operation.answers.len() < quorum {
            return;
        }
        let (found, request) = (tagged.clone(), operation.request.clone());
        self.operations.remove(&id);
        if self.operations.is_empty() {
            out.disarm(Resend);
        }
        out.output(match request {
            Request::Write(value) => Output::Written {
                value,
                tag: found.tag,
            },
            Request::Read(id) => Output::Read { id, found },
        });
    }

    fn arm_anew(&mut self, out: &mut Effects<Self>) {
        self.attempts = 0;
        self.arm(out);
    }

    fn arm(&self, out: &mut Effects<Self>) {
        let wait = self.config.retry * (1 << self.attempts.min(self.config.max_doublings));
        out.arm(Resend, wait, wait);
    }

    /// Asks those again that have not answered.
    pub(super) fn resend(&mut self, out: &mut Effects<Self>) {
        if self.operations.is_empty() {
            return;
        }
        for (id, operation) in &self.operations {
            for peer in self
                .peers()
                .filter(|peer| !operation.answers.contains(*peer))
            {
                out.send(To::One(peer), operation.message(*id));
            }
        }
        self.attempts = self.attempts.saturating_add(1);
        self.arm(out);
    }
}

/// Requests are told apart by what they ask.
impl Request {
    /// The value that it writes.
    pub fn value(&self) -> Option<&Bytes> {
        match self {
            Self::Write(value) => Some(value),
            Self::Read(_) => None,
        }
    }
}
