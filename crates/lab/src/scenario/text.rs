//! A story told: what happened, what each node decided, how it stands to the contract, and whether
//! it was as expected.

use super::run_part::decided_by;
use super::{ContractCheck, OfSeeds, PartKind, Scenario, ScenarioPart, ScenarioRun, timeline};
use crate::run::RunOutcome;
use quorate_contract::{Admissibility, Component, Reason, admissible};
use quorate_core::NodeId;
use quorate_sim::format_time;
use std::fmt::Write as _;

/// More moments than this are cut in the middle.
const MAX_MOMENTS: usize = 40;

/// The longest line of a story.
const WIDTH: usize = 96;

/// The story, and each of its runs.
pub fn render(scenario: &Scenario, played: &[(&ScenarioPart, ScenarioRun)]) -> String {
    let mut text = format!("{}: {}\n", scenario.name, scenario.title);
    if let Some(source) = &scenario.source {
        let _ = writeln!(text, "({source})");
    }
    let _ = writeln!(text, "\n{}\n", wrap(&scenario.story, ""));
    for (part, played) in played {
        text += &tell_part(part, played);
        text.push('\n');
    }
    if let Some(why) = &scenario.nothing_to_turn_off {
        let _ = writeln!(text, "No defence is turned off: {}", wrap(why, ""));
    }
    text
}

fn tell_part(part: &ScenarioPart, played: &ScenarioRun) -> String {
    let mut text = String::new();
    let head = match part.kind {
        PartKind::Story => "as told".to_owned(),
        PartKind::Case => format!("case: {}", part.name),
        PartKind::Without => format!("WITHOUT: {}", part.name),
    };
    let _ = writeln!(text, "── {head} ──");
    if !part.explanation.is_empty() {
        let _ = writeln!(text, "  {}", wrap(&part.explanation, "  "));
    }
    let _ = writeln!(text, "  {}", setting(part, played.seed));
    let moments = timeline(part, played);
    let width = moments
        .iter()
        .map(|(at, _)| format_time(*at).chars().count())
        .max()
        .unwrap_or(0);
    let cut = moments.len().saturating_sub(MAX_MOMENTS);
    for (n, (at, what)) in moments.iter().enumerate() {
        if cut > 0 && n == MAX_MOMENTS / 2 {
            let _ = writeln!(text, "  {:>width$}  … {cut} moments are left out …", "");
        }
        if cut == 0 || n < MAX_MOMENTS / 2 || n >= MAX_MOMENTS / 2 + cut {
            let _ = writeln!(text, "  {:>width$}  {what}", format_time(*at));
        }
    }
    let _ = writeln!(text, "  decided: {}", decided(part, &played.outcome));
    let _ = writeln!(text, "  result: {}", result(part, &played.outcome));
    text += &contract(part, played);
    text += &expected(part, played);
    text
}

fn setting(part: &ScenarioPart, seed: u64) -> String {
    let options: Vec<_> = part
        .experiment
        .setup
        .options
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let options = match options.is_empty() {
        true => String::new(),
        false => format!(" ({})", options.join(", ")),
    };
    let n = part.experiment.setup.nodes;
    format!(
        "{}{options}, {n} nodes, seed {seed}",
        part.experiment.subject
    )
}

/// What each node has decided, nodes of one mind together.
fn decided(part: &ScenarioPart, outcome: &RunOutcome) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = vec![];
    let liars = part.experiment.liars();
    let logs = (0..).map(NodeId).zip(&outcome.logs);
    for (name, (node, log)) in part.names.nodes.iter().zip(logs) {
        let values: usize = log.values().map(|(values, _)| values.len()).sum();
        let said = match values > 4 {
            _ if liars.contains(node) => "(does not count)".to_owned(),
            true => format!("{values} values"),
            false => decided_by(log),
        };
        match groups.iter_mut().find(|(known, _)| *known == said) {
            Some((_, names)) => names.push(name),
            None => groups.push((said, vec![name])),
        }
    }
    let line = |(said, names): &(String, Vec<&str>)| format!("{} {said}", names.join(" "));
    groups.iter().map(line).collect::<Vec<_>>().join("; ")
}

fn result(part: &ScenarioPart, outcome: &RunOutcome) -> String {
    let sentence = part.names.translate(&outcome.sentence());
    let done = outcome
        .done_at
        .map_or(String::new(), |at| format!(", at {}", format_time(at)));
    format!("{}: {sentence}{done}", outcome.verdict().name())
}

