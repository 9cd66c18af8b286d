//! One run of a cell, as data: the cluster, the weather, the load and what goes wrong, all drawn
//! from the run's own stream of decisions.

use super::claim::{self, DELTA, DRIFT_PPM, PHI};
use super::{FaultClass, TimingModel, Token};
use crate::adversary::{self, Adversary};
use crate::clients::Clients;
use crate::experiment::{ClientLoad, Experiment};
use crate::system::{Proposers, ProtocolOptions, Setup, SystemFacts, facts, timeout_factor_max};
use bytes::Bytes;
use quorate_contract::{Contract, FailureModel, LinkModel, Problem};
use quorate_core::NodeSet;
use quorate_crypto::Scheme;
use quorate_sim::{
    Decisions, Delay, LinkProfile, NetworkProfile, NodeFault, Rolling, ScheduledNodeFault,
    TimingProfile,
};
use std::time::Duration;

/// What the nodes are told that a message and a step take together.
const TOLD: Duration = Duration::from_millis(10);
pub(crate) const MS: u64 = 1_000_000;
/// An asynchronous run is judged here: what has not been decided by now is stalled.
const HORIZON: u64 = 10_000 * MS;

/// One run of a cell, before it is run.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// Which.
    pub token: Token,
    /// What is run.
    pub experiment: Experiment,
    /// What it must stay inside of.
    pub contract: Contract,
    /// `f`: what the protocol is set up for.
    pub faults: u8,
    /// Who is faulty at some time: not those that only suffer from time.
    pub faulty: NodeSet,
    /// One that was faulty once counts for good.
    pub lasting: bool,
    /// When it must have decided, if not by the end.
    pub horizon: Option<u64>,
}

impl RunPlan {
    /// Draws the plan of a run. The same token gives the same plan, on every machine.
    pub fn draw(token: Token, options: &ProtocolOptions) -> Self {
        let place = token.cell;
        let facts = facts(place.protocol).expect("a place has a protocol of the lab");
        let mut decisions = stream(&token, "plan");
        // Every fourth run is of a larger cluster, where that has a meaning and an end.
        let larger = facts.per_fault <= 3 && place.protocol != "two-generals";
        let faults = 1 + u8::from(larger && token.seed % 4 == 3);
        let nodes = nodes(&facts, faults);
        let contract = claim::contract(&place, &facts, nodes, faults);
        let lasting = claim::is_lasting(&place, &facts);

        let lossy = contract.links.model == LinkModel::FairLoss;
        let (pace, end, horizon) = pace(place.timing, lossy, &mut decisions);
        let setup = Setup {
            nodes,
            faults,
            delta: TOLD,
            timeout_factor_max: timeout_factor_max(&contract.timing, TOLD),
            options: options.clone(),
            scheme: Scheme::Ideal,
        };
        let mut experiment = Experiment {
            subject: place.protocol.to_owned(),
            setup,
            weather: NetworkProfile {
                timing: pace,
                lossy,
                authentic: contract.authenticates(),
                count_bytes: false,
            },
            requests: vec![],
            load: None,
            clients: Clients::default(),
            node_faults: vec![],
            link_faults: vec![],
            crash_signal: None,
            distrusted: NodeSet::EMPTY,
            distinct: 1,
            end,
        };
        let load = ClientLoad {
            values: 5,
            from: 5 * MS,
            every: decisions.within(5, 60) * MS,
            retry_after: 100 * MS,
            // In an asynchronous run nothing comes after the horizon.
            probes: if horizon.is_some() { 0 } else { 2 },
        };
        experiment
            .set_default_requests(load)
            .expect("a place has a protocol of the lab");
        if facts.problem == Problem::AtomicCommit {
            one_votes_no(&mut experiment, &mut decisions);
        }
        let values = values(&experiment, &facts);
        let mut scene = Adversary {
            decisions: &mut decisions,
            nodes,
            delta: TOLD.as_nanos() as u64,
            faulty: place.column.faulty(faults),
            lasting,
            values,
            node_faults: vec![],
            link_faults: vec![],
        };
        let wild_until = match place.timing {
            TimingModel::Synchronous | TimingModel::UnknownBound => None,
            TimingModel::Gst => Some(pace.gst),
            TimingModel::Asynchronous => Some(pace.gst / 4),
        };
        match place.column.fault {
            FaultClass::Nothing => {}
            FaultClass::Nodes(model) => scene.nodes_fail(model),
            FaultClass::Amnesia => adversary::amnesia(&mut scene),
            FaultClass::LyingSync => adversary::lying_sync(&mut scene),
            FaultClass::FairLoss => adversary::fair_loss(&mut scene, wild_until),
        }
        let faulty: NodeSet = scene.node_faults.iter().map(|fault| fault.node).collect();
        if let Some(until) = wild_until {
            adversary::wild_clocks(&mut scene, until);
            adversary::wild_partitions(&mut scene, until);
        }
        if lossy && place.column.fault != FaultClass::FairLoss && scene.chance(50) {
            adversary::fair_loss(&mut scene, wild_until);
        }
        experiment.node_faults = scene.node_faults;
        experiment.link_faults = scene.link_faults;
        // Among liars only the correct ones have promised anything. Of those that are honest, what
        // they decided counts, even if they fail later; unless a failure costs them what the
        // others decide by, as a missed round does.
        let byzantine = place.column.fault == FaultClass::Nodes(FailureModel::Byzantine);
        let outvoted = claim::survives_liars(&facts);
        if outvoted && (byzantine || place.column.disks_fail() || !facts.recovers) {
            experiment.distrusted = faulty;
        }
        Self {
            token,
            experiment,
            contract,
            faults,
            faulty,
            lasting,
            horizon,
        }
    }

