//! A cursor over a parsed TOML tree that knows where it is. Other files of the house are read with
//! it too: scenarios are.
//!
//! Keys are taken out one by one; what is left at the end is unknown, and refused. So no key can
//! be read without being known, and none can be known without being read.

use super::error::ContractError;
use super::suggest::nearest;
use crate::duration;
use std::cell::RefCell;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text of a file and what it is called.
#[derive(Clone, Copy, Debug)]
pub struct SourceText<'a> {
    /// What errors call it; nothing is opened.
    pub file: &'a str,
    /// What it holds.
    pub text: &'a str,
}

impl<'a> SourceText<'a> {
    /// An error at a place of the text.
    pub fn error(
        self,
        span: Range<usize>,
        key: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> ContractError {
        let (key, problem, remedy) = (key.into(), problem.into(), remedy.into());
        ContractError::at(self.file, self.text, span, key, problem, remedy)
    }

    /// The file as TOML; `remedy` says what its lines look like.
    ///
    /// # Errors
    /// Where it is not TOML.
    pub fn parse(self, remedy: &str) -> Result<Spanned<DeTable<'a>>, ContractError> {
        DeTable::parse(self.text).map_err(|error| {
            let problem = format!("this is not TOML: {}", error.message().replace('\n', ", "));
            self.error(error.span().unwrap_or(0..0), "", problem, remedy)
        })
    }
}

/// One table of the file.
#[derive(Debug)]
pub struct Table<'a> {
    source: SourceText<'a>,
    /// The key of the table with its parents, `cluster.member[1]`.
    path: String,
    span: Range<usize>,
    entries: &'a DeTable<'a>,
    /// The keys that were asked for: those that may be in the table.
    known: RefCell<Vec<&'a str>>,
}

/// One value of a table, with its key.
#[derive(Debug)]
pub struct TableEntry<'a> {
    source: SourceText<'a>,
    /// The key with its tables, `cluster.member[1].id`.
    pub path: String,
    name: &'a str,
    pub(super) span: Range<usize>,
    value: &'a DeValue<'a>,
}

impl<'a> Table<'a> {
    /// The whole file.
    pub fn root(source: SourceText<'a>, table: &'a DeTable<'a>) -> Table<'a> {
        // What is missing from the whole file is missing at its end.
        let end = source.text.len();
        Table::new(source, String::new(), end..end, table)
    }

    fn new(
        source: SourceText<'a>,
        path: String,
        span: Range<usize>,
        entries: &'a DeTable<'a>,
    ) -> Table<'a> {
        Table {
            source,
            path,
            span,
            entries,
            known: RefCell::new(Vec::new()),
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// An entry that may be absent.
    pub fn get(&self, name: &'a str) -> Option<TableEntry<'a>> {
        self.known.borrow_mut().push(name);
        let value = self.entries.get(name)?;
        Some(TableEntry {
            source: self.source,
            path: self.path_of(name),
            name,
            span: value.span(),
            value: value.get_ref(),
        })
    }

    /// All entries, in the order of the file: for tables whose keys are names.
    pub fn entries(&self) -> Vec<TableEntry<'a>> {
        let mut keys: Vec<_> = self.entries.iter().map(|(key, _)| key).collect();
        keys.sort_by_key(|key| key.span().start);
        keys.into_iter()
            .filter_map(|key| self.get(key.get_ref().as_ref()))
            .collect()
    }

    /// An entry that must be there; `remedy` says what to add.
    ///
    /// # Errors
    /// That it is missing, or misspelt.
    pub fn need(&self, name: &'a str, remedy: &str) -> Result<TableEntry<'a>, ContractError> {
        match self.get(name) {
            Some(entry) => Ok(entry),
            // A key that was mistyped is a better explanation than a key that is missing.
            None => {
                self.refuse_misspelt(name)?;
                Err(self.error(name, "is missing", remedy))
            }
        }
    }

    fn refuse_misspelt(&self, name: &'a str) -> Result<(), ContractError> {
        for (key, _) in self.entries {
            if nearest(key.get_ref(), [name]).is_some() {
                return Err(self.unknown(key, Some(name)));
            }
        }
        Ok(())
    }

    /// An error about a key that is not in the table; it is shown at the table's head.
    pub fn error(&self, key: &str, problem: &str, remedy: &str) -> ContractError {
        self.source
            .error(self.span.clone(), self.path_of(key), problem, remedy)
    }

    /// Ends the table: every key that was not asked for is refused.
    ///
    /// # Errors
    /// The first such key.
    pub fn finish(self) -> Result<(), ContractError> {
        let known = self.known.borrow();
        // In the order of the file, so that the first error is the first to be mended.
        let unknown = self
            .entries
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        match unknown {
            None => Ok(()),
            Some(key) => Err(self.unknown(key, nearest(key.get_ref(), known.iter().copied()))),
        }
    }

    fn unknown(
        &self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        meant: Option<&str>,
    ) -> ContractError {
        let remedy = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the keys here are {}", list(&self.known.borrow())),
        };
        let shown: String = key
            .get_ref()
            .chars()
            .take(64)
            .filter(|c| !c.is_control())
            .collect();
        self.source.error(
            key.span(),
            self.path_of(&shown),
            "this key is unknown",
            remedy,
        )
    }
}

impl<'a> TableEntry<'a> {
    /// Its key alone.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// An error at the value.
    pub fn error(&self, problem: impl Into<String>, remedy: impl Into<String>) -> ContractError {
        self.source
            .error(self.span.clone(), self.path.clone(), problem, remedy)
    }

    fn wrong_type(&self, expected: &str, example: &str) -> ContractError {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let problem = format!("{expected} is expected here, not {found}");
        self.error(problem, format!("write, for example, {example}"))
    }

    /// A table.
    ///
    /// # Errors
    /// If it is something else.
    pub fn table(&self) -> Result<Table<'a>, ContractError> {
        match self.value {
            DeValue::Table(entries) => Ok(Table::new(
                self.source,
                self.path.clone(),
                self.span.clone(),
                entries,
            )),
            _ => Err(self.wrong_type(
                "a table",
                &format!("`[{}]` on a line of its own", self.path),
            )),
        }
    }

    /// A list of tables.
    ///
    /// # Errors
    /// If it is something else.
    pub fn tables(&self) -> Result<Vec<Table<'a>>, ContractError> {
        let wrong = || self.wrong_type("a list of tables", &format!("`[[{}]]`", self.path));
        let DeValue::Array(items) = self.value else {
            return Err(wrong());
        };
        items
            .iter()
            .enumerate()
            .map(|(i, item)| match item.get_ref() {
                DeValue::Table(entries) => {
                    let path = format!("{}[{i}]", self.path);
                    Ok(Table::new(self.source, path, item.span(), entries))
                }
                _ => Err(wrong()),
            })
            .collect()
    }

