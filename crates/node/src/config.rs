//! What a node is started with.

use quorate_contract::Contract;
use quorate_replica::Limits;
use std::path::PathBuf;
use std::time::Duration;

/// How one replica of a cluster is to run.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Under which contract, and with whom.
    pub contract: Contract,
    /// Which member of the contract's cluster it is.
    pub me: u8,
    /// Where its data lies.
    pub data_dir: PathBuf,
    /// Whether an empty directory is to become a member that was added to a cluster that exists,
    /// rather than to found one.
    pub join: bool,
    /// Where to listen for clients, if not where the contract says that clients reach it.
    pub listen_client: Option<String>,
    /// Where to listen for peers, if not where the contract says that peers reach it.
    pub listen_peer: Option<String>,
    /// When a silent leader is given up.
    pub timeouts: Timeouts,
    /// How long a client's request may take. What is not answered by then is refused, or told to
    /// be unknown.
    pub request_timeout: Duration,
    /// Added to each sync of the log; for measurements.
    pub sync_delay: Duration,
    /// Threads for sockets and the API.
    pub io_threads: usize,
    /// Bounds of the replica.
    pub limits: Limits,
}

/// The protocol's timeouts. No safety depends on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How often a leader shows that it lives.
    pub heartbeat: Duration,
    /// A follower that hears nothing for a time between this and its double campaigns.
    pub election: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(60),
            election: Duration::from_millis(300),
        }
    }
}

impl NodeConfig {
    /// The defaults.
    pub fn new(contract: Contract, me: u8, data_dir: PathBuf) -> Self {
        let defaults = Limits::default();
        // The API has refused what is larger before; here the encoding and the session are added.
        let request_bytes = defaults.request_bytes + 4096;
        Self {
            contract,
            me,
            data_dir,
            join: false,
            listen_client: None,
            listen_peer: None,
            timeouts: Timeouts::default(),
            request_timeout: Duration::from_secs(5),
            sync_delay: Duration::ZERO,
            io_threads: 1,
            limits: Limits {
                request_bytes,
                ..defaults
            },
        }
    }
}
