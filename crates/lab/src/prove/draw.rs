//! One run inside a contract, as data: any protocol of the lab, and faults that the contract allows,
//! drawn from a seed.

use super::system::faults_told;
use crate::adversary::{self, Adversary};
use crate::clients::Clients;
use crate::experiment::{ClientLoad, Experiment, ScheduledRequest};
use crate::matrix::claim::{DELTA, DRIFT_PPM, PHI};
use crate::matrix::plan::{MS, one_votes_no, values, wild, wild_sync};
use crate::system::{Proposers, ProtocolOptions, Setup, SystemFacts, facts, timeout_factor_max};
use quorate_contract::{
    Behaviour, Bounds, Contract, FailureModel, LinkModel, Problem, ProtocolName, Stabilization,
    StorageModel, Timing,
};
use quorate_core::NodeSet;
use quorate_crypto::Scheme;
use quorate_sim::{
    Decisions, LinkFault, NetworkProfile, NodeFault, Rolling, ScheduledLinkFault, TimingProfile,
};
use std::time::Duration;

/// One run inside a contract, before it is run.
#[derive(Clone, Debug)]
pub struct DrawnRun {
    /// What is run.
    pub experiment: Experiment,
    /// Who is faulty at some time: not those that only suffer from time.
    pub faulty: NodeSet,
    /// When it must have decided, if not by the end.
    pub horizon: Option<u64>,
    /// From when on the bounds on time hold, where they begin to.
    pub calm: Option<u64>,
    /// The seed of the run itself.
    pub stream: u64,
}

impl DrawnRun {
    /// Draws a run of `subject` under a contract. The same arguments give the same run, on every
    /// machine.
    pub fn draw(contract: &Contract, subject: &str, seed: u64) -> Option<Self> {
        let facts = facts(subject)?;
        let mut decisions = stream(contract, subject, seed, "plan");
        let told = told(contract);
        let delta = nanos(told);
        let lossy = contract.links.model == LinkModel::FairLoss;
        let (timing, end, horizon) = timing(contract, lossy, &mut decisions);
        let nodes = u8::try_from(contract.replicas()).ok()?;
        let mut experiment = Experiment {
            weather: NetworkProfile {
                timing,
                lossy,
                authentic: contract.authenticates(),
                count_bytes: false,
            },
            end,
            ..blank(contract, subject)
        };
        let load = ClientLoad {
            values: 5,
            from: delta / 2,
            every: decisions.within(delta / 2, 6 * delta),
            retry_after: 10 * delta,
            probes: if horizon.is_some() { 0 } else { 2 },
        };
        experiment.set_default_requests(load).ok()?;
        if facts.problem == Problem::AtomicCommit {
            one_votes_no(&mut experiment, &mut decisions);
        }
        let said = values(&experiment, &facts);
        let mut scene = Adversary {
            decisions: &mut decisions,
            nodes,
            delta,
            faulty: u8::try_from(contract.tolerate()).ok()?,
            // Of those that are never up for good, the same fail again and again.
            lasting: contract.failures.is_lasting() || contract.failures.always_up > 0,
            values: said,
            node_faults: vec![],
            link_faults: vec![],
        };
        if contract.tolerate() > 0 {
            nodes_fail(contract, &mut scene);
        }
        let faulty = scene.node_faults.iter().map(|fault| fault.node).collect();
        let wild_until = match contract.timing {
            Timing::Synchronous(_) | Timing::PartiallySynchronous(Stabilization::Unknown) => None,
            Timing::PartiallySynchronous(Stabilization::Gst(_)) => Some(timing.gst),
            Timing::Asynchronous => Some(timing.gst / 4),
        };
        if let Some(until) = wild_until {
            adversary::wild_clocks(&mut scene, until);
            adversary::wild_partitions(&mut scene, until);
        } else if lossy && scene.chance(40) {
            // A partition that ends is a loss, which these links allow at any time.
            adversary::wild_partitions(&mut scene, 40 * delta);
            if !contract.allows(Behaviour::Delay) {
                // What arrives at all arrives in time.
                let slow = |fault: &ScheduledLinkFault| matches!(fault.fault, LinkFault::Slow(_));
                scene.link_faults.retain(|fault| !slow(fault));
            }
        }
        if lossy && scene.chance(60) {
            adversary::fair_loss(&mut scene, wild_until);
        }
        experiment.node_faults = scene.node_faults;
        experiment.link_faults = scene.link_faults;
        if facts.proposers == Proposers::AllNodes {
            ask_again(&mut experiment);
        }
        if !counts_what_the_faulty_decide(contract, &facts) {
            experiment.distrusted = faulty;
        }
        Some(Self {
            experiment,
            faulty,
            horizon,
            calm: matches!(
                contract.timing,
                Timing::PartiallySynchronous(Stabilization::Gst(_))
            )
            .then_some(timing.gst),
            stream: stream(contract, subject, seed, "run").below(u64::MAX),
        })
    }

