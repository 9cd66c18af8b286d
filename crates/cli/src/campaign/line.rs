//! The lines of a file of results.
//!
//! ```text
//! {"check":"1c3f09aa","quorate":…}                  the header
//! {"check":"87e2d1c0","unit":[17,…]}                what unit 17 came to
//! {"check":"05b7ff12","time":{"microseconds":…}}    the time since the last such line
//! ```
//!
//! The check is the CRC-32C of all that follows it, of this line and the lines before: files are
//! sent around and edited, and a report must not be made of half of one and half of another.

use crate::exit::refused;
use crate::shell;
use anyhow::Context;
use crc32c::crc32c_append;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No line is longer.
pub(super) const MAX_LINE: usize = 4 << 20;

/// A line after the header.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CampaignLine<U> {
    /// A unit's number and result.
    Unit(u64, U),
    /// Time that was spent.
    Time(TimeSpent),
}

/// Time that was spent, summed over all processes that ran a part of a campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeSpent {
    microseconds: u64,
    /// Times the threads of each.
    thread_microseconds: u64,
}

impl TimeSpent {
    /// Time of a process with this many threads.
    pub(crate) fn new(elapsed: Duration, threads: usize) -> Self {
        let microseconds = elapsed.as_micros() as u64;
        Self {
            microseconds,
            thread_microseconds: microseconds.saturating_mul(threads as u64),
        }
    }

    /// And more.
    pub(crate) fn add(&mut self, other: Self) {
        let Self {
            microseconds,
            thread_microseconds,
        } = other;
        self.microseconds = self.microseconds.saturating_add(microseconds);
        self.thread_microseconds = self.thread_microseconds.saturating_add(thread_microseconds);
    }

    /// In seconds; never 0, for it is divided by.
    pub(crate) fn seconds(self) -> f64 {
        self.microseconds.max(1) as f64 / 1e6
    }

    /// In seconds of threads; never 0.
    pub(crate) fn thread_seconds(self) -> f64 {
        self.thread_microseconds.max(1) as f64 / 1e6
    }
}

const PREFIX: &str = r#"{"check":""#;

/// Does a file begin like one of ours, as far as it goes?
pub(super) fn may_begin_with(bytes: &[u8]) -> bool {
    let len = bytes.len().min(PREFIX.len());
    bytes[..len] == PREFIX.as_bytes()[..len]
}

/// Makes a line of a JSON object, and takes it into the checksum.
pub(super) fn seal(check: &mut u32, object: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let object = serde_json::to_string(object)?;
    let rest = &object[1..];
    *check = crc32c_append(*check, rest.as_bytes());
    let line = format!("{PREFIX}{check:08x}\",{rest}\n").into_bytes();
    if line.len() > MAX_LINE {
        return Err(refused("a result is too long to be written"));
    }
    Ok(line)
}

/// Reads lines.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    input: BufReader<File>,
    number: u64,
    check: u32,
    whole: u64,
}

impl Lines {
    pub(super) fn new(path: &Path, file: File) -> Self {
        Self {
            path: path.to_owned(),
            input: BufReader::new(file),
            number: 0,
            check: 0,
            whole: 0,
        }
    }

    /// The length of what has been read.
    pub(super) fn whole(&self) -> u64 {
        self.whole
    }

    /// The checksum of what has been read.
    pub(super) fn check(&self) -> u32 {
        self.check
    }

    /// The next line, as it stands; `None` at the end. A last line without an end was torn by a
    /// crash: it never was.
    pub(super) fn line(&mut self) -> anyhow::Result<Option<String>> {
        let mut bytes = vec![];
        (&mut self.input)
            .take(MAX_LINE as u64)
            .read_until(b'\n', &mut bytes)
            .with_context(|| format!("can't read {}", self.path.display()))?;
        if bytes.len() >= MAX_LINE {
            self.number += 1;
            return Err(self.damaged("it is longer than any result"));
        }
        if bytes.pop_if(|last| *last == b'\n').is_none() {
            return Ok(None);
        }
        self.number += 1;
        self.whole += bytes.len() as u64 + 1;
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| self.damaged("it is not text"))
    }

    /// The JSON object in a line, once its checksum is right.
    pub(super) fn open(&mut self, line: &str) -> anyhow::Result<String> {
        let opened = line.strip_prefix(PREFIX).and_then(|line| {
            let (check, rest) = line.split_once("\",")?;
            let rest_check = crc32c_append(self.check, rest.as_bytes());
            (check == format!("{rest_check:08x}")).then_some((rest_check, rest))
        });
        let Some((check, rest)) = opened else {
            return Err(self.damaged("its checksum is wrong"));
        };
        self.check = check;
        Ok(format!("{{{rest}"))
    }

    /// Refuses the file for the line that was read last.
    pub(super) fn damaged(&self, why: &str) -> anyhow::Error {
        let (path, number) = (self.path.display(), self.number);
        let remedy = match number {
            0 | 1 => String::new(),
            _ => format!(
                ", or keep what is good (head -n {} {} > OTHER) and let it go on from there",
                number - 1,
                shell::path(&self.path)
            ),
        };
        refused(format_args!(
            "{path} is damaged in line {number}: {why}. Remove it and run its shard again{remedy}"
        ))
    }
}
