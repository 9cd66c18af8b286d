//! Runs an experiment.

use crate::clients::{Reader, StateMachine, Store};
use crate::judge::{Broken, Judge, Log};
use crate::record;
use crate::{Decision, Experiment, Load, MAX_EVENTS, Refused, Subject, Visitor, visit};
use bytes::Bytes;
use quorate_core::{NodeId, Protocol};
use quorate_report::CellVerdict;
use quorate_sim::{
    Bare, Counts, Decisions, Happened, Misdeed, Recorder, Seen, Told, Traffic, Wire,
};

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The property that did not hold, and when.
    pub violation: Option<Violation>,
    /// Who has not decided what should have been decided, if anybody.
    pub stalled: Option<String>,
    /// When everything that should be was decided.
    pub done_at: Option<u64>,
    /// What each node decided.
    pub logs: Vec<Log>,
    /// Figures that outputs told: when, by whom, what.
    pub facts: Vec<(u64, NodeId, &'static str, String)>,
    /// What the world showed.
    pub seen: Seen,
    /// What was sent and synced.
    pub counts: Counts,
    /// What became of messages.
    pub traffic: Traffic,
    /// Deliveries, timers, syncs, faults.
    pub events: u64,
    /// Simulated nanoseconds.
    pub now: u64,
    /// The same number for the same run, on every machine.
    pub hash: u64,
}

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub property: &'static str,
    /// The figures.
    pub detail: String,
    /// The node that showed it.
    pub node: NodeId,
    /// When.
    pub at: u64,
    /// At which event.
    pub event: u64,
}

impl Outcome {
    /// In one word.
    pub fn verdict(&self) -> CellVerdict {
        match (&self.violation, &self.stalled) {
            (Some(_), _) => CellVerdict::Unsafe,
            (None, Some(_)) => CellVerdict::SafeStalls,
            (None, None) => CellVerdict::SafeAndLive,
        }
    }

    /// In one sentence.
    pub fn sentence(&self) -> String {
        match (&self.violation, &self.stalled) {
            (Some(broken), _) => format!("{} is violated: {}", broken.property, broken.detail),
            (None, Some(who)) => format!("nothing wrong was decided, but {who}"),
            (None, None) => "every property held, and all was decided".to_owned(),
        }
    }
}

/// Runs an experiment on a stream of decisions.
///
/// # Errors
/// If it cannot be run as it is.
pub fn run(experiment: &Experiment, decisions: Decisions) -> Result<Outcome, Refused> {
    Ok(play(experiment, decisions, None)?.0)
}

/// Runs it; with a recorder, which comes back, what happens is recorded. The run is the same.
pub(crate) fn play(
    experiment: &Experiment,
    decisions: Decisions,
    recorder: Option<Recorder>,
) -> Result<(Outcome, Option<Recorder>), Refused> {
    experiment.check()?;
    let visitor = Run {
        experiment,
        decisions,
        recorder,
    };
    visit(&experiment.subject, visitor).unwrap_or_else(|| {
        Err(Refused::UnknownProtocol {
            name: experiment.subject.clone(),
        })
    })
}

struct Run<'e> {
    experiment: &'e Experiment,
    decisions: Decisions,
    recorder: Option<Recorder>,
}

impl Visitor for Run<'_> {
    type Output = Result<(Outcome, Option<Recorder>), Refused>;

    fn visit<S: Subject>(self) -> Self::Output {
        let stage = Stage::<S>::new(self.experiment, self.decisions, self.recorder)?;
        Ok(stage.play())
    }
}

/// What a wake-up is for.
const ASK: u32 = 0;
const LOAD: u32 = 1 << 20;
const SIGNAL: u32 = 2 << 20;
const WRITE: u32 = 3 << 20;
const READ: u32 = 4 << 20;
const PART: u32 = (1 << 20) - 1;

type MessageOf<S> = <<S as Subject>::Protocol as Protocol>::Message;