    /// The decisions of the run itself.
    pub fn decisions(&self) -> Decisions {
        Decisions::from_seed(self.stream)
    }
}

/// A node that crashes before what it begins with is on its disk is asked for it again when it is back.
///
/// Otherwise ever more nodes would have nothing to begin with, where each may crash in its turn. One that
/// has begun takes no notice.
fn ask_again(experiment: &mut Experiment) {
    let mut again = vec![];
    for fault in &experiment.node_faults {
        let crash = matches!(
            fault.fault,
            NodeFault::Crash | NodeFault::CrashSending(_) | NodeFault::Forget
        );
        let Some(back) = fault.until.filter(|_| crash) else {
            continue;
        };
        let first = experiment.requests.iter();
        let first = first.filter(|ask| ask.node == fault.node && !ask.second);
        again.extend(first.map(|ask| ScheduledRequest {
            at: back + 1,
            ..ask.clone()
        }));
    }
    experiment.requests.extend(again);
}

/// An experiment of `subject` under a contract in which nothing goes wrong and no request is made.
pub(super) fn blank(contract: &Contract, subject: &str) -> Experiment {
    let told = told(contract);
    let bounds = bounds(contract);
    Experiment {
        subject: subject.to_owned(),
        setup: Setup {
            nodes: u8::try_from(contract.replicas()).unwrap_or(u8::MAX),
            faults: faults_told(contract, subject),
            delta: told,
            timeout_factor_max: timeout_factor_max(&contract.timing, told),
            options: ProtocolOptions::default(),
            scheme: Scheme::Ideal,
        },
        weather: NetworkProfile {
            timing: TimingProfile::synchronous(nanos(bounds.delta), nanos(bounds.phi)),
            lossy: contract.links.model == LinkModel::FairLoss,
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
        distinct: match contract.problem() {
            Problem::KSet(k) => k,
            _ => 1,
        },
        end: 400 * nanos(told),
    }
}

/// The bounds of the contract; where it knows none, those of the matrix.
pub(super) fn bounds(contract: &Contract) -> Bounds {
    contract.timing.bounds().copied().unwrap_or(Bounds {
        delta: DELTA,
        phi: PHI,
        drift_ppm: DRIFT_PPM,
    })
}

/// What the nodes are told that a message and a step take together: what a clock that drifts has to
/// wait for, and a ninth more.
pub(super) fn told(contract: &Contract) -> Duration {
    let round = bounds(contract).round_by_clock();
    (round + round / 9).max(Duration::from_micros(10))
}

pub(super) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Does the contract bind what a faulty node decides? Liars are bound by nothing; those that are
/// honest are bound where the problem is uniform, or where they serve clients, as those of a log do.
fn counts_what_the_faulty_decide(contract: &Contract, facts: &SystemFacts) -> bool {
    let plain = |problem: Problem| {
        matches!(
            problem,
            Problem::Consensus | Problem::ReliableBroadcast | Problem::TerminatingBroadcast
        )
    };
    let solves = facts.catalogue.declaration().solves;
    let failures = &contract.failures;
    // Who was faulty for a while only is correct in the end, and bound as all are.
    let bound = !(failures.is_lasting() && plain(contract.problem()) && plain(solves));
    !failures.has_liars() && bound
}

/// Faults of the contract's own model, and now and then of one within it.
fn nodes_fail(contract: &Contract, scene: &mut Adversary<'_>) {
    let own = contract.failures.model;
    let within: Vec<FailureModel> = FailureModel::ALL
        .into_iter()
        .filter(|model| model.is_within(own))
        .collect();
    let model = match scene.chance(75) {
        true => own,
        false => within[scene.decisions.below(within.len() as u64) as usize],
    };
    let storage = &contract.storage;
    if own == FailureModel::Byzantine && scene.chance(15) {
        if storage.model == StorageModel::Amnesiac || scene.chance(50) {
            adversary::amnesia(scene);
        } else {
            adversary::lying_sync(scene);
        }
        return;
    }
    scene.nodes_fail(model);
}

/// How time behaves, when the run ends, and when it is judged if not then.
fn timing(
    contract: &Contract,
    lossy: bool,
    decisions: &mut Decisions,
) -> (TimingProfile, u64, Option<u64>) {
    let known = bounds(contract);
    let (delta, phi, unit) = (nanos(known.delta), nanos(known.phi), nanos(told(contract)));
    let calm = |times: u64| TimingProfile {
        drift_ppm: known.drift_ppm,
        ..TimingProfile::synchronous(times * delta, times * phi)
    };
    match contract.timing {
        Timing::Synchronous(_) => (calm(1), 800 * unit, None),
        Timing::PartiallySynchronous(Stabilization::Unknown) => {
            let times = 1 << [0, 1, 2, 4, 6][decisions.below(5) as usize];
            // Rivals that guess the bound too low get in each other's way for long.
            (calm(times), (80_000 + 4_000 * times) * MS, None)
        }
        Timing::PartiallySynchronous(Stabilization::Gst(_)) => {
            let mut timing = calm(1);
            timing.gst = decisions.within(10 * unit, 150 * unit);
            timing.before_gst = wild(lossy, delta, decisions);
            timing.sync = Some(wild_sync(phi.max(1), decisions));
            (timing, timing.gst + 1_200 * unit, None)
        }
        Timing::Asynchronous => {
            let mut timing = calm(1);
            timing.before_gst = wild(lossy, delta, decisions);
            timing.sync = Some(wild_sync(phi, decisions));
            // An oracle is right in the end, and nothing here listens to one: it stands for the end of
            // the wild time, after which timeouts find the same leader.
            if contract.oracle().is_some() {
                timing.gst = decisions.within(100, 1_500) * MS;
                return (timing, timing.gst + 12_000 * MS, None);
            }
            timing.flp = decisions.below(2) == 1;
            let horizon = match timing.flp {
                true => 3_333 * MS,
                false => 10_000 * MS,
            };
            if timing.flp {
                timing.before_gst.max_delay = 8 * delta;
            }
            timing.gst = horizon;
            (timing, horizon + 2_000 * MS, Some(horizon))
        }
    }
}

/// A stream of decisions of its own for each contract, protocol, seed and use.
fn stream(contract: &Contract, subject: &str, seed: u64, usage: &str) -> Decisions {
    let mut rolling = Rolling::default();
    let (n, f) = (contract.replicas(), contract.tolerate());
    let name = format!("{subject}:{n}:{f}:{seed}:{usage}");
    name.bytes().for_each(|byte| rolling.add(u64::from(byte)));
    Decisions::from_seed(rolling.value())
}

/// The protocol of the lab that the catalogue's entry means here, over links as it needs them.
pub fn subject_for(contract: &Contract, protocol: ProtocolName) -> Option<&'static str> {
    super::system::subject_for(contract, protocol)
}
