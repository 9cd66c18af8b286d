//! Times, chances and names, as people write them.

use crate::scenario::NodeNames;
use quorate_contract::file::{Table, TableEntry, nearest};
use quorate_contract::{ContractError, duration};
use quorate_core::{NodeId, NodeSet};
use quorate_sim::Delay;
use std::time::Duration;

type Result<T> = std::result::Result<T, ContractError>;

/// Longer than any story: a century.
const MAX_TIME: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A moment, or a length of time, in nanoseconds.
pub(super) fn nanos(entry: &TableEntry<'_>, example: &str) -> Result<u64> {
    let time = entry.duration(example)?;
    if time > MAX_TIME {
        return Err(entry.error("no story lasts a century", "write a shorter time"));
    }
    Ok(time.as_nanos() as u64)
}

/// The same where it need not be said.
pub(super) fn nanos_of<'a>(table: &Table<'a>, key: &'a str, example: &str) -> Result<Option<u64>> {
    table
        .get(key)
        .map(|entry| nanos(&entry, example))
        .transpose()
}

/// `1ms`, or `1ms..5ms`: anything between, alike.
pub(super) fn delay(entry: &TableEntry<'_>) -> Result<Delay> {
    let text = entry.string("1ms..5ms")?;
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    let read = |text: &str| {
        duration::parse(text.trim())
            .filter(|time| *time <= MAX_TIME)
            .map(|time| time.as_nanos() as u64)
    };
    match (read(min), read(max)) {
        (Some(min), Some(max)) if min <= max => Ok(Delay::Uniform { min, max }),
        _ => Err(entry.error(
            "this is not a time, nor two with the shorter one first",
            "write a time such as \"5ms\", or a range such as \"1ms..5ms\"",
        )),
    }
}

/// The longest of it.
pub(super) fn longest(delay: Delay) -> u64 {
    match delay {
        Delay::Uniform { max, .. } => max,
        _ => u64::MAX,
    }
}

/// `40%`, `0.1%` or `1 in 4096`, in millionths.
pub(super) fn chance(entry: &TableEntry<'_>) -> Result<u32> {
    let text = entry.string("40%")?;
    let millionths = match (text.strip_suffix('%'), text.split_once(" in ")) {
        (Some(percent), _) => plain_number(percent).map(|percent| percent * 1e4),
        (None, Some((one, of))) => plain_number(one)
            .zip(plain_number(of))
            .filter(|(_, of)| *of > 0.0)
            .map(|(one, of)| one / of * 1e6),
        (None, None) => None,
    };
    match millionths.map(f64::round) {
        Some(chance) if (0.0..=1e6).contains(&chance) => Ok(chance as u32),
        _ => Err(entry.error(
            "this is not a chance",
            "write a share such as \"40%\", or \"1 in 4096\"",
        )),
    }
}

/// Digits, and perhaps a point and more digits.
fn plain_number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain.then(|| text.parse().ok()).flatten()
}

/// One node.
pub(super) fn node(entry: &TableEntry<'_>, names: &NodeNames) -> Result<NodeId> {
    let nodes = one_name(entry, names)?;
    match (nodes.len(), nodes.iter().next()) {
        (1, Some(node)) => Ok(node),
        _ => Err(entry.error("this is more than one node", "name one node")),
    }
}

/// A node, a zone, or a list of them.
pub(super) fn nodes(entry: &TableEntry<'_>, names: &NodeNames) -> Result<NodeSet> {
    let mut all = NodeSet::EMPTY;
    for item in entry.items() {
        for node in one_name(&item, names)?.iter() {
            all.insert(node);
        }
    }
    match all.is_empty() {
        true => Err(entry.error("this is nobody", "name one node at least")),
        false => Ok(all),
    }
}

fn one_name(entry: &TableEntry<'_>, names: &NodeNames) -> Result<NodeSet> {
    let word = entry.string(names.words().first().copied().unwrap_or("A"))?;
    names.find(word).ok_or_else(|| {
        let words = names.words();
        // Of names of one letter each is as near as any other.
        let near = nearest(word, words.iter().copied()).filter(|near| near.len() > 2);
        let remedy = match near {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("there are {}", words.join(", ")),
        };
        entry.error("no node and no zone has this name", remedy)
    })
}

/// True or false; `default` where nothing is said.
pub(super) fn flag<'a>(table: &Table<'a>, key: &'a str, default: bool) -> Result<bool> {
    table.get(key).map_or(Ok(default), |entry| entry.boolean())
}

/// Parts per million, either way.
pub(super) fn ppm(entry: &TableEntry<'_>) -> Result<i64> {
    let text = entry.string("500ppm")?;
    let digits = text.strip_suffix("ppm").unwrap_or_default();
    match digits.parse::<i64>() {
        Ok(ppm) if ppm.abs() < 1_000_000 => Ok(ppm),
        _ => Err(entry.error(
            "this is not a drift",
            "write millionths, such as \"500ppm\" for a clock that is fast",
        )),
    }
}