    /// The decisions of the run itself.
    pub fn decisions(&self) -> Decisions {
        stream(&self.token, "run")
    }

    /// The decisions of the run, and after them those of other runs of the same plan: what makes a
    /// run small needs some to choose from.
    pub fn stream(&self, n: u64) -> Decisions {
        match n {
            0 => self.decisions(),
            n => stream(&self.token, &format!("run {n}")),
        }
    }

    /// How many nodes are faulty at the same time, at the most; or ever, where that counts.
    pub fn most_faulty(&self) -> usize {
        if self.lasting {
            return self.faulty.len();
        }
        let faults = || {
            let faults = self.experiment.node_faults.iter();
            faults.filter(|fault| self.counts(fault))
        };
        let at = |moment: u64| -> NodeSet {
            let covers = |fault: &&ScheduledNodeFault| {
                fault.from <= moment && fault.until.is_none_or(|until| until >= moment)
            };
            faults().filter(covers).map(|fault| fault.node).collect()
        };
        faults()
            .map(|fault| at(fault.from).len())
            .max()
            .unwrap_or(0)
    }

    /// Is it a replica's fault, and not that of time?
    fn counts(&self, fault: &ScheduledNodeFault) -> bool {
        let by_time = matches!(
            fault.fault,
            NodeFault::Pause | NodeFault::Drift(_) | NodeFault::ClockJump(_)
        );
        self.faulty.contains(fault.node) && !(by_time && self.token.cell.timing.is_wild())
    }
}

impl TimingModel {
    /// May correct nodes pause, and their clocks jump?
    pub(super) fn is_wild(self) -> bool {
        matches!(self, Self::Gst | Self::Asynchronous)
    }
}

/// The cluster at its bound for so many faults; of one more, somebody is left.
pub(super) fn nodes(facts: &SystemFacts, faults: u8) -> u8 {
    match facts.catalogue {
        quorate_contract::ProtocolName::TwoGenerals => 2,
        _ => facts.nodes_for(faults).max(faults + 2),
    }
}

/// In a quarter of the runs one node, drawn, votes no.
pub(crate) fn one_votes_no(experiment: &mut Experiment, decisions: &mut Decisions) {
    if decisions.below(4) < 3 {
        return;
    }
    let node = decisions.below(u64::from(experiment.setup.nodes)) as u32;
    let asks = experiment.requests.iter_mut();
    for ask in asks.filter(|ask| ask.node.0 == node && !ask.second) {
        ask.value = Bytes::from_static(b"no");
    }
}

