//! What a node is in the middle of: its timers, its disk, its term; whether it is up.

use super::difference::short;
use super::{EventId, FaultIntervalId, MOST, Recorder, bound};
use quorate_core::NodeId;
use quorate_report::{CommitIndex, EventKind, FaultInterval, FaultIntervalKind, Leadership, Sync};

impl Recorder {
    /// A node's step arms a timer.
    pub fn timer_armed(&mut self, node: NodeId, timer: u64) {
        let lane = self.lane(node);
        lane.timers.insert(timer, lane.step);
    }

    /// A timer runs out: the node's step.
    pub fn timer_fired(&mut self, at: u64, node: NodeId, timer: u64, label: &str) -> EventId {
        let armed = self.lane(node).timers.remove(&timer).flatten();
        self.event(at, node, EventKind::Timer, label, armed.map(EventId))
    }

    /// A node's step writes. Where a sync is under way the next one will be for this.
    pub fn wrote(&mut self, node: NodeId) {
        let lane = self.lane(node);
        lane.wrote = lane.step;
    }

    /// A sync begins, for what was written last.
    pub fn sync_begun(&mut self, at: u64, node: NodeId) {
        let at = self.tick(at);
        let lane = self.lane(node);
        lane.syncing = Some((at, lane.wrote.take().or(lane.step)));
    }

    /// The sync is through: the node's step. `kept` says whether what it claims is so.
    pub fn sync_done(&mut self, at: u64, node: NodeId, kept: bool, label: &str) -> EventId {
        let wrote = self.end_sync(at, node, kept);
        self.event(at, node, EventKind::Disk, label, wrote.map(EventId))
    }

    fn end_sync(&mut self, at: u64, node: NodeId, kept: bool) -> Option<u32> {
        let to = self.tick(at);
        let (from, wrote) = self.lane(node).syncing.take()?;
        let node = node.0;
        self.syncs.push(Sync {
            node,
            from,
            to,
            kept,
        });
        bound(&mut self.syncs, self.limits.others);
        wrote
    }

    /// A node dies: what it had under way is gone, and a band begins that [`Recorder::restarted`]
    /// ends.
    pub fn crashed(&mut self, at: u64, node: NodeId, label: &str) -> EventId {
        let id = self.push_event(at, node, EventKind::Crash, label, None);
        self.end_sync(at, node, false);
        self.end_reign(at, node);
        let band = self.band_open(FaultIntervalKind::Crash, &[node], label, at);
        let lane = self.lane(node);
        lane.timers.clear();
        lane.wrote = None;
        lane.state.clear();
        lane.step = None;
        if let Some((_, before)) = lane.down.replace((id.0, band)) {
            self.band_close(before, at);
        }
        id
    }

    /// A node starts, for the first time or again: its step.
    pub fn restarted(&mut self, at: u64, node: NodeId, label: &str) -> EventId {
        let down = self.lane(node).down.take();
        if let Some((_, band)) = down {
            self.band_close(band, at);
        }
        let crash = down.map(|(crash, _)| EventId(crash));
        self.event(at, node, EventKind::Restart, label, crash)
    }

    /// Something is wrong with some nodes from now on; of a partition, name one side.
    pub fn band_open(
        &mut self,
        kind: FaultIntervalKind,
        nodes: &[NodeId],
        label: &str,
        at: u64,
    ) -> FaultIntervalId {
        let from = self.tick(at);
        let id = self.bands.push(FaultInterval {
            kind,
            from,
            // Until it is closed: the end of the run.
            to: u64::MAX,
            nodes: nodes.iter().map(|node| node.0).collect(),
            label: short(label, self.limits.width),
        });
        bound(&mut self.bands, self.limits.others);
        FaultIntervalId(id)
    }

    /// It is over at this time, which may be yet to come; or earlier, if that was said before.
    pub fn band_close(&mut self, id: FaultIntervalId, at: u64) {
        if let Some(band) = self.bands.get_mut(id.0) {
            band.to = band.to.min(at.max(band.from));
        }
    }

    /// The term or view that a node is in, and whether it takes itself for the leader. To be told
    /// after every step; only changes are kept.
    pub fn leads(&mut self, at: u64, node: NodeId, number: u64, leads: bool, label: &str) {
        let number = number.min(MOST);
        let reign = self.lane(node).reign.as_ref();
        if reign.is_some_and(|reign| (reign.number, reign.leads) == (number, leads)) {
            return;
        }
        self.end_reign(at, node);
        let at = self.now;
        let reign = Leadership {
            node: node.0,
            from: at,
            to: at,
            number,
            leads,
            label: short(label, self.limits.width),
        };
        self.lane(node).reign = Some(reign);
    }

    pub(super) fn end_reign(&mut self, at: u64, node: NodeId) {
        let at = self.tick(at);
        if let Some(mut reign) = self.lane(node).reign.take() {
            reign.to = at;
            self.reigns.push(reign);
            bound(&mut self.reigns, self.limits.others);
        }
    }

    /// The commit index of a node, or how much it has decided. To be told after every step; only
    /// changes are kept. Returns whether this is one.
    pub fn commit(&mut self, at: u64, node: NodeId, index: u64) -> bool {
        let (at, index) = (self.tick(at), index.min(MOST));
        let lane = self.lane(node);
        if lane.commit == index {
            return false;
        }
        lane.commit = index;
        let node = node.0;
        self.commits.push(CommitIndex { node, at, index });
        bound(&mut self.commits, self.limits.others);
        true
    }
}
