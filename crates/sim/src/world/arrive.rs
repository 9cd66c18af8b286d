//! What arrives: messages, questions, answers, the times that were set, the disk's word.

use super::node::SimNode;
use super::{Asked, Event, World, text};
use crate::client::{ClientAction, client_of};
use crate::fault::Fault;
use crate::milestone::Milestone;
use crate::rolling::Rolling;
use crate::serving::{Input, Simulated};
use crate::timers::Due;
use quorate_core::NodeId;
use quorate_report::MessageFate;
use std::time::Duration;

impl<P: Simulated> World<P> {
    pub(super) fn deliver(&mut self, number: u32) {
        let Some(flight) = self.network.flight(number) else {
            return;
        };
        let to = flight.to;
        if self.defer(to, Event::Deliver(number)) {
            return;
        }
        let Some(flight) = self.network.arrive(number) else {
            return;
        };
        let late = self.late.remove(&number);
        if self.nodes[to.index()].replica.is_none() {
            if let Some(recording) = &mut self.recording {
                recording.recorder.fate(number, MessageFate::Dropped);
            }
            return;
        }
        if let Some(recording) = &mut self.recording {
            recording.recorder.arrived(number, self.now);
        }
        if let Some(term) = late {
            self.covered(Fault::LateMessage);
            let replica = self.nodes[to.index()].replica.as_ref();
            if replica.is_some_and(|replica| replica.protocol().term() > term) {
                self.reached(Milestone::StaleTermMessage);
            }
        }
        self.count(1, to, Rolling::of(&flight.message));
        if self.trace.is_on() {
            let what = text::message::<P>(&flight.message);
            self.trace
                .say(self.now, || format!("{} -> {to}: {what}", flight.from));
        }
        let input = Input::Peer {
            from: flight.from,
            message: flight.message,
        };
        self.step(to, input);
    }

    pub(super) fn on_request(&mut self, number: u32) {
        let Some(asked) = self.asked.get(number) else {
            return;
        };
        let to = asked.to;
        if self.defer(to, Event::Request(number)) {
            return;
        }
        let Some(Asked {
            ticket, request, ..
        }) = self.asked.remove(number)
        else {
            return;
        };
        let node = &self.nodes[to.index()];
        if node.replica.is_none() {
            return;
        }
        let patience = Duration::from_nanos(self.swarm.load.patience);
        let deadline = node.clock.at(self.now) + patience;
        self.count(2, to, ticket.0);
        if let Some(recording) = &mut self.recording {
            recording.asked(self.now, to, client_of(ticket), &request);
        }
        if self.trace.is_on() {
            let what = text::request(&request);
            self.trace.say(self.now, || {
                format!("client {} -> {to}: {what}", client_of(ticket))
            });
        }
        self.step(
            to,
            Input::Client {
                ticket,
                request,
                deadline,
            },
        );
    }

    pub(super) fn on_answer(&mut self, number: u32) {
        let Some((ticket, outcome)) = self.answers.remove(number) else {
            return;
        };
        let id = client_of(ticket);
        self.count(3, NodeId(id.into()), ticket.0);
        let Some(client) = self.clients.get_mut(usize::from(id)) else {
            return;
        };
        let load = &self.swarm.load;
        let before = self.desk.operations;
        let words = self.recording.as_ref().map(|_| text::outcome(&outcome));
        let (desk, decisions) = (&mut self.desk, self.streams.client(id));
        let want = client.on_answer(self.now, ticket, outcome, load, desk, decisions);
        if let (Some(recording), Some(words)) = (&mut self.recording, words) {
            let counts = (&before, &self.desk.operations);
            recording.told(self.now, (id, client), counts, &words);
        }
        self.carry_out(id, want);
    }

