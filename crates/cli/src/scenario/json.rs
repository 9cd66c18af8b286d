//! Stories for programs.

use quorate_lab::scenario::{PartKind, Scenario, ScenarioPart, ScenarioRun, timeline};
use serde_json::{Value, json};

pub(super) fn list(stories: &[Scenario]) -> Value {
    let line = |story: &Scenario| {
        let off = story
            .parts
            .iter()
            .filter(|part| part.kind == PartKind::Without);
        let off: Vec<_> = off.map(|part| part.name.as_str()).collect();
        json!({
            "name": story.name,
            "title": story.title,
            "source": story.source,
            "without": off,
        })
    };
    stories.iter().map(line).collect()
}

pub(super) fn story(scenario: &Scenario, played: &[(&ScenarioPart, ScenarioRun)]) -> Value {
    json!({
        "name": scenario.name,
        "title": scenario.title,
        "source": scenario.source,
        "as_expected": played.iter().all(|(_, played)| played.holds),
        "parts": played.iter().map(|(part, played)| run(part, played)).collect::<Vec<_>>(),
    })
}

fn run(part: &ScenarioPart, played: &ScenarioRun) -> Value {
    let outcome = &played.outcome;
    let violation = outcome.violation.as_ref().map(|broken| {
        json!({
            "property": broken.property,
            "detail": part.names.translate(&broken.detail),
            "node": part.names.of(broken.node),
            "at_nanoseconds": broken.at,
        })
    });
    let decided = part
        .names
        .nodes()
        .iter()
        .zip(&outcome.logs)
        .map(|(name, log)| {
            let values = log.values().flat_map(|(values, _)| values);
            let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value)).collect();
            (name.clone(), json!(values))
        });
    let departures = played.contract_check.deviations.iter().map(|departure| {
        json!({
            "behaviour": departure.behaviour.name(),
            "allowed": departure.allowed,
            "times": departure.occurrences.times,
            "first_nanoseconds": departure.occurrences.first,
            "last_nanoseconds": departure.occurrences.last,
            "by": departure.occurrences.nodes.iter().map(|node| part.names.of(node)).collect::<Vec<_>>(),
        })
    });
    let facts = outcome.facts.iter().map(|(at, node, name, value)| {
        json!({ "at_nanoseconds": at, "node": part.names.of(*node), "name": name, "value": value })
    });
    let moments = timeline(part, played);
    let moments = moments
        .iter()
        .map(|(at, what)| json!({ "at_nanoseconds": at, "what": what }));
    json!({
        "kind": match part.kind {
            PartKind::Story => "story",
            PartKind::Case => "case",
            PartKind::Without => "without",
        },
        "name": part.name,
        "shows": part.explanation,
        "protocol": part.experiment.subject,
        "seed": played.seed,
        "seeds": { "met": played.met, "of": played.of },
        "as_expected": played.holds,
        "unmet": played.unmet,
        "verdict": outcome.verdict().name(),
        "sentence": part.names.translate(&outcome.sentence()),
        "done_nanoseconds": outcome.done_at,
        "violation": violation,
        "decided": Value::Object(decided.collect()),
        "facts": facts.collect::<Vec<_>>(),
        "inside_contract": played.contract_check.is_inside(),
        "exceeded": played.contract_check.exceeded.map(|exceeded| exceeded.to_string()),
        "departures": departures.collect::<Vec<_>>(),
        "moments": moments.collect::<Vec<_>>(),
        "messages": outcome.costs.messages,
        "syncs": outcome.costs.syncs,
        "events": outcome.events,
        "hash": format!("{:016x}", outcome.hash),
    })
}
