//! A world: nodes, links, disks, clocks and clients, and one queue of what happens next.

mod arrive;
mod faults;
mod harm;
mod hints;
mod lag;
mod members;
mod node;
mod recording;
mod settle;
mod stall;
mod step;
mod text;
mod versions;

use crate::client::{Client, ClientAction, ClientState, client_of};
use crate::fault::Fault;
use crate::fault::FaultCounts;
use crate::milestone::{Milestone, MilestoneCounts};
use crate::network::{Delay, Network};
use crate::observe::{Broken, Observers};
use crate::queue::Queue;
use crate::report::{InvariantViolation, RunReport, RunVerdict};
use crate::rolling::Rolling;
use crate::run_limits::RunLimits;
use crate::serving::{PeerMessage, Simulated};
use crate::slab::Slab;
use crate::streams::Streams;
use crate::swarm::Swarm;
use crate::trace::Trace;
use faults::Cure;
use lag::Lagging;
use node::SimNode;
use quorate_contract::{Behaviour, Contract};
use quorate_core::{Mutant, NodeId};
use quorate_replica::{Outcome, Request, Ticket};
use quorate_report::Run;
use recording::Recording;
use std::collections::BTreeMap;
use versions::Levels;

/// What happens. Small, and without content: that lies in tables.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A message from a peer arrives.
    Deliver(u32),
    /// A client's request arrives.
    Request(u32),
    /// An answer arrives at its client.
    Answer(u32),
    /// A timer may have run out.
    Timer { node: NodeId, timer: u8, epoch: u32 },
    /// A sync is through.
    Synced { node: NodeId, epoch: u32 },
    /// The jobs that a replica has asked for are done.
    Jobs { node: NodeId, epoch: u32 },
    /// A burst ends.
    Flush { node: NodeId, epoch: u32 },
    /// A time that a client set has come.
    Client { client: u8, alarm: u32 },
    /// Something goes wrong.
    Fault,
    /// A leader that is new is cut off.
    Topple(NodeId),
    /// Something that went wrong is over.
    Cure(u32),
    /// A node hears that its link to a peer is broken.
    PeerGone {
        node: NodeId,
        peer: NodeId,
        epoch: u32,
    },
    /// Time to look whether the node that is kept away is left behind.
    LeftBehind,
    /// A node that was left behind must have caught up.
    CaughtUp,
    /// A crashed node comes back.
    Restart { node: NodeId, epoch: u32 },
    /// A leader whose disk hangs must not lead any more.
    StillLeads {
        node: NodeId,
        epoch: u32,
        term: u64,
        /// The end of the stall that is meant: a later one of the same disk has its own event.
        until: u64,
    },
    /// A node that has stopped because its software is too old gets newer software.
    Upgrade { node: NodeId, epoch: u32 },
    /// Time to look whether the cluster has settled.
    Settle,
    /// Decisions go on as another seed has them.
    Fork,
}

/// No run has more events; one that does is stuck in a loop.
const MAX_EVENTS: u64 = 2_000_000;

/// A request on its way to a replica.
#[derive(Debug)]
struct Asked {
    to: NodeId,
    ticket: Ticket,
    request: Request,
}

/// How to run a world.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A seeded defect.
    pub mutant: Mutant,
    /// How many of the last events to keep in words; they cost more than the events.
    pub trace: usize,
    /// What the world is not to have, though its decisions say so.
    pub caps: RunLimits,
}

/// What is left of a world.
#[derive(Debug)]
pub(crate) struct WorldEnd {
    pub(crate) report: RunReport,
    pub(crate) streams: Streams,
    /// What happened, if it was watched.
    pub(crate) run: Option<Run>,
}

