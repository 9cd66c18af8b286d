//! Joins the shards of a campaign.

use super::header::empty;
use super::line::TimeSpent;
use super::reader::CampaignReader;
use super::{Campaign, Done, Shard};
use crate::exit::refused;
use crate::shell;
use rustix::io::Errno;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;

/// How many units are read between two words on how far it is: about a tenth of a second's.
const TELL_EVERY: u64 = 10_000;

/// Folds the files of a campaign's shards, in the order of their units, as one machine would have.
pub(crate) fn merge<C: Campaign>(files: &[PathBuf]) -> anyhow::Result<(C, Done<C::Report>)> {
    let mut readers = open::<C>(files)?;
    let Some(shard) = readers.first().map(CampaignReader::shard) else {
        return Err(refused("name the files to merge"));
    };
    let mut report = C::Report::default();
    let whole = fold(&mut readers, &mut report);
    if std::io::stderr().is_terminal() {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let whole = whole?;
    // What lies behind the end of the campaign is not in the report. It is read to see that the
    // files are whole, for the time it took, and to say all that is missing at once.
    for reader in &mut readers {
        while reader.next()?.is_some() {}
    }
    if !whole {
        return Err(missing(&readers, shard));
    }
    let mut time = TimeSpent::default();
    readers.iter().for_each(|reader| time.add(reader.time));
    let done = Done {
        report,
        shard: Shard::ALL,
        time,
        sum_of: shard.of(),
    };
    Ok((readers.swap_remove(0).campaign, done))
}

/// Opens the files, of the same campaign and of different shards of it, in the order of these.
fn open<C: Campaign>(files: &[PathBuf]) -> anyhow::Result<Vec<CampaignReader<C>>> {
    let mut readers: Vec<CampaignReader<C>> = vec![];
    for path in files {
        let name = path.display();
        let file = File::open(path).map_err(|error| {
            let too_many = error.raw_os_error() == Some(Errno::MFILE.raw_os_error());
            let hint = match too_many {
                true => ". All shards are read at once: allow more with ulimit -n",
                false => "",
            };
            refused(format_args!("can't read {name}: {error}{hint}"))
        })?;
        let reader = CampaignReader::<C>::new(path, file)?.ok_or_else(|| empty(path))?;
        if let Some(first) = readers.first() {
            let difference = reader.header.difference::<C>(&first.header);
            let (here, there) = (reader.shard().of(), first.shard().of());
            let difference = difference.or_else(|| {
                (here != there).then(|| format!("it is cut into {here} shards and not {there}"))
            });
            if let Some(difference) = difference {
                return Err(refused(format_args!(
                    "{name} is of another campaign than {}: {difference}",
                    first.path.display()
                )));
            }
        }
        readers.push(reader);
    }
    readers.sort_by_key(CampaignReader::shard);
    for pair in readers.windows(2) {
        if pair[0].shard() == pair[1].shard() {
            return Err(refused(format_args!(
                "{} and {} are both shard {}",
                pair[0].path.display(),
                pair[1].path.display(),
                pair[0].shard()
            )));
        }
    }
    Ok(readers)
}

/// Returns whether all units up to the end of the campaign were there.
fn fold<C: Campaign>(
    readers: &mut [CampaignReader<C>],
    report: &mut C::Report,
) -> anyhow::Result<bool> {
    let Some(first) = readers.first() else {
        return Ok(false);
    };
    let (units, of) = (first.campaign.units(), first.shard().of());
    let live = std::io::stderr().is_terminal();
    for unit in 0..units {
        if live && unit > 0 && unit % TELL_EVERY == 0 {
            let _ = write!(std::io::stderr(), "\r{unit} of {units} read\x1b[K");
        }
        let number = unit % of + 1;
        let owner = readers.binary_search_by_key(&number, |reader| reader.shard().number());
        let Ok(owner) = owner else {
            return Ok(false);
        };
        let reader = &mut readers[owner];
        let Some((unit, result)) = reader.next()? else {
            return Ok(false);
        };
        reader.campaign.fold(report, unit, result);
        if reader.ended {
            return Ok(true);
        }
    }
    Ok(true)
}

/// Refuses files that are not all, and says how to get the rest.
fn missing<C: Campaign>(readers: &[CampaignReader<C>], shard: Shard) -> anyhow::Error {
    let campaign = &readers[0].campaign;
    let command = campaign.command();
    // After the end that a shard came to, nothing is needed of the others.
    let ends = readers.iter().filter(|reader| reader.ended);
    let end = ends
        .map(|reader| reader.shard().unit(reader.units - 1))
        .min()
        .unwrap_or(campaign.units());
    let mut text = String::from("this is not the whole campaign. To complete it:");
    for number in 1..=shard.of() {
        let shard = shard.sibling(number);
        let reader = readers.iter().find(|reader| reader.shard() == shard);
        let due = match reader {
            None => (shard.share(campaign.units()) > 0).then(|| shard.unit(0)),
            Some(reader) => reader.due(),
        };
        let Some(due) = due.filter(|due| *due < end) else {
            continue;
        };
        // Writing to a String cannot fail.
        let _ = match reader {
            None => write!(
                text,
                "\n  shard {shard} is missing:\n    {command} --shard {shard} --out \
                 shard-{number}.jsonl"
            ),
            Some(reader) => write!(
                text,
                "\n  shard {shard} has yet to run {}:\n    {command} --shard {shard} --out {}",
                campaign.name(due),
                shell::path(&reader.path)
            ),
        };
    }
    refused(text)
}
