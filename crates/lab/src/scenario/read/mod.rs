//! From TOML to a [`Scenario`], strictly: every key is known, every name is somebody's.

mod clients;
mod expect;
mod faults;
mod merge;
mod values;
mod work;
mod world;

use super::{PartKind, Scenario, ScenarioPart};
use merge::merged;
use quorate_contract::file::{SourceText, Table, TableEntry};
use quorate_contract::{ContractError, MAX_BYTES};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// No scenario is run over more seeds.
const MAX_SEEDS: usize = 100_000;

/// The keys of the story, besides those of its runs.
const STORY: [&str; 9] = [
    "name",
    "title",
    "story",
    "source",
    "nothing-to-turn-off",
    "case",
    "without",
    "shows",
    "of",
];

impl Scenario {
    /// Reads a scenario from TOML. `file` is used in errors only; nothing is opened.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and what would work.
    pub fn parse(file: &str, text: &str) -> Result<Scenario, ContractError> {
        let source = SourceText { file, text };
        if text.len() > MAX_BYTES {
            let problem = format!("the file has {} bytes", text.len());
            let remedy = format!("a scenario has at most {MAX_BYTES} bytes");
            return Err(SourceText { file, text: "" }.error(0..0, "", problem, remedy));
        }
        let tree = source.parse(
            "a scenario is made of lines such as `name = \"split\"`, `[contract]`, `[[fault]]`; \
             `quorate scenario show commit-crash-stop` prints one to begin with",
        )?;
        let tree = tree.get_ref();
        let root = Table::root(source, tree);
        let name = root.need("name", "add `name = \"my-story\"`")?;
        let title = root.need(
            "title",
            "add `title = \"...\"`: what it is about, in a line",
        )?;
        let story = root.need("story", "add `story = \"...\"`: a few sentences")?;
        let document = root.get("source");
        let nothing = root.get("nothing-to-turn-off");
        let mut parts = vec![];
        if root.get("expect").is_some() {
            parts.push(ScenarioPart::read(source, tree, Head::STORY)?);
        }
        for (key, kind) in [("case", PartKind::Case), ("without", PartKind::Without)] {
            let Some(entry) = root.get(key) else { continue };
            let tables = entry.tables()?.into_iter().zip(merge::subtables(tree, key));
            for (table, change) in tables {
                let part = table.need("name", "add `name = \"...\"`: what is different")?;
                let says = match kind {
                    PartKind::Without => {
                        Some(table.need("shows", "add `shows = \"...\"`: what it is there for")?)
                    }
                    _ => table.get("shows"),
                };
                let says = says.map_or(Ok(""), |says| says.string("..."))?;
                let name = unique(&part, &parts)?;
                let of = match kind {
                    PartKind::Without => table.get("of"),
                    _ => None,
                };
                let whole = match &of {
                    None => merged(tree, change),
                    Some(of) => merged(&merged(tree, case_named(of, tree)?), change),
                };
                let head = Head {
                    kind,
                    name,
                    says: says.to_owned(),
                    of: of
                        .map(|of| of.string("a case"))
                        .transpose()?
                        .map(str::to_owned),
                };
                parts.push(ScenarioPart::read(source, &whole, head)?);
            }
        }
        if parts.is_empty() {
            return Err(root.error(
                "expect",
                "is missing",
                "add `[expect]` with `verdict = \"safe-and-live\"`, or `[[case]]` tables with \
                 expectations of their own",
            ));
        }
        let nothing = nothing.map(|entry| entry.string("...")).transpose()?;
        let without = parts.iter().any(|part| part.kind == PartKind::Without);
        if without == nothing.is_some() {
            return Err(match without {
                true => root.error(
                    "nothing-to-turn-off",
                    "is given, and so is a defence that is turned off",
                    "remove the line, or the `[[without]]` tables",
                ),
                false => root.error(
                    "without",
                    "is missing",
                    "add a `[[without]]` table that turns the key defence off and says what is to \
                     be expected then, or a line `nothing-to-turn-off = \"...\"` that says why \
                     there is no such defence",
                ),
            });
        }
        Ok(Scenario {
            name: name.string("my-story")?.to_owned(),
            title: title.string("...")?.to_owned(),
            story: story.string("...")?.trim().to_owned(),
            source: document
                .map(|entry| entry.string("doc 003").map(str::to_owned))
                .transpose()?,
            parts,
            nothing_to_turn_off: nothing.map(str::to_owned),
        })
    }
}

/// What a part is called, and why it is there.
struct Head {
    kind: PartKind,
    name: String,
    says: String,
    of: Option<String>,
}

impl Head {
    const STORY: Self = Self {
        kind: PartKind::Story,
        name: String::new(),
        says: String::new(),
        of: None,
    };
}

/// The case of this name.
fn case_named<'t, 'a>(
    of: &TableEntry<'_>,
    tree: &'t DeTable<'a>,
) -> Result<&'t DeTable<'a>, ContractError> {
    let name = of.string("a case")?;
    let cases = merge::subtables(tree, "case");
    let named = |case: &&DeTable<'a>| {
        let value = case.get("name").map(Spanned::get_ref);
        matches!(value, Some(DeValue::String(text)) if text.as_ref() == name)
    };
    cases.into_iter().find(named).ok_or_else(|| {
        of.error(
            "no case has this name",
            "write the name of a `[[case]]`, or leave the line out",
        )
    })
}

/// A part's name, which no other part has.
fn unique(entry: &TableEntry<'_>, parts: &[ScenarioPart]) -> Result<String, ContractError> {
    let name = entry.string("name")?;
    match parts.iter().any(|part| part.name == name) || name.is_empty() {
        true => Err(entry.error(
            "no part of a story has this name alone",
            "give each case and each `[[without]]` a name of its own",
        )),
        false => Ok(name.to_owned()),
    }
}
