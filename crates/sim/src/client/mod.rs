//! Clients: they ask, wait, ask again elsewhere, give up, and remember what they were told.
//!
//! A client has one operation under way at a time; several clients make the concurrency. Every
//! operation that may have changed the store ends up in the history, the unanswered ones as
//! *unknown*.

mod translate;

use crate::decisions::Decisions;
use crate::swarm::Load;
use bytes::Bytes;
use quorate_check::{Action, Comparison, Operation, Outcome as Told, Target, Txn, TxnOp};
use quorate_core::NodeId;
use quorate_kv as kv;
use quorate_replica::{
    Outcome, Refusal, Reply, Request, RequestId, SessionId, Ticket, Uncertainty,
};
pub(crate) use translate::{digest, items};

/// What a client wants the world to do.
#[derive(Debug)]
pub(crate) enum ClientAction {
    /// Nothing now.
    Nothing,
    /// To send this.
    Ask {
        /// To whom.
        to: NodeId,
        /// Its name.
        ticket: Ticket,
        /// What.
        request: Request,
    },
    /// To be told when this time has passed.
    Rest(u64),
}

/// How operations ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationCounts {
    /// Answered writes.
    pub writes: u64,
    /// Answered linearizable reads.
    pub reads: u64,
    /// Answered serializable reads.
    pub serializable_reads: u64,
    /// Refused.
    pub refused: u64,
    /// Given up: it may have taken effect, or may yet.
    pub unknown: u64,
    /// Sent again.
    pub repeated: u64,
}

impl OperationCounts {
    /// Adds another run's figures.
    pub fn merge(&mut self, other: &Self) {
        self.writes += other.writes;
        self.reads += other.reads;
        self.serializable_reads += other.serializable_reads;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.repeated += other.repeated;
    }
}

/// What all clients share.
#[derive(Debug, Default)]
pub(crate) struct ClientState {
    /// What was asked and answered.
    pub(crate) history: Vec<Operation>,
    pub(crate) operations: OperationCounts,
    tickets: u64,
    values: u64,
    /// Operations begun.
    begun: u64,
    /// The revision of the store, as last heard of.
    revision: i64,
}

impl ClientState {
    fn ticket(&mut self, client: u8) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets << 8 | u64::from(client))
    }

    /// A value that was never written.
    fn value(&mut self, load: &Load, decisions: &mut Decisions) -> Bytes {
        self.values += 1;
        let mut value = format!("v{}", self.values).into_bytes();
        let size = decisions.below(load.value_bytes + 1) as usize;
        value.resize(value.len().max(size), b'.');
        value.into()
    }
}

/// The client that a ticket belongs to.
pub(crate) fn client_of(ticket: Ticket) -> u8 {
    ticket.0 as u8
}

/// What is under way.
#[derive(Debug)]
struct Pending {
    what: ClientOperation,
    invoked: u64,
    first: Ticket,
    last: Ticket,
    attempts: u32,
    /// The last attempt is on its way.
    asked: bool,
    /// An attempt may have taken effect.
    in_doubt: bool,
    id: Option<RequestId>,
}

#[derive(Debug)]
enum ClientOperation {
    Act(Action),
    OpenSession,
    /// Asks to forget old revisions: changes nothing that a history shows.
    Compact(i64),
}

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    id: u8,
    nodes: u8,
    home: NodeId,
    /// It has sessions, and repeats its writes.
    is_safe: bool,
    session: Option<SessionId>,
    next_seq: u64,
    pending: Option<Pending>,
    seen: Option<(Bytes, i64)>,
    /// Asks no more questions.
    stopped: bool,
    /// The one write of a client that only probes.
    probe: Option<Bytes>,
    /// Counts the times that were set: only the last one counts.
    pub(crate) alarm: u32,
}

impl Client {
    pub(crate) fn new(id: u8, nodes: u8, load: &Load) -> Self {
        Self {
            id,
            nodes,
            home: NodeId((id % nodes).into()),
            is_safe: !id.is_multiple_of(load.sessionless),
            session: None,
            next_seq: 1,
            pending: None,
            seen: None,
            stopped: false,
            probe: None,
            alarm: 0,
        }
    }

    /// A client that makes one write, through one replica, for as long as it takes.
    pub(crate) fn probe(id: u8, nodes: u8, home: NodeId) -> Self {
        Self {
            id,
            nodes,
            home,
            is_safe: true,
            session: None,
            next_seq: 1,
            pending: None,
            seen: None,
            stopped: false,
            probe: Some(format!("probe {home}").into()),
            alarm: 0,
        }
    }

    /// Ends what is under way, and asks nothing more.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// The replica that must answer it, and no other.
    pub(crate) fn bound_to(&self) -> Option<NodeId> {
        self.probe.is_some().then_some(self.home)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_none()
    }

