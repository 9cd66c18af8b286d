//! `quorate bench`: a closed-loop load on any etcd endpoint, and this machine's
//! own floor to read the figures against.
//!
//! Every client sends its next request when the last one is answered, so the
//! latencies are those of a system at its own pace: a pause of the server shows
//! once per client in the percentiles, and in full in the *longest gap* between
//! two acknowledgements of any client.
//!
//! Mount [`BenchArgs`] as a clap command and call [`run`].

mod args;
mod floor;
mod load;
mod report;
mod tally;

pub use args::BenchArgs;
pub use report::{BenchLoad, BenchReport, Floor, LatencyMillis, OpReport};

/// Runs what `args` ask for. Progress goes to standard error if it is a terminal.
///
/// # Errors
/// No endpoint can be reached at the start, or the directory for the sync
/// measurement cannot be written. Failures under way are counted, not returned.
pub async fn run(args: BenchArgs) -> anyhow::Result<BenchReport> {
    let floor = if args.floor || args.floor_only {
        Some(floor::measure(&args).await?)
    } else {
        None
    };
    let load = if args.floor_only {
        None
    } else {
        Some(load::run(&args, &args.endpoints).await?)
    };
    Ok(BenchReport { floor, load })
}
