//! Reads a file of results, from its beginning, one unit at a time.

use super::header::CampaignHeader;
use super::line::{CampaignLine, Lines, TimeSpent};
use super::{Campaign, Shard};
use std::fs::File;
use std::path::{Path, PathBuf};

/// What a shard has come to so far.
pub(super) struct CampaignReader<C> {
    pub(super) path: PathBuf,
    pub(super) header: CampaignHeader,
    pub(super) campaign: C,
    pub(super) lines: Lines,
    /// Units read.
    pub(super) units: u64,
    /// The time of what has been read.
    pub(super) time: TimeSpent,
    /// The campaign ended with the unit that was read last.
    pub(super) ended: bool,
}

impl<C: Campaign> CampaignReader<C> {
    /// `None` if there is nothing in the file yet.
    pub(super) fn new(path: &Path, file: File) -> anyhow::Result<Option<Self>> {
        let mut lines = Lines::new(path, file);
        let Some(header) = CampaignHeader::read(path, &mut lines)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            path: path.to_owned(),
            campaign: header.campaign(path)?,
            header,
            lines,
            units: 0,
            time: TimeSpent::default(),
            ended: false,
        }))
    }

    pub(super) fn shard(&self) -> Shard {
        self.header.shard
    }

    /// The number of the unit that comes next, `None` if the shard is done.
    pub(super) fn due(&self) -> Option<u64> {
        let more = !self.ended && self.units < self.shard().share(self.campaign.units());
        more.then(|| self.shard().unit(self.units))
    }

    /// The next unit, `None` at the end of the file.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(u64, C::Unit)>> {
        loop {
            let Some(line) = self.lines.line()? else {
                return Ok(None);
            };
            let object = self.lines.open(&line)?;
            let entry: CampaignLine<C::Unit> = serde_json::from_str(&object)
                .map_err(|error| self.lines.damaged(&error.to_string()))?;
            let (unit, result) = match entry {
                CampaignLine::Time(time) => {
                    self.time.add(time);
                    continue;
                }
                CampaignLine::Unit(unit, result) => (unit, result),
            };
            if self.due() != Some(unit) {
                let why = format!("shard {} has no unit {unit} here", self.shard());
                return Err(self.lines.damaged(&why));
            }
            let checked = self.campaign.check(&result);
            checked.map_err(|why| self.lines.damaged(&why))?;
            self.units += 1;
            self.ended = self.campaign.ends(&result);
            return Ok(Some((unit, result)));
        }
    }
}
