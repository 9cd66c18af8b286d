//! Tendermint in the simulated world: what is drawn for it, and what is watched beyond the log.

use crate::ordered::{Config, Defect, Ordered, Record};
use quorate_byzantine::tendermint;
use quorate_contract::Contract;
use quorate_core::{Mutant, NodeId};
use quorate_crypto::{Digest, Instance, Keychain, Scheme, deal};
use quorate_sim::observe::{Broken, ProtocolObserver, Seen, broken};
use quorate_sim::{Decisions, Rolling, Simulated};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

thread_local! {
    /// The rule that the worlds of this thread break.
    pub(crate) static DEFECT: Cell<Defect> = const { Cell::new(Defect::None) };
}

/// What a world draws.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    keys: Vec<Keychain>,
    faulty: u8,
    defect: Defect,
    propose: Duration,
    vote: Duration,
    max_batch: usize,
}

impl Simulated for Ordered {
    type Setup = Setup;
    type Change = (u64, Digest);
    type Observer = Agreement;

    fn draw(contract: &Contract, _: Mutant, decisions: &mut Decisions) -> Setup {
        let nodes = contract.replicas() as u8;
        let propose = decisions.within(40, 200);
        Setup {
            keys: deal(Scheme::Ideal, Instance(1), nodes, 1),
            faulty: contract.tolerate() as u8,
            defect: DEFECT.get(),
            propose: Duration::from_millis(propose),
            vote: Duration::from_millis(propose / 2),
            max_batch: decisions.within(1, 64) as usize,
        }
    }

    fn make_unrest(setup: &mut Setup) {
        setup.max_batch = 1;
        setup.propose = Duration::from_millis(30);
        setup.vote = Duration::from_millis(15);
    }

    /// It keeps everything.
    fn make_forgetful(_: &mut Setup) {}

    fn config(setup: &Setup, me: NodeId) -> Config {
        let keys = setup.keys[me.index()].clone();
        Config {
            tendermint: tendermint::Config {
                max_batch: setup.max_batch,
                kept_decisions: u32::MAX as usize,
                timeout_propose: setup.propose,
                timeout_vote: setup.vote,
                ..tendermint::Config::new(setup.keys.len() as u8, setup.faulty, keys)
            },
            defect: setup.defect,
        }
    }

    fn change(record: &Record) -> Option<(u64, Digest)> {
        match record {
            Record::Inner(tendermint::Record::Decided { decision, .. }) => {
                Some((decision.block.height, decision.block.id()))
            }
            _ => None,
        }
    }
}

/// Agreement: no two nodes decide differently at one height, in whatever life.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    decided: BTreeMap<u64, (Digest, NodeId)>,
}

impl Agreement {
    fn on_decision(&mut self, node: NodeId, height: u64, block: Digest) -> Result<(), Broken> {
        let (first, by) = *self.decided.entry(height).or_insert((block, node));
        if first == block {
            return Ok(());
        }
        let detail = format!("{node} and {by} decide differently at height {height}");
        broken("agreement", detail)
    }
}

impl ProtocolObserver<Ordered> for Agreement {
    fn new(_: u8) -> Self {
        Self::default()
    }

    fn on_start(&mut self, _: NodeId, _: &Ordered) -> Result<(), Broken> {
        Ok(())
    }

    fn on_change(
        &mut self,
        node: NodeId,
        &(height, block): &(u64, Digest),
        _: Option<Seen>,
        _: u64,
    ) -> Result<(), Broken> {
        self.on_decision(node, height, block)
    }

    fn on_step(&mut self, _: NodeId, _: Seen, _: Seen) -> Result<(), Broken> {
        Ok(())
    }

    /// A decision is held by the locks of a quorum, before and besides being written down.
    fn holds(&self, _: NodeId, _: u64) -> bool {
        true
    }

    fn digest(&self) -> u64 {
        let mut rolling = Rolling::default();
        for (height, (block, _)) in &self.decided {
            rolling.add(*height);
            rolling.add(Rolling::of(block));
        }
        rolling.value()
    }
}
