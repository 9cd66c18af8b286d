//! What the load is.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;

use crate::client::Endpoint;

/// Load an etcd endpoint and report throughput and latency.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchArgs {
    /// Endpoints, tried in turn; connections are spread over them
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "127.0.0.1:2379",
        value_name = "HOST:PORT"
    )]
    pub endpoints: Vec<Endpoint>,

    /// Clients, each with one request under way at a time
    #[arg(long, short, default_value_t = 64, value_name = "N")]
    pub clients: usize,

    /// TCP connections that the clients share [default: one per 32 clients]
    #[arg(long, value_name = "N")]
    pub connections: Option<usize>,

    /// Share of requests that are reads, in percent
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub reads: u8,

    /// Reads may be served from any one replica's own state, possibly stale
    #[arg(long)]
    pub serializable: bool,

    /// Size of a key in bytes
    #[arg(long, default_value_t = 16, value_name = "BYTES")]
    pub key_size: usize,

    /// Size of a value in bytes
    #[arg(long, default_value_t = 256, value_name = "BYTES")]
    pub value_size: usize,

    /// Number of different keys
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub keys: u64,

    /// How long to measure, in seconds
    #[arg(
        long,
        default_value_t = 10.0,
        value_name = "SECONDS",
        conflicts_with = "total"
    )]
    pub seconds: f64,

    /// Stop after this many requests instead
    #[arg(long, value_name = "N")]
    pub total: Option<u64>,

    /// Load before measuring starts, in seconds
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    pub warmup: f64,

    /// When a request counts as unanswered, in seconds
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    pub timeout: f64,

    /// Seed of the choice of keys and of reads against writes
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    pub seed: u64,

    /// Also measure this machine: sync latency, and a server that does nothing
    #[arg(long)]
    pub floor: bool,

    /// Measure only this machine, no endpoint
    #[arg(long)]
    pub floor_only: bool,

    /// Directory on the disk whose sync latency to measure
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub floor_dir: PathBuf,

    /// How long to measure syncs, in seconds
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    pub floor_seconds: f64,
}

/// Longest key or value that can be asked for: what etcd takes in one request.
const MAX_SIZE: usize = 3 << 19;

impl BenchArgs {
    /// Refuses what cannot be run, in words.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let second = |v: f64| v.is_finite() && (0.0..=1e6).contains(&v);
        ensure!(
            (1..=100_000).contains(&self.clients),
            "--clients must be 1 to 100000"
        );
        ensure!(
            self.connections.is_none_or(|n| (1..=10_000).contains(&n)),
            "--connections must be 1 to 10000"
        );
        ensure!(self.keys > 0, "--keys must be at least 1");
        ensure!(
            self.key_size <= MAX_SIZE && self.value_size <= MAX_SIZE,
            "--key-size and --value-size must be at most {MAX_SIZE}"
        );
        let digits = (self.keys - 1).to_string().len();
        ensure!(
            self.key_size >= digits,
            "--key-size {} is too short for {} different keys: at least {digits}",
            self.key_size,
            self.keys
        );
        ensure!(
            second(self.seconds)
                && second(self.warmup)
                && second(self.timeout)
                && second(self.floor_seconds),
            "--seconds, --warmup, --timeout and --floor-seconds must be between 0 and 1000000"
        );
        ensure!(self.timeout > 0.0, "--timeout must be above 0");
        Ok(())
    }

    /// Connections to open.
    pub(super) fn connections(&self) -> usize {
        self.connections
            .unwrap_or_else(|| self.clients.div_ceil(32))
            .min(self.clients)
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout)
    }
}
