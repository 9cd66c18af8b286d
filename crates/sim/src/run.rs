//! One run.

use crate::recorder::RecorderLimits;
use crate::report::{RunReport, RunVerdict};
use crate::serving::Simulated;
use crate::streams::{Choices, Streams};
use crate::world::{Options, World};
use quorate_contract::Contract;
use quorate_crash::raft::Raft;
use quorate_report::Run;

/// How many of the last events a violation tells in words.
const LAST_EVENTS: usize = 60;

/// Runs the world of a seed. A violation comes with the last events in words: the run is repeated
/// to get them.
pub fn simulate(contract: &Contract, seed: u64, options: &Options) -> RunReport {
    simulate_protocol::<Raft>(contract, seed, options)
}

/// As [`simulate`], over another protocol.
pub fn simulate_protocol<P: Simulated>(
    contract: &Contract,
    seed: u64,
    options: &Options,
) -> RunReport {
    run::<P>(contract, seed, &Streams::from_seed(seed), options).0
}

/// As [`simulate`], and returns every decision that was drawn.
pub fn record(contract: &Contract, seed: u64, options: &Options) -> (RunReport, Choices) {
    let streams = Streams::from_seed(seed).recorded();
    let (report, mut streams) = run::<Raft>(contract, seed, &streams, options);
    (report, streams.take_record())
}

/// Runs the world of some decisions, recorded, edited, cut short or made up. Its report bears
/// `seed`, which means nothing here.
pub fn replay(contract: &Contract, seed: u64, drawn: &Choices, options: &Options) -> RunReport {
    run::<Raft>(contract, seed, &Streams::replay(drawn.clone()), options).0
}

/// Runs a world with a [`Recorder`](crate::Recorder) in it. The report is the same as without.
pub fn watch(
    contract: &Contract,
    seed: u64,
    streams: Streams,
    options: &Options,
    limits: RecorderLimits,
) -> (RunReport, Run) {
    let mut world = World::<Raft>::new(contract, streams, options);
    world.watch(limits);
    world.run();
    let ended = world.report(seed);
    (ended.report, ended.run.unwrap_or_default())
}

fn run<P: Simulated>(
    contract: &Contract,
    seed: u64,
    streams: &Streams,
    options: &Options,
) -> (RunReport, Streams) {
    let mut world = World::<P>::new(contract, streams.clone(), options);
    world.run();
    let ended = world.report(seed);
    if ended.report.verdict == RunVerdict::Ok || options.trace > 0 {
        return (ended.report, ended.streams);
    }
    let traced = Options {
        trace: LAST_EVENTS,
        ..options.clone()
    };
    let mut world = World::<P>::new(contract, streams.clone(), &traced);
    world.run();
    let ended = world.report(seed);
    (ended.report, ended.streams)
}
