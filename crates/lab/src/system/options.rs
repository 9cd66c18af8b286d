//! A protocol's own choices, by name.

use super::facts;
use std::collections::BTreeMap;

/// Choices by name; those that are not made are the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProtocolOptions(BTreeMap<String, String>);

/// A choice that a protocol does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOption {
    /// Not its name.
    #[error("{subject} has no option {name:?}; it has: {known}")]
    Unknown {
        /// The subject.
        subject: String,
        /// What was asked.
        name: String,
        /// What there is.
        known: String,
    },
    /// Not its value.
    #[error("{subject}: {name} = {value:?} is not one of: {known}")]
    Value {
        /// The subject.
        subject: String,
        /// The option.
        name: String,
        /// What was asked.
        value: String,
        /// What there is.
        known: String,
    },
}

impl ProtocolOptions {
    /// Makes a choice.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// The choice made, if one was.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All that were made.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Is this the choice?
    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == Some(value)
    }

    /// A number; the default where it is not chosen.
    pub(super) fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        self.get(name).map_or(Ok(default), |text| {
            text.parse()
                .map_err(|_| format!("{name}: {text:?} is not a number"))
        })
    }

    /// Does the subject of this name know all of them?
    ///
    /// # Errors
    /// Which one it does not know, and what it knows.
    pub fn check(&self, subject: &str) -> Result<(), BadOption> {
        let known = facts(subject).map_or(&[][..], |facts| facts.options);
        for (name, value) in self.iter() {
            let Some((_, values)) = known.iter().find(|(known, _)| *known == name) else {
                let known: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                return Err(BadOption::Unknown {
                    subject: subject.to_owned(),
                    name: name.to_owned(),
                    known: match known.is_empty() {
                        true => "none".to_owned(),
                        false => known.join(", "),
                    },
                });
            };
            let number = values.contains(&"a number") && value.parse::<u64>().is_ok();
            if !values.contains(&value) && !number {
                return Err(BadOption::Value {
                    subject: subject.to_owned(),
                    name: name.to_owned(),
                    value: value.to_owned(),
                    known: values.join(", "),
                });
            }
        }
        Ok(())
    }
}

impl FromIterator<(String, String)> for ProtocolOptions {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(options: I) -> Self {
        Self(options.into_iter().collect())
    }
}
