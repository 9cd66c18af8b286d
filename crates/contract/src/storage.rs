//! Storage models: what a replica finds on its disk after a crash.

use crate::behaviour::{Behaviour, Behaviours};
use serde::Serialize;
use std::fmt;

/// What outlives a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageModel {
    /// Nothing: a restarted replica has forgotten all that it promised.
    Amnesiac,
    /// What was synced.
    Durable,
}

impl StorageModel {
    /// Every model, from the weakest to the strongest.
    pub const ALL: [StorageModel; 2] = [StorageModel::Amnesiac, StorageModel::Durable];

    /// The name used in contract files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            StorageModel::Amnesiac => "amnesiac",
            StorageModel::Durable => "durable",
        }
    }
}

impl fmt::Display for StorageModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The storage of every replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct StorageAssumption {
    /// What outlives a crash.
    pub model: StorageModel,
    /// A write that a crash interrupts may be on the disk in part.
    pub may_tear: bool,
    /// What was synced may come back changed, or as an error.
    pub may_corrupt: bool,
    /// A sync may report success before the data is durable.
    pub may_lie_about_sync: bool,
}

impl StorageAssumption {
    /// What the disk may do.
    pub const fn behaviours(&self) -> Behaviours {
        let mut set = Behaviours::NONE;
        if matches!(self.model, StorageModel::Amnesiac) {
            set = set.with(Behaviour::Forget);
        }
        if self.may_tear {
            set = set.with(Behaviour::Tear);
        }
        if self.may_corrupt {
            set = set.with(Behaviour::Corrupt);
        }
        if self.may_lie_about_sync {
            set = set.with(Behaviour::LieAboutSync);
        }
        set
    }
}