/// Everything that is simulated.
#[derive(Debug)]
pub(crate) struct World<P: Simulated> {
    contract: Contract,
    caps: RunLimits,
    mutant: Mutant,
    /// How many nodes there are, those that may join included.
    n: u8,
    founders: u8,
    f: usize,
    swarm: Swarm<P>,
    now: u64,
    events: u64,
    streams: Streams,
    queue: Queue<Event>,
    network: Network<PeerMessage<P>>,
    nodes: Vec<SimNode<P>>,
    asked: Slab<Asked>,
    answers: Slab<(Ticket, Outcome)>,
    clients: Vec<Client>,
    desk: ClientState,
    cures: Slab<Cure>,
    observers: Observers<P>,
    hash: Rolling,
    coverage: FaultCounts,
    milestones: MilestoneCounts,
    /// Messages that are held for long, and the term of the receiver when they were sent.
    late: BTreeMap<u32, u64>,
    /// The node that is kept away, or has to catch up.
    lagging: Option<Lagging>,
    levels: Levels,
    trace: Trace,
    /// Off unless asked for.
    recording: Option<Box<Recording>>,
    /// When the faults stopped.
    healed: Option<u64>,
    finished: bool,
    /// The history was too hard to judge.
    undecided: bool,
    violation: Option<Box<InvariantViolation>>,
}