    /// The time that was set has come: to ask something new, to ask again, or to wait no longer.
    pub(crate) fn on_time(
        &mut self,
        now: u64,
        load: &Load,
        desk: &mut ClientState,
        decisions: &mut Decisions,
    ) -> ClientAction {
        match &mut self.pending {
            Some(pending) if pending.asked => {
                pending.in_doubt = true;
                self.again_or_give_up(load, desk, decisions)
            }
            Some(_) => self.ask(),
            None => self.begin(now, load, desk, decisions),
        }
    }

    fn begin(
        &mut self,
        now: u64,
        load: &Load,
        desk: &mut ClientState,
        decisions: &mut Decisions,
    ) -> ClientAction {
        let what = match self.probe.clone() {
            Some(_) if self.session.is_none() => ClientOperation::OpenSession,
            Some(value) => ClientOperation::Act(Action::Put {
                key: Bytes::from_static(b"probe"),
                value,
            }),
            None if self.stopped || desk.begun >= load.operations => return ClientAction::Nothing,
            None if self.is_safe && self.session.is_none() => ClientOperation::OpenSession,
            None => {
                desk.begun += 1;
                self.choose(load, desk, decisions)
            }
        };
        let id = match (&what, self.session) {
            (ClientOperation::Act(action), Some(session)) if action.may_write() => {
                let seq = self.next_seq;
                self.next_seq += 1;
                let settled = seq;
                Some(RequestId {
                    session,
                    seq,
                    settled,
                })
            }
            _ => None,
        };
        let ticket = desk.ticket(self.id);
        self.pending = Some(Pending {
            what,
            invoked: now,
            first: ticket,
            last: ticket,
            attempts: 1,
            asked: false,
            in_doubt: false,
            id,
        });
        self.ask()
    }

    fn choose(
        &mut self,
        load: &Load,
        desk: &mut ClientState,
        decisions: &mut Decisions,
    ) -> ClientOperation {
        if decisions.chance(load.compactions) && desk.revision > 4 {
            return ClientOperation::Compact(desk.revision - decisions.within(0, 3) as i64);
        }
        let key = key(decisions.below(load.keys));
        ClientOperation::Act(match decisions.below(16) {
            0..4 => Action::Get {
                key,
                serializable: false,
            },
            4..9 => Action::Put {
                key,
                value: desk.value(load, decisions),
            },
            9 => Action::Get {
                key,
                serializable: true,
            },
            10 => Action::Delete { key },
            11 => Action::Scan {
                from: Bytes::from_static(b"k"),
                until: None,
                serializable: false,
            },
            12 | 13 => Action::compare_and_swap(
                key.clone(),
                match &self.seen {
                    Some((seen, revision)) if *seen == key => Target::ModRevision(*revision),
                    _ => Target::CreateRevision(0),
                },
                desk.value(load, decisions),
            ),
            _ => {
                let other = self::key(load.keys + decisions.below(2));
                let value = desk.value(load, decisions);
                let then = vec![
                    TxnOp::Put {
                        key: key.clone(),
                        value: value.clone(),
                    },
                    TxnOp::Get { key: other.clone() },
                    TxnOp::Put {
                        key: other.clone(),
                        value,
                    },
                ];
                let equals = Target::Version(decisions.below(4) as i64);
                let compares = match decisions.below(2) {
                    0 => vec![],
                    _ => vec![Comparison { key, equals }],
                };
                Action::Txn(Txn {
                    compares,
                    then,
                    otherwise: vec![TxnOp::Delete { key: other }],
                })
            }
        })
    }

    fn ask(&mut self) -> ClientAction {
        let Some(pending) = &mut self.pending else {
            return ClientAction::Nothing;
        };
        pending.asked = true;
        let request = match &pending.what {
            ClientOperation::Act(action) => translate::request(action, pending.id),
            ClientOperation::OpenSession => Request::OpenSession,
            ClientOperation::Compact(revision) => Request::Write {
                command: kv::Command::Compact(kv::CompactRequest {
                    revision: *revision,
                    physical: false,
                }),
                id: None,
            },
        };
        ClientAction::Ask {
            to: self.home,
            ticket: pending.last,
            request,
        }
    }

