//! Clusters that are too large to be searched: a smaller one under the same contract stands for them.

use quorate_contract::{Cluster, Contract, ProtocolName, admissible};
use serde::Serialize;

/// The largest cluster that is run as it is.
const LARGEST: usize = 16;
/// A decision that takes more messages than this is not run as it is.
const MOST_MESSAGES: u64 = 4_000;

/// A smaller cluster that was run in place of the contract's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Scaled {
    /// Replicas.
    pub replicas: usize,
    /// `f`.
    pub tolerate: usize,
}

/// The contract as it is run, and how it was scaled; `None` if no smaller one admits the protocol.
pub(super) fn scaled(
    contract: &Contract,
    protocol: ProtocolName,
) -> Option<(Contract, Option<Scaled>)> {
    let fits = |n: usize, f: usize| n <= LARGEST && protocol.cost(n, f).messages <= MOST_MESSAGES;
    let (n, f) = (contract.replicas(), contract.tolerate());
    if fits(n, f) {
        return Some((contract.clone(), None));
    }
    let mut tried = (1..=f.min(5))
        .rev()
        .flat_map(|f| (f + 1..=LARGEST).map(move |n| (n, f)));
    tried.find_map(|(n, f)| {
        let mut smaller = with_replicas(contract, n);
        smaller.failures.tolerate = f;
        let admitted = fits(n, f) && admissible(&smaller, protocol).is_admissible();
        let scaled = Scaled {
            replicas: n,
            tolerate: f,
        };
        admitted.then_some((smaller, Some(scaled)))
    })
}

/// The same contract among so many replicas.
pub(super) fn with_replicas(contract: &Contract, n: usize) -> Contract {
    let mut other = contract.clone();
    other.cluster = Cluster::loopback(&contract.cluster.name, n);
    other
}
