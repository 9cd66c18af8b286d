//! Which units of a campaign are run here.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The `number`th of `of` shards, counted from 1: the units u with u mod `of` = `number` - 1.
///
/// The units are dealt like cards and not cut into stretches, for two reasons: units that take long
/// are often neighbours, and all shards should take the same time; and if every shard is somewhere,
/// then all units up to there are done, so that a campaign that ends early can be merged early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Shard {
    number: u64,
    of: u64,
}

/// A merge opens that many files.
const MAX_SHARDS: u64 = 100_000;

impl Shard {
    /// The whole campaign.
    pub(crate) const ALL: Self = Self { number: 1, of: 1 };

    /// The `number`th of the shards that this is one of.
    pub(crate) fn sibling(self, number: u64) -> Self {
        Self { number, ..self }
    }

    /// Counted from 1.
    pub(crate) fn number(self) -> u64 {
        self.number
    }

    /// How many there are.
    pub(crate) fn of(self) -> u64 {
        self.of
    }

    /// How many of the campaign's units it has.
    pub(crate) fn share(self, units: u64) -> u64 {
        units / self.of + u64::from(units % self.of >= self.number)
    }

    /// The campaign's number of its `at`th unit, counted from 0.
    pub(crate) fn unit(self, at: u64) -> u64 {
        at * self.of + (self.number - 1)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text
            .split_once('/')
            .and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        let Some((number, of)) = parsed else {
            return Err("a shard is I/N, as in 2/4: the second of four".to_owned());
        };
        if of == 0 || of > MAX_SHARDS {
            return Err(format!("there can be 1 to {MAX_SHARDS} shards, not {of}"));
        }
        if number == 0 || number > of {
            return Err(format!("the shards of {of} are 1/{of} to {of}/{of}"));
        }
        Ok(Self { number, of })
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shards_of_a_campaign_are_disjoint_and_complete() {
        for of in 1..8 {
            for units in 0..30 {
                let mut all = vec![];
                for number in 1..=of {
                    let shard = Shard { number, of };
                    all.extend((0..shard.share(units)).map(|at| shard.unit(at)));
                }
                all.sort_unstable();
                assert!(all.into_iter().eq(0..units), "{units} units, {of} shards");
            }
        }
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        assert_eq!("2/4".parse(), Ok(Shard { number: 2, of: 4 }));
        for text in [
            "", "/", "1", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1/100001",
        ] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
