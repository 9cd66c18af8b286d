//! Replicas that come back and have forgotten what they promised.

use super::super::draw::nanos;
use super::super::trial::{Trial, asked};
use super::{cut, fault, nodes};
use crate::experiment::Experiment;
use quorate_contract::{Contract, Synchrony};
use quorate_sim::NodeFault;

/// PromiseLoss a promise is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum PromiseLoss {
    /// There is no disk.
    Amnesia,
    /// The disk had said that it was safe.
    LyingSync,
}

/// Two protocols that keep their promises on disk.
pub(in super::super) fn forgotten(c: &Contract, how: PromiseLoss) -> Vec<Trial> {
    let forgets = match how {
        PromiseLoss::Amnesia => "comes back with an empty disk",
        PromiseLoss::LyingSync => "comes back without what its disk had called durable",
    };
    let adversary = format!(
        "one majority decides while the others are out of reach; who is in both majorities {forgets}; \
         then the other majority decides"
    );
    let mut paxos = Trial::new(
        "paxos: promises and acceptances are on disk before they are sent",
        adversary.clone(),
    )
    .on(two_majorities(c, "paxos", how))
    .or_drawn("paxos");
    let mut raft = Trial::new(
        "raft: votes and entries are on disk before they are sent",
        adversary,
    )
    .on(two_majorities(c, "raft", how))
    .or_drawn("raft");
    (paxos.seeds, raft.seeds) = (40, 40);
    vec![paxos, raft]
}

/// A majority decides; who is in both majorities forgets; the other majority decides.
fn two_majorities(c: &Contract, subject: &str, how: PromiseLoss) -> Experiment {
    let n = c.replicas();
    let majority = n / 2 + 1;
    let mut experiment = asked(c, subject);
    let told = nanos(experiment.setup.delta);
    if let Some(load) = &mut experiment.load {
        // Something is to be decided before and after.
        (load.values, load.every) = (40, 4 * told);
    }
    let turn = 60 * told;
    let (first, both, last) = (
        nodes(0, n - majority),
        n - majority..majority,
        nodes(majority, n),
    );
    let over = turn + 2 * both.len() as u64;
    for (at, node) in (0..).zip(both.clone()) {
        let from = turn + 2 * at;
        match how {
            PromiseLoss::Amnesia => {
                let forgets = fault(node, NodeFault::Forget, from, Some(from + 1));
                experiment.node_faults.push(forgets);
            }
            PromiseLoss::LyingSync => {
                let lies = fault(node, NodeFault::LieAboutSync, 0, None);
                let crashes = fault(node, NodeFault::Crash, from, Some(from + 1));
                experiment.node_faults.extend([lies, crashes]);
            }
        }
    }
    let middle = nodes(both.start, both.end);
    if c.effective_synchrony() < Synchrony::Synchronous {
        for (one, other, from, until) in [
            (first, last, 0, None),
            (middle, last, 0, Some(over + 1)),
            (first, middle, turn, None),
        ] {
            cut(&mut experiment, one, other, from, until);
            cut(&mut experiment, other, one, from, until);
        }
    } else {
        let down = |of: std::ops::Range<usize>, from, until| {
            of.map(move |node| fault(node, NodeFault::Crash, from, until))
        };
        experiment
            .node_faults
            .extend(down(majority..n, 0, Some(turn - 1)));
        experiment
            .node_faults
            .extend(down(0..n - majority, over + 1, None));
    }
    experiment
}
