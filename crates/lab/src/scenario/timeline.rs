//! What happened when, in a few lines: requests, faults, decisions, the violation.

use super::{NodeNames, ScenarioPart, ScenarioRun};
use crate::checker::{DecisionLog, format_value, format_values};
use quorate_contract::{Behaviour, Component};
use quorate_sim::{
    LinkFault, MessageFilter, NodeFault, ScheduledLinkFault, ScheduledNodeFault, format_time,
};
use std::collections::BTreeMap;

/// More moments of one kind than this are told together.
const MANY: usize = 12;

/// The moments of a run, in order.
pub fn timeline(part: &ScenarioPart, played: &ScenarioRun) -> Vec<(u64, String)> {
    let end = played.outcome.now;
    let mut moments = vec![];
    requests(part, &mut moments);
    let node_faults: Vec<_> = part
        .experiment
        .node_faults
        .iter()
        .flat_map(|fault| node_fault(&part.names, fault))
        .collect();
    moments.extend(together(node_faults));
    let link_faults = part.experiment.link_faults.iter();
    moments.extend(link_faults.flat_map(|fault| link_fault(&part.names, fault)));
    moments.retain(|(at, _)| *at <= end);
    first_signs(part, played, &mut moments);
    decisions(part, played, &mut moments);
    if let Some(broken) = &played.outcome.violation {
        let detail = part.names.translate(&broken.detail);
        moments.push((
            broken.at,
            format!("{} IS VIOLATED: {detail}", broken.property.to_uppercase()),
        ));
    }
    moments.sort_by_key(|(at, _)| *at);
    moments
}

fn requests(part: &ScenarioPart, moments: &mut Vec<(u64, String)>) {
    let experiment = &part.experiment;
    for ask in &experiment.requests {
        let twin = part
            .experiment
            .node_faults
            .iter()
            .any(|fault| fault.node == ask.node && matches!(fault.fault, NodeFault::Twins(_)));
        let name = part.names.of(ask.node);
        let value = format_value(&ask.value);
        match (ask.second, twin) {
            (true, true) => moments.push((ask.at, format!("{name}'s twin is asked for {value}"))),
            (true, false) => {}
            (false, _) => moments.push((ask.at, format!("{name} is asked for {value}"))),
        }
    }
    if let Some(load) = &experiment.load
        && load.values > 0
    {
        let every = format_time(load.every);
        let said = match load.values {
            1 => "clients ask for a value".to_owned(),
            values => format!("clients ask for {values} values, one every {every}"),
        };
        moments.push((load.from, said));
    }
}

/// The same thing at the same time is told once.
fn together(moments: Vec<(u64, String, String)>) -> Vec<(u64, String)> {
    let mut told: Vec<(u64, Vec<String>, String)> = vec![];
    for (at, who, what) in moments {
        match told.iter_mut().find(|(t, _, w)| *t == at && *w == what) {
            Some((_, names, _)) if names.contains(&who) => {}
            Some((_, names, _)) => names.push(who),
            None => told.push((at, vec![who], what)),
        }
    }
    let line = |(at, names, what): (u64, Vec<String>, String)| {
        (at, format!("{}: {what}", names.join(", ")))
    };
    told.into_iter().map(line).collect()
}

fn node_fault(names: &NodeNames, fault: &ScheduledNodeFault) -> Vec<(u64, String, String)> {
    let name = names.of(fault.node).to_owned();
    let (begins, ends) = match &fault.fault {
        NodeFault::Crash => ("crashes".to_owned(), "recovers, with what its disk kept"),
        NodeFault::CrashSending(reached) => (
            format!(
                "crashes while it sends: {} alone hear its last words",
                names.list(*reached)
            ),
            "recovers, with what its disk kept",
        ),
        NodeFault::Forget => ("crashes".to_owned(), "comes back with an empty disk"),
        NodeFault::Pause => ("pauses".to_owned(), "wakes, and knows nothing of its pause"),
        NodeFault::OmitSend(which) => (
            format!("does not send {}", which_messages(names, *which)),
            "sends everything again",
        ),
        NodeFault::OmitReceive(which) => (
            format!("does not receive {}", which_messages(names, *which)),
            "receives everything again",
        ),
        NodeFault::Late(by) => (
            format!("is late with everything, by {}", by),
            "is prompt again",
        ),
        NodeFault::DiskStall => ("its disk stalls".to_owned(), "its disk goes on"),
        NodeFault::LieAboutSync => (
            "its disk calls durable what is not".to_owned(),
            "its disk is honest again",
        ),
        NodeFault::Drift(ppm) => (
            format!("its clock drifts by {ppm} ppm"),
            "its clock is right",
        ),
        NodeFault::ClockJump(by) => (format!("its clock jumps by {}", format_time(*by)), ""),
        NodeFault::Twins(sees) => (
            format!(
                "there are two of it; the second talks with {}",
                names.list(*sees)
            ),
            "",
        ),
        NodeFault::Stale => (
            "answers from the past".to_owned(),
            "lives in the present again",
        ),
        NodeFault::Replay(_) => ("says again what it said".to_owned(), "says nothing twice"),
        NodeFault::TamperSend(..) => ("lies about what it says".to_owned(), "is honest again"),
        NodeFault::TamperReceive(..) => (
            "its memory changes what it hears".to_owned(),
            "its memory is sound again",
        ),
        NodeFault::Impersonate(whose, to, _) => (
            format!(
                "passes on to {} what {} says, changed, in its name",
                names.list(*to),
                names.of(*whose)
            ),
            "speaks for itself again",
        ),
        NodeFault::Forge(whose, ..) => (
            format!("speaks in the name of {}", names.of(*whose)),
            "speaks for itself again",
        ),
    };
    let mut moments = vec![(fault.from, name.clone(), begins)];
    if let Some(until) = fault.until
        && !ends.is_empty()
    {
        moments.push((until, name, ends.to_owned()));
    }
    moments
}