    pub(super) fn on_client_time(&mut self, id: u8, alarm: u32) {
        let client = &mut self.clients[usize::from(id)];
        if client.alarm != alarm {
            return;
        }
        let before = self.desk.operations;
        let (desk, decisions) = (&mut self.desk, self.streams.client(id));
        let want = client.on_time(self.now, &self.swarm.load, desk, decisions);
        if let Some(recording) = &mut self.recording {
            let counts = (&before, &self.desk.operations);
            recording.told(self.now, (id, client), counts, "gave up waiting");
        }
        self.carry_out(id, want);
    }

    /// Does what a client wants.
    pub(super) fn carry_out(&mut self, id: u8, want: ClientAction) {
        let wait = match want {
            ClientAction::Nothing => return,
            ClientAction::Rest(wait) => wait,
            ClientAction::Ask {
                to,
                ticket,
                request,
            } => {
                if let Some(recording) = &mut self.recording {
                    recording.asks(self.now, id, &request);
                }
                if !self.streams.talk(id).chance(self.swarm.load.loss) {
                    let at = self.now + self.client_delay(id);
                    let number = self.asked.insert(Asked {
                        to,
                        ticket,
                        request,
                    });
                    self.queue.push(at, Event::Request(number));
                }
                self.swarm.load.patience
            }
        };
        let client = &mut self.clients[usize::from(id)];
        client.alarm += 1;
        let alarm = client.alarm;
        self.queue
            .push(self.now + wait, Event::Client { client: id, alarm });
    }

    pub(super) fn client_delay(&mut self, id: u8) -> u64 {
        self.swarm.load.delay.draw(self.streams.talk(id))
    }

    pub(super) fn on_timer(&mut self, node: NodeId, timer: u8, epoch: u32) {
        let SimNode {
            clock,
            timers,
            paused_until,
            epoch: current,
            ..
        } = &mut self.nodes[node.index()];
        if *current != epoch {
            return;
        }
        if *paused_until > self.now {
            if timers.postpone(self.now, timer, *paused_until) {
                self.queue
                    .push(*paused_until, Event::Timer { node, timer, epoch });
            }
            return;
        }
        match timers.due(clock, self.now, timer) {
            Due::Stale => {}
            Due::Later(at) => self.queue.push(at, Event::Timer { node, timer, epoch }),
            Due::Now(name) => {
                self.count(4, node, u64::from(timer));
                if let Some(recording) = &mut self.recording {
                    let label = format!("{name:?} runs out");
                    let recorder = &mut recording.recorder;
                    recorder.timer_fired(self.now, node, timer.into(), &label);
                }
                self.trace
                    .say(self.now, || format!("{node}: timer {name:?}"));
                self.step(node, Input::Timer(name));
            }
        }
    }

    pub(super) fn on_synced(&mut self, id: NodeId, epoch: u32) {
        if !self.is_current(id, epoch) || self.defer(id, Event::Synced { node: id, epoch }) {
            return;
        }
        let stalled = self.nodes[id.index()].stalled_until;
        if stalled > self.now {
            self.on_hanging_sync(id);
            self.queue.push(stalled, Event::Synced { node: id, epoch });
            return;
        }
        let SimNode {
            replica, storage, ..
        } = &mut self.nodes[id.index()];
        let Some(replica) = replica else {
            return;
        };
        let lies = storage.get().is_lying();
        replica.disk_mut().complete_sync();
        let synced = replica.disk().synced();
        if let Some(recording) = &mut self.recording {
            let (failed, recorder) = (storage.get().failed(), &mut recording.recorder);
            let label = match (failed, lies) {
                (true, _) => "the sync fails".to_owned(),
                (false, true) => format!("a sync that did nothing says: durable through {synced}"),
                (false, false) => format!("its log is durable through record {synced}"),
            };
            recorder.sync_done(self.now, id, !failed && !lies, &label);
        }
        self.count(5, id, synced);
        self.trace.say(self.now, || {
            format!("{id}: its log is durable through record {synced}")
        });
        self.step(id, Input::Disk);
    }
}
