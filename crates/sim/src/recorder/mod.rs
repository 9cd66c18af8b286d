//! What happened, as data for a report: any world can feed it.
//!
//! A [`Recorder`] knows nodes, messages, timers and disks, and no protocol: it is fed numbers and
//! words, and yields a [`quorate_report::Run`]. It finds the causes by itself. Each node has a *step*
//! that it is in, the last event that went into it; whatever the node does then (sends, arms, begins,
//! turns into) has that step for its cause, and comes back as the cause of what follows from it: the
//! sending of the delivery, the arming of the timer, the write of the sync.
//!
//! It changes nothing: it draws no decision and decides nothing. A world holds an
//! `Option<Box<Recorder>>`, and makes words only when there is one.
//!
//! It is bounded: of a longer run it keeps the end, and says what it let go ([`RecorderLimits`]).

mod clients;
mod difference;
mod finish;
mod messages;
mod nodes;
mod ring;
#[cfg(test)]
mod tests;

use difference::{difference, short};
use quorate_core::NodeId;
use quorate_report::{
    CommitIndex, EventKind, FaultInterval, Leadership, OperationSpan, RunEvent, RunMessage, Sync,
};
use ring::Ring;
use std::collections::BTreeMap;

pub use finish::Ending;

/// How much is kept. Where there is more, the oldest goes, and the report says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderLimits {
    /// Events.
    pub events: usize,
    /// Messages.
    pub messages: usize,
    /// Of syncs, bands, reigns, commits and operations, each.
    pub others: usize,
    /// Bytes of words on events and messages.
    pub text: usize,
    /// Characters of one line of words.
    pub width: usize,
}

impl Default for RecorderLimits {
    /// What a page can show and a browser opens at once.
    fn default() -> Self {
        Self {
            events: 100_000,
            messages: 200_000,
            others: 100_000,
            text: 48 << 20,
            width: 160,
        }
    }
}

/// Terms and indices beyond this a page can't tell apart.
const MOST: u64 = 1 << 53;

/// An event, as long as the recorder keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId(u32);

/// A band: a stretch of time in which something was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultIntervalId(u32);

/// An operation of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationId(u32);

/// What the recorder remembers of a node.
#[derive(Clone, Debug, Default)]
struct NodeTrack {
    /// The last event that went into it.
    step: Option<u32>,
    /// What was in force when each timer was armed.
    timers: BTreeMap<u64, Option<u32>>,
    /// The last step that wrote something that no sync has begun for.
    wrote: Option<u32>,
    /// The sync under way: since when, and what wrote the records.
    syncing: Option<(u64, Option<u32>)>,
    reign: Option<Leadership>,
    commit: u64,
    /// Its state in lines, as it was last told.
    state: String,
    /// The event and the band of its crash, while it is down.
    down: Option<(u32, FaultIntervalId)>,
}

/// A message under way. It may have been let go meanwhile; its arrival is an event all the same.
#[derive(Clone, Copy, Debug)]
struct InTransit {
    id: u32,
    from: NodeId,
    to: NodeId,
}

/// Records a run.
#[derive(Clone, Debug)]
pub struct Recorder {
    limits: RecorderLimits,
    now: u64,
    lanes: Vec<NodeTrack>,
    events: Ring<RunEvent>,
    messages: Ring<RunMessage>,
    /// Messages under way, by the number that the network carries them under.
    carried: BTreeMap<u32, InTransit>,
    syncs: Ring<Sync>,
    bands: Ring<FaultInterval>,
    reigns: Ring<Leadership>,
    commits: Ring<CommitIndex>,
    operations: Ring<OperationSpan>,
    totals: Vec<(String, String)>,
    violation: Option<u32>,
    /// The longest time that the timing model gives a message.
    late_after: Option<u64>,
    /// Bytes of words on events and messages.
    text: usize,
}

impl Recorder {
    /// Records a cluster of this size.
    pub fn new(nodes: u8, limits: RecorderLimits) -> Self {
        Self {
            limits,
            now: 0,
            lanes: vec![NodeTrack::default(); usize::from(nodes)],
            events: Ring::default(),
            messages: Ring::default(),
            carried: BTreeMap::new(),
            syncs: Ring::default(),
            bands: Ring::default(),
            reigns: Ring::default(),
            commits: Ring::default(),
            operations: Ring::default(),
            totals: vec![],
            violation: None,
            late_after: None,
            text: 0,
        }
    }

