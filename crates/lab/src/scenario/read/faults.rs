//! What goes wrong with nodes and links, and when.

use super::values::{chance, delay, nanos, nanos_of, node, nodes, ppm};
use crate::experiment::Experiment;
use crate::scenario::NodeNames;
use quorate_contract::ContractError;
use quorate_contract::file::{Table, TableEntry};
use quorate_core::NodeSet;
use quorate_sim::{
    LinkFault, MessageFilter, Mutation, NodeFault, ScheduledLinkFault, ScheduledNodeFault,
};

type Result<T> = std::result::Result<T, ContractError>;

const NODE_FAULTS: [&str; 18] = [
    "crash",
    "amnesia",
    "pause",
    "send-omission",
    "receive-omission",
    "omission",
    "late",
    "disk-stall",
    "lying-sync",
    "clock-drift",
    "clock-jump",
    "twins",
    "stale",
    "replay",
    "tamper-send",
    "tamper-receive",
    "forge",
    "impersonate",
];

const LINK_FAULTS: [&str; 7] = [
    "cut",
    "loss",
    "loss-of-large",
    "duplication",
    "slow",
    "garbling",
    "bandwidth",
];

/// No story has more faults.
const MAX_FAULTS: usize = 1000;

/// From when until when.
fn span(table: &Table<'_>, end: u64) -> Result<(u64, Option<u64>)> {
    let from = nanos_of(table, "from", "200ms")?.unwrap_or(0);
    let until = nanos_of(table, "until", "2s")?;
    if from > end {
        return Err(table.error(
            "from",
            "is after the end of the run",
            "let it begin earlier, or move `world.end`",
        ));
    }
    match until {
        Some(until) if until <= from => Err(table.error(
            "until",
            "is not after `from`",
            "write a later time, or leave it out if it lasts",
        )),
        until => Ok((from, until)),
    }
}

pub(super) fn read_node_faults(
    root: &Table<'_>,
    names: &NodeNames,
    experiment: &mut Experiment,
) -> Result<()> {
    for table in tables(root, "fault")? {
        let what = table.need("what", "add `what = \"crash\"`")?;
        let who = nodes(&table.need("node", "add `node = \"A\"`, or a list")?, names)?;
        let (from, until) = span(&table, experiment.end)?;
        for misdeed in misdeeds(&table, &what, names)? {
            for node in who.iter() {
                experiment.node_faults.push(ScheduledNodeFault {
                    node,
                    fault: misdeed.clone(),
                    from,
                    until,
                });
            }
        }
        table.finish()?;
    }
    Ok(())
}

fn tables<'a>(root: &Table<'a>, key: &'a str) -> Result<Vec<Table<'a>>> {
    let Some(entry) = root.get(key) else {
        return Ok(vec![]);
    };
    let tables = entry.tables()?;
    match tables.len() > MAX_FAULTS {
        true => Err(entry.error("these are too many", format!("write at most {MAX_FAULTS}"))),
        false => Ok(tables),
    }
}

fn misdeeds(table: &Table<'_>, what: &TableEntry<'_>, names: &NodeNames) -> Result<Vec<NodeFault>> {
    let misdeed = match what.choice(&NODE_FAULTS, |name| name)? {
        "crash" => NodeFault::Crash,
        "amnesia" => NodeFault::Forget,
        "pause" => NodeFault::Pause,
        "send-omission" => NodeFault::OmitSend(which(table, names)?),
        "receive-omission" => NodeFault::OmitReceive(which(table, names)?),
        "omission" => {
            let which = which(table, names)?;
            return Ok(vec![
                NodeFault::OmitSend(which),
                NodeFault::OmitReceive(which),
            ]);
        }
        "late" => NodeFault::Late(delay(&table.need("by", "add `by = \"500ms..1200ms\"`")?)?),
        "disk-stall" => NodeFault::DiskStall,
        "lying-sync" => NodeFault::LieAboutSync,
        "clock-drift" => NodeFault::Drift(ppm(&table.need("by", "add `by = \"500ppm\"`")?)?),
        "clock-jump" => NodeFault::ClockJump(nanos(&table.need("by", "add `by = \"2s\"`")?, "2s")?),
        "twins" => {
            let sees = table.need("second-talks-with", "add `second-talks-with = [\"C\"]`")?;
            NodeFault::Twins(nodes(&sees, names)?)
        }
        "stale" => NodeFault::Stale,
        "replay" => NodeFault::Replay(often(table)?),
        "tamper-send" => NodeFault::TamperSend(often(table)?, tampering(table)?),
        "tamper-receive" => NodeFault::TamperReceive(often(table)?, tampering(table)?),
        "impersonate" => {
            let name = table.need("in-the-name-of", "add `in-the-name-of = \"A\"`")?;
            let to = table.need("to", "add `to = [\"D\", \"E\"]`: who is told")?;
            let (name, to) = (node(&name, names)?, nodes(&to, names)?);
            NodeFault::Impersonate(name, to, tampering(table)?)
        }
        _ => {
            let name = table.need("in-the-name-of", "add `in-the-name-of = \"A\"`")?;
            NodeFault::Forge(node(&name, names)?, often(table)?, tampering(table)?)
        }
    };
    Ok(vec![misdeed])
}

