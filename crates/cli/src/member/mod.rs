//! `quorate member`: list, add, promote, remove, update and replace the members of a running
//! cluster, through etcd's Cluster API.

mod client;
mod join;
mod place;
mod replace;
mod steps;
mod text;
mod wait;

use crate::exit::refused;
use crate::output::say;
use anyhow::bail;
use client::MembersClient;
use place::KnownCluster;
use quorate_etcd::client::Endpoint;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;
use text::Members;

/// Show and change who the members of a running cluster are
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// What every subcommand takes.
#[derive(Debug, clap::Args)]
struct Common {
    /// Where members serve clients, separated by commas [default: the contract's members, or
    /// 127.0.0.1:2379]
    #[arg(long, global = true, value_name = "HOST:PORT", value_delimiter = ',')]
    endpoints: Vec<Endpoint>,
    /// The contract that the members were started with
    #[arg(long, global = true, value_name = "FILE")]
    contract: Option<PathBuf>,
    /// Where members' data lie, each in a directory of its name, if they run on this machine. With
    /// `quorate up` it holds the contract, too
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "quorate-data"
    )]
    data_dir: PathBuf,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Give up after this many seconds [default: 30; 3600 where a member has to start or to catch up]
    #[arg(long, global = true, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// How often to look, in milliseconds
    #[arg(
        long,
        global = true,
        value_name = "MS",
        default_value_t = 500,
        hide = true
    )]
    poll: u64,
}

/// How long to wait for the cluster alone.
const CLUSTER: Duration = Duration::from_secs(30);
/// How long to wait for somebody to start a member, and for it to catch up.
const MEMBER: Duration = Duration::from_secs(3600);

impl Common {
    fn patience(&self, default: Duration) -> WaitLimit {
        WaitLimit {
            timeout: self.timeout.map_or(default, Duration::from_secs),
            poll: Duration::from_millis(self.poll.clamp(1, 60_000)),
        }
    }
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the members
    List {
        /// Ask one member for what it knows, which may be old, and need no quorum for it
        #[arg(long)]
        serializable: bool,
    },
    /// Add a member, as a learner without a vote, and show how to start it
    Add {
        /// What the member is to be called
        name: String,
        /// Where its peers will reach it, as http://HOST:PORT [default: as in the contract]
        #[arg(long, value_name = "URL", value_delimiter = ',')]
        peer_url: Vec<String>,
        /// Give it a vote at once. Until it runs, the cluster survives one failure less
        #[arg(long)]
        voter: bool,
    },
    /// Give a learner that has caught up its vote
    Promote {
        /// Its name or its id
        member: String,
        /// Wait until it has caught up
        #[arg(long)]
        wait: bool,
    },
    /// Remove a member; its id is never used again
    Remove {
        /// Its name or its id
        member: String,
    },
    /// Change where peers reach a member
    Update {
        /// Its name or its id
        member: String,
        /// Where they reach it from now on, as http://HOST:PORT
        #[arg(long, value_name = "URL", value_delimiter = ',', required = true)]
        peer_url: Vec<String>,
    },
    /// Replace a member whose data are lost: remove it, add a learner in its place, wait until that
    /// one runs and has caught up, and promote it. Run it again to go on after an interruption
    Replace(replace::Args),
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
struct WaitLimit {
    timeout: Duration,
    poll: Duration,
}

/// The result goes to standard output, progress and what to do next to standard error.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::select! {
            result = execute(args) => result,
            signal = tokio::signal::ctrl_c() => {
                signal?;
                bail!("interrupted; 'quorate member list' shows what has been done")
            }
        }
    })
}

async fn execute(args: Args) -> anyhow::Result<()> {
    let Args { command, common } = args;
    let place = KnownCluster::find(&common)?;
    let client = MembersClient::new(place.endpoints(&common));
    let (soon, later) = (common.patience(CLUSTER), common.patience(MEMBER));
    let members = match command {
        Command::List { serializable } => client.list(!serializable).await?,
        Command::Add {
            name,
            peer_url,
            voter,
        } => add(&client, &place, &name, peer_url, voter, soon).await?,
        Command::Promote { member, wait } => {
            let id = wait::list(&client, soon).await?.resolve(&member)?.id;
            if wait {
                wait::promote(&client, id, later).await?
            } else {
                client.promote(id).await?
            }
        }
        Command::Remove { member } => {
            let id = wait::list(&client, soon).await?.resolve(&member)?.id;
            let gone = |members: &Members| members.by_id(id).is_err();
            wait::change(&client, soon, gone, async || client.remove(id).await).await?
        }
        Command::Update { member, peer_url } => {
            let id = wait::list(&client, soon).await?.resolve(&member)?.id;
            let moved = |members: &Members| {
                let member = members.by_id(id);
                member.is_ok_and(|member| member.peer_urls == peer_url)
            };
            let update = async || client.update(id, peer_url.clone()).await;
            wait::change(&client, soon, moved, update).await?
        }
        Command::Replace(args) => replace::run(&client, &place, &args, later).await?,
    };
    print(&members, common.json)
}

async fn add(
    client: &MembersClient,
    place: &KnownCluster,
    name: &str,
    mut peer_urls: Vec<String>,
    voter: bool,
    patience: WaitLimit,
) -> anyhow::Result<Members> {
    place::check_name(name)?;
    let before = wait::list(client, patience).await?;
    if let Some(member) = before.members.iter().find(|member| member.name == name) {
        return Err(refused(format_args!(
            "a member is called {name} already (id {}); 'quorate member replace {name}' replaces it",
            member.id_text()
        )));
    }
    if peer_urls.is_empty() {
        peer_urls.extend(place.peer_url(name));
    }
    if peer_urls.is_empty() {
        return Err(refused(format_args!(
            "say where peers will reach {name}, as in --peer-url http://10.0.0.4:2380"
        )));
    }
    let there = |members: &Members| members.at(&peer_urls).is_some_and(|m| !m.has_started());
    let add = async || client.add(peer_urls.clone(), !voter).await;
    let members = wait::change(client, patience, there, add).await?;
    let Some(member) = members.at(&peer_urls) else {
        bail!("the cluster has added a member and does not list it; this is a bug");
    };
    note(&format!(
        "{name} has been added with id {} as a {}",
        member.id_text(),
        member.role()
    ));
    note(&join::instructions(place, &members, member, name, None));
    if !voter {
        note(&format!(
            "and when it has caught up: quorate member promote {name} --wait"
        ));
    }
    Ok(members)
}

fn print(members: &Members, json: bool) -> anyhow::Result<()> {
    if json {
        say(&serde_json::to_string_pretty(&members)?)
    } else {
        say(&members.to_string())
    }
}

/// Says what is going on, on standard error.
fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