/// What was assumed, and what reality made of it.
fn contract(part: &ScenarioPart, played: &ScenarioRun) -> String {
    let contract = &part.contract;
    let mut text = format!(
        "  contract: {}, f = {}; {}; {} links; {} storage\n",
        contract.failures.model,
        contract.failures.tolerate,
        contract.timing.synchrony(),
        contract.links.model,
        contract.storage.model,
    );
    let standing = &played.contract_check;
    let say = |allowed| {
        let shown = standing.deviations.iter().filter(|d| d.allowed == allowed);
        let words = shown.map(|d| {
            let first = format_time(d.occurrences.first);
            let who = part.names.list(d.occurrences.nodes);
            match d.occurrences.times {
                1 => format!("{} ({who}, {first})", d.behaviour),
                times => format!("{} ({who}, {times} times from {first})", d.behaviour),
            }
        });
        words.collect::<Vec<_>>().join(", ")
    };
    match &standing.exceeded {
        None => text += "    reality stayed inside it: every assumption held\n",
        Some(exceeded) => {
            let _ = writeln!(text, "    {exceeded}");
            let _ = writeln!(text, "    {}", assumptions(standing));
        }
    }
    for (allowed, title) in [(true, "agreed to, and shown"), (false, "never agreed to")] {
        let said = say(allowed);
        if !said.is_empty() {
            let _ = writeln!(text, "    {title}: {said}");
        }
    }
    if let Some(facts) = crate::system::facts(&part.experiment.subject)
        && let Admissibility::NotAdmissible { reasons } = admissible(contract, facts.catalogue)
    {
        let subject = &part.experiment.subject;
        let reasons: Vec<_> = reasons.iter().map(Reason::to_string).collect();
        let said = format!(
            "{subject} promises nothing under this contract: it {}",
            reasons.join("; it ")
        );
        let _ = writeln!(text, "    {}", wrap(&said, "      "));
    }
    text
}

/// Which assumptions were broken, and which held.
fn assumptions(standing: &ContractCheck) -> String {
    let broken = standing.broken();
    let all = [
        (Component::Replica, "about replicas"),
        (Component::Disk, "about disks"),
        (Component::Link, "about links"),
        (Component::Time, "about time"),
    ];
    let (mut failed, mut held) = (vec![], vec![]);
    for (place, name) in all {
        match broken.iter().find(|(at, _)| *at == place) {
            Some((_, Some(first))) => failed.push(format!("{name}, from {}", format_time(*first))),
            Some((_, None)) => failed.push(format!("{name}, by their number")),
            None => held.push(name),
        }
    }
    format!(
        "assumptions broken: {}; held: {}",
        failed.join("; "),
        held.join(", ")
    )
}

fn expected(part: &ScenarioPart, played: &ScenarioRun) -> String {
    let seeds = match (part.expect.of_seeds, played.of) {
        (OfSeeds::All, 1) => String::new(),
        (OfSeeds::Chance(p), of) => format!(
            ", on {} of {of} seeds; {} are expected",
            played.met,
            (of as f64 * f64::from(p) / 1e6).round()
        ),
        (_, of) => format!(", on {} of {of} seeds", played.met),
    };
    if played.holds {
        return format!("  as expected{seeds}\n");
    }
    let mut text = format!("  NOT AS EXPECTED{seeds}\n");
    for unmet in &played.unmet {
        let _ = writeln!(text, "    {unmet}");
    }
    text
}

/// Lines of readable length; an empty line is between paragraphs.
fn wrap(text: &str, indent: &str) -> String {
    let paragraphs = text.split("\n\n").map(|text| wrap_one(text, indent));
    let paragraphs: Vec<_> = paragraphs.collect();
    paragraphs.join(&format!("\n\n{indent}"))
}

fn wrap_one(text: &str, indent: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines
            .last_mut()
            .map(|line| line.chars().count())
            .unwrap_or(0);
        if last > 0 && last + 1 + word.chars().count() > WIDTH - indent.len() {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join(&format!("\n{indent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_for_people() {
        let times = [
            0,
            15,
            1_500,
            4_200_000,
            200_000_000,
            4_200_000_000,
            10_000_000_000,
        ];
        let shown = times.map(format_time);
        assert_eq!(
            shown,
            [
                "0 ms", "15 ns", "1.5 µs", "4.2 ms", "200 ms", "4.2 s", "10 s"
            ]
        );
    }

    #[test]
    fn lines_are_wrapped_between_words() {
        let text = "word ".repeat(60);
        let wrapped = wrap(&text, "  ");
        assert!(wrapped.lines().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(wrapped.split_whitespace().count(), 60);
    }
}
