//! `quorate serve`: one replica of a cluster, in the foreground.

use crate::contract_file;
use crate::exit::refused;
use crate::joining::{self, Addresses};
use crate::lifeline::{self, Event, Lifeline};
use crate::log;
use anyhow::{Context, anyhow, bail};
use quorate_contract::Contract;
use quorate_etcd::client::Endpoint;
use quorate_node::storage::Hang;
use quorate_node::{Ended, Node, NodeConfig, StartError, Starting, Timeouts};
use quorate_wal::Progress;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The contract, which names the members [default: three replicas on this machine]
    #[arg(long, value_name = "FILE")]
    contract: Option<PathBuf>,
    /// Which member of the contract this is, by name
    #[arg(long, required_unless_present = "id", conflicts_with = "id")]
    name: Option<String>,
    /// Which member of the contract this is, by number
    #[arg(long, value_name = "N")]
    id: Option<u8>,
    /// Where its data lies [default: quorate-data/NAME]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Become a member that was added with `quorate member add` or `replace`, instead of founding a
    /// cluster: addresses at which members that run serve clients
    #[arg(
        long,
        value_name = "HOST:PORT,…",
        value_delimiter = ',',
        requires = "name"
    )]
    join: Vec<Endpoint>,
    /// Where to listen for clients, if not at the member's `client` address
    #[arg(long, value_name = "HOST:PORT")]
    listen_client: Option<String>,
    /// Where to listen for peers, if not at the member's `peer` address
    #[arg(long, value_name = "HOST:PORT")]
    listen_peer: Option<String>,
    /// How the replica runs
    #[command(flatten)]
    pub(crate) tuning: Tuning,
    /// Log more: give it twice for all there is
    #[arg(long, short, action = clap::ArgAction::Count)]
    verbose: u8,
    /// End when standard input ends, and report to standard output: for a parent process
    #[arg(long, hide = true)]
    lifeline: bool,
    /// Let the disk hang from one SIGUSR1 to the next, for measurements
    #[arg(long, hide = true)]
    stall_disk_on_usr1: bool,
}

/// How a replica runs. No safety depends on any of it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Tuning {
    /// How often a leader shows that it lives, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 60)]
    heartbeat: u64,
    /// A follower that hears nothing for this long, up to two fifths longer, campaigns
    #[arg(long, value_name = "MS", default_value_t = 300)]
    election_timeout: u64,
    /// How long a client's request may take
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    request_timeout: u64,
    /// How many bytes the store may take before it refuses to grow
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 30)]
    quota: u64,
    /// Make each sync of the log take this much longer; for measurements
    #[arg(long, value_name = "MS", default_value_t = 0.0)]
    sync_delay: f64,
    /// Threads for sockets and the API [default: half of the processors, 1 to 4]
    #[arg(long, value_name = "N")]
    io_threads: Option<usize>,
}

impl Tuning {
    /// The same, as arguments for one of `n` replicas on this machine.
    pub(crate) fn to_args(&self, n: usize) -> Vec<String> {
        let io_threads = self.io_threads.unwrap_or_else(|| io_threads(n));
        vec![
            format!("--heartbeat={}", self.heartbeat),
            format!("--election-timeout={}", self.election_timeout),
            format!("--request-timeout={}", self.request_timeout),
            format!("--quota={}", self.quota),
            format!("--sync-delay={}", self.sync_delay),
            format!("--io-threads={io_threads}"),
        ]
    }

    fn apply(&self, config: &mut NodeConfig) -> anyhow::Result<()> {
        config.timeouts = Timeouts {
            heartbeat: Duration::from_millis(self.heartbeat),
            election: Duration::from_millis(self.election_timeout),
        };
        config.limits.store_bytes = self.quota;
        config.request_timeout = Duration::from_millis(self.request_timeout);
        config.io_threads = self
            .io_threads
            .map_or_else(|| io_threads(1), |n| n.clamp(1, 64));
        if !(0.0..=60_000.0).contains(&self.sync_delay) {
            return Err(refused(
                "--sync-delay must be between 0 and 60000 milliseconds",
            ));
        }
        config.sync_delay = Duration::from_secs_f64(self.sync_delay / 1000.0);
        Ok(())
    }
}

/// Half of the processors, shared by `n` replicas: more would only take turns with the clients and
/// with the replica's own thread.
fn io_threads(n: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get());
    (processors / 2 / n.max(1)).clamp(1, 4)
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    log::start(args.verbose);
    let contract = contract_file::load(args.contract.as_deref())?;
    contract.runnable().map_err(refused)?;
    let (contract, me) = match &args.name {
        Some(name) if !args.join.is_empty() => joining(contract, name, args)?,
        _ => {
            let me = member(&contract, args)?;
            (contract, me)
        }
    };
    let name = &contract.cluster.members[usize::from(me)].name;
    let dir = data_dir(args, name);
    info!(cluster = contract.cluster.name, member = me, name, dir = %dir.display(), "starting");
    let mut config = NodeConfig::new(contract, me, dir);
    config.join = !args.join.is_empty();
    config.listen_client = args.listen_client.clone();
    config.listen_peer = args.listen_peer.clone();
    args.tuning.apply(&mut config)?;

    let lifeline = Lifeline::watch(args.lifeline);
    let stall = args.stall_disk_on_usr1.then(|| config.hang.clone());
    let mut teller = Teller::new(args.lifeline);
    let node = Node::start(config, &mut |starting| {
        teller.starting(starting);
        ControlFlow::Continue(())
    });
    let node = node.map_err(|error| match error {
        StartError::Log(_)
        | StartError::LogLost { .. }
        | StartError::Recovery(_)
        | StartError::Journal(_) => anyhow!(error),
        error if error.is_final() => refused(error),
        error => anyhow!(error),
    })?;
    let (clients, peers) = (node.client_address(), node.peer_address());
    info!(%clients, %peers, "serving");
    serve(node, lifeline, args.lifeline, stall)
}

