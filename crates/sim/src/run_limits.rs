//! What a world is not to have, though its seed drew it: for smaller runs of the same seed, and for
//! controls.

use crate::fault::{Fault, FaultCounts};
use crate::serving::Simulated;
use crate::swarm::Swarm;
use quorate_contract::Contract;

/// Bounds on a run, beside what its decisions say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunLimits {
    /// So many replicas, if that is fewer; and no more faulty ones than they survive.
    pub replicas: Option<u8>,
    /// Clients that ask nothing.
    pub silent: Vec<u8>,
    /// No more operations than these.
    pub operations: Option<u64>,
    /// Faults go on for no longer than this, in nanoseconds.
    pub horizon: Option<u64>,
    /// Kinds of fault that do not happen.
    pub without: Vec<Fault>,
}

impl RunLimits {
    /// Is nothing capped?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The contract of the replicas that are left.
    pub(crate) fn contract(&self, contract: &Contract) -> Contract {
        let mut contract = contract.clone();
        if let Some(replicas) = self.replicas {
            contract.cluster.members.truncate(replicas.max(1).into());
            let most = (contract.replicas() - 1) / 2;
            contract.failures.tolerate = contract.tolerate().min(most);
        }
        contract
    }

    /// May this kind of fault happen?
    pub fn allow(&self, fault: Fault) -> bool {
        !self.without.contains(&fault)
    }

    /// Without this kind of fault as well.
    #[must_use]
    pub fn and_without(&self, faults: &[Fault]) -> Self {
        let mut caps = self.clone();
        caps.without
            .extend(faults.iter().filter(|fault| self.allow(**fault)));
        caps
    }

    /// Applies them to what a world has drawn. Faults at moments of their own stay in the mix, so that
    /// the choice among them means what it meant; the world leaves them out.
    pub(crate) fn apply<P: Simulated>(&self, swarm: &mut Swarm<P>) {
        let load = &mut swarm.load;
        load.operations = load.operations.min(self.operations.unwrap_or(u64::MAX));
        swarm.horizon = swarm.horizon.min(self.horizon.unwrap_or(u64::MAX));
        if !self.allow(Fault::Loss) {
            (swarm.link.loss, load.loss) = (0, 0);
        }
        if !self.allow(Fault::Duplication) {
            swarm.link.duplicate = 0;
        }
        if !self.allow(Fault::Reordering) {
            swarm.link.fifo = true;
        }
        if !self.allow(Fault::TornSector) {
            swarm.tear = false;
        }
        if !self.allow(Fault::MemberAdded) {
            swarm.joiners = 0;
        }
        if !self.allow(Fault::Upgraded) {
            swarm.newer = None;
        }
        if !self.allow(Fault::LateMessage) {
            swarm.late = 0;
        }
        if !self.allow(Fault::PeerGone) {
            swarm.hints = false;
        }
        if !self.allow(Fault::Isolation) {
            swarm.topple_after = 0;
        }
    }
}

/// The kinds of fault that a run has shown.
pub(crate) fn kinds_shown(coverage: &FaultCounts) -> Vec<Fault> {
    let shown = coverage.iter().filter(|(_, count)| *count > 0);
    shown.map(|(fault, _)| fault).collect()
}