    /// An answer came.
    pub(crate) fn on_answer(
        &mut self,
        now: u64,
        ticket: Ticket,
        outcome: Outcome,
        load: &Load,
        desk: &mut ClientState,
        decisions: &mut Decisions,
    ) -> ClientAction {
        let Some(pending) = &mut self.pending else {
            return ClientAction::Nothing;
        };
        if ticket < pending.first || ticket > pending.last {
            return ClientAction::Nothing; // to an earlier question
        }
        match outcome {
            Outcome::Done(header, reply) => {
                desk.revision = desk.revision.max(header.revision);
                let Some(pending) = self.pending.take() else {
                    return ClientAction::Nothing;
                };
                if let Reply::Session(session) = reply {
                    (self.session, self.next_seq) = (Some(session), 1);
                    return ClientAction::Rest(0);
                }
                if let ClientOperation::Act(action) = pending.what {
                    self.done(now, pending.invoked, action, header, reply, desk);
                }
                if self.probe.take().is_some() {
                    self.stopped = true;
                }
                self.rest(load, decisions)
            }
            // Only the answer to the last attempt says how things stand.
            _ if ticket != pending.last => ClientAction::Nothing,
            Outcome::Refused(Refusal::Store(why)) => {
                self.refused(now, why.to_string(), desk);
                self.rest(load, decisions)
            }
            Outcome::Refused(_) => {
                self.turn(decisions);
                self.again_or_give_up(load, desk, decisions)
            }
            Outcome::Unknown(why) => {
                pending.in_doubt = true;
                let lost = matches!(why, Uncertainty::SessionExpired | Uncertainty::Settled);
                if lost {
                    self.session = None;
                }
                if lost || matches!(why, Uncertainty::AnswerForgotten { .. }) {
                    self.give_up(desk);
                    return self.rest(load, decisions);
                }
                self.again_or_give_up(load, desk, decisions)
            }
        }
    }

    fn done(
        &mut self,
        now: u64,
        invoked: u64,
        action: Action,
        header: quorate_replica::Header,
        reply: Reply,
        desk: &mut ClientState,
    ) {
        match &action {
            _ if action.may_write() => desk.operations.writes += 1,
            Action::Get {
                serializable: true, ..
            } => desk.operations.serializable_reads += 1,
            _ => desk.operations.reads += 1,
        }
        let Some(response) = translate::response(&action, header, reply) else {
            return;
        };
        if let (Action::Get { key, .. }, quorate_check::Reply::Got(Some(item))) =
            (&action, &response.reply)
        {
            self.seen = Some((key.clone(), item.mod_revision));
        }
        let outcome = Told::Done {
            returned: now,
            response,
        };
        desk.history.push(Operation {
            client: self.id.into(),
            invoked,
            action,
            outcome,
        });
    }

    fn refused(&mut self, now: u64, why: String, desk: &mut ClientState) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        desk.operations.refused += 1;
        if let ClientOperation::Act(action) = pending.what {
            // With a session the refusal is what the one application came to. Without one there
            // was only one attempt, or those before were refused too.
            let outcome = Told::Refused { returned: now, why };
            let invoked = pending.invoked;
            desk.history.push(Operation {
                client: self.id.into(),
                invoked,
                action,
                outcome,
            });
        }
    }

    fn again_or_give_up(
        &mut self,
        load: &Load,
        desk: &mut ClientState,
        decisions: &mut Decisions,
    ) -> ClientAction {
        let Some(pending) = &mut self.pending else {
            return ClientAction::Nothing;
        };
        let is_write = match &pending.what {
            ClientOperation::Act(action) => action.may_write(),
            ClientOperation::Compact(_) => true,
            ClientOperation::OpenSession => false,
        };
        // A write without a name must not be repeated once it may have taken effect.
        let may_repeat = pending.id.is_some() || !is_write || !pending.in_doubt;
        let patient = self.probe.is_some() || pending.attempts < load.attempts;
        if may_repeat && patient && (!self.stopped || self.probe.is_some()) {
            pending.attempts += 1;
            pending.asked = false;
            pending.last = desk.ticket(self.id);
            desk.operations.repeated += 1;
            self.turn(decisions);
            // Refused at once by all: wait a little before asking again.
            return ClientAction::Rest(1_000_000 + decisions.exponential(10_000_000));
        }
        self.give_up(desk);
        self.rest(load, decisions)
    }

    /// Another replica may answer. A probe stays where it is.
    fn turn(&mut self, decisions: &mut Decisions) {
        if self.probe.is_none() {
            self.home = NodeId(decisions.below(self.nodes.into()) as u32);
        }
    }

    fn give_up(&mut self, desk: &mut ClientState) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        if !pending.in_doubt {
            desk.operations.refused += 1;
            return;
        }
        desk.operations.unknown += 1;
        if let ClientOperation::Act(action) = pending.what
            && action.may_write()
        {
            desk.history.push(Operation {
                client: self.id.into(),
                invoked: pending.invoked,
                action,
                outcome: Told::Unknown,
            });
        }
    }

    /// The world ends: what is under way is unknown.
    pub(crate) fn end(&mut self, desk: &mut ClientState) {
        if let Some(pending) = &mut self.pending {
            pending.in_doubt = true;
        }
        self.give_up(desk);
    }

    fn rest(&mut self, load: &Load, decisions: &mut Decisions) -> ClientAction {
        if decisions.below(8) == 7 {
            self.turn(decisions);
        }
        ClientAction::Rest(decisions.exponential(load.think) + 1)
    }
}

fn key(number: u64) -> Bytes {
    const NAMES: [&str; 10] = ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"];
    Bytes::from_static(NAMES[number as usize % NAMES.len()].as_bytes())
}
