//! Arguments by partition: groups that do not hear each other, and schedulers of messages.

use super::super::draw::nanos;
use super::super::trial::{Trial, asked, collect};
use super::{apart, cut, fault, nodes};
use crate::experiment::Experiment;
use quorate_contract::{Behaviour, Contract, Problem, Synchrony};
use quorate_sim::{Delay, LinkFault, NodeFault, ScheduledLinkFault, TimingProfile};

const NO_MAJORITY: &str = "those that are left are no majority and never will be: a candidate that \
                           waits for more than half waits as long as the run goes on";

/// Waits for all that must answer: decides on `n − f` values.
fn waits(c: &Contract) -> (String, usize) {
    let wait = c.replicas().saturating_sub(c.tolerate()).max(1);
    let text = format!("collect: waits for n - f = {wait} values, and decides the least");
    (text, wait)
}

/// Paxos whose last `f` nodes have crashed from the start.
pub(super) fn majority_gone(c: &Contract) -> Trial {
    let (n, f) = (c.replicas(), c.tolerate().min(c.replicas() - 1));
    let mut experiment = asked(c, "paxos");
    let crashed = (n - f..n).map(|node| fault(node, NodeFault::Crash, 0, None));
    experiment.node_faults = crashed.collect();
    Trial::new(
        "paxos: waits for a majority",
        format!("f = {f} replicas crash at the start"),
    )
    .on(experiment)
    .never(NO_MAJORITY)
}

/// Two halves that do not hear each other.
pub(in super::super) fn crash_half(c: &Contract) -> Vec<Trial> {
    let n = c.replicas();
    let (left, right) = (nodes(0, n / 2), nodes(n / 2, n));
    let (text, wait) = waits(c);
    let mut experiment = collect(c, wait, None);
    let adversary = if c.effective_synchrony() < Synchrony::Synchronous {
        apart(&mut experiment, &[left, right]);
        "no message between two halves arrives before both have decided"
    } else {
        let turn = experiment.end / 4;
        let down = |half: std::ops::Range<usize>, from, until| {
            half.map(move |node| fault(node, NodeFault::Crash, from, until))
        };
        experiment.node_faults = down(n / 2..n, 0, Some(turn))
            .chain(down(0..n / 2, turn + 1, None))
            .collect();
        "one half is down until the other goes down, so that the two are never up together"
    };
    vec![Trial::new(text, adversary).on(experiment), majority_gone(c)]
}

/// A half delivers and crashes, and all that it sent to the other is lost.
pub(in super::super) fn uniform_half(c: &Contract) -> Vec<Trial> {
    let n = c.replicas();
    let (text, wait) = waits(c);
    let mut experiment = collect(c, wait, None);
    apart(&mut experiment, &[nodes(0, n / 2), nodes(n / 2, n)]);
    let crash = experiment.end / 4;
    let gone = (0..n / 2).map(|node| fault(node, NodeFault::Crash, crash, None));
    experiment.node_faults = gone.collect();
    vec![
        Trial::new(
            text,
            "what one half sends to the other is lost; it delivers, and then it crashes",
        )
        .on(experiment),
        majority_gone(c),
    ]
}

/// `k + 1` groups, or nodes that hear ever fewer of the others.
pub(in super::super) fn set_agreement(c: &Contract) -> Vec<Trial> {
    let (n, f) = (c.replicas(), c.tolerate());
    let k = match c.problem() {
        Problem::KSet(k) => usize::from(k),
        _ => 1,
    };
    let (text, wait) = waits(c);
    let mut experiment = collect(c, wait, None);
    let adversary = if (k + 1) * n.saturating_sub(f) <= n {
        let size = n / (k + 1);
        let groups: Vec<_> = (0..=k)
            .map(|at| nodes(at * size, if at == k { n } else { (at + 1) * size }))
            .collect();
        apart(&mut experiment, &groups);
        format!("{} groups do not hear each other", k + 1)
    } else {
        for late in 1..=f.min(n - 1) {
            cut(
                &mut experiment,
                nodes(0, late),
                nodes(late, late + 1),
                0,
                None,
            );
        }
        "node i does not hear in time the nodes with lesser values, which are f at the most"
            .to_owned()
    };
    let mut trials = vec![Trial::new(text, adversary).on(experiment)];
    trials.push(match n > 2 * f {
        true => paxos_undecided(c),
        false => majority_gone(c),
    });
    trials
}

/// Paxos under the scheduler of Fischer, Lynch and Paterson.
pub(super) fn paxos_undecided(c: &Contract) -> Trial {
    let mut experiment = asked(c, "paxos");
    experiment.weather.timing.flp = true;
    experiment.weather.timing.gst = experiment.end;
    Trial::new(
        "paxos: safe whatever time does, waits for a majority",
        "each message that would make its receiver decide waits for as long as anything else can \
         happen (over links that lose: it is lost, and sent again); no replica fails",
    )
    .on(experiment)
    .never(
        "the scheduler holds the deciding message back at each ballot, and the next ballot begins: it \
         can do so without end (Fischer, Lynch and Paterson: some bivalent configuration always has a \
         bivalent successor)",
    )
}

/// The scheduler that keeps a protocol undecided; and what a protocol that ends does instead.
pub(in super::super) fn flp(c: &Contract) -> Vec<Trial> {
    let n = c.replicas();
    let (text, wait) = waits(c);
    let mut experiment = collect(c, wait, None);
    cut(&mut experiment, nodes(0, 1), nodes(1, n), 0, None);
    let mut trials = vec![
        paxos_undecided(c),
        Trial::new(text, "what n0 says arrives after the others have decided").on(experiment),
    ];
    if n == 1 {
        trials.truncate(1);
    }
    trials
}

/// The last messenger is caught, however many there are.
pub(in super::super) fn two_generals(c: &Contract) -> Vec<Trial> {
    let of = |legs: u64| {
        let mut experiment: Experiment = asked(c, "two-generals");
        experiment.setup.nodes = 2;
        experiment.setup.faults = 0;
        experiment.setup.options.set("legs", &legs.to_string());
        let delta = experiment.weather.timing.delta;
        experiment.weather.timing = TimingProfile::lock_step(delta);
        // Leg k leaves k - 1 delays after the start, from the one or the other.
        let sender = ((legs - 1) % 2) as usize;
        let other = 1 - sender;
        // Where links lose nothing, what comes after the deadline is as good as lost.
        let late = 100 * delta;
        let slow = LinkFault::Slow(Delay::Uniform {
            min: late,
            max: late,
        });
        let (fate, how) = match c.allows(Behaviour::Lose) {
            true => (LinkFault::Loss(1_000_000), "is lost"),
            false => (slow, "comes too late"),
        };
        experiment.link_faults.push(ScheduledLinkFault {
            from_nodes: nodes(sender, sender + 1),
            to_nodes: nodes(other, other + 1),
            fault: fate,
            from: ((legs - 1) * delta).saturating_sub(delta / 2),
            until: None,
            flapping: None,
        });
        experiment.end = 40 * nanos(experiment.setup.delta);
        let text = match legs {
            1 => "two generals: the plan, and no confirmation".to_owned(),
            _ => format!("two generals: the plan, and {} confirmations", legs - 1),
        };
        Trial::new(text, format!("message {legs}, the last one, {how}")).on(experiment)
    };
    (1..=4).map(of).collect()
}
