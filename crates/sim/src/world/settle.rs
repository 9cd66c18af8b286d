//! After the faults: the cluster must settle, serve, and agree; then the history is judged.

use super::{Event, World};
use crate::client::{Client, ClientAction, items};
use crate::network::{Delay, LinkProfile};
use crate::observe::Broken;
use crate::serving::Simulated;
use quorate_check::{self as check, FinalState, History};
use quorate_core::{NodeId, Time};
use quorate_kv as kv;

const MS: u64 = 1_000_000;

/// Liveness after stabilization: within this time after the last fault every replica that can run
/// has taken a write and all hold the same state. The longest repetition interval of a write is
/// 5 s, a client's patience 3 s.
const SETTLE_WITHIN: u64 = 30_000 * MS;

/// The property that says so.
pub(super) const LIVENESS: &str = "liveness after stabilization";

/// When the faults are over, every message that is under way arrives within this time.
const ARRIVES_WITHIN: u64 = 100 * MS;

/// How often to look.
const LOOK_EVERY: u64 = 20 * MS;

/// Steps of search that the history's judge may take.
const STEPS: u64 = 500_000;

impl<P: Simulated> World<P> {
    pub(super) fn on_settle(&mut self) {
        match self.healed {
            None => self.heal(),
            Some(since) if self.has_settled() => {
                let took = self.now - since;
                self.trace
                    .say(self.now, || format!("settled after {} ms", took / MS));
                self.finished = true;
                return;
            }
            Some(since) if self.now > since + SETTLE_WITHIN => {
                let detail = self.unsettled();
                return self.violated(Broken {
                    property: LIVENESS,
                    detail,
                });
            }
            Some(_) => {}
        }
        self.queue.push(self.now + LOOK_EVERY, Event::Settle);
    }

    /// The faults are over: links, disks, clocks and processes are as they should be.
    fn heal(&mut self) {
        self.trace
            .say(self.now, || "all faults are over".to_owned());
        self.healed = Some(self.now);
        if let Some(recording) = &mut self.recording {
            recording.healed(self.now);
        }
        let link = LinkProfile {
            fifo: self.swarm.link.fifo,
            ..LinkProfile::QUIET
        };
        self.swarm.load.delay = Delay::Uniform {
            min: 50_000,
            max: 200_000,
        };
        self.swarm.load.loss = 0;
        let by = self.now + ARRIVES_WITHIN;
        for a in NodeId::all(self.n) {
            for b in NodeId::all(self.n) {
                self.network.set_link(a, b, link);
                self.network.reset_link(self.now, a, b, by);
                while self.network.is_cut(a, b) {
                    self.mend(a, b);
                }
            }
        }
        // What waited behind little bandwidth, or was held back, is on its way now.
        self.queue.reschedule(|at, event| match event {
            Event::Deliver(_) => at.min(by),
            _ => at,
        });
        self.heal_software();
        for id in NodeId::all(self.n) {
            self.heal_node(id);
        }
        self.clients.iter_mut().for_each(Client::stop);
        for home in self.members() {
            let node = &self.nodes[home.index()];
            if node.broken || node.retired || node.unborn {
                continue;
            }
            let id = self.clients.len() as u8;
            self.clients.push(Client::probe(id, self.founders, home));
            self.carry_out(id, ClientAction::Rest(MS));
        }
    }

    fn heal_node(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        node.kept_down = false;
        node.stalled_until = 0;
        node.paused_until = 0;
        node.storage.get().heal();
        self.set_clock(id, |clock, now| clock.set_drift(now, 0));
        let node = &self.nodes[id.index()];
        if node.replica.is_none() && !node.broken && !node.retired {
            let epoch = node.epoch;
            self.queue
                .push(self.now + MS, Event::Restart { node: id, epoch });
        }
    }

    fn has_settled(&self) -> bool {
        let members = self.members();
        let is_done = |client: &Client| {
            let broken = client.bound_to().is_some_and(|home| {
                self.nodes[home.index()].broken || members.binary_search(&home).is_err()
            });
            client.is_idle() || broken
        };
        if !self.clients.iter().all(is_done) {
            return false;
        }
        let nodes = members.iter().map(|member| &self.nodes[member.index()]);
        let mut states = nodes
            .filter(|node| !node.broken && !node.retired)
            .map(|node| {
                let serves = node.replica.as_ref().filter(|_| node.serves());
                serves.map(|replica| {
                    let (machine, last) = (replica.machine(), replica.protocol().last_index());
                    (machine.index(), machine.digest(), last)
                })
            });
        match states.next() {
            Some(Some(first)) => first.0 == first.2 && states.all(|state| state == Some(first)),
            Some(None) => false,
            None => true,
        }
    }

    fn unsettled(&self) -> String {
        let nodes: Vec<String> = NodeId::all(self.n)
            .map(|id| match &self.nodes[id.index()].replica {
                None => format!("{id} is down"),
                Some(replica) => {
                    let raft = replica.protocol();
                    format!(
                        "{id} is {:?} in term {}, has applied {} of {}, digest {:016x}",
                        raft.role(),
                        raft.term(),
                        replica.machine().index(),
                        raft.last_index(),
                        replica.machine().digest()
                    )
                }
            })
            .collect();
        let waiting = self
            .clients
            .iter()
            .filter(|client| !client.is_idle())
            .count();
        let healed = Time(self.healed.unwrap_or(0));
        format!(
            "the faults were over at {healed}, {waiting} clients still wait; {}",
            nodes.join("; ")
        )
    }

    /// Judges what the clients saw, and what the replicas hold.
    pub(super) fn judge_history(&mut self) {
        for client in &mut self.clients {
            client.end(&mut self.desk);
        }
        let members = self.members().into_iter();
        let running = members.filter_map(|node| self.nodes[node.index()].replica.as_ref());
        let applied = running.map(|replica| replica.machine().index());
        let kept = self.observers.at_end(applied);
        self.check(kept);
        let everything = kv::RangeRequest {
            key: b"\0".as_slice().into(),
            range_end: b"\0".as_slice().into(),
            ..kv::RangeRequest::default()
        };
        let mut finals = vec![];
        for member in self.members() {
            let Some(store) = self.nodes[member.index()]
                .replica
                .as_ref()
                .map(|replica| replica.machine().store())
            else {
                continue;
            };
            if let Ok(found) = store.range(&everything) {
                finals.push(FinalState::new(
                    member.0 as _,
                    store.revision(),
                    items(found),
                ));
            }
        }
        let history = History {
            operations: std::mem::take(&mut self.desk.history),
            finals,
        };
        match check::check(&history, STEPS) {
            check::Verdict::Holds(summary) => {
                self.hash.add(summary.revision as u64);
                self.hash.add(summary.answered as u64);
            }
            check::Verdict::Violated(violation) => {
                let detail = violation.explanation;
                self.violated(Broken {
                    property: violation.property.name(),
                    detail,
                });
            }
            check::Verdict::GaveUp(_) => self.undecided = true,
        }
    }
}
