//! A run in words: what was agreed, what went wrong by plan, and what the world showed.

use super::{RunPlan, claim, judge};
use crate::run::RunOutcome;
use quorate_core::NodeSet;
use quorate_sim::{
    LinkFault, MessageFilter, Mutation, NodeFault, ScheduledLinkFault, ScheduledNodeFault,
};
use std::fmt::Write as _;

/// The whole story of one run.
pub fn render(plan: &RunPlan, outcome: &RunOutcome) -> String {
    let mut text = String::new();
    let (place, setup) = (plan.token.cell, &plan.experiment.setup);
    let _ = writeln!(
        text,
        "{} among {} nodes, set up for f = {}; run {}\n",
        place.protocol, setup.nodes, plan.faults, plan.token
    );
    contract(plan, &mut text);
    plan_in_words(plan, &mut text);
    shown(plan, outcome, &mut text);
    let (verdict, sentence) = judge(plan, outcome);
    let _ = writeln!(text, "\n{}: {sentence}", verdict.name());
    if let Some(broken) = &outcome.violation {
        let _ = writeln!(
            text,
            "  at {} on {}, event {}",
            seconds(broken.at),
            broken.node,
            broken.event
        );
    }
    if let Some(done) = outcome.done_at {
        let _ = writeln!(
            text,
            "  all that was asked for was decided by {}",
            seconds(done)
        );
    }
    let claim = claim(&place);
    let claimed = claim
        .verdict
        .map_or("nothing: it is beyond the contract", |v| v.name());
    let why = match claim.why.is_empty() {
        true => String::new(),
        false => format!(" ({})", claim.why),
    };
    let _ = writeln!(text, "  claimed: {claimed}{why}");
    text
}

fn contract(plan: &RunPlan, text: &mut String) {
    let contract = &plan.contract;
    let _ = writeln!(text, "contract");
    let _ = writeln!(
        text,
        "  failures  {}, {} at the same time{}",
        match contract.tolerate() {
            0 => "none".to_owned(),
            _ => contract.failures.model.to_string(),
        },
        contract.tolerate(),
        match plan.lasting && contract.tolerate() > 0 {
            true => ", and who was faulty once counts for good",
            false => "",
        }
    );
    let pace = &plan.experiment.weather.timing;
    let told = plan.experiment.setup.delta;
    let bound = match pace.gst {
        0 => format!("messages take up to {}", millis(pace.delta)),
        from => format!(
            "bounded by {} from {} on",
            millis(pace.delta),
            seconds(from)
        ),
    };
    let straw = match pace.flp {
        true => {
            "; until then what would decide is held back for as long as anything else can happen"
        }
        false => "",
    };
    let _ = writeln!(
        text,
        "  timing    {}: {bound}, and the nodes are told {told:?}{straw}",
        plan.token.cell.timing.name()
    );
    let links = match plan.contract.authenticates() {
        true => format!("{}, senders are known", contract.links.model),
        false => contract.links.model.to_string(),
    };
    let _ = writeln!(text, "  links     {links}");
    let _ = writeln!(
        text,
        "  storage   {}{}",
        contract.storage.model,
        match contract.storage.may_lie_about_sync {
            true => ", whose syncs may be lies",
            false => "",
        }
    );
}

fn plan_in_words(plan: &RunPlan, text: &mut String) {
    let _ = writeln!(text, "\nwhat goes wrong");
    let experiment = &plan.experiment;
    if experiment.node_faults.is_empty() && experiment.link_faults.is_empty() {
        let _ = writeln!(text, "  nothing");
    }
    for fault in &experiment.node_faults {
        let ScheduledNodeFault {
            node, from, until, ..
        } = fault;
        let _ = writeln!(
            text,
            "  {node} {} {}",
            misdeed(&fault.fault),
            span(*from, *until)
        );
    }
    for fault in &experiment.link_faults {
        let ScheduledLinkFault {
            from_nodes,
            to_nodes,
            ..
        } = fault;
        let flapping = fault.flapping.map_or(String::new(), |on| {
            format!(", on and off every {}", millis(on))
        });
        let _ = writeln!(
            text,
            "  {} to {}: {} {}{flapping}",
            nodes(*from_nodes),
            nodes(*to_nodes),
            trouble(&fault.fault),
            span(fault.from, fault.until)
        );
    }
}

