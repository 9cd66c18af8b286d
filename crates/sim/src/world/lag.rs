//! Replicas that are away for so long that they need a snapshot, and must catch up under load.

use super::faults::MS;
use super::{Event, World};
use crate::fault::Fault;
use crate::milestone::Milestone;
use crate::observe::Broken;
use crate::serving::Simulated;
use quorate_core::{NodeId, Time};

/// A node that is kept away until the others have cut their logs beyond its own.
#[derive(Debug)]
pub(super) struct Lagging {
    node: NodeId,
    /// The links that are cut; none if the process is down.
    cut: Vec<(NodeId, NodeId)>,
    /// The last index that it had.
    last: u64,
    /// It comes back by this time at the latest.
    until: u64,
    /// It is back, and has this to catch up with.
    target: Option<Target>,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    index: u64,
    epoch: u32,
    /// How many faults there had been.
    faults: u64,
}

/// How long a node is kept away at the most.
const AWAY_AT_MOST: u64 = 6_000 * MS;

/// A node that is up, connected and behind has what was committed when it came back within this
/// time, however much load there is, if nothing else goes wrong. That is some ten times what the
/// slowest transfer of a snapshot takes in these worlds.
const CATCH_UP_WITHIN: u64 = 8_000 * MS;

const LOOK_EVERY: u64 = 20 * MS;

impl<P: Simulated> World<P> {
    pub(super) fn leave_behind(&mut self) {
        let node = self.any_node();
        let kept_down = self.streams.harm.below(2) == 1;
        let others_down = self.swarm.joiners > 0 || self.up() < self.nodes.len();
        let Some(replica) = &self.nodes[node.index()].replica else {
            return;
        };
        if self.lagging.is_some() || others_down || self.f == 0 {
            return;
        }
        let last = replica.protocol().last_index();
        let mut cut = vec![];
        if kept_down {
            self.nodes[node.index()].kept_down = true;
            self.kill(node, "the process is killed, and stays down");
        } else {
            cut = self.isolation(node, 0);
            for &(a, b) in &cut {
                self.network.cut(a, b);
            }
        }
        self.trace.say(self.now, || {
            format!("{node} is kept away until it needs a snapshot")
        });
        self.lagging = Some(Lagging {
            node,
            cut,
            last,
            until: self.now + AWAY_AT_MOST,
            target: None,
        });
        self.queue.push(self.now + LOOK_EVERY, Event::LeftBehind);
    }

    pub(super) fn on_left_behind(&mut self) {
        let Some(lagging) = self.lagging.take() else {
            return;
        };
        let running = self.nodes.iter().filter_map(|node| node.replica.as_ref());
        let first = running
            .map(|replica| replica.protocol().first_index())
            .max();
        let behind = first.is_some_and(|first| first > lagging.last + 1);
        if !behind && self.now < lagging.until && self.healed.is_none() {
            self.lagging = Some(lagging);
            self.queue.push(self.now + LOOK_EVERY, Event::LeftBehind);
            return;
        }
        self.count(11, lagging.node, u64::from(behind));
        self.come_back(lagging, behind);
    }

    fn come_back(&mut self, lagging: Lagging, behind: bool) {
        let node = lagging.node;
        self.trace.say(self.now, || {
            format!("{node} is let back, left behind: {behind}")
        });
        for &(a, b) in &lagging.cut {
            // Healing has mended it already.
            if self.network.is_cut(a, b) && self.healed.is_none() {
                self.mend(a, b);
            }
        }
        if std::mem::take(&mut self.nodes[node.index()].kept_down) {
            self.restart(node);
        }
        if !behind || self.healed.is_some() {
            return;
        }
        self.covered(Fault::LeftBehind);
        if self.swarm.catch_up {
            let target = Target {
                index: self.observers.committed(),
                epoch: self.nodes[node.index()].epoch,
                faults: self.faults_shown(),
            };
            self.lagging = Some(Lagging {
                target: Some(target),
                ..lagging
            });
            self.queue.push(self.now + CATCH_UP_WITHIN, Event::CaughtUp);
        }
    }

    pub(super) fn on_caught_up(&mut self) {
        let Some(Lagging {
            node,
            target: Some(target),
            ..
        }) = self.lagging.take()
        else {
            return;
        };
        let undisturbed = target.epoch == self.nodes[node.index()].epoch
            && target.faults == self.faults_shown()
            && self.healed.is_none();
        let Some(replica) = &self.nodes[node.index()].replica else {
            return;
        };
        if !undisturbed {
            return;
        }
        let applied = replica.machine().index();
        if applied >= target.index {
            return self.reached(Milestone::CaughtUp);
        }
        let since = Time(self.now - CATCH_UP_WITHIN);
        let detail = format!(
            "{node} is up and connected since {since}, and nothing else went wrong; it has applied \
             {applied}, and {} was committed then",
            target.index
        );
        self.violated(Broken {
            property: "a replica that is behind catches up under load",
            detail,
        });
    }

    fn faults_shown(&self) -> u64 {
        self.coverage.iter().map(|(_, times)| times).sum()
    }
}