    /// A list, its items as if they were entries; of anything else, the one item that it is.
    pub fn items(&self) -> Vec<TableEntry<'a>> {
        let item = |(i, span, value)| TableEntry {
            source: self.source,
            path: match i {
                None => self.path.clone(),
                Some(i) => format!("{}[{i}]", self.path),
            },
            name: self.name,
            span,
            value,
        };
        match self.value {
            DeValue::Array(items) => items
                .iter()
                .enumerate()
                .map(|(i, it)| item((Some(i), it.span(), it.get_ref())))
                .collect(),
            value => vec![item((None, self.span.clone(), value))],
        }
    }

    /// Is it a list?
    pub fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    /// Is it a whole number?
    pub fn is_number(&self) -> bool {
        matches!(self.value, DeValue::Integer(_))
    }

    /// A string.
    ///
    /// # Errors
    /// If it is something else.
    pub fn string(&self, example: &str) -> Result<&'a str, ContractError> {
        match self.value {
            DeValue::String(text) => Ok(text.as_ref()),
            _ => Err(self.wrong_type("a string", &format!("`{} = \"{example}\"`", self.name))),
        }
    }

    /// True or false.
    ///
    /// # Errors
    /// If it is something else.
    pub fn boolean(&self) -> Result<bool, ContractError> {
        match self.value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wrong_type("true or false", &format!("`{} = true`", self.name))),
        }
    }

    /// A whole number from `least` to `most`.
    ///
    /// # Errors
    /// If it is something else.
    pub fn number(&self, least: usize, most: usize) -> Result<usize, ContractError> {
        let DeValue::Integer(number) = self.value else {
            return Err(self.wrong_type(
                "a whole number",
                &format!("`{} = {}`", self.name, least.max(1)),
            ));
        };
        let digits = number.as_str().replace('_', "");
        i64::from_str_radix(&digits, number.radix())
            .ok()
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| (least..=most).contains(n))
            .ok_or_else(|| {
                let remedy = format!("write a number from {least} to {most}");
                self.error("this number is out of range", remedy)
            })
    }

    /// A length of time.
    ///
    /// # Errors
    /// If it is something else.
    pub fn duration(&self, example: &str) -> Result<Duration, ContractError> {
        duration::parse(self.string(example)?).ok_or_else(|| {
            let remedy = format!(
                "write a whole number and one of ns, us, ms, s, m or h, such as \"{example}\""
            );
            self.error("this is not a duration", remedy)
        })
    }

    /// One of a few words.
    ///
    /// # Errors
    /// If it is something else; which word is near, and which there are.
    pub fn choice<T: Copy>(
        &self,
        options: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Result<T, ContractError> {
        let names: Vec<_> = options.iter().map(|o| name(*o)).collect();
        let word = self.string(names.first().copied().unwrap_or_default())?;
        if let Some(i) = names.iter().position(|n| *n == word) {
            return Ok(options[i]);
        }
        let known = format!("one of {}", list(&names));
        let remedy = match nearest(word, names.iter().copied()) {
            Some(meant) => format!("did you mean \"{meant}\"? It is {known}"),
            None => format!("write {known}"),
        };
        let shown: String = word.chars().take(64).filter(|c| !c.is_control()).collect();
        Err(self.error(format!("\"{shown}\" is not known here"), remedy))
    }
}

fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
