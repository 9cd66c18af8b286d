//! What is to be expected.

use super::values::{chance, nanos_of};
use crate::scenario::{Expect, NodeNames, OfSeeds};
use quorate_contract::ContractError;
use quorate_contract::file::Table;
use quorate_report::CellVerdict;

type Result<T> = std::result::Result<T, ContractError>;

const VERDICTS: [(&str, CellVerdict); 3] = [
    ("safe-and-live", CellVerdict::SafeAndLive),
    ("stalls", CellVerdict::SafeStalls),
    ("unsafe", CellVerdict::Unsafe),
];

/// The properties that a run is judged by.
const PROPERTIES: [&str; 8] = [
    "agreement",
    "validity",
    "local invariants",
    "one leader a term",
    "one writer at a time",
    "no stale read",
    "applied once",
    "linearizability",
];

pub(super) fn read(table: Table<'_>, names: &NodeNames) -> Result<Expect> {
    let verdict = table.need("verdict", "add `verdict = \"safe-and-live\"`")?;
    let (_, verdict) = verdict.choice(&VERDICTS, |(name, _)| name)?;
    let property = match verdict {
        CellVerdict::Unsafe => {
            let property = table.need(
                "property",
                "add `property = \"agreement\"`: what is violated",
            )?;
            Some(property.choice(&PROPERTIES, |name| name)?.to_owned())
        }
        _ => None,
    };
    let contract = table.need(
        "contract",
        "add `contract = \"inside\"`, or \"outside\": does reality keep to what is assumed?",
    )?;
    let inside = contract.choice(&["inside", "outside"], |side| side)? == "inside";
    let of_seeds = match (table.get("seeds"), table.get("chance")) {
        (Some(seeds), Some(_)) => {
            return Err(seeds.error(
                "`chance` says already on how many seeds",
                "remove one of the two",
            ));
        }
        (_, Some(share)) => OfSeeds::Chance(chance(&share)?),
        (Some(seeds), None) => match seeds.choice(&["all", "some"], |word| word)? {
            "all" => OfSeeds::All,
            _ => OfSeeds::Some,
        },
        (None, None) => OfSeeds::All,
    };
    let mut expect = Expect {
        verdict,
        property,
        inside,
        within: nanos_of(&table, "within", "2s")?,
        not_before: nanos_of(&table, "not-before", "100ms")?,
        decided: vec![],
        facts: vec![],
        of_seeds,
    };
    if let Some(decided) = table.get("decided") {
        for entry in decided.table()?.entries() {
            let Some(who) = names.find(entry.name()) else {
                let problem = format!("no node is called {:?}", entry.name());
                return Err(entry.error(problem, format!("there are {}", names.words().join(", "))));
            };
            let value = entry.string("X")?;
            let each = who.iter().map(|node| (node, value.to_owned()));
            expect.decided.extend(each);
        }
    }
    if let Some(facts) = table.get("facts") {
        for entry in facts.table()?.entries() {
            let value = match entry.is_number() {
                true => entry.number(0, u32::MAX as usize)?.to_string(),
                false => entry.string("1")?.to_owned(),
            };
            expect.facts.push((entry.name().to_owned(), value));
        }
    }
    table.finish()?;
    Ok(expect)
}
