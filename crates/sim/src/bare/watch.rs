//! The bare world, watched: what happens goes into a [`Recorder`] in words.
//!
//! Each copy of a node has a lane of its own, twins behind all others. Watching draws no decision
//! and changes nothing.

use super::{Bare, LinkFault, NodeFault, ScheduledLinkFault, ScheduledNodeFault, WireMessage};
use crate::recorder::{FaultIntervalId, Recorder};
use quorate_core::{NodeId, Protocol};
use quorate_report::{EventKind, FaultIntervalKind, MessageFate};
use std::collections::BTreeMap;

/// How what a protocol says and is reads in a report.
#[derive(Debug)]
pub struct Renderer<P: Protocol> {
    /// A message.
    pub message: fn(&P::Message) -> String,
    /// What a node tells the layer above; `None` for what is not worth a line.
    pub output: fn(&P::Output) -> Option<(EventKind, String)>,
    /// The state of a node, a fact a line.
    pub state: fn(&P) -> String,
    /// The term or view of a node, and whether it takes itself for the leader.
    pub leads: fn(&P) -> Option<(u64, bool)>,
}

impl<P: Protocol> Clone for Renderer<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Protocol> Copy for Renderer<P> {}

#[derive(Debug)]
pub(super) struct Watch<P: Protocol> {
    pub(super) recorder: Recorder,
    pub(super) renderer: Renderer<P>,
    intervals: BTreeMap<(bool, u16), FaultIntervalId>,
}

/// The lane of a copy.
pub(super) fn lane(slot: usize) -> NodeId {
    NodeId(slot as u32)
}

/// What became of a message on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SentAs {
    Honest,
    Changed,
    Late,
    /// By the copy at this place, in another's name.
    Forged,
}

impl<P: Protocol> Bare<P>
where
    P::Message: WireMessage,
{
    /// Watches from now on. There must be a lane for each copy that will ever be.
    pub fn watch(&mut self, recorder: Recorder, words: Renderer<P>) {
        self.watch = Some(Box::new(Watch {
            recorder,
            renderer: words,
            intervals: BTreeMap::new(),
        }));
    }

    /// What was recorded, to be told more.
    pub fn recorder_mut(&mut self) -> Option<&mut Recorder> {
        self.watch.as_mut().map(|watch| &mut watch.recorder)
    }

    /// What was recorded.
    pub fn take_recorder(&mut self) -> Option<Recorder> {
        self.watch.take().map(|watch| watch.recorder)
    }

    /// The label of a message, if anybody wants to know.
    pub(super) fn label(&self, message: &P::Message) -> Option<String> {
        let watch = self.watch.as_ref()?;
        Some((watch.renderer.message)(message))
    }

    pub(super) fn watch_sent(
        &mut self,
        (from, to): (NodeId, NodeId),
        label: Option<String>,
        copies: &[u32],
        marked: SentAs,
    ) {
        let now = self.now;
        let (Some(watch), Some(label)) = (&mut self.watch, label) else {
            return;
        };
        let recorder = &mut watch.recorder;
        if marked == SentAs::Forged {
            for number in copies {
                recorder.forged(now, from, to, &label, *number);
            }
            return;
        }
        recorder.sent(now, from, to, &label, copies);
        let fate = match marked {
            SentAs::Changed => MessageFate::Corrupted,
            SentAs::Late => MessageFate::Late,
            SentAs::Honest | SentAs::Forged => return,
        };
        copies
            .iter()
            .for_each(|number| recorder.fate(*number, fate));
    }

    pub(super) fn watch_fate(&mut self, number: u32, fate: MessageFate) {
        if let Some(watch) = &mut self.watch {
            watch.recorder.fate(number, fate);
        }
    }

    pub(super) fn watch_step(&mut self, s: usize, kind: EventKind, label: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(watch) = &mut self.watch {
            watch.recorder.event(now, lane(s), kind, &label(), None);
        }
    }

    /// After a step: the state, the outputs since `told`, the term.
    pub(super) fn watch_state(&mut self, s: usize) {
        let now = self.now;
        let Some(watch) = &mut self.watch else { return };
        let Some(protocol) = &self.slots[s].protocol else {
            return;
        };
        let Watch {
            recorder,
            renderer: words,
            ..
        } = &mut **watch;
        recorder.state(lane(s), &(words.state)(protocol));
        if let Some((term, leads)) = (words.leads)(protocol) {
            let role = if leads { "leads, " } else { "" };
            recorder.leads(now, lane(s), term, leads, &format!("{role}{term}"));
        }
    }

    pub(super) fn watch_node_fault(&mut self, number: u16, begins: bool) {
        let now = self.now;
        let ScheduledNodeFault {
            node,
            fault: misdeed,
            until,
            ..
        } = &self.faults[usize::from(number)];
        let Some(watch) = &mut self.watch else { return };
        let name = misdeed.name();
        if !begins {
            if let Some(band) = watch.intervals.remove(&(true, number)) {
                watch.recorder.band_close(band, now);
            }
            return;
        }
        // A crash tells of itself.
        let kind = match misdeed {
            NodeFault::Crash | NodeFault::CrashSending(_) | NodeFault::Forget => return,
            NodeFault::Pause => FaultIntervalKind::Pause,
            NodeFault::OmitSend(_)
            | NodeFault::OmitReceive(_)
            | NodeFault::Late(_)
            | NodeFault::DiskStall
            | NodeFault::Drift(_)
            | NodeFault::ClockJump(_) => FaultIntervalKind::Slow,
            NodeFault::LieAboutSync
            | NodeFault::Twins(_)
            | NodeFault::Stale
            | NodeFault::Replay(_)
            | NodeFault::TamperSend(..)
            | NodeFault::TamperReceive(..)
            | NodeFault::Forge(..)
            | NodeFault::Impersonate(..) => FaultIntervalKind::Liar,
        };
        watch.recorder.fault(now, *node, name);
        let band = watch.recorder.band_open(kind, &[*node], name, now);
        match until {
            Some(until) if *until <= now => watch.recorder.band_close(band, now),
            _ => {
                watch.intervals.insert((true, number), band);
            }
        }
    }

    pub(super) fn watch_link_fault(&mut self, number: u16, begins: bool) {
        let now = self.now;
        let n = self.n;
        let (
            ScheduledLinkFault {
                from_nodes,
                to_nodes,
                fault: trouble,
                ..
            },
            _,
        ) = &self.link_faults[usize::from(number)];
        let Some(watch) = &mut self.watch else { return };
        if !begins {
            if let Some(band) = watch.intervals.remove(&(false, number)) {
                watch.recorder.band_close(band, now);
            }
            return;
        }
        let kind = match trouble {
            LinkFault::Cut => FaultIntervalKind::Partition,
            _ => FaultIntervalKind::Slow,
        };
        let nodes: Vec<_> = NodeId::all(n)
            .filter(|node| from_nodes.contains(*node))
            .collect();
        let to: Vec<_> = NodeId::all(n)
            .filter(|node| to_nodes.contains(*node))
            .map(|node| node.to_string())
            .collect();
        let label = format!("{} to {}", trouble.name(), to.join(", "));
        let band = watch.recorder.band_open(kind, &nodes, &label, now);
        watch.intervals.insert((false, number), band);
    }
}
