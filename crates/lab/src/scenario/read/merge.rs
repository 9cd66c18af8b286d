//! A case is the story with some of it changed.
//!
//! Sections are merged key by key, and what stands in a section is replaced as a whole, lists too.
//! Expectations are not inherited. Another protocol begins with its own defaults.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The sections that are merged; all else is replaced.
const SECTIONS: [&str; 6] = [
    "contract", "cluster", "protocol", "world", "load", "clients",
];

/// The story, changed.
pub(super) fn merged<'a>(story: &DeTable<'a>, change: &DeTable<'a>) -> DeTable<'a> {
    let mut whole = story.clone();
    for key in ["expect", "case", "without", "shows", "of"] {
        whole.remove(key);
    }
    for (key, value) in change {
        let name = key.get_ref().as_ref();
        if ["name", "shows", "of"].contains(&name) {
            continue;
        }
        if let DeValue::Table(new) = value.get_ref()
            && let Some(DeValue::Table(old)) = whole.get_mut(name).map(Spanned::get_mut)
            && SECTIONS.contains(&name)
            && !(name == "protocol" && new.contains_key("name"))
        {
            for (key, value) in new {
                old.remove(key.get_ref().as_ref());
                old.insert(key.clone(), value.clone());
            }
        } else {
            whole.remove(name);
            whole.insert(key.clone(), value.clone());
        }
    }
    whole
}

/// The tables of a list of tables.
pub(super) fn subtables<'t, 'a>(tree: &'t DeTable<'a>, key: &str) -> Vec<&'t DeTable<'a>> {
    let Some(DeValue::Array(items)) = tree.get(key).map(Spanned::get_ref) else {
        return vec![];
    };
    let table = |item: &'t Spanned<DeValue<'a>>| match item.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    };
    items.iter().filter_map(table).collect()
}
