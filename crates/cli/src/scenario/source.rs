//! Where a story comes from: ours, or a file.

use crate::exit::refused;
use quorate_contract::MAX_BYTES;
use quorate_contract::file::nearest;
use quorate_lab::scenario::{EMBEDDED, Embedded, PartKind, Scenario, find};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A story of ours, or the one in a file.
pub(super) fn load(story: &str) -> anyhow::Result<Scenario> {
    let path = Path::new(story);
    let is_file = story.ends_with(".toml") || path.components().count() > 1;
    if find(story).is_none() && (is_file || path.is_file()) {
        return read(path);
    }
    embedded(story)?.read().map_err(refused)
}

fn read(path: &Path) -> anyhow::Result<Scenario> {
    let name = path.display().to_string();
    let cant = |error| refused(format_args!("can't read the scenario {name}: {error}"));
    let mut bytes = vec![];
    File::open(path)
        .map_err(cant)?
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(cant)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| refused(format_args!("the scenario {name} is not UTF-8: {error}")))?;
    // What is over the limit is refused by the parser.
    Scenario::parse(&name, &text).map_err(refused)
}

/// A story of ours.
pub(super) fn embedded(name: &str) -> anyhow::Result<&'static Embedded> {
    find(name).ok_or_else(|| {
        let names = EMBEDDED.iter().map(|story| story.name);
        let meant = match nearest(name, names) {
            Some(near) => format!("did you mean {near}?"),
            None => "`quorate scenario list` names them; a file ends in .toml".to_owned(),
        };
        refused(format_args!("there is no story {name:?}: {meant}"))
    })
}

/// Which parts there are of this kind.
pub(super) fn no_such_part(scenario: &Scenario, kind: PartKind, name: &str) -> String {
    let parts = scenario.parts.iter().filter(|part| part.kind == kind);
    let names: Vec<_> = parts.map(|part| part.name.as_str()).collect();
    let what = match kind {
        PartKind::Without => "defence to turn off",
        _ => "case",
    };
    let story = &scenario.name;
    match (nearest(name, names.iter().copied()), names.is_empty()) {
        (Some(near), _) => format!("{story} has no {what} {name:?}: did you mean {near:?}?"),
        (None, true) => format!("{story} has no {what}"),
        (None, false) => format!(
            "{story} has no {what} {name:?}; there are: {}",
            names.join(", ")
        ),
    }
}
