//! Runs of one contract and defect, with other choices and limits.

use crate::report::RunReport;
use crate::run_limits::RunLimits;
use crate::streams::{Choices, Streams};
use crate::world::{Options, World};
use quorate_contract::Contract;
use quorate_crash::raft::Raft;

/// Runs worlds of one contract and defect.
pub(super) struct CandidateRuns<'a> {
    contract: &'a Contract,
    options: &'a Options,
}

impl<'a> CandidateRuns<'a> {
    pub(super) fn new(contract: &'a Contract, options: &'a Options) -> Self {
        Self { contract, options }
    }

    pub(super) fn run(&self, streams: Streams, caps: &RunLimits) -> (RunReport, Choices) {
        let options = Options {
            caps: caps.clone(),
            trace: 0,
            ..self.options.clone()
        };
        let mut world = World::<Raft>::new(self.contract, streams.recorded(), &options);
        world.run();
        let mut ended = world.report(0);
        (ended.report, ended.streams.take_record())
    }

    pub(super) fn replicas(&self, limits: &RunLimits) -> usize {
        limits.contract(self.contract).replicas()
    }
}
