//! Liars that say one thing to one half and another to the other.

use super::super::draw::nanos;
use super::super::trial::{Candidate, Loss, Trial, asked, collect};
use super::{apart, fault, nodes};
use crate::experiment::{Experiment, ScheduledRequest};
use crate::run::run;
use bytes::Bytes;
use quorate_contract::{Contract, Problem, Synchrony};
use quorate_core::{NodeId, NodeSet};
use quorate_sim::{Decisions, Delay, LinkFault, Mutation, NodeFault, ScheduledLinkFault};

/// `f` liars between two groups that do not hear each other in time.
pub(in super::super) fn third(c: &Contract) -> Vec<Trial> {
    let (n, f) = (c.replicas(), c.tolerate());
    let liars = f.min(n - 2);
    let honest = n - liars;
    let (left, right) = (nodes(0, honest / 2), nodes(honest / 2, honest));
    let split = |mut experiment: Experiment| {
        let twins = (honest..n).map(|node| fault(node, NodeFault::Twins(right), 0, None));
        experiment.node_faults = twins.collect();
        apart(&mut experiment, &[left, right]);
        experiment
    };
    let adversary = format!(
        "{liars} of the replicas show one side to {left:?} and another to {right:?}, which do not \
         hear each other in time"
    );
    let wait = n.saturating_sub(f).max(1);
    let mut trials = vec![
        Trial::new(
            format!("collect: waits for n - f = {wait} values, and decides the least"),
            adversary.clone(),
        )
        .on(split(collect(c, wait, None))),
    ];
    let subject = match c.problem() {
        Problem::ReliableBroadcast | Problem::UniformReliableBroadcast => "bracha",
        _ => "pbft",
    };
    if n <= 16 {
        let told = (n - 1) / 3;
        let mut experiment = asked(c, subject);
        experiment.setup.faults = told as u8;
        if subject == "bracha" {
            // Its sender is the first of the liars.
            let twins = (0..liars).map(|node| {
                fault(
                    node,
                    NodeFault::Twins(nodes(liars + honest / 2, n)),
                    0,
                    None,
                )
            });
            experiment.node_faults = twins.collect();
            apart(
                &mut experiment,
                &[
                    nodes(liars, liars + honest / 2),
                    nodes(liars + honest / 2, n),
                ],
            );
        } else {
            experiment = split(experiment);
        }
        trials.push(
            Trial::new(
                format!("{subject}: set up for the {told} liars that n = {n} outvote"),
                adversary,
            )
            .on(experiment)
            .never("neither group is a quorum, and neither can tell that the other is alive"),
        );
    }
    trials
}

/// Oral messages at `n = 3f`, and a deadline that liars use.
pub(in super::super) fn third_unsigned(c: &Contract) -> Vec<Trial> {
    let (n, f) = (c.replicas(), c.tolerate());
    let tells_otherwise = || {
        NodeFault::TamperSend(
            1_000_000,
            Mutation::Replace {
                value: b"ATTACK".to_vec(),
                by: b"RETREAT".to_vec(),
            },
        )
    };
    let mut trials = vec![];
    let mut lieutenants = asked(c, "oral-messages");
    let traitors = f.min(n - 2);
    lieutenants.node_faults = (n - traitors..n)
        .map(|node| fault(node, tells_otherwise(), 0, None))
        .collect();
    let mut commander = asked(c, "oral-messages");
    commander.node_faults = (n - (traitors - 1)..n)
        .map(|node| fault(node, tells_otherwise(), 0, None))
        .chain([fault(0, NodeFault::Twins(nodes(n / 2, n)), 0, None)])
        .collect();
    trials.push(
        Trial::new(
            format!("oral messages of f + 1 rounds, among n = {n}"),
            format!("{traitors} generals pass on another order than they got"),
        )
        .on(lieutenants)
        .on(commander)
        .or_drawn("oral-messages"),
    );
    if n > 2 {
        let mut experiment = collect(c, n, None);
        let deadline = 3 * nanos(experiment.setup.delta) / 1_000_000;
        experiment = collect(c, n, Some(deadline.max(1)));
        let half = 1 + (n - 1) / 2;
        experiment.node_faults = vec![fault(0, NodeFault::Twins(nodes(half, n)), 0, None)];
        trials.push(
            Trial::new(
                "collect: waits for all values, or a deadline, and decides the least",
                "n0 says one value to one half and another to the other",
            )
            .on(experiment),
        );
    }
    trials
}

