//! `quorate up`: all replicas of a cluster on this machine, each a process of its own.
//!
//! Every replica is a `quorate serve` that can be killed by itself, as if it were on a machine of
//! its own; one that dies is started again. The replicas end with this process, however it ends.

mod place;
mod replica;
mod screen;

use crate::contract_file;
use crate::exit::refused;
use crate::serve::Tuning;
use place::UpDirectory;
use quorate_contract::explain;
use replica::Supervisor;
use screen::Screen;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The contract, which names the members [default: three replicas on this machine]
    #[arg(long, value_name = "FILE")]
    contract: Option<PathBuf>,
    /// Where the replicas' data lies
    #[arg(long, value_name = "DIR", default_value = "quorate-data")]
    data_dir: PathBuf,
    /// Listen on this machine alone, at other ports than the contract's: clients at BASE, BASE + 10
    /// and so on, peers at the port above
    #[arg(long, value_name = "BASE")]
    ports: Option<u16>,
    /// How the replicas run
    #[command(flatten)]
    tuning: Tuning,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut contract = contract_file::load(args.contract.as_deref())?;
    contract.runnable().map_err(refused)?;
    if let Some(base) = args.ports {
        place::move_to_ports(&mut contract.cluster, base)?;
    }
    let place = UpDirectory::take(&args.data_dir, &contract)?;
    let screen = Arc::new(Screen::new(&contract));
    screen.welcome(&explain(&contract).paragraph, place.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(supervise(&place, &args.tuning, &screen));
    screen.farewell(place.path());
    result
}

/// Runs the replicas until a signal comes, or one of them can't be run at all.
async fn supervise(
    place: &UpDirectory,
    tuning: &Tuning,
    screen: &Arc<Screen>,
) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (stop, _) = tokio::sync::watch::channel(false);
    let served = tokio::sync::watch::Sender::new(false);
    let mut replicas = JoinSet::new();
    for member in place.members() {
        let supervisor = Supervisor::new(
            place,
            member,
            tuning,
            screen.clone(),
            stop.subscribe(),
            served.clone(),
        )?;
        replicas.spawn(supervisor.run());
    }
    let drawing = screen.clone();
    let live = tokio::spawn(async move { drawing.live().await });
    let mut result = Ok(());
    loop {
        tokio::select! {
            ended = replicas.join_next() => match ended {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => {
                    if result.is_ok() {
                        result = Err(error);
                    }
                    stop.send_replace(true);
                }
                Some(Err(panic)) => return Err(panic.into()),
            },
            _ = interrupt.recv() => screen.stopping(stop.send_replace(true)),
            _ = terminate.recv() => screen.stopping(stop.send_replace(true)),
            _ = hangup.recv() => screen.stopping(stop.send_replace(true)),
        }
    }
    live.abort();
    result
}
