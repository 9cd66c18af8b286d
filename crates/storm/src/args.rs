//! What a storm is to be.

use std::fmt;
use std::path::PathBuf;

use clap::ValueEnum;

/// Kill replicas again and again while clients write, and judge what the clients were told.
#[derive(Clone, Debug, clap::Args)]
pub struct StormArgs {
    /// How often each replica is killed (SIGKILL); with `--target leader` or `all`, a third of the
    /// kills or each kill of all
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub kills: u32,

    /// How often each replica is paused (SIGSTOP, later SIGCONT), too
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub pauses: u32,

    /// Victim the faults hit
    #[arg(long, value_enum, default_value_t)]
    pub target: Targets,

    /// Change the members all the time: add learners, promote them, remove members, and replace
    /// those that lose their directories, under kills and pauses. For --minutes; --kills, --pauses
    /// and --target don't count then
    #[arg(long, conflicts_with_all = ["gaps", "kills", "pauses", "target", "lose"])]
    pub members: bool,

    /// How long members change
    #[arg(long, default_value_t = 2.0, value_name = "N", requires = "members")]
    pub minutes: f64,

    /// Measure how long no client gets an acknowledgement when the leader is killed, when it is
    /// paused, and when its disk stalls: so many times each, and nothing else
    #[arg(long, value_name = "TRIES", conflicts_with_all = ["kills", "pauses", "target", "lose"],
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub gaps: Option<u32>,

    /// Decides the plan and what the clients do [default: a random one, printed]
    #[arg(long)]
    pub seed: Option<u64>,

    /// StormClients, each with one request under way at a time
    #[arg(long, default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub clients: u16,

    /// Requests a second of all clients together, about
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rate: u32,

    /// A fault comes at most this long after the cluster has settled, in milliseconds
    #[arg(long, default_value_t = 600, value_name = "MS")]
    pub every: u64,

    /// A killed replica is started again, and a paused one goes on, after at most this long, in
    /// milliseconds
    #[arg(long, default_value_t = 500, value_name = "MS")]
    pub down: u64,

    /// How long a client waits for an answer before it takes the outcome for unknown, in
    /// milliseconds
    #[arg(long, default_value_t = 5000, value_name = "MS")]
    pub timeout: u64,

    /// The replicas' election timeout, in milliseconds
    #[arg(long, default_value_t = 300, value_name = "MS")]
    pub election_timeout: u64,

    /// The replicas' heartbeat, in milliseconds
    #[arg(long, default_value_t = 60, value_name = "MS")]
    pub heartbeat: u64,

    /// Make each sync of the replicas' logs take this much longer, in milliseconds
    #[arg(long, default_value_t = 0.0, value_name = "MS")]
    pub sync_delay: f64,

    /// Where the replicas' data and logs go; must be empty or absent [default: a temporary
    /// directory, kept when something is wrong]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Write what the clients did and were told to this file, as JSON lines
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,

    /// Cut about this many bytes off the log of each killed replica, as a disk does that lied about
    /// its syncs. This breaks the contract: it is there to see that the loss is found
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    pub lose: u64,
}

/// Victim the faults hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Targets {
    /// One replica after the other
    #[default]
    RoundRobin,
    /// Each as often as the others, in random order
    Any,
    /// The leader at that moment
    Leader,
    /// All at once, as when the power fails
    All,
}

/// The storm can't be run as asked, and running it again as it is won't help.
#[derive(Debug)]
pub struct StormArgsError(pub(crate) String);

impl fmt::Display for StormArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StormArgsError {}

impl StormArgs {
    pub(crate) fn check(&self) -> Result<(), StormArgsError> {
        let refused = |why: &str| Err(StormArgsError(why.to_owned()));
        if self.kills.saturating_add(self.pauses) > 100_000 {
            return refused("--kills and --pauses are at most 100000 together");
        }
        if !(self.minutes > 0.0 && self.minutes <= 100_000.0) {
            return refused("--minutes must be more than 0 and at most 100000");
        }
        if self.election_timeout == 0 || self.election_timeout > 600_000 {
            return refused("--election-timeout must be between 1 and 600000 milliseconds");
        }
        if self.timeout == 0 || self.timeout > 600_000 {
            return refused("--timeout must be between 1 and 600000 milliseconds");
        }
        if self.every > 600_000 || self.down > 600_000 {
            return refused("--every and --down must be at most 600000 milliseconds");
        }
        Ok(())
    }
}
