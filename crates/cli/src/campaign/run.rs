//! Runs a campaign, or a shard of one.

use super::line::TimeSpent;
use super::writer::{CampaignWriter, ResumePoint};
use super::{Campaign, Part, Shard};
use quorate_sim::in_order;
use std::io::Write;
use std::ops::ControlFlow;
use std::time::Instant;

/// What was run, or read.
#[derive(Debug)]
pub(crate) struct Done<R> {
    /// What it came to.
    pub(crate) report: R,
    /// Which part of the campaign.
    pub(crate) shard: Shard,
    /// What it took. Of runs that were interrupted and of files that were merged, the sum.
    pub(crate) time: TimeSpent,
    /// Of how many shards that is the sum.
    pub(crate) sum_of: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CampaignProgress {
    /// Units done, those done before an interruption among them.
    pub(crate) done: u64,
    /// Units to do.
    pub(crate) of: u64,
    /// Time spent, before an interruption too.
    pub(crate) time: TimeSpent,
}

/// Runs what the arguments name. `progress` is called after every unit.
pub(crate) fn run<C: Campaign>(
    campaign: &C,
    part: &Part,
    threads: usize,
    mut progress: impl FnMut(&C::Report, CampaignProgress),
) -> anyhow::Result<Done<C::Report>> {
    let shard = part.shard.unwrap_or(Shard::ALL);
    let share = shard.share(campaign.units());
    let mut report = C::Report::default();
    let (mut writer, found) = match &part.out {
        None => (None, ResumePoint::default()),
        Some(path) => {
            let fold = |unit, result| campaign.fold(&mut report, unit, result);
            let (writer, found) = CampaignWriter::open(path, campaign, shard, threads, fold)?;
            if found.units > 0 {
                let (units, name) = (found.units, path.display());
                let _ = writeln!(
                    std::io::stderr(),
                    "{name}: {units} of {share} are there already"
                );
            }
            (Some(writer), found)
        }
    };
    let began = Instant::now();
    let so_far = || {
        let mut time = found.time;
        time.add(TimeSpent::new(began.elapsed(), threads));
        time
    };
    let left = if found.ended { 0 } else { share - found.units };
    let mut failure = None;
    in_order(
        threads,
        left,
        |at| campaign.run(shard.unit(found.units + at)),
        |at, result| {
            let unit = shard.unit(found.units + at);
            if let Some(writer) = &mut writer
                && let Err(error) = writer.add(unit, &result)
            {
                failure = Some(error);
                return ControlFlow::Break(());
            }
            let ends = campaign.ends(&result);
            campaign.fold(&mut report, unit, result);
            let done = found.units + at + 1;
            let (of, time) = (share, so_far());
            progress(&report, CampaignProgress { done, of, time });
            if ends {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    );
    if let Some(error) = failure {
        return Err(error);
    }
    let time = if left > 0 { so_far() } else { found.time };
    if left > 0
        && let Some(writer) = &mut writer
    {
        writer.finish()?;
    }
    Ok(Done {
        report,
        shard,
        time,
        sum_of: 1,
    })
}
