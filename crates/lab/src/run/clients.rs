//! What clients do in a run, and what they see.

use super::runner::{LOAD, READ, Runner, WRITE};
use crate::checker::BrokenProperty;
use crate::experiment::ClientLoad;
use crate::system::{SlotDecision, SystemUnderTest};
use bytes::Bytes;
use quorate_contract::Problem;
use quorate_core::NodeId;

impl<S: SystemUnderTest> Runner<'_, S> {
    /// A client asks the next node for its value, if no node has decided it yet.
    pub(super) fn ask_next(&mut self, n: u32) {
        let Some(load) = &self.experiment.load else {
            return;
        };
        let value = ClientLoad::value(n);
        if self.judge.is_decided(&value) {
            return;
        }
        let tries = &mut self.tries[n as usize];
        let node = NodeId((n + *tries) % u32::from(self.bare.nodes()));
        *tries += 1;
        if S::PROBLEM == Problem::Register {
            let tries = *tries;
            let at = self.bare.now() + load.retry_after;
            self.bare.wake_at(at, LOAD | n);
            self.write_register(node, ClientLoad::value_of_try(n, tries - 1));
            return self.read_in_turn(n + tries);
        }
        if !self.bare.is_paused(node) {
            self.bare.request(node, S::request(value));
            if self.bare.has_twin(node) {
                let rival = S::request(ClientLoad::rival(n));
                self.bare.request_copy(node, true, rival);
            }
        }
        let at = self.bare.now() + load.retry_after;
        self.bare.wake_at(at, LOAD | n);
    }

    /// A client of a register writes.
    fn write_register(&mut self, node: NodeId, value: Bytes) {
        if !self.bare.is_paused(node) {
            self.judge.begin_write(node, &value);
            self.bare.request(node, S::request(value));
        }
    }

    /// A client of a register reads; the number says when it ends.
    fn read_register(&mut self, node: NodeId) -> u64 {
        self.reads_begun += 1;
        let id = self.reads_begun;
        if let Some(request) = S::read(id).filter(|_| !self.bare.is_paused(node)) {
            self.judge.begin_read(node, id);
            self.bare.request(node, request);
        }
        id
    }

    /// A client of a register reads from each node, one after the other: so a value that was seen and
    /// is not seen again shows. The client before it, if it is not done, is given up.
    fn read_in_turn(&mut self, first: u32) {
        let node = NodeId(first % u32::from(self.bare.nodes()));
        let id = self.read_register(node);
        self.reading = Some((id, node, self.bare.nodes()));
    }

    /// A read of a register is answered.
    pub(super) fn read_on(&mut self, id: u64) {
        let Some((awaited, node, left)) = self.reading.filter(|(awaited, ..)| *awaited == id)
        else {
            return;
        };
        debug_assert_eq!(awaited, id);
        let next = NodeId((node.0 + 1) % u32::from(self.bare.nodes()));
        self.reading = match left {
            0 | 1 => None,
            left => Some((self.read_register(next), next, left - 1)),
        };
    }

    /// A register is asked once: to write a value, or to read.
    pub(super) fn ask_register(&mut self, node: NodeId, value: Bytes) {
        match value == "read" {
            true => drop(self.read_register(node)),
            false => self.write_register(node, value),
        }
    }

    /// Each node that believes it is the leader writes to the store outside.
    pub(super) fn leaders_write(&mut self) {
        let Some(writes) = self.experiment.clients.leader_writes else {
            return;
        };
        let now = self.bare.now();
        for node in NodeId::all(self.bare.nodes()) {
            let leads = self.bare.node(node).and_then(S::leads);
            let Some((term, true)) = leads.filter(|_| !self.bare.is_paused(node)) else {
                continue;
            };
            if let Err(detail) = self.store.write(now, node, term, writes.fencing) {
                self.violated(BrokenProperty {
                    property: "one writer at a time",
                    detail,
                    node,
                });
            }
        }
        self.bare.wake_at(now + writes.every, WRITE);
    }

    /// Somebody reads.
    pub(super) fn read(&mut self) {
        let Some(reads) = self.experiment.clients.reads else {
            return;
        };
        let (now, node) = (self.bare.now(), reads.node);
        self.bare.wake_at(now + reads.every, READ);
        if self.bare.is_paused(node) {
            return;
        }
        if S::PROBLEM == Problem::Register {
            self.read_register(node);
            return;
        }
        let Some(decided) = self.bare.node(node).map(S::decided) else {
            return;
        };
        let id = self.reader.begin();
        if reads.local {
            self.answer_read(node, id, decided);
        } else if let Some(request) = S::read(id) {
            self.bare.request(node, request);
        }
    }

    pub(super) fn answer_read(&mut self, node: NodeId, id: u64, decided: Option<u64>) {
        let answer = match decided {
            Some(decided) => self.reader.answer(node, id, decided),
            None => {
                self.reader.refuse(id);
                Ok(())
            }
        };
        if let Err(detail) = answer {
            self.violated(BrokenProperty {
                property: "no stale read",
                detail,
                node,
            });
        }
    }

    /// What a node decided is applied, and acknowledged to the client that asked for it there.
    pub(super) fn apply(&mut self, node: NodeId, decisions: &[SlotDecision]) {
        for decision in decisions {
            self.reader.acknowledge(decision.slot);
            let Some(sessions) = self.experiment.clients.sessions else {
                continue;
            };
            for value in &decision.values {
                let machine = &mut self.machines[node.index()];
                if let Err(detail) = machine.apply(node, value, sessions) {
                    return self.violated(BrokenProperty {
                        property: "applied once",
                        detail,
                        node,
                    });
                }
            }
        }
    }

    /// What clients saw, in figures.
    pub(super) fn tell_clients(&mut self) {
        let clients = self.experiment.clients;
        let now = self.bare.now();
        let mut fact = |node, name, value: String| self.facts.push((now, node, name, value));
        if clients.leader_writes.is_some() {
            let store = &self.store;
            let window = store.window.map_or(0, |(first, last)| last - first);
            let nobody = NodeId(0);
            fact(nobody, "dual-leader ms", (window / 1_000_000).to_string());
            fact(
                nobody,
                "stale writes taken",
                store.stale_accepted.to_string(),
            );
            fact(
                nobody,
                "stale writes refused",
                store.stale_refused.to_string(),
            );
        }
        if let Some(reads) = clients.reads {
            let reader = &self.reader;
            fact(reads.node, "reads served", reader.served.to_string());
            fact(reads.node, "stale reads", reader.stale.to_string());
            fact(reads.node, "reads refused", reader.refused.to_string());
            fact(
                reads.node,
                "reads unanswered",
                reader.unanswered().to_string(),
            );
        }
        if clients.sessions.is_some() {
            for (node, machine) in NodeId::all(self.bare.nodes()).zip(&self.machines) {
                fact(node, "suppressed", machine.suppressed.to_string());
            }
        }
    }
}