impl<P: Simulated> World<P> {
    pub(crate) fn new(contract: &Contract, mut streams: Streams, options: &Options) -> Self {
        let contract = &options.caps.contract(contract);
        let mut swarm = Swarm::<P>::draw(contract, options.mutant, &mut streams.mix);
        options.caps.apply(&mut swarm);
        let founders = members(contract);
        let n = founders.saturating_add(swarm.joiners);
        streams.open_all(n, swarm.load.clients);
        let lossy = contract.allows(Behaviour::Lose);
        let clients = (0..swarm.load.clients)
            .map(|id| Client::new(id, founders, &swarm.load))
            .collect();
        let node = |id| SimNode::new(id >= founders, swarm.software(id));
        Self {
            nodes: (0..n).map(node).collect(),
            contract: contract.clone(),
            caps: options.caps.clone(),
            mutant: options.mutant,
            n,
            founders,
            f: contract.tolerate(),
            network: Network::new(n, swarm.link, lossy),
            swarm,
            now: 0,
            events: 0,
            streams,
            queue: Queue::default(),
            asked: Slab::default(),
            answers: Slab::default(),
            clients,
            desk: ClientState::default(),
            cures: Slab::default(),
            observers: Observers::new(founders, n),
            hash: Rolling::default(),
            coverage: FaultCounts::default(),
            milestones: MilestoneCounts::default(),
            late: BTreeMap::new(),
            lagging: None,
            levels: Levels::default(),
            trace: Trace::new(options.trace),
            recording: None,
            healed: None,
            finished: false,
            undecided: false,
            violation: None,
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(&mut self) {
        match self.streams.forks_at() {
            Some(0) => self.streams.change_future(),
            Some(at) => self.queue.push(at, Event::Fork),
            None => {}
        }
        for node in NodeId::all(self.n) {
            self.restart(node);
        }
        for client in 0..self.clients.len() as u8 {
            if self.caps.silent.contains(&client) {
                continue;
            }
            let decisions = self.streams.client(client);
            let rest = decisions.exponential(self.swarm.load.think);
            self.carry_out(client, ClientAction::Rest(rest));
        }
        if !self.swarm.faults.is_empty() {
            self.next_fault();
        }
        self.queue.push(self.swarm.horizon, Event::Settle);
        while !self.finished && self.violation.is_none() {
            let Some((at, event)) = self.queue.pop() else {
                break;
            };
            self.now = at;
            self.happen(event);
            if self.events > MAX_EVENTS {
                let detail = format!("{} events and no end", self.events);
                self.violated(Broken {
                    property: "a run ends",
                    detail,
                });
            }
        }
        if self.violation.is_none() {
            self.judge_history();
        }
    }

    /// What it came to.
    pub(crate) fn report(self, seed: u64) -> WorldEnd {
        let mut hash = self.hash;
        hash.add(self.events);
        hash.add(self.observers.digest());
        let traffic = self.network.traffic;
        let mut coverage = self.coverage;
        coverage.add(Fault::Loss, traffic.lost);
        coverage.add(Fault::Duplication, traffic.duplicated);
        coverage.add(Fault::Reordering, traffic.reordered);
        let mut milestones = self.milestones;
        let ended = milestones.of(Milestone::Checkpoint) + milestones.of(Milestone::Install);
        let begun = milestones.of(Milestone::SnapshotBegun);
        milestones.add(Milestone::SnapshotAborted, begun.saturating_sub(ended));
        let verdict = self.violation.map_or(RunVerdict::Ok, RunVerdict::Violation);
        let report = RunReport {
            seed,
            events: self.events,
            simulated: self.now,
            hash: hash.value(),
            coverage,
            milestones,
            operations: self.desk.operations,
            traffic,
            committed: self.observers.committed(),
            undecided: self.undecided,
            last_events: self.trace.into_lines(),
            verdict,
        };
        let run = self
            .recording
            .map(|recording| recording.finish(&self.contract, &report));
        WorldEnd {
            report,
            streams: self.streams,
            run,
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver(number) => self.deliver(number),
            Event::Request(number) => self.on_request(number),
            Event::Answer(number) => self.on_answer(number),
            Event::Timer { node, timer, epoch } => self.on_timer(node, timer, epoch),
            Event::Synced { node, epoch } => self.on_synced(node, epoch),
            Event::Jobs { node, epoch } => {
                if self.is_current(node, epoch) && !self.defer(node, event) {
                    self.run_jobs(node);
                }
            }
            Event::Flush { node, epoch } => {
                if self.is_current(node, epoch) && !self.defer(node, event) {
                    self.flush(node);
                }
            }
            Event::Client { client, alarm } => self.on_client_time(client, alarm),
            Event::Fault => self.on_fault(),
            Event::Topple(node) => self.on_topple(node),
            Event::Cure(number) => self.on_cure(number),
            Event::PeerGone { node, peer, epoch } => self.on_peer_gone(node, peer, epoch),
            Event::LeftBehind => self.on_left_behind(),
            Event::CaughtUp => self.on_caught_up(),
            Event::Restart { node, epoch } => {
                if self.nodes[node.index()].epoch == epoch {
                    self.restart(node);
                }
            }
            Event::StillLeads {
                node,
                epoch,
                term,
                until,
            } => self.on_still_leads(node, epoch, term, until),
            Event::Upgrade { node, epoch } => self.on_upgrade(node, epoch),
            Event::Settle => self.on_settle(),
            Event::Fork => self.streams.change_future(),
        }
    }

    /// Counts an event, and takes it into the hash.
    #[inline]
    fn count(&mut self, kind: u64, node: NodeId, digest: u64) {
        self.events += 1;
        self.hash
            .add(self.now ^ kind << 56 ^ u64::from(node.0) << 48);
        self.hash.add(digest);
    }

    fn is_current(&self, node: NodeId, epoch: u32) -> bool {
        let node = &self.nodes[node.index()];
        node.epoch == epoch && node.replica.is_some()
    }

    /// The process is paused: the event happens when it goes on.
    #[inline]
    fn defer(&mut self, node: NodeId, event: Event) -> bool {
        let until = self.nodes[node.index()].paused_until;
        if until <= self.now {
            return false;
        }
        self.queue.push(until, event);
        true
    }

    fn violated(&mut self, Broken { property, detail }: Broken) {
        self.trace
            .say(self.now, || format!("VIOLATION of {property}: {detail}"));
        if let Some(recording) = &mut self.recording {
            recording.violated(self.now, &format!("{property} is violated: {detail}"));
        }
        let (at, event) = (self.now, self.events);
        self.violation.get_or_insert(Box::new(InvariantViolation {
            property: property.to_owned(),
            detail,
            at,
            event,
        }));
    }

    fn check(&mut self, result: Result<(), Broken>) {
        if let Err(broken) = result {
            self.violated(broken);
        }
    }

    fn sync_delay(&mut self, node: NodeId) -> u64 {
        match self.healed {
            None => self.swarm.sync.draw(self.streams.disk(node)),
            Some(_) => Delay::Uniform {
                min: 50_000,
                max: 150_000,
            }
            .draw(self.streams.disk(node)),
        }
    }

    fn up(&self) -> usize {
        self.nodes
            .iter()
            .filter(|node| node.serves() || node.removed)
            .count()
    }

    fn reached(&mut self, milestone: Milestone) {
        self.milestones.add(milestone, 1);
    }

    fn covered(&mut self, fault: Fault) {
        self.coverage.add(fault, 1);
    }
}

/// How many replicas a contract's cluster has.
pub(crate) fn members(contract: &Contract) -> u8 {
    contract.replicas().min(usize::from(u8::MAX)) as u8
}