fn which_messages(names: &NodeNames, which: MessageFilter) -> String {
    match which {
        MessageFilter::Random(1_000_000) => "anything".to_owned(),
        MessageFilter::Random(chance) => format!("{} of its messages", share(chance)),
        MessageFilter::EveryNth(n) => format!("one message in {n}"),
        MessageFilter::Larger(bytes) => format!("messages of more than {bytes} bytes"),
        MessageFilter::Peers(peers) => format!("what is for or from {}", names.list(peers)),
    }
}

/// A chance in a million, as a share.
pub(super) fn share(millionths: u32) -> String {
    let percent = f64::from(millionths) / 1e4;
    match percent.fract() == 0.0 {
        true => format!("{percent:.0} %"),
        false => format!("{percent:.2} %"),
    }
}

fn link_fault(names: &NodeNames, fault: &ScheduledLinkFault) -> Vec<(u64, String)> {
    let ScheduledLinkFault {
        from_nodes,
        to_nodes,
        from,
        until,
        flapping,
        ..
    } = fault;
    // A link that is slow to the end is a property of the network, not an event.
    if matches!(fault.fault, LinkFault::Slow(_)) && *from == 0 && until.is_none() {
        return vec![];
    }
    let links = format!(
        "links from {} to {}",
        names.list(*from_nodes),
        names.list(*to_nodes)
    );
    let what = match fault.fault {
        LinkFault::Cut => "are cut".to_owned(),
        LinkFault::Loss(chance) => format!("lose {} of the messages", share(chance)),
        LinkFault::LossOfLarge { over, per_million } => {
            format!(
                "lose {} of the messages over {over} bytes",
                share(per_million)
            )
        }
        LinkFault::Duplicate(chance) => format!("duplicate {} of the messages", share(chance)),
        LinkFault::Slow(_) => "are slow".to_owned(),
        LinkFault::Garble(chance) => format!("garble {} of the messages", share(chance)),
        LinkFault::Bandwidth(nanos) => format!("need {} for each byte", format_time(nanos)),
    };
    let flaps = match flapping {
        Some(span) => format!(", on and off, {} each", format_time(*span)),
        None => String::new(),
    };
    let mut moments = vec![(*from, format!("{links} {what}{flaps}"))];
    if let Some(until) = until {
        moments.push((*until, format!("{links} are well again")));
    }
    moments
}

/// When behaviours first showed that no earlier line of the timeline tells: lies, omissions, loss.
fn first_signs(part: &ScenarioPart, played: &ScenarioRun, moments: &mut Vec<(u64, String)>) {
    for departure in &played.contract_check.deviations {
        let told = matches!(
            departure.behaviour,
            Behaviour::Stop | Behaviour::Restart | Behaviour::Pause
        );
        if told || departure.allowed {
            continue;
        }
        let who = part.names.list(departure.occurrences.nodes);
        let place = match departure.behaviour.component() {
            Component::Link => "on the way from",
            _ => "by",
        };
        moments.push((
            departure.occurrences.first,
            format!(
                "outside the contract: {}, {place} {who}",
                departure.behaviour
            ),
        ));
    }
}

fn decisions(part: &ScenarioPart, played: &ScenarioRun, moments: &mut Vec<(u64, String)>) {
    let outcome = &played.outcome;
    let mut figures: BTreeMap<(u64, &str), Vec<String>> = BTreeMap::new();
    for (at, node, name, value) in &outcome.facts {
        let said = figures.entry((*at, part.names.of(*node))).or_default();
        said.push(format!("{name} {value}"));
    }
    for ((at, name), said) in figures {
        moments.push((at, format!("{name} counts: {}", said.join(", "))));
    }
    for (name, log) in part.names.nodes.iter().zip(&outcome.logs) {
        if log.len() > MANY {
            moments.extend(long_log(name, log));
            continue;
        }
        for (values, at) in log
            .values()
            .filter(|(values, _)| log.len() == 1 || !values.is_empty())
        {
            moments.push((*at, format!("{name} decides {}", format_values(values))));
        }
    }
}

fn long_log(name: &str, log: &DecisionLog) -> Vec<(u64, String)> {
    let times = || log.values().map(|(_, at)| *at);
    let values: usize = log.values().map(|(values, _)| values.len()).sum();
    match (times().min(), times().max()) {
        (Some(first), Some(last)) => vec![
            (
                first,
                format!("{name} decides the first of {values} values"),
            ),
            (last, format!("{name} decides the last of {values} values")),
        ],
        _ => vec![],
    }
}