/// Always, unless a chance is given.
fn often(table: &Table<'_>) -> Result<u32> {
    table
        .get("chance")
        .map_or(Ok(1_000_000), |entry| chance(&entry))
}

/// Which messages: all of them, unless one of four keys says something else.
fn which(table: &Table<'_>, names: &NodeNames) -> Result<MessageFilter> {
    let found = ["chance", "every", "larger-than", "peers"].map(|key| table.get(key));
    let mut found = found.into_iter().flatten();
    let Some(entry) = found.next() else {
        return Ok(MessageFilter::ALL);
    };
    if let Some(other) = found.next() {
        return Err(other.error(
            "two keys say which messages are meant",
            "keep one of `chance`, `every`, `larger-than` and `peers`",
        ));
    }
    Ok(match entry.name() {
        "chance" => MessageFilter::Random(chance(&entry)?),
        "every" => MessageFilter::EveryNth(entry.number(1, u32::MAX as usize)? as u32),
        "larger-than" => MessageFilter::Larger(entry.number(0, u32::MAX as usize)? as u32),
        _ => MessageFilter::Peers(nodes(&entry, names)?),
    })
}

/// A bit, unless it is said what is replaced by what.
fn tampering(table: &Table<'_>) -> Result<Mutation> {
    let Some(value) = table.get("value") else {
        return Ok(Mutation::Flip);
    };
    let by = table.need(
        "becomes",
        "add `becomes = \"...\"`: what stands in its place",
    )?;
    Ok(Mutation::Replace {
        value: value.string("X")?.as_bytes().to_vec(),
        by: by.string("Y")?.as_bytes().to_vec(),
    })
}

pub(super) fn read_link_faults(
    root: &Table<'_>,
    names: &NodeNames,
    experiment: &mut Experiment,
) -> Result<()> {
    for table in tables(root, "link")? {
        let what = table.need("what", "add `what = \"cut\"`")?;
        let trouble = trouble(&table, &what)?;
        let (from, until) = span(&table, experiment.end)?;
        let flapping = nanos_of(&table, "flapping", "100ms")?;
        for (from_nodes, to_nodes) in ends(&table, names)? {
            experiment.link_faults.push(ScheduledLinkFault {
                from_nodes,
                to_nodes,
                fault: trouble,
                from,
                until,
                flapping,
            });
        }
        table.finish()?;
    }
    Ok(())
}

fn trouble(table: &Table<'_>, what: &TableEntry<'_>) -> Result<LinkFault> {
    Ok(match what.choice(&LINK_FAULTS, |name| name)? {
        "cut" => LinkFault::Cut,
        "loss" => LinkFault::Loss(often(table)?),
        "loss-of-large" => {
            let over = table.need("larger-than", "add `larger-than = 1000`: in bytes")?;
            LinkFault::LossOfLarge {
                over: over.number(0, u32::MAX as usize)? as u32,
                per_million: often(table)?,
            }
        }
        "duplication" => LinkFault::Duplicate(often(table)?),
        "slow" => LinkFault::Slow(delay(&table.need("takes", "add `takes = \"50ms\"`")?)?),
        "garbling" => LinkFault::Garble(often(table)?),
        _ => {
            let each = table.need("each-byte", "add `each-byte = \"1us\"`")?;
            LinkFault::Bandwidth(nanos(&each, "1us")?)
        }
    })
}

/// Whose links: `between` two sides, both ways, or from `senders` to `receivers`.
fn ends(table: &Table<'_>, names: &NodeNames) -> Result<Vec<(NodeSet, NodeSet)>> {
    if let Some(between) = table.get("between") {
        let [one, other] = between.items().try_into().map_err(|_| {
            between.error(
                "these are not two sides",
                "write `between = [\"A\", \"C\"]`, or `[[\"A\", \"B\"], [\"C\", \"D\"]]`",
            )
        })?;
        let (one, other) = (nodes(&one, names)?, nodes(&other, names)?);
        return Ok(vec![(one, other), (other, one)]);
    }
    let senders = table.need(
        "senders",
        "add `between = [\"A\", \"C\"]`, or `senders` and `receivers`",
    )?;
    let receivers = table.need("receivers", "add `receivers = [\"C\"]`")?;
    Ok(vec![(nodes(&senders, names)?, nodes(&receivers, names)?)])
}