/// A stream of decisions of its own for each run and each use.
fn stream(token: &Token, usage: &str) -> Decisions {
    let mut rolling = Rolling::default();
    for byte in format!("{token}:{usage}").bytes() {
        rolling.add(u64::from(byte));
    }
    Decisions::from_seed(rolling.value())
}

/// How time behaves, when the run ends, and when it is judged if not then.
fn pace(
    timing: TimingModel,
    lossy: bool,
    decisions: &mut Decisions,
) -> (TimingProfile, u64, Option<u64>) {
    let (delta, phi) = (DELTA.as_nanos() as u64, PHI.as_nanos() as u64);
    let mut pace = TimingProfile::synchronous(delta, phi);
    pace.drift_ppm = DRIFT_PPM;
    match timing {
        TimingModel::Synchronous => (pace, 8_000 * MS, None),
        TimingModel::UnknownBound => {
            // What the nodes are told, or that many times: up to where a fixed timeout decides
            // nothing at all. A node with adaptive timeouts needs some elections to learn them.
            let times = 1 << [0, 1, 2, 4, 6][decisions.below(5) as usize];
            let mut pace = TimingProfile::synchronous(times * delta, times * phi);
            pace.drift_ppm = DRIFT_PPM;
            (pace, (20_000 + 1_000 * times) * MS, None)
        }
        TimingModel::Gst => {
            pace.gst = decisions.within(100, 1_500) * MS;
            pace.before_gst = wild(lossy, delta, decisions);
            pace.sync = Some(wild_sync(phi, decisions));
            (pace, pace.gst + 12_000 * MS, None)
        }
        TimingModel::Asynchronous => {
            pace.before_gst = wild(lossy, delta, decisions);
            pace.sync = Some(wild_sync(phi, decisions));
            pace.flp = decisions.below(2) == 1;
            // Looking ahead costs time: such a run is shorter, and quicker to make up for it.
            let horizon = match pace.flp {
                true => HORIZON / 3,
                false => HORIZON,
            };
            if pace.flp {
                pace.before_gst.max_delay = 8 * delta;
            }
            pace.gst = horizon;
            (pace, horizon + 2_000 * MS, Some(horizon))
        }
    }
}

/// Links without bounds: mostly quick, or slow, or mostly quick and now and then very slow.
pub(crate) fn wild(lossy: bool, delta: u64, decisions: &mut Decisions) -> LinkProfile {
    let mean = [1, 4, 8][decisions.below(3) as usize] * delta;
    let min = delta / 20;
    LinkProfile {
        delay: match decisions.below(3) {
            0 => Delay::Uniform { min, max: 2 * mean },
            1 => Delay::Exponential { min, mean },
            _ => Delay::HeavyTail { min, mean },
        },
        max_delay: 125 * delta / 2,
        loss: match lossy {
            true => [0, 20_000, 200_000][decisions.below(3) as usize],
            false => 0,
        },
        duplicate: match lossy {
            true => [0, 50_000][decisions.below(2) as usize],
            false => 0,
        },
        fifo: false,
        nanos_per_byte: 0,
    }
}

pub(crate) fn wild_sync(phi: u64, decisions: &mut Decisions) -> Delay {
    let mean = [1, 4, 20][decisions.below(3) as usize] * phi;
    Delay::HeavyTail {
        min: phi / 10,
        mean,
    }
}

/// What is said in a run, each value with another that a liar could put in its place.
pub(crate) fn values(experiment: &Experiment, facts: &SystemFacts) -> Vec<(Vec<u8>, Vec<u8>)> {
    match facts.proposers {
        Proposers::Clients => {
            let values = experiment.load.map_or(0, |load| load.values);
            let pair = |n| (ClientLoad::value(n).to_vec(), ClientLoad::rival(n).to_vec());
            (0..values).map(pair).collect()
        }
        Proposers::AllNodes | Proposers::Sender => {
            let firsts = experiment.requests.iter().filter(|ask| !ask.second);
            let rivals = experiment.requests.iter().filter(|ask| ask.second);
            firsts
                .zip(rivals)
                .map(|(first, rival)| (first.value.to_vec(), rival.value.to_vec()))
                .collect()
        }
    }
}
