//! An experiment on its way: the world, the judge, and who asks for what.

use super::{PropertyViolation, RunOutcome};
use crate::checker::{BrokenProperty, Checker};
use crate::clients::{ExternalStore, ReadClient, StateMachine};
use crate::experiment::{Experiment, ExperimentError, MAX_EVENTS};
use crate::record;
use crate::system::{Proposers, SystemUnderTest};
use bytes::Bytes;
use quorate_contract::Problem;
use quorate_core::{NodeId, Protocol};
use quorate_sim::{Bare, BareEvent, Decisions, NodeFault, NodeOutput, Recorder, WireMessage};

/// What a wake-up is for.
const ASK: u32 = 0;
pub(super) const LOAD: u32 = 1 << 20;
const SIGNAL: u32 = 2 << 20;
pub(super) const WRITE: u32 = 3 << 20;
pub(super) const READ: u32 = 4 << 20;
const PART: u32 = (1 << 20) - 1;

type MessageOf<S> = <<S as SystemUnderTest>::Protocol as Protocol>::Message;

pub(super) struct Runner<'e, S: SystemUnderTest>
where
    MessageOf<S>: WireMessage,
{
    pub(super) experiment: &'e Experiment,
    pub(super) bare: Bare<S::Protocol>,
    pub(super) judge: Checker<S>,
    proposals: Vec<(NodeId, Bytes)>,
    /// How often each value of the load was asked for.
    pub(super) tries: Vec<u32>,
    pub(super) store: ExternalStore,
    pub(super) reader: ReadClient,
    pub(super) machines: Vec<StateMachine>,
    /// How many reads of a register have begun.
    pub(super) reads_begun: u64,
    /// The read that a client waits for which goes from node to node: where, and how many are left.
    pub(super) reading: Option<(u64, NodeId, u8)>,
    violation: Option<PropertyViolation>,
    done_at: Option<u64>,
    pub(super) facts: Vec<(u64, NodeId, &'static str, String)>,
}

impl<'e, S: SystemUnderTest> Runner<'e, S> {
    pub(super) fn new(
        experiment: &'e Experiment,
        decisions: Decisions,
        recorder: Option<Recorder>,
    ) -> Result<Self, ExperimentError> {
        let setup = &experiment.setup;
        let configs = S::configs(setup).map_err(|why| ExperimentError::Setup {
            subject: S::NAME.to_owned(),
            why,
        })?;
        let config = |node: NodeId| configs[node.index()].clone();
        let mut bare = Bare::new(config, setup.nodes, experiment.weather, decisions);
        bare.set_decision_predicate(S::decides);
        if let Some(recorder) = recorder {
            bare.watch(recorder, record::words::<S>());
        }
        for fault in &experiment.node_faults {
            bare.inject(fault.clone());
        }
        bare.start_all();
        for fault in &experiment.link_faults {
            bare.inject_link(fault.clone());
        }
        for (at, ask) in (ASK..).zip(&experiment.requests) {
            bare.wake_at(ask.at, at);
        }
        let mut tries = vec![];
        if let Some(load) = &experiment.load {
            let quiet = experiment.quiet_from();
            for n in 0..load.values + load.probes {
                let at = match n.checked_sub(load.values) {
                    None => load.from + u64::from(n) * load.every,
                    Some(probe) => quiet + u64::from(probe + 1) * load.every,
                };
                bare.wake_at(at, LOAD | (n & PART));
                tries.push(0);
            }
        }
        if let Some(after) = experiment.crash_signal {
            for (at, fault) in (SIGNAL..).zip(&experiment.node_faults) {
                if matches!(fault.fault, NodeFault::Crash | NodeFault::Forget) {
                    bare.wake_at(fault.from + after, at);
                }
            }
        }
        if let Some(writes) = experiment.clients.leader_writes {
            bare.wake_at(writes.every, WRITE);
        }
        if let Some(reads) = experiment.clients.reads {
            bare.wake_at(reads.every, READ);
        }
        let firsts = experiment.requests.iter().filter(|ask| !ask.second);
        let mut judge = Checker::new(experiment);
        (0..tries.len() as u32).for_each(|n| judge.require(n));
        Ok(Self {
            experiment,
            bare,
            judge,
            proposals: firsts.map(|ask| (ask.node, ask.value.clone())).collect(),
            tries,
            store: ExternalStore::default(),
            reader: ReadClient::default(),
            machines: vec![StateMachine::default(); usize::from(setup.nodes)],
            reads_begun: 0,
            reading: None,
            violation: None,
            done_at: None,
            facts: vec![],
        })
    }

    pub(super) fn play(mut self) -> (RunOutcome, Option<Recorder>) {
        let quiet = self.experiment.quiet_from();
        // What is wrong may show a while after all was decided.
        let linger = 20 * self.experiment.weather.timing.delta;
        self.listen();
        while self.violation.is_none() && self.bare.events() < MAX_EVENTS {
            let Some(happened) = self.bare.advance() else {
                break;
            };
            if self.bare.now() > self.experiment.end {
                break;
            }
            match happened {
                BareEvent::Woke(tag) => self.woke(tag),
                BareEvent::Restarted(node) => self.restarted(node),
                _ => {}
            }
            let told = self.listen();
            if let Some(node) = happened.node() {
                self.look_at(node);
            }
            if told > 0 && self.done_at.is_none() && self.judge.is_live().is_ok() {
                self.done_at = Some(self.bare.now());
            }
            let since = self.done_at.map(|done| done.max(quiet));
            if since.is_some_and(|since| self.bare.now() > since + linger) {
                break;
            }
        }
        self.finish()
    }

    fn restarted(&mut self, node: NodeId) {
        // A state machine is memory; the log is applied again from its beginning.
        self.machines[node.index()] = StateMachine::default();
        // So is what a node was asked for, and the layer above asks again for what it begins with
        // (Aguilera, Chen and Toueg 1998: else there is no proposer once each node has crashed in its turn).
        if S::RECOVERS && S::PROPOSERS == Proposers::AllNodes {
            let (now, experiment) = (self.bare.now(), self.experiment);
            let asks = experiment.requests.iter().filter(|ask| !ask.second);
            for ask in asks.filter(|ask| ask.node == node && ask.at <= now) {
                self.bare.request(node, S::request(ask.value.clone()));
            }
        }
    }

    fn woke(&mut self, tag: u32) {
        let part = tag & PART;
        match tag & !PART {
            ASK => {
                let ask = &self.experiment.requests[part as usize];
                if S::PROBLEM == Problem::Register {
                    if !ask.second {
                        self.ask_register(ask.node, ask.value.clone());
                    }
                } else if !self.bare.is_paused(ask.node)
                    && (!ask.second || self.bare.has_twin(ask.node))
                {
                    let request = S::request(ask.value.clone());
                    self.bare.request_copy(ask.node, ask.second, request);
                }
            }
            LOAD => self.ask_next(part),
            WRITE => self.leaders_write(),
            READ => self.read(),
            _ => {
                let crashed = self.experiment.node_faults[part as usize].node;
                for node in NodeId::all(self.bare.nodes()).filter(|node| *node != crashed) {
                    if let Some(request) = S::crash_signal(crashed) {
                        self.bare.request(node, request);
                    }
                }
            }
        }
    }

    /// Hears what nodes told; returns how many decisions there were.
    fn listen(&mut self) -> usize {
        let told: Vec<_> = self.bare.take_outputs().collect();
        let mut decisions = 0;
        for told in told {
            for (name, value) in S::facts(&told.output) {
                self.facts.push((told.at, told.node, name, value));
            }
            match self.judge.on_output(&told, &self.proposals) {
                Ok(count) => decisions += count,
                Err(broken) => self.violated(broken),
            }
            if let Some((id, _)) = S::read_value(&told.output) {
                self.read_on(id);
            }
            if let Some((id, place)) = S::read_answer(&told.output) {
                self.answer_read(told.node, id, place);
            }
            if self.judge.trusts(told.node) {
                self.apply(told.node, &S::decisions(&told.output));
            }
            self.record_decision(&told);
        }
        decisions
    }

    fn record_decision(&mut self, told: &NodeOutput<<S::Protocol as Protocol>::Output>) {
        let now = self.bare.now();
        if let Some(recorder) = self.bare.recorder_mut()
            && !told.second
            && let Some(last) = S::decisions(&told.output).last()
        {
            recorder.commit(now, told.node, last.slot);
        }
    }

    /// What must hold on a node, after an event there.
    fn look_at(&mut self, node: NodeId) {
        if !self.judge.trusts(node) {
            return;
        }
        if let Some(protocol) = self.bare.node(node) {
            if let Err(detail) = protocol.check_invariants() {
                return self.violated(BrokenProperty {
                    property: "local invariants",
                    detail,
                    node,
                });
            }
            if let Some((term, true)) = S::leads(protocol)
                && let Err(broken) = self.judge.leads(node, term)
            {
                self.violated(broken);
            }
        }
    }

    pub(super) fn violated(&mut self, broken: BrokenProperty) {
        let BrokenProperty {
            property,
            detail,
            node,
        } = broken;
        let now = self.bare.now();
        if self.violation.is_none()
            && let Some(recorder) = self.bare.recorder_mut()
        {
            recorder.violation(now, node, &format!("{property} is violated: {detail}"));
        }
        self.violation.get_or_insert(PropertyViolation {
            property,
            detail,
            node,
            at: self.bare.now(),
            event: self.bare.events(),
        });
    }

    fn finish(mut self) -> (RunOutcome, Option<Recorder>) {
        let stalled = self.judge.is_live().err();
        self.tell_clients();
        let recorder = self.bare.take_recorder();
        let outcome = RunOutcome {
            violation: self.violation,
            stalled,
            done_at: self.done_at,
            logs: self.judge.into_logs(),
            facts: self.facts,
            observed: self.bare.observed().clone(),
            costs: self.bare.counts(),
            traffic: self.bare.traffic(),
            events: self.bare.events(),
            now: self.bare.now(),
            hash: self.bare.hash(),
        };
        (outcome, recorder)
    }
}
