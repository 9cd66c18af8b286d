//! The quorums of a contract file: the table `[quorum]`, read and written.

use super::error::ContractError;
use super::reader::{Table, TableEntry};
use crate::cluster::MAX_MEMBERS;
use crate::quorum::{QuorumKind, QuorumSystem};
use std::fmt::Write;

/// The most votes of one replica.
const MAX_VOTES: usize = 1_000_000;

/// The quorums of `n` replicas, of which `liars` may lie, as a contract file says them.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn read_quorums(
    entry: &TableEntry<'_>,
    n: usize,
    liars: usize,
) -> Result<QuorumSystem, ContractError> {
    let table = entry.table()?;
    let kind_entry = table.need("kind", "add `kind = \"majority\"`")?;
    let kind = kind_entry.choice(&QuorumKind::NAMES, |name| name)?;
    let learners = read_ids(&table, "learners", n)?;
    let witnesses = read_ids(&table, "witnesses", n)?;
    let zones = read_zones(&table, n)?;
    let kind = match kind {
        "flexible" => QuorumKind::Flexible {
            read: table
                .need("read", "add `read = 2`: how many make a read quorum")?
                .number(1, n)?,
            write: table
                .need("write", "add `write = 2`: how many make a write quorum")?
                .number(1, n)?,
        },
        "grid" => QuorumKind::Grid {
            rows: table
                .need("rows", "add `rows = 3`: how many rows the grid has")?
                .number(1, n)?,
        },
        "weighted" => read_weighted(&table)?,
        "hierarchical" => QuorumKind::Hierarchical,
        "majority" => QuorumKind::Majority,
        of_liars => {
            if liars == 0 {
                return Err(kind_entry.error(
                    "no replica lies under this contract",
                    "write `kind = \"majority\"`, or `model = \"byzantine\"` in `[failures]`",
                ));
            }
            match of_liars {
                "dissemination" => QuorumKind::Dissemination { liars },
                _ => QuorumKind::Masking { liars },
            }
        }
    };
    let system = QuorumSystem::with_roles(kind, n, zones, witnesses, learners);
    let system = system.map_err(|wrong| match table.get(wrong.key) {
        Some(entry) => entry.error(wrong.problem, wrong.remedy),
        None => table.error(wrong.key, &wrong.problem, &wrong.remedy),
    })?;
    table.finish()?;
    Ok(system)
}

fn read_weighted(table: &Table<'_>) -> Result<QuorumKind, ContractError> {
    let entry = table.need(
        "weights",
        "add `weights = [2, 1, 1]`: the votes of each voter",
    )?;
    if !entry.is_list() {
        return Err(entry.error(
            "a list is expected here",
            "write, for example, `weights = [2, 1, 1]`",
        ));
    }
    let votes = |item: &TableEntry<'_>| Ok(item.number(0, MAX_VOTES)? as u32);
    let weights: Vec<u32> = entry.items().iter().map(votes).collect::<Result<_, _>>()?;
    if weights.len() > MAX_MEMBERS {
        return Err(entry.error(
            format!("there are {} weights", weights.len()),
            format!("a cluster has at most {MAX_MEMBERS} members"),
        ));
    }
    let sum: u32 = weights.iter().sum();
    let most = MAX_VOTES * MAX_MEMBERS;
    let needed = |entry: Option<TableEntry<'_>>| match entry {
        Some(entry) => Ok(entry.number(1, most)? as u32),
        None => Ok(sum / 2 + 1),
    };
    let (read, write) = (needed(table.get("read"))?, needed(table.get("write"))?);
    Ok(QuorumKind::Weighted {
        weights,
        read,
        write,
    })
}

/// A list of ids; empty if it is absent.
fn read_ids<'a>(table: &Table<'a>, name: &'a str, n: usize) -> Result<Vec<u8>, ContractError> {
    let Some(entry) = table.get(name) else {
        return Ok(vec![]);
    };
    if !entry.is_list() {
        let remedy = format!("write the ids in a list, as `{name} = [2]`");
        return Err(entry.error("a list is expected here", remedy));
    }
    let mut ids = ids_of(&entry, n)?;
    ids.sort_unstable();
    Ok(ids)
}

fn ids_of(entry: &TableEntry<'_>, n: usize) -> Result<Vec<u8>, ContractError> {
    let items = entry.items();
    items
        .iter()
        .map(|item| Ok(item.number(0, n - 1)? as u8))
        .collect()
}

/// The replicas of each zone: so many after each other, or by their ids.
fn read_zones(table: &Table<'_>, n: usize) -> Result<Vec<Vec<u8>>, ContractError> {
    let Some(entry) = table.get("zones") else {
        return Ok(vec![]);
    };
    if !entry.is_list() {
        return Err(entry.error(
            "a list is expected here",
            "write, for example, `zones = [3, 3, 3]`",
        ));
    }
    let mut zones = vec![];
    let mut next = 0;
    for item in entry.items() {
        if item.is_list() {
            zones.push(ids_of(&item, n)?);
            continue;
        }
        let size = item.number(1, n)?;
        let end = next + size;
        if end > n {
            return Err(item.error(
                format!("the zones up to here have {end} replicas, and there are {n}"),
                format!("write numbers that come to {n}"),
            ));
        }
        zones.push((next..end).map(|id| id as u8).collect());
        next = end;
    }
    Ok(zones)
}

/// Writes the table; what is read from it is the same again.
pub(super) fn write_quorums(out: &mut String, quorums: &QuorumSystem) -> std::fmt::Result {
    writeln!(out, "\n[quorum]")?;
    writeln!(
        out,
        "# majority | flexible | dissemination | masking | grid | hierarchical | weighted"
    )?;
    writeln!(out, "kind = \"{}\"", quorums.kind().name())?;
    match quorums.kind() {
        QuorumKind::Flexible { read, write } => {
            writeln!(out, "read = {read}")?;
            writeln!(out, "write = {write}")?;
        }
        QuorumKind::Grid { rows } => writeln!(out, "rows = {rows}")?,
        QuorumKind::Weighted {
            weights,
            read,
            write,
        } => {
            writeln!(out, "weights = {weights:?}")?;
            writeln!(out, "read = {read}")?;
            writeln!(out, "write = {write}")?;
        }
        QuorumKind::Majority
        | QuorumKind::Dissemination { .. }
        | QuorumKind::Masking { .. }
        | QuorumKind::Hierarchical => {}
    }
    if !quorums.zones().is_empty() {
        writeln!(out, "zones = {:?}", quorums.zones())?;
    }
    if !quorums.witnesses().is_empty() {
        writeln!(out, "# They vote and hold no data.")?;
        writeln!(out, "witnesses = {:?}", quorums.witnesses())?;
    }
    if !quorums.learners().is_empty() {
        writeln!(out, "# They hold data and do not vote.")?;
        writeln!(out, "learners = {:?}", quorums.learners())?;
    }
    Ok(())
}
