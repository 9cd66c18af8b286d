//! The bare world, watched: what happens goes into a [`Recorder`] in words.
//!
//! Each copy of a node has a lane of its own, twins behind all others. Watching draws no decision
//! and changes nothing.

use super::{Bare, LinkFault, Misdeed, NodeFault, Trouble, Wire};
use crate::recorder::{BandId, Recorder};
use quorate_core::{NodeId, Protocol};
use quorate_report::{BandKind, EventKind, Fate};
use std::collections::BTreeMap;

/// How what a protocol says and is reads in a report.
#[derive(Debug)]
pub struct Words<P: Protocol> {
    /// A message.
    pub message: fn(&P::Message) -> String,
    /// What a node tells the layer above; `None` for what is not worth a line.
    pub output: fn(&P::Output) -> Option<(EventKind, String)>,
    /// The state of a node, a fact a line.
    pub state: fn(&P) -> String,
    /// The term or view of a node, and whether it takes itself for the leader.
    pub leads: fn(&P) -> Option<(u64, bool)>,
}

impl<P: Protocol> Clone for Words<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Protocol> Copy for Words<P> {}

#[derive(Debug)]
pub(super) struct Watch<P: Protocol> {
    pub(super) recorder: Recorder,
    pub(super) words: Words<P>,
    bands: BTreeMap<(bool, u16), BandId>,
}

/// The lane of a copy.
pub(super) fn lane(slot: usize) -> NodeId {
    NodeId(slot as u32)
}

/// What became of a message on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marked {
    Honest,
    Changed,
    Late,
    /// By the copy at this place, in another's name.
    Forged,
}

impl<P: Protocol> Bare<P>
where
    P::Message: Wire,
{
    /// Watches from now on. There must be a lane for each copy that will ever be.
    pub fn watch(&mut self, recorder: Recorder, words: Words<P>) {
        self.watch = Some(Box::new(Watch {
            recorder,
            words,
            bands: BTreeMap::new(),
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
        Some((watch.words.message)(message))
    }

    pub(super) fn watch_sent(
        &mut self,
        (from, to): (NodeId, NodeId),
        label: Option<String>,
        copies: &[u32],
        marked: Marked,
    ) {
        let now = self.now;
        let (Some(watch), Some(label)) = (&mut self.watch, label) else {
            return;
        };
        let recorder = &mut watch.recorder;
        if marked == Marked::Forged {
            for number in copies {
                recorder.forged(now, from, to, &label, *number);
            }
            return;
        }
        recorder.sent(now, from, to, &label, copies);
        let fate = match marked {
            Marked::Changed => Fate::Corrupted,
            Marked::Late => Fate::Late,
            Marked::Honest | Marked::Forged => return,
        };
        copies
            .iter()
            .for_each(|number| recorder.fate(*number, fate));
    }

    pub(super) fn watch_fate(&mut self, number: u32, fate: Fate) {
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
            recorder, words, ..
        } = &mut **watch;
        recorder.state(lane(s), &(words.state)(protocol));
        if let Some((term, leads)) = (words.leads)(protocol) {
            let role = if leads { "leads, " } else { "" };
            recorder.leads(now, lane(s), term, leads, &format!("{role}{term}"));
        }
    }

    pub(super) fn watch_node_fault(&mut self, number: u16, begins: bool) {
        let now = self.now;
        let NodeFault {
            node,
            misdeed,
            until,
            ..
        } = &self.faults[usize::from(number)];
        let Some(watch) = &mut self.watch else { return };
        let name = misdeed.name();
        if !begins {
            if let Some(band) = watch.bands.remove(&(true, number)) {
                watch.recorder.band_close(band, now);
            }
            return;
        }
        // A crash tells of itself.
        let kind = match misdeed {
            Misdeed::Crash | Misdeed::CrashSending(_) | Misdeed::Forget => return,
            Misdeed::Pause => BandKind::Pause,
            Misdeed::OmitSend(_)
            | Misdeed::OmitReceive(_)
            | Misdeed::Late(_)
            | Misdeed::DiskStall
            | Misdeed::Drift(_)
            | Misdeed::ClockJump(_) => BandKind::Slow,
            Misdeed::LieAboutSync
            | Misdeed::Twins(_)
            | Misdeed::Stale
            | Misdeed::Replay(_)
            | Misdeed::TamperSend(..)
            | Misdeed::TamperReceive(..)
            | Misdeed::Forge(..)
            | Misdeed::Impersonate(..) => BandKind::Liar,
        };
        watch.recorder.fault(now, *node, name);
        let band = watch.recorder.band_open(kind, &[*node], name, now);
        match until {
            Some(until) if *until <= now => watch.recorder.band_close(band, now),
            _ => {
                watch.bands.insert((true, number), band);
            }
        }
    }

    pub(super) fn watch_link_fault(&mut self, number: u16, begins: bool) {
        let now = self.now;
        let n = self.n;
        let (
            LinkFault {
                from_nodes,
                to_nodes,
                trouble,
                ..
            },
            _,
        ) = &self.link_faults[usize::from(number)];
        let Some(watch) = &mut self.watch else { return };
        if !begins {
            if let Some(band) = watch.bands.remove(&(false, number)) {
                watch.recorder.band_close(band, now);
            }
            return;
        }
        let kind = match trouble {
            Trouble::Cut => BandKind::Partition,
            _ => BandKind::Slow,
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
        watch.bands.insert((false, number), band);
    }
}
