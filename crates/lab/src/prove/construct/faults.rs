//! Faults that move, replicas that are deaf or not heard, and senders that are only slow.

use super::super::draw::nanos;
use super::super::system::subject_for;
use super::super::trial::{Trial, asked, collect};
use super::partition::{majority_gone, paxos_undecided};
use super::{cut, fault, nodes};
use quorate_contract::{Behaviour, Contract, Synchrony};
use quorate_sim::{MessageFilter, NodeFault};

/// Each replica is faulty in its turn, so soon that none leads for long.
pub(in super::super) fn moving(c: &Contract) -> Vec<Trial> {
    let (n, f) = (c.replicas(), c.tolerate().min(c.replicas() - 1));
    let may = c.failures.model.behaviours();
    let bounded = c.effective_synchrony() == Synchrony::Synchronous;
    let mut trials = vec![];
    if may.contains(Behaviour::Restart) {
        let mut experiment = asked(c, "raft");
        let groups = n.div_ceil(f);
        let turn = 6 * nanos(experiment.setup.delta) / (groups as u64 - 1).max(1);
        let (mut at, mut group) = (0, 0);
        while at < experiment.end {
            let of = (group * f..((group + 1) * f).min(n))
                .map(|node| fault(node, NodeFault::Crash, at, Some(at + turn - 1)));
            experiment.node_faults.extend(of);
            (at, group) = (at + turn, (group + 1) % groups);
        }
        trials.push(
            Trial::new(
                "raft: waits for a majority and an election timeout",
                format!("{f} at each moment are down, and others before an election is over"),
            )
            .on(experiment)
            .never(
                "no replica is up for as long as an election timeout; for a longer one the faults \
                 move as much slower, and for a shorter one faster",
            ),
        );
    }
    if bounded && may.contains(Behaviour::DropSend) {
        let mut experiment = asked(c, "dolev-strong");
        let all_but = |heard: usize| {
            let others = (0..n).filter(move |node| *node != heard);
            NodeFault::OmitSend(MessageFilter::Peers(
                others
                    .map(|node| quorate_core::NodeId(node as u32))
                    .collect(),
            ))
        };
        experiment.node_faults = vec![
            fault(0, all_but(1), 0, Some(1)),
            fault(1, NodeFault::OmitSend(MessageFilter::ALL), 2, None),
        ];
        trials.push(
            Trial::new(
                "dolev-strong: f + 1 rounds",
                "the sender is heard by n1 only; then the fault moves on to n1, which no node \
                 hears",
            )
            .on(experiment),
        );
    }
    if !bounded || trials.is_empty() {
        trials.push(match bounded {
            true => Trial::new("flood-set", "drawn").or_drawn("flood-set"),
            false => paxos_undecided(c),
        });
    }
    trials
}

/// Two halves of which the faulty one loses all that goes from or to the other.
pub(in super::super) fn omission_half(c: &Contract) -> Vec<Trial> {
    let n = c.replicas();
    let (left, first) = (nodes(0, n.div_ceil(2)), n.div_ceil(2));
    let wait = n.saturating_sub(c.tolerate()).max(1);
    let lose = |mut experiment: crate::experiment::Experiment| {
        for node in first..n {
            let peers = MessageFilter::Peers(left);
            experiment.node_faults.extend([
                fault(node, NodeFault::OmitSend(peers), 0, None),
                fault(node, NodeFault::OmitReceive(peers), 0, None),
            ]);
        }
        experiment
    };
    let adversary = "the faulty half neither hears the other nor is heard by it";
    vec![
        Trial::new(
            format!("collect: waits for n - f = {wait} values, and decides the least"),
            adversary,
        )
        .on(lose(collect(c, wait, None))),
        Trial::new("flood-set: f + 1 rounds, and decides the least", adversary)
            .on(lose(asked(c, "flood-set"))),
        majority_gone(c),
    ]
}

/// Two groups that hear no other node, and a third that hears all.
pub(in super::super) fn deaf_thirds(c: &Contract) -> Vec<Trial> {
    let (n, f) = (c.replicas(), c.tolerate());
    let half = (f / 2).max(1);
    let wait = n.saturating_sub(f).max(1);
    let deafen = |mut experiment: crate::experiment::Experiment| {
        for (from, to) in [(0, half), (half, (2 * half).min(n))] {
            let others = (0..n).filter(|node| !(from..to).contains(node));
            let others = others
                .map(|node| quorate_core::NodeId(node as u32))
                .collect();
            let deaf = NodeFault::OmitReceive(MessageFilter::Peers(others));
            for node in from..to {
                experiment
                    .node_faults
                    .push(fault(node, deaf.clone(), 0, None));
            }
        }
        experiment
    };
    let adversary = "each of two groups hears only itself";
    vec![
        Trial::new(
            format!("collect: waits for n - f = {wait} values, and decides the least"),
            adversary,
        )
        .on(deafen(collect(c, wait, None))),
        Trial::new("primary-backup: who hears no primary takes over", adversary)
            .on(deafen(asked(c, "primary-backup")))
            .or_drawn("primary-backup"),
    ]
}

/// A sender that is correct and not heard in time.
pub(in super::super) fn terminating(c: &Contract) -> Vec<Trial> {
    let n = c.replicas();
    let mut experiment = asked(c, "dolev-strong");
    cut(&mut experiment, nodes(0, 1), nodes(1, n), 0, None);
    let mut waiting = asked(c, "collect");
    waiting.node_faults = vec![fault(0, NodeFault::Crash, 0, None)];
    vec![
        Trial::new(
            "dolev-strong: who has heard nothing after f + 1 rounds delivers that the sender is faulty",
            "the sender is correct, and what it sends arrives after these rounds",
        )
        .on(experiment),
        Trial::new(
            "collect: waits for the sender's message as for all others",
            "the sender crashes before it has sent anything, which looks the same",
        )
        .on(waiting)
        .never("the sender has crashed, and its message never comes"),
    ]
}

/// The protocol that the contract chooses, and that does not fit it.
pub(in super::super) fn chosen(c: &Contract) -> Vec<Trial> {
    let subject = c.protocol.and_then(|protocol| subject_for(c, protocol));
    let of = |subject: &'static str| {
        Trial::new(subject, "faults that the contract allows, drawn").or_drawn(subject)
    };
    subject.into_iter().map(of).collect()
}