/// The contract of a member that joins, with the cluster as it is now.
fn joining(contract: Contract, name: &str, args: &Args) -> anyhow::Result<(Contract, u8)> {
    let addresses = Addresses {
        peer: args.listen_peer.as_deref(),
        client: args.listen_client.as_deref(),
    };
    let data_dir = data_dir(args, name);
    let (cluster, me) = joining::cluster(&contract, name, &addresses, &args.join, &data_dir)?;
    Ok((
        Contract {
            cluster,
            ..contract
        },
        me,
    ))
}

fn data_dir(args: &Args, name: &str) -> PathBuf {
    let given = args.data_dir.clone();
    given.unwrap_or_else(|| PathBuf::from("quorate-data").join(name))
}

fn member(contract: &Contract, args: &Args) -> anyhow::Result<u8> {
    let cluster = &contract.cluster;
    let found = match (&args.name, args.id) {
        (Some(name), _) => cluster.member_named(name),
        (None, Some(id)) => cluster.member(id),
        (None, None) => None,
    };
    found.map(|member| member.id).ok_or_else(|| {
        let names: Vec<_> = cluster
            .members
            .iter()
            .map(|m| format!("{} (id {})", m.name, m.id))
            .collect();
        refused(format_args!(
            "the contract has no such member; it has {}",
            names.join(", ")
        ))
    })
}

/// Serves until a signal comes, the parent goes, or the replica ends by itself.
fn serve(node: Node, parent: Lifeline, lifeline: bool, stall: Option<Hang>) -> anyhow::Result<()> {
    parent.serving();
    if lifeline {
        Event::ready(&node).tell();
    }
    let ended = node.run_until(async {
        let reports = async {
            if lifeline {
                lifeline::report(&node).await
            } else {
                std::future::pending().await
            }
        };
        tokio::select! {
            signal = signalled() => match signal {
                Ok(name) => info!("{name}: stopping"),
                Err(error) => tracing::error!("can't wait for signals: {error}"),
            },
            () = parent.cut() => info!("the parent process is gone: stopping"),
            () = reports => {}
            error = stalls(stall) => tracing::error!("can't wait for SIGUSR1: {error:#}"),
        }
    });
    node.stop();
    match ended {
        None | Some(Ended::Stopped) => {
            info!("stopped");
            Ok(())
        }
        Some(Ended::DiskFailed(error)) => bail!(error),
        Some(Ended::Refused(why)) => Err(refused(why)),
        Some(Ended::Panicked) => bail!("the replica's thread has panicked; this is a bug"),
    }
}

/// Switches the disk off and on at each SIGUSR1; never ends unless that can't be had.
async fn stalls(stall: Option<Hang>) -> anyhow::Error {
    let Some(stall) = stall else {
        return std::future::pending().await;
    };
    let mut signals = match signal(SignalKind::user_defined1()) {
        Ok(signals) => signals,
        Err(error) => return error.into(),
    };
    while signals.recv().await.is_some() {
        match stall.toggle() {
            true => tracing::warn!("SIGUSR1: the disk hangs"),
            false => info!("SIGUSR1: the disk goes on"),
        }
    }
    anyhow!("no more signals can be received")
}

async fn signalled() -> anyhow::Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut hangup = signal(SignalKind::hangup()).context("SIGHUP")?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    })
}

/// Says how far a start is: to the parent, or now and then in the log.
struct Teller {
    lifeline: bool,
    last: Instant,
    /// What was said last about the forming of the cluster.
    forming: Option<Starting>,
}

impl Teller {
    fn new(lifeline: bool) -> Self {
        Self {
            lifeline,
            last: Instant::now(),
            forming: None,
        }
    }

    fn starting(&mut self, starting: Starting) {
        match starting {
            Starting::Recovering(progress) => self.recovering(progress),
            _ if self.forming.as_ref() == Some(&starting) => {}
            Starting::Joining { ref note } => {
                if self.lifeline {
                    let (waiting_for, note) = (vec![], Some(note.clone()));
                    Event::Forming { waiting_for, note }.tell();
                } else {
                    info!("waiting to join: {note}");
                }
                self.forming = Some(starting);
            }
            Starting::Forming {
                ref waiting_for,
                ref note,
            } => {
                if self.lifeline {
                    let (waiting_for, note) = (waiting_for.clone(), note.clone());
                    Event::Forming { waiting_for, note }.tell();
                } else if !waiting_for.is_empty() {
                    let names = waiting_for.join(", ");
                    info!("waiting for {names} to start for the first time");
                }
                self.forming = Some(starting);
            }
        }
    }

    fn recovering(&mut self, Progress { read, total }: Progress) {
        let every = Duration::from_millis(if self.lifeline { 100 } else { 1000 });
        if self.last.elapsed() < every && read < total {
            return;
        }
        self.last = Instant::now();
        if self.lifeline {
            Event::Recovering { read, total }.tell();
        } else {
            info!("recovering: {} of {} MiB", read >> 20, total >> 20);
        }
    }
}
