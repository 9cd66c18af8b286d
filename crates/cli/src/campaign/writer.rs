//! Writes a file of results, from where it was left.

use super::header::CampaignHeader;
use super::line::{CampaignLine, TimeSpent, may_begin_with, seal};
use super::reader::CampaignReader;
use super::{Campaign, Shard};
use crate::exit::refused;
use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is done reaches the file within this time, give or take a unit.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

pub(super) struct CampaignWriter {
    path: PathBuf,
    file: BufWriter<File>,
    check: u32,
    threads: usize,
    /// Until when time has been accounted for.
    accounted: Instant,
}

/// What was there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ResumePoint {
    /// So many units of the shard.
    pub(super) units: u64,
    /// The campaign had ended.
    pub(super) ended: bool,
    pub(super) time: TimeSpent,
}

impl CampaignWriter {
    /// Opens a file, new or left by an interrupted run, whose units are folded with `fold`.
    pub(super) fn open<C: Campaign>(
        path: &Path,
        campaign: &C,
        shard: Shard,
        threads: usize,
        mut fold: impl FnMut(u64, C::Unit),
    ) -> anyhow::Result<(Self, ResumePoint)> {
        let name = path.display();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| refused(format_args!("can't write {name}: {error}")))?;
        if !lock(&file) {
            return Err(refused(format_args!(
                "another process is writing {name}; every shard needs a file of its own"
            )));
        }
        let header = CampaignHeader::new(campaign, shard)?;
        let reader = CampaignReader::<C>::new(path, file.try_clone()?)?;
        let mut writer = Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            check: 0,
            threads,
            accounted: Instant::now(),
        };
        let mut found = ResumePoint::default();
        match reader {
            None => {
                writer.start_anew()?;
                writer.put(&header)?;
                writer.flush()?;
            }
            Some(mut reader) => {
                refuse_another::<C>(&reader, &header)?;
                while let Some((unit, result)) = reader.next()? {
                    fold(unit, result);
                }
                found = ResumePoint {
                    units: reader.units,
                    ended: reader.ended,
                    time: reader.time,
                };
                writer.check = reader.lines.check();
                writer.cut(reader.lines.whole())?;
            }
        }
        writer.accounted = Instant::now();
        Ok((writer, found))
    }

    /// Empties a file in which there is nothing but, at most, the torn beginning of a header.
    fn start_anew(&mut self) -> anyhow::Result<()> {
        let mut beginning = vec![];
        let mut file = self.file.get_ref();
        file.seek(SeekFrom::Start(0))?;
        file.take(64).read_to_end(&mut beginning)?;
        if !may_begin_with(&beginning) {
            return Err(refused(format_args!(
                "{} is not a file of a campaign's results, and is left as it is",
                self.path.display()
            )));
        }
        self.cut(0)
    }

    /// Cuts the file, and goes on at its end.
    fn cut(&mut self, len: u64) -> anyhow::Result<()> {
        let file = self.file.get_mut();
        file.set_len(len)
            .and_then(|()| file.seek(SeekFrom::Start(len)))
            .with_context(|| format!("can't write {}", self.path.display()))?;
        Ok(())
    }

    fn put(&mut self, object: &impl serde::Serialize) -> anyhow::Result<()> {
        let line = seal(&mut self.check, object)?;
        self.file
            .write_all(&line)
            .with_context(|| format!("can't write {}", self.path.display()))
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.file
            .flush()
            .with_context(|| format!("can't write {}", self.path.display()))
    }

    /// Adds a unit.
    pub(super) fn add<U: serde::Serialize>(&mut self, unit: u64, result: U) -> anyhow::Result<()> {
        self.put(&CampaignLine::Unit(unit, result))?;
        if self.accounted.elapsed() >= FLUSH_EVERY {
            self.finish()?;
        }
        Ok(())
    }

    /// Writes out what there is, with the time it took.
    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        let elapsed = self.accounted.elapsed();
        self.accounted += elapsed;
        self.put(&CampaignLine::<()>::Time(TimeSpent::new(
            elapsed,
            self.threads,
        )))?;
        self.flush()
    }
}

/// Refuses to add to a file of another campaign, or of another shard.
fn refuse_another<C: Campaign>(
    reader: &CampaignReader<C>,
    header: &CampaignHeader,
) -> anyhow::Result<()> {
    let difference = reader.header.difference::<C>(header);
    let difference = difference.or_else(|| {
        let (there, here) = (reader.shard(), header.shard);
        (there != here).then(|| format!("its shard is {there} and not {here}"))
    });
    match difference {
        None => Ok(()),
        Some(difference) => Err(refused(format_args!(
            "{} has results of another run: {difference}. Name another file, or remove it",
            reader.path.display()
        ))),
    }
}

/// Takes the lock on a shard's file, or says that another process has it. Some shared file systems
/// have no locks; they guard against a mistake, so the shard is written without.
///
/// Tried for a moment: a process that is being started holds, between fork and exec, a copy of every
/// open file, locks included, although it will never write to it.
fn lock(file: &File) -> bool {
    let held = |_: &u32| {
        let taken = flock(file, FlockOperation::NonBlockingLockExclusive);
        if taken == Err(Errno::WOULDBLOCK) {
            std::thread::sleep(Duration::from_millis(10));
            return true;
        }
        false
    };
    (0..20).take_while(held).count() < 20
}
