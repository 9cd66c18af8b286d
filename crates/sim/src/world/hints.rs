//! Links that break: peers of a process that died hear of it, soon, late or never; and links are reset
//! between processes that live.

use super::faults::MS;
use super::{Event, World};
use crate::fault::Fault;
use crate::serving::{Input, Simulated};
use quorate_core::NodeId;
use quorate_report::EventKind;

impl<P: Simulated> World<P> {
    /// A process died: its peers may hear of it.
    pub(super) fn hint_at(&mut self, gone: NodeId) {
        if !self.swarm.hints || self.healed.is_some() {
            return;
        }
        for node in NodeId::all(self.n) {
            if node == gone || self.nodes[node.index()].replica.is_none() {
                continue;
            }
            // The quietest choice is never.
            let after = match self.streams.hints.below(4) {
                0 => continue,
                // The process may be back by then.
                3 => self.streams.hints.exponential(self.swarm.outage),
                _ => self.streams.hints.exponential(2 * MS),
            };
            self.hint(node, gone, after);
        }
    }

    /// A link between two processes that live is reset; one or both hear of it.
    pub(super) fn reset_link(&mut self) {
        let (a, b) = (self.any_node(), self.any_node());
        if a != b {
            self.hint(a, b, MS);
            if self.streams.harm.below(2) == 1 {
                self.hint(b, a, MS);
            }
        }
    }

    fn hint(&mut self, node: NodeId, peer: NodeId, after: u64) {
        let epoch = self.nodes[node.index()].epoch;
        let event = Event::PeerGone { node, peer, epoch };
        self.queue.push(self.now + after, event);
    }

    pub(super) fn on_peer_gone(&mut self, node: NodeId, peer: NodeId, epoch: u32) {
        let event = Event::PeerGone { node, peer, epoch };
        if self.healed.is_some() || !self.is_current(node, epoch) || self.defer(node, event) {
            return;
        }
        self.covered(Fault::PeerGone);
        self.count(10, node, peer.0.into());
        self.trace
            .say(self.now, || format!("{node}: its link to {peer} breaks"));
        if let Some(recording) = &mut self.recording {
            let label = format!("its link to {peer} breaks");
            let recorder = &mut recording.recorder;
            recorder.remark(self.now, node, EventKind::Note, &label);
        }
        self.step(node, Input::PeerGone(peer));
    }
}