/// Which assumptions were strained, when, and whether that was allowed.
fn shown(plan: &RunPlan, outcome: &RunOutcome, text: &mut String) {
    let _ = writeln!(text, "\nwhat the world showed");
    let mut nothing = true;
    for (behaviour, how) in outcome.observed.iter() {
        nothing = false;
        let allowed = match plan.contract.allows(behaviour) {
            true => "",
            false => "   OUTSIDE the contract of a correct node",
        };
        let _ = writeln!(
            text,
            "  {:<15}{:>7} times, from {} to {}, by {}{allowed}",
            behaviour.name(),
            how.times,
            seconds(how.first),
            seconds(how.last),
            nodes(how.nodes)
        );
    }
    if nothing {
        let _ = writeln!(text, "  a perfect machine");
    }
    match super::breach(plan, outcome) {
        None => {
            let _ = writeln!(text, "  all of it inside the cell's contract");
        }
        Some(why) => {
            let _ = writeln!(
                text,
                "  the cell's contract was left, a defect of the lab: {why}"
            );
        }
    }
}

fn misdeed(misdeed: &NodeFault) -> String {
    match misdeed {
        NodeFault::Crash => "is down".to_owned(),
        NodeFault::CrashSending(reached) => format!(
            "crashes while it sends: only {} hear its last words",
            nodes(*reached)
        ),
        NodeFault::Forget => "is down, and comes back with an empty disk".to_owned(),
        NodeFault::Pause => "pauses".to_owned(),
        NodeFault::OmitSend(of) => format!("does not send {}", which(of, "to")),
        NodeFault::OmitReceive(of) => format!("does not receive {}", which(of, "from")),
        NodeFault::Late(delay) => format!("is late by {delay}"),
        NodeFault::DiskStall => "has a disk that finishes no sync".to_owned(),
        NodeFault::LieAboutSync => "has a disk that lies about syncs".to_owned(),
        NodeFault::Drift(ppm) => format!("has a clock that is off by {ppm} millionths"),
        NodeFault::ClockJump(by) => format!("has a clock that jumps by {}", millis(*by)),
        NodeFault::Twins(sees) => format!("is two: the second talks with {}", nodes(*sees)),
        NodeFault::Stale => "answers from its past".to_owned(),
        NodeFault::Replay(chance) => format!("says old things again, {}", percent(*chance)),
        NodeFault::TamperSend(chance, how) => {
            format!(
                "changes what it says, {}: {}",
                percent(*chance),
                tampering(how)
            )
        }
        NodeFault::TamperReceive(chance, how) => {
            format!(
                "changes what it hears, {}: {}",
                percent(*chance),
                tampering(how)
            )
        }
        NodeFault::Impersonate(name, to, how) => format!(
            "says what it hears from {name} to {} in its name: {}",
            nodes(*to),
            tampering(how)
        ),
        NodeFault::Forge(name, chance, how) => format!(
            "speaks in the name of {name}, {}: {}",
            percent(*chance),
            tampering(how)
        ),
    }
}

fn which(which: &MessageFilter, preposition: &str) -> String {
    match which {
        MessageFilter::Random(chance) => format!("{} of its messages", percent(*chance)),
        MessageFilter::EveryNth(n) => format!("one of {n} messages"),
        MessageFilter::Larger(bytes) => format!("messages of more than {bytes} bytes"),
        MessageFilter::Peers(peers) => format!("messages {preposition} {}", nodes(*peers)),
    }
}

fn tampering(how: &Mutation) -> String {
    match how {
        Mutation::Flip => "a bit flips".to_owned(),
        Mutation::Replace { value, by } => format!(
            "{:?} instead of {:?}",
            String::from_utf8_lossy(by),
            String::from_utf8_lossy(value)
        ),
    }
}

fn trouble(trouble: &LinkFault) -> String {
    match trouble {
        LinkFault::Cut => "cut".to_owned(),
        LinkFault::Loss(chance) => format!("{} lost", percent(*chance)),
        LinkFault::LossOfLarge { over, per_million } => {
            format!("{} of those over {over} bytes lost", percent(*per_million))
        }
        LinkFault::Duplicate(chance) => format!("{} doubled", percent(*chance)),
        LinkFault::Slow(by) => format!("slow, {by}"),
        LinkFault::Garble(chance) => format!("{} garbled", percent(*chance)),
        LinkFault::Bandwidth(nanos) => format!("{nanos} ns a byte"),
    }
}

fn span(from: u64, until: Option<u64>) -> String {
    match until {
        None => format!("from {} on", seconds(from)),
        Some(until) => format!("from {} to {}", seconds(from), seconds(until)),
    }
}

fn nodes(set: NodeSet) -> String {
    let names: Vec<_> = set.iter().map(|node| node.to_string()).collect();
    match names.is_empty() {
        true => "nobody".to_owned(),
        false => names.join(" "),
    }
}

fn percent(per_million: u32) -> String {
    format!("{} %", f64::from(per_million) / 1e4)
}

fn seconds(nanos: u64) -> String {
    format!("{:.3} s", nanos as f64 / 1e9)
}

fn millis(nanos: u64) -> String {
    format!("{:.1} ms", nanos as f64 / 1e6)
}