    /// Something goes into a node: from now on this is the node's step.
    pub fn event(
        &mut self,
        at: u64,
        node: NodeId,
        kind: EventKind,
        label: &str,
        cause: Option<EventId>,
    ) -> EventId {
        let id = self.push_event(at, node, kind, label, cause.map(|id| id.0));
        self.lane(node).step = Some(id.0);
        id
    }

    /// Something comes out of a node's step, or is worth a line: a role, an answer, a decision. The
    /// step stays what it was, and is the cause.
    pub fn remark(&mut self, at: u64, node: NodeId, kind: EventKind, label: &str) -> EventId {
        let step = self.lane(node).step;
        self.push_event(at, node, kind, label, step)
    }

    /// The world does something to a node, for no reason that the node knows.
    pub fn fault(&mut self, at: u64, node: NodeId, label: &str) -> EventId {
        self.push_event(at, node, EventKind::Fault, label, None)
    }

    /// A property does not hold, as a node's step showed. The last one told is the verdict's event.
    pub fn violation(&mut self, at: u64, node: NodeId, label: &str) -> EventId {
        let id = self.remark(at, node, EventKind::Violation, label);
        self.violation = Some(id.0);
        id
    }

    /// The step that a node is in.
    pub fn step_of(&self, node: NodeId) -> Option<EventId> {
        self.lanes.get(node.index())?.step.map(EventId)
    }

    /// The node's state after its step, a fact a line: the event gets the difference to what was last
    /// told of this node.
    pub fn state(&mut self, node: NodeId, state: &str) {
        let width = self.limits.width;
        let lane = self.lane(node);
        if lane.state == state {
            return;
        }
        let lines = difference(&lane.state, state, width);
        state.clone_into(&mut lane.state);
        let step = lane.step;
        if let Some(event) = step.and_then(|step| self.events.get_mut(step)) {
            self.text += lines.iter().map(String::len).sum::<usize>();
            event.difference.extend(lines);
            self.trim();
        }
    }

    /// The timing model promises that no message takes longer than this, in nanoseconds.
    pub fn late_after(&mut self, nanos: u64) {
        self.late_after = Some(nanos);
    }

    /// A count over the whole run.
    pub fn total(&mut self, name: &str, value: impl ToString) {
        self.totals.push((name.to_owned(), value.to_string()));
    }

    /// The time does not go back.
    fn tick(&mut self, at: u64) -> u64 {
        self.now = self.now.max(at);
        self.now
    }

    /// # Panics
    /// If there is no such node: a mistake in the world.
    fn lane(&mut self, node: NodeId) -> &mut NodeTrack {
        &mut self.lanes[node.index()]
    }

    fn push_event(
        &mut self,
        at: u64,
        node: NodeId,
        kind: EventKind,
        label: &str,
        cause: Option<u32>,
    ) -> EventId {
        let at = self.tick(at);
        let label = short(label, self.limits.width);
        self.text += label.len();
        let id = self.events.push(RunEvent {
            at,
            node: node.0,
            kind,
            label,
            cause,
            difference: vec![],
        });
        self.trim();
        EventId(id)
    }

    /// Lets the oldest go where there is too much.
    fn trim(&mut self) {
        while self.events.len() > self.limits.events {
            self.let_event_go();
        }
        while self.messages.len() > self.limits.messages {
            self.let_message_go();
        }
        while self.text > self.limits.text {
            let message = self
                .messages
                .oldest()
                .map_or(u64::MAX, |oldest| oldest.sent);
            match self.events.oldest() {
                Some(event) if event.at <= message => self.let_event_go(),
                None if message == u64::MAX => return,
                _ => self.let_message_go(),
            }
        }
    }

    fn let_event_go(&mut self) {
        if let Some(event) = self.events.let_go() {
            let lines = event.difference.iter().map(String::len).sum::<usize>();
            self.text -= event.label.len() + lines;
        }
    }

    fn let_message_go(&mut self) {
        if let Some(message) = self.messages.let_go() {
            self.text -= message.label.len();
        }
    }
}

fn bound<T>(ring: &mut Ring<T>, most: usize) {
    while ring.len() > most {
        ring.let_go();
    }
}
