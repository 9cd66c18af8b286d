//! The first line of a file of results: of what.

use super::line::Lines;
use super::{Campaign, Shard};
use crate::exit::refused;
use anyhow::Context;
use quorate_sim::Rolling;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::File;
use std::path::Path;

/// The version of the lines' format.
const FORMAT: u64 = 1;

/// Of which campaign and shard, and by whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CampaignHeader {
    /// The version of quorate: a seed means something else in another one.
    quorate: String,
    format: u64,
    campaign: String,
    /// The hash of what unit 0 comes to here. Builds of one version can differ, and machines ought
    /// not to. A shard runs this unit first, to check that the world is the same.
    probe: String,
    pub(super) shard: Shard,
    pub(super) settings: Map<String, Value>,
}

impl CampaignHeader {
    pub(super) fn new<C: Campaign>(campaign: &C, shard: Shard) -> anyhow::Result<Self> {
        let probe = match campaign.units() {
            0 => 0,
            _ => Rolling::of(&serde_json::to_string(&campaign.run(0))?),
        };
        let Value::Object(settings) = serde_json::to_value(campaign)? else {
            anyhow::bail!("the settings of a campaign must have names");
        };
        Ok(Self {
            quorate: env!("CARGO_PKG_VERSION").to_owned(),
            format: FORMAT,
            campaign: C::NAME.to_owned(),
            probe: format!("{probe:016x}"),
            shard,
            settings,
        })
    }

    /// The header of a file, or `None` if there is none yet.
    pub(super) fn read(path: &Path, lines: &mut Lines) -> anyhow::Result<Option<Self>> {
        let name = path.display();
        let Some(line) = lines.line()? else {
            return Ok(None);
        };
        let stranger = || refused(format_args!("{name} is not a file of a campaign's results"));
        // Before the checksum: another version may have another one.
        let value: Value = serde_json::from_str(&line).map_err(|_| stranger())?;
        let version = value["quorate"].as_str().ok_or_else(stranger)?;
        let format = value["format"].as_u64().ok_or_else(stranger)?;
        if version != env!("CARGO_PKG_VERSION") || format != FORMAT {
            return Err(refused(format_args!(
                "{name} was written by quorate {version} (format {format}), and this is {} (format \
                 {FORMAT}): a unit means something else there. Run all of a campaign with one \
                 version, and merge with it",
                env!("CARGO_PKG_VERSION")
            )));
        }
        let object = lines.open(&line)?;
        let header = serde_json::from_str(&object)
            .map_err(|error| lines.damaged(&format!("it is no header: {error}")))?;
        Ok(Some(header))
    }

    /// The campaign with these settings.
    pub(super) fn campaign<C: Campaign>(&self, path: &Path) -> anyhow::Result<C> {
        let name = path.display();
        if self.campaign != C::NAME {
            return Err(refused(format_args!(
                "{name} has results of `quorate {}`, not of `quorate {}`",
                self.campaign,
                C::NAME
            )));
        }
        serde_json::from_value(Value::Object(self.settings.clone()))
            .map_err(|error| refused(format_args!("{name}: the settings are wrong: {error}")))
    }

    /// What makes this another campaign than the one of `other`, in words; shards do not.
    pub(super) fn difference<C: Campaign>(&self, other: &Self) -> Option<String> {
        let keys = self.settings.keys().chain(other.settings.keys());
        for key in keys.filter(|key| !C::INCIDENTAL.contains(&key.as_str())) {
            let (here, there) = (self.settings.get(key), other.settings.get(key));
            if here != there {
                let (here, there) = at_difference(here, there);
                return Some(format!("{key} is {here} and not {there}"));
            }
        }
        // Last, because other settings give another hash.
        (self.probe != other.probe).then(|| {
            format!(
                "the settings are the same, but unit 0 hashes to {} and not to {}: another build \
                 of quorate ran it",
                self.probe, other.probe
            )
        })
    }
}

/// Two values; of texts with many lines, the first that differ.
fn at_difference(here: Option<&Value>, there: Option<&Value>) -> (String, String) {
    let show = |value: Option<&Value>| value.map_or("not there".to_owned(), Value::to_string);
    let (Some(Value::String(a)), Some(Value::String(b))) = (here, there) else {
        return (show(here), show(there));
    };
    let (mut a, mut b) = (a.lines(), b.lines());
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) if a == b => {}
            (a, b) => {
                let show = |line: Option<&str>| format!("{:?}", line.unwrap_or_default());
                return (show(a), show(b));
            }
        }
    }
}

/// Of which kind of campaign a file has results.
pub(crate) fn kind_of(path: &Path) -> anyhow::Result<String> {
    let file = File::open(path)
        .with_context(|| format!("can't read {}", path.display()))
        .map_err(|error| refused(format_args!("{error:#}")))?;
    match CampaignHeader::read(path, &mut Lines::new(path, file))? {
        Some(header) => Ok(header.campaign),
        None => Err(empty(path)),
    }
}

/// Refuses a file without results.
pub(super) fn empty(path: &Path) -> anyhow::Error {
    refused(format_args!(
        "{} holds no results: its shard has not begun",
        path.display()
    ))
}