pub(crate) struct Stage<'e, S: Subject>
where
    MessageOf<S>: Wire,
{
    experiment: &'e Experiment,
    bare: Bare<S::Protocol>,
    judge: Judge<S>,
    proposals: Vec<(NodeId, Bytes)>,
    /// How often each value of the load was asked for.
    tries: Vec<u32>,
    store: Store,
    reader: Reader,
    machines: Vec<StateMachine>,
    violation: Option<Violation>,
    done_at: Option<u64>,
    facts: Vec<(u64, NodeId, &'static str, String)>,
}

impl<'e, S: Subject> Stage<'e, S> {
    fn new(
        experiment: &'e Experiment,
        decisions: Decisions,
        recorder: Option<Recorder>,
    ) -> Result<Self, Refused> {
        let setup = &experiment.setup;
        let configs = S::configs(setup).map_err(|why| Refused::Setup {
            subject: S::NAME.to_owned(),
            why,
        })?;
        let config = |node: NodeId| configs[node.index()].clone();
        let mut bare = Bare::new(config, setup.nodes, experiment.weather, decisions);
        bare.set_decides(S::decides);
        if let Some(recorder) = recorder {
            bare.watch(recorder, record::words::<S>());
        }
        bare.start_all();
        for fault in &experiment.node_faults {
            bare.inflict(fault.clone());
        }
        for fault in &experiment.link_faults {
            bare.inflict_links(fault.clone());
        }
        for (at, ask) in (ASK..).zip(&experiment.asks) {
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
                if matches!(fault.misdeed, Misdeed::Crash | Misdeed::Forget) {
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
        let firsts = experiment.asks.iter().filter(|ask| !ask.second);
        let mut judge = Judge::new(experiment);
        (0..tries.len() as u32).for_each(|n| judge.wants(n));
        Ok(Self {
            experiment,
            bare,
            judge,
            proposals: firsts.map(|ask| (ask.node, ask.value.clone())).collect(),
            tries,
            store: Store::default(),
            reader: Reader::default(),
            machines: vec![StateMachine::default(); usize::from(setup.nodes)],
            violation: None,
            done_at: None,
            facts: vec![],
        })
    }

    fn play(mut self) -> (Outcome, Option<Recorder>) {
        let quiet = self.experiment.quiet_from();
        // What is wrong may show a while after all was decided.
        let linger = 20 * self.experiment.weather.pace.delta;
        self.listen();
        while self.violation.is_none() && self.bare.events() < MAX_EVENTS {
            let Some(happened) = self.bare.advance() else {
                break;
            };
            if self.bare.now() > self.experiment.end {
                break;
            }
            match happened {
                Happened::Woke(tag) => self.woke(tag),
                // A state machine is memory; the log is applied again from its beginning.
                Happened::Faulted(node) if self.bare.node(node).is_none() => {
                    self.machines[node.index()] = StateMachine::default();
                }
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

    fn woke(&mut self, tag: u32) {
        let part = tag & PART;
        match tag & !PART {
            ASK => {
                let ask = &self.experiment.asks[part as usize];
                if !self.bare.is_paused(ask.node) && (!ask.second || self.bare.has_twin(ask.node)) {
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

    /// A client asks the next node for its value, if nobody has decided it yet.
    fn ask_next(&mut self, n: u32) {
        let Some(load) = &self.experiment.load else {
            return;
        };
        let value = Load::value(n);
        if self.judge.is_decided(&value) {
            return;
        }
        let tries = &mut self.tries[n as usize];
        let node = NodeId(((n + *tries) % u32::from(self.bare.nodes())) as u8);
        *tries += 1;
        if !self.bare.is_paused(node) {
            self.bare.request(node, S::request(value));
            if self.bare.has_twin(node) {
                let rival = S::request(Load::rival(n));
                self.bare.request_copy(node, true, rival);
            }
        }
        let at = self.bare.now() + load.patience;
        self.bare.wake_at(at, LOAD | n);
    }

    /// Whoever takes itself for the leader writes to the store outside.
    fn leaders_write(&mut self) {
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
                self.violated(Broken {
                    property: "one writer at a time",
                    detail,
                    node,
                });
            }
        }
        self.bare.wake_at(now + writes.every, WRITE);
    }

    /// Somebody reads.
    fn read(&mut self) {
        let Some(reads) = self.experiment.clients.reads else {
            return;
        };
        let (now, node) = (self.bare.now(), reads.node);
        self.bare.wake_at(now + reads.every, READ);
        if self.bare.is_paused(node) {
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

    fn answer_read(&mut self, node: NodeId, id: u64, decided: Option<u64>) {
        let answer = match decided {
            Some(decided) => self.reader.answer(node, id, decided),
            None => {
                self.reader.refuse(id);
                Ok(())
            }
        };
        if let Err(detail) = answer {
            self.violated(Broken {
                property: "no stale read",
                detail,
                node,
            });
        }
    }

    /// What a node decided is applied, and acknowledged to whoever asked for it there.
    fn apply(&mut self, node: NodeId, decisions: &[Decision]) {
        for decision in decisions {
            self.reader.acknowledge(decision.slot);
            let Some(sessions) = self.experiment.clients.sessions else {
                continue;
            };
            for value in &decision.values {
                let machine = &mut self.machines[node.index()];
                if let Err(detail) = machine.apply(node, value, sessions) {
                    return self.violated(Broken {
                        property: "applied once",
                        detail,
                        node,
                    });
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
            match self.judge.told(&told, &self.proposals) {
                Ok(count) => decisions += count,
                Err(broken) => self.violated(broken),
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

    fn record_decision(&mut self, told: &Told<<S::Protocol as Protocol>::Output>) {
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
                return self.violated(Broken {
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

    fn violated(&mut self, broken: Broken) {
        let Broken {
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
        self.violation.get_or_insert(Violation {
            property,
            detail,
            node,
            at: self.bare.now(),
            event: self.bare.events(),
        });
    }

    /// What clients saw, in figures.
    fn tell_clients(&mut self) {
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

    fn finish(mut self) -> (Outcome, Option<Recorder>) {
        let stalled = self.judge.is_live().err();
        self.tell_clients();
        let recorder = self.bare.take_recorder();
        let outcome = Outcome {
            violation: self.violation,
            stalled,
            done_at: self.done_at,
            logs: self.judge.into_logs(),
            facts: self.facts,
            seen: self.bare.seen().clone(),
            counts: self.bare.counts(),
            traffic: self.bare.traffic(),
            events: self.bare.events(),
            now: self.bare.now(),
            hash: self.bare.hash(),
        };
        (outcome, recorder)
    }
}