/// A liar speaks in the name of a correct node.
pub(in super::super) fn impersonation(c: &Contract) -> Vec<Trial> {
    let (n, f) = (c.replicas(), c.tolerate());
    if n < 3 {
        return third(c);
    }
    let bounded = c.effective_synchrony() == Synchrony::Synchronous;
    let wait = if bounded { n } else { n - f.min(n - 1) };
    let mut experiment = collect(c, wait, None);
    let name = NodeFault::Impersonate(
        NodeId(0),
        nodes(1, 2),
        Mutation::Replace {
            value: b"v0".to_vec(),
            by: b"v9".to_vec(),
        },
    );
    experiment.node_faults = vec![fault(n - 1, name, 0, None)];
    let plain = experiment.clone();
    if !bounded {
        let slow = Delay::Uniform {
            min: 20 * experiment.weather.timing.delta,
            max: 30 * experiment.weather.timing.delta,
        };
        experiment.link_faults.push(ScheduledLinkFault {
            from_nodes: nodes(0, 1),
            to_nodes: nodes(1, 2),
            fault: LinkFault::Slow(slow),
            from: 0,
            until: None,
            flapping: None,
        });
    }
    let mut trial = Trial::new(
        format!("collect: waits for {wait} values, and believes the name that a message bears"),
        format!(
            "n{} tells n1, in the name of n0, another value than n0 told",
            n - 1
        ),
    )
    .on(experiment)
    .on(plain);
    trial.seeds = 200;
    vec![trial]
}

/// The same answers from two worlds, in which different replicas are right.
pub(in super::super) fn clients_outvoted(c: &Contract) -> Vec<Candidate> {
    let (n, f) = (c.replicas(), c.tolerate().min(c.replicas() - 1));
    let correct = n - f;
    let answers = |right: NodeSet, order: &'static [u8]| -> Option<(Vec<Bytes>, Experiment)> {
        let mut experiment = asked(c, "dolev-strong");
        experiment.requests = vec![ScheduledRequest {
            at: 0,
            node: NodeId(0),
            second: false,
            value: Bytes::from_static(order),
        }];
        let all = NodeId::all(n as u8);
        experiment.distrusted = all.filter(|node| !right.contains(*node)).collect();
        let outcome = run(&experiment, Decisions::from_seed(0)).ok()?;
        let logs = outcome.logs.iter().enumerate();
        let told = logs.filter(|(at, _)| right.contains(NodeId(*at as u32)));
        let told: Option<Vec<Bytes>> = told
            .map(|(_, log)| log.values().next()?.0.first().cloned())
            .collect();
        Some((told?, experiment))
    };
    let one = answers(nodes(0, correct), b"ATTACK");
    let other = answers(nodes(f, n), b"RETREAT");
    let loss = match (&one, &other) {
        (Some((one, _)), Some((other, _)))
            if one.iter().all(|it| it.as_ref() == b"ATTACK")
                && other.iter().all(|it| it.as_ref() == b"RETREAT")
                && correct <= f =>
        {
            Some(Loss::Alike {
                detail: format!(
                    "a client gets {correct} answers ATTACK, of n0 to n{}, and {correct} answers \
                     RETREAT, of n{f} to n{}; in one world the first are correct and were told \
                     ATTACK, in the other the second are and agreed on RETREAT, and liars give the \
                     rest. No rule picks the true answer in both, and f + 1 = {} equal ones never come",
                    correct - 1,
                    n - 1,
                    f + 1
                ),
            })
        }
        _ => None,
    };
    vec![Candidate {
        candidate: "dolev-strong: the replicas agree, and a client asks all of them".to_owned(),
        adversary: format!("the f = {f} liars answer what the correct ones would in another world"),
        loss,
        seed: 0,
        tried: 2,
        outside: None,
        run: one.map(|(_, experiment)| (experiment, 0)),
    }]
}
