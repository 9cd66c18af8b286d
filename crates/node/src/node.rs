//! [`Node`]: one replica, running.

use crate::backend::{Backend, Shared};
use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::disk::{DiskThread, Synced};
use crate::error::StartError;
use crate::forming::{Forming, founders};
use crate::founding::Starting;
use crate::founding::found;
use crate::inbox::{Inbox, InboxBounds};
use crate::joining::{JoinRequest, join};
use crate::peers::handshake::RejectReason;
use crate::peers::{self, Local, Membership, Peers};
use crate::published::ClockStatus;
use crate::published::{Ended, Published};
use crate::random::{nonce, random_id};
use crate::recover::{Recovered, recover};
use crate::serving::{PeerMessage, Replica};
use crate::shell::{Answers, Shell, ShellParts};
use crate::storage::{DataDir, DirectoryError, FileStorage, Identity, State, delayed, hanging};
use crate::worker::Worker;
use quorate_contract::Contract;
use quorate_core::{Mutant, NodeId};
use quorate_crash::raft;
use quorate_etcd::metrics::Histogram;
use quorate_replica::{Config, Roster, Status, Stopped};
use quorate_wal::Storage;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};
use xxhash_rust::xxh3::xxh3_64;

/// Requests that may wait for the replica's thread, beyond those that it has admitted.
const WAITING_ASKS: usize = 8192;
/// Peers' messages without data that may wait for the replica's thread.
const WAITING_URGENT: usize = 32 << 10;
/// Bytes of peers' messages with data that may wait for the replica's thread.
const WAITING_PEER_BYTES: usize = 64 << 20;
/// The largest message between replicas. A batch of entries has a megabyte, or one entry that is
/// larger; a piece of a snapshot less.
const MAX_FRAME: usize = 16 << 20;
/// How often deadlines are looked at.
const SWEEP: Duration = Duration::from_millis(100);

/// One replica, with its files, its threads and its ports. Dropped, it stops as by
/// [`Node::stop`].
#[derive(Debug)]
pub struct Node {
    /// `None` once it has stopped.
    runtime: Option<Runtime>,
    shutdown: watch::Sender<bool>,
    api: Option<tokio::task::JoinHandle<()>>,
    inbox: Arc<Inbox>,
    replica: Option<JoinHandle<()>>,
    disk: DiskThread,
    published: Arc<Published>,
    client_address: SocketAddr,
    peer_address: SocketAddr,
    /// Held, and with it the lock, until all else has ended.
    _dir: DataDir,
}

impl Node {
    /// Starts a replica: takes its directory and its ports, takes part in forming the cluster if
    /// that was not done yet, recovers its log, and serves. Forming waits for the other founders,
    /// and recovery takes as long as the log is large: how far it is, `progress` is told, and may
    /// answer that it is to stop.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(
        config: NodeConfig,
        progress: &mut (dyn FnMut(Starting) -> ControlFlow<()> + Send),
    ) -> Result<Self, StartError> {
        let (delay, hang) = (config.sync_delay, config.hang.clone());
        let open = |path: &Path| Ok(hanging(delayed(FileStorage::open(path)?, delay), hang));
        Self::start_over(config, open, progress)
    }

    /// As [`Node::start`], with the log in whatever `open` makes of its directory: how a disk that
    /// fails is tried out.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_over<S: Storage + Send + 'static>(
        config: NodeConfig,
        open: impl FnOnce(&Path) -> io::Result<S>,
        progress: &mut (dyn FnMut(Starting) -> ControlFlow<()> + Send),
    ) -> Result<Self, StartError> {
        check(&config)?;
        let member = &config.contract.cluster.members[usize::from(config.me)];
        let mut dir = DataDir::open(&config.data_dir)?;
        check_owner(&config, &dir)?;
        let address = |listen: &Option<String>, member: String| listen.clone().unwrap_or(member);
        let peer_port = listen(
            "peers",
            &address(&config.listen_peer, member.peer.to_string()),
        )?;
        let client_port = listen(
            "clients",
            &address(&config.listen_client, member.client.to_string()),
        )?;
        let client_address = client_port.local_addr()?;
        let peer_address = peer_port.local_addr()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(config.io_threads.max(1))
            .thread_name("io")
            .enable_all()
            .build()?;
        let in_runtime = runtime.enter();
        let peer_port = tokio::net::TcpListener::from_std(peer_port)?;
        let founded = form(&config, &mut dir, &peer_port, &runtime, progress)?;

        let identity = quorate_wal::Identity {
            cluster: founded.founding.cluster_id,
            replica: founded.member_id,
        };
        if founded.log_begun && !dir.wal().exists() {
            return Err(DirectoryError::LogMissing {
                path: config.data_dir.clone(),
                member: member.name.clone(),
            }
            .into());
        }
        let storage = open(&dir.make_wal()?)?;
        let log = quorate_wal::Config {
            must_exist: founded.log_begun,
            ..quorate_wal::Config::new(identity)
        };
        let recovered = recover(storage, log, progress);
        let recovered = recovered.map_err(|error| error.of_member(&member.name))?;
        if !founded.log_begun {
            dir.set_identity(founded.identity(&config, true))?;
        }

        let (shutdown, stopping) = watch::channel(false);
        let parts = Parts::start(&config, &founded, recovered, &runtime)?;
        tokio::spawn(peers::accept(
            peer_port,
            parts.backend.0.peers.clone(),
            parts.inbox.clone(),
            parts.backend.clone(),
        ));
        tokio::spawn(watch_for_rejection(
            parts.backend.0.peers.clone(),
            config.data_dir.clone(),
            parts.published.clone(),
        ));
        let client_port = tokio::net::TcpListener::from_std(client_port)?;
        let api = tokio::spawn(quorate_etcd::serve(
            client_port,
            parts.backend,
            wait(stopping),
        ));
        drop(in_runtime);
        Ok(Self {
            runtime: Some(runtime),
            shutdown,
            api: Some(api),
            inbox: parts.inbox,
            replica: Some(parts.replica),
            disk: parts.disk,
            published: parts.published,
            client_address,
            peer_address,
            _dir: dir,
        })
    }

    /// Where it listens for clients.
    pub fn client_address(&self) -> SocketAddr {
        self.client_address
    }

    /// Where it listens for peers.
    pub fn peer_address(&self) -> SocketAddr {
        self.peer_address
    }

    /// How the replica is, as of its last burst of work.
    pub fn status(&self) -> Status {
        self.published.latest().0
    }

    /// What its clocks did.
    pub fn clock_status(&self) -> ClockStatus {
        self.published.latest().1
    }

    /// Waits until the replica ends by itself, or `until` resolves: `None` in that case.
    pub fn run_until(&self, until: impl Future<Output = ()>) -> Option<Ended> {
        self.runtime.as_ref()?.block_on(async {
            tokio::select! {
                ended = self.published.ended() => Some(ended),
                () = until => None,
            }
        })
    }

    /// Stops in order: takes no more requests, lets those under way finish for a while, hands the
    /// leadership over, writes what waits, and gives the directory back.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        self.shutdown.send_replace(true);
        if let Some(api) = self.api.take() {
            // Bounded by the API's own patience.
            let _ = runtime.block_on(api);
        }
        self.inbox.stop();
        if let Some(replica) = self.replica.take() {
            let _ = replica.join();
        }
        self.disk.stop();
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

async fn wait(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone says the same.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Refuses what can't be run, before anything is touched.
fn check(config: &NodeConfig) -> Result<(), StartError> {
    let contract = &config.contract;
    // The members of a cluster that changes may be more or fewer than its contract was made for;
    // what joins is told who they are.
    if !config.join {
        contract
            .runnable()
            .map_err(|error| StartError::Contract(error.to_string()))?;
    }
    let members = contract.cluster.len();
    let known = contract
        .cluster
        .members
        .iter()
        .enumerate()
        .all(|(i, m)| usize::from(m.id) == i);
    if !known {
        let problem = "member ids are not 0, 1, 2 … in this order".to_owned();
        return Err(StartError::Contract(problem));
    }
    if usize::from(config.me) >= members {
        return Err(StartError::NotAMember {
            me: config.me,
            last: members.saturating_sub(1),
        });
    }
    raft_config(&founders(&contract.cluster, 1), config)
        .check()
        .map_err(StartError::Timeouts)?;
    Ok(())
}

/// Refuses a directory that is another member's or another cluster's.
fn check_owner(config: &NodeConfig, dir: &DataDir) -> Result<(), DirectoryError> {
    let Some(identity) = dir.identity() else {
        return Ok(());
    };
    let cluster = &config.contract.cluster;
    let member = &cluster.members[usize::from(config.me)];
    let path = dir.path().to_owned();
    if identity.cluster != cluster.name {
        return Err(DirectoryError::ForeignCluster {
            path,
            found: identity.cluster.clone(),
            expected: cluster.name.clone(),
        });
    }
    if identity.member != member.name {
        return Err(DirectoryError::ForeignMember {
            path,
            found: identity.member.clone(),
            expected: member.name.clone(),
        });
    }
    Ok(())
}

/// What a member of a cluster knows of itself.
struct Founded {
    me: NodeId,
    member_id: u64,
    founding: Roster,
    log_begun: bool,
    joined: bool,
    /// A digest of the contract.
    contract: u64,
}

impl Founded {
    fn identity(&self, config: &NodeConfig, log_begun: bool) -> Identity {
        let cluster = &config.contract.cluster;
        Identity {
            cluster: cluster.name.clone(),
            member: cluster.members[usize::from(config.me)].name.clone(),
            member_id: self.member_id,
            state: State::Member {
                founding: self.founding.clone(),
                log_begun,
                joined: self.joined,
            },
        }
    }
}

impl Founded {
    /// A founder begins with the founding configuration. A member that joined begins without one,
    /// and so can't vote before it has learned from the log that it may.
    fn raft_config(&self, config: &NodeConfig) -> raft::Config {
        let raft = raft_config(&self.founding, config);
        match self.joined {
            true => raft::Config {
                founding: Arc::default(),
                ..raft
            },
            false => raft,
        }
    }
}

/// Finds out which cluster we belong to: from the directory, or by forming one with the others.
fn form(
    config: &NodeConfig,
    dir: &mut DataDir,
    peer_port: &tokio::net::TcpListener,
    runtime: &Runtime,
    progress: &mut (dyn FnMut(Starting) -> ControlFlow<()> + Send),
) -> Result<Founded, StartError> {
    let cluster = &config.contract.cluster;
    let name = &cluster.members[usize::from(config.me)].name;
    let contract = xxh3_64(config.contract.to_toml().as_bytes());
    // Who the members are changes; what may fail must be the same everywhere.
    let model = Contract {
        cluster: quorate_contract::Cluster::loopback(&cluster.name, 1),
        ..config.contract.clone()
    };
    let model = xxh3_64(model.to_toml().as_bytes());
    let identity = match dir.identity() {
        Some(identity) => identity.clone(),
        None => {
            // Durable before it is offered: after a crash it is the same founder.
            let identity = Identity {
                cluster: cluster.name.clone(),
                member: name.clone(),
                member_id: random_id(),
                state: match config.join {
                    true => State::Joining,
                    false => State::Forming,
                },
            };
            dir.set_identity(identity.clone())?;
            identity
        }
    };
    let mut member_id = identity.member_id;
    let (founding, log_begun, joined) = match identity.state.clone() {
        State::Member {
            founding,
            log_begun,
            joined,
        } => (founding, log_begun, joined),
        State::Forming if config.join => {
            // It belongs to no cluster yet, so it may as well join one.
            let state = State::Joining;
            dir.set_identity(Identity { state, ..identity })?;
            return form(config, dir, peer_port, runtime, progress);
        }
        State::Joining => {
            let member = &cluster.members[usize::from(config.me)];
            let request = JoinRequest {
                cluster: cluster.name.clone(),
                name: name.clone(),
                peer: member.peer.to_string(),
                client: member.client.to_string(),
                directory: member_id,
            };
            let others = cluster.members.iter().filter(|other| other.id != config.me);
            let others = others.map(|other| (other.name.clone(), other.peer.to_string()));
            let joined = runtime.block_on(join(request, others.collect(), progress))?;
            let founding = joined.1;
            member_id = joined.0;
            let state = State::Member {
                founding: founding.clone(),
                log_begun: false,
                joined: true,
            };
            dir.set_identity(Identity {
                member_id,
                state,
                ..identity
            })?;
            (founding, false, true)
        }
        State::Forming => {
            let roster = founders(cluster, random_id());
            let forming = Forming::new(roster, config.me.into(), member_id, contract);
            let write = |founding: &Roster| {
                let state = State::Member {
                    founding: founding.clone(),
                    log_begun: false,
                    joined: false,
                };
                let identity = Identity { state, ..identity };
                Ok(dir.set_identity(identity)?)
            };
            let founding = runtime.block_on(found(forming, peer_port, write, progress))?;
            (founding, false, false)
        }
    };
    let Some(member) = founding
        .by_id(member_id)
        .filter(|member| member.name == *name)
    else {
        return Err(DirectoryError::BadIdentity {
            path: dir.path().to_owned(),
            problem: format!("{name:?} is not among the founders that it names"),
        }
        .into());
    };
    let named = |member: &quorate_replica::Member| cluster.member_named(&member.name).is_some();
    if founding.members.len() != cluster.len() || !founding.members.iter().all(named) {
        warn!("the contract names other members than those that founded the cluster");
    }
    Ok(Founded {
        me: member.node,
        member_id,
        contract: model,
        log_begun,
        joined,
        founding,
    })
}

/// Ends the replica if most of the other members do not take it for one of theirs: they belong to
/// another cluster, so this directory or the addresses in the contract are not what the operator
/// takes them for; or the member was removed while it was away.
async fn watch_for_rejection(
    peers: Peers<PeerMessage>,
    data_dir: std::path::PathBuf,
    published: Arc<Published>,
) {
    let dir = data_dir.display();
    let why = match peers.rejected().await {
        (RejectReason::Removed, _) => Stopped::Removed.to_string(),
        (_, why) => format!(
            "the other members don't belong to the cluster that {dir} is part of: {why}. Start \
             this member with its own directory and its own contract, or, if it is to join the \
             cluster of the others, with an empty directory"
        ),
    };
    error!("{why}");
    published.ended_with(Ended::Refused(why));
}

fn raft_config(founding: &Roster, config: &NodeConfig) -> raft::Config {
    let contract = &config.contract;
    raft::Config {
        founding: founding.founding().into(),
        election_min: config.timeouts.election,
        election_max: raft::election_max(config.timeouts.election),
        max_timeout_factor: raft::max_timeout_factor(&contract.timing, config.timeouts.election),
        heartbeat: config.timeouts.heartbeat,
        ..raft::Config::default()
    }
}

fn listen(whom: &'static str, address: &str) -> Result<TcpListener, StartError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse {
            whom,
            address: address.to_owned(),
        },
        _ => StartError::Listen {
            whom,
            address: address.to_owned(),
            error,
        },
    };
    let addresses: Vec<_> = address.to_socket_addrs().map_err(failed)?.collect();
    let listener = TcpListener::bind(&addresses[..]).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// What runs once a log is recovered.
struct Parts {
    inbox: Arc<Inbox>,
    backend: Backend,
    published: Arc<Published>,
    replica: JoinHandle<()>,
    disk: DiskThread,
}

impl Parts {
    fn start<S: Storage + Send + 'static>(
        config: &NodeConfig,
        founded: &Founded,
        recovered: Recovered<S>,
        runtime: &Runtime,
    ) -> Result<Self, StartError> {
        let clock = Clock::start();
        let bounds = InboxBounds {
            asks: WAITING_ASKS,
            urgent: WAITING_URGENT,
            bulk_bytes: WAITING_PEER_BYTES,
        };
        let inbox = Arc::new(Inbox::new(bounds));
        let syncs = Arc::new(Histogram::new());
        let log_bytes = Arc::new(AtomicU64::new(0));

        let (wake, observe, count) = (inbox.clone(), syncs.clone(), log_bytes.clone());
        let (disk, queue) = DiskThread::start(recovered.journal, move |synced| {
            if let Some(Synced { took, bytes }) = synced {
                observe.observe(took);
                count.fetch_add(bytes, Ordering::Relaxed);
            }
            wake.on_disk();
        })?;
        let replica_config = Config {
            protocol: founded.raft_config(config),
            limits: config.limits.clone(),
            sweep: SWEEP,
            software: quorate_replica::LEVEL,
            nonce: nonce(),
            mutant: Mutant::None,
        };
        let me = founded.me;
        let Recovered { hard, machine, .. } = recovered;
        let replica = Replica::new(replica_config, me, hard, machine, queue);
        let published = Arc::new(Published::new(replica.status()));

        let founding = founded.founding.clone();
        let cluster = config.contract.cluster.clone();
        let membership = Membership::founding(founding.clone());
        let local = Local {
            me,
            member_id: founded.member_id,
            address: cluster.members[usize::from(config.me)].peer.to_string(),
            founding,
            cluster,
            contract: founded.contract,
            max_frame: MAX_FRAME,
        };
        let connections = Peers::new(local, membership, runtime.handle().clone());
        let (answers, answered) = mpsc::unbounded_channel();
        runtime.spawn(answer(answered));
        let waker = inbox.clone();
        let worker = Worker::start(move || waker.on_disk())?;
        let shell = Shell::new(ShellParts {
            replica,
            clock,
            inbox: inbox.clone(),
            connections: connections.clone(),
            answers,
            published: published.clone(),
            data_dir: config.data_dir.clone(),
            worker,
        });
        let thread = thread::Builder::new().name("replica".to_owned());
        let replica = thread.spawn(move || shell.run())?;
        let backend = Backend(Arc::new(Shared {
            clock,
            request_timeout: config.request_timeout,
            quota: config.limits.store_bytes,
            inbox: inbox.clone(),
            published: published.clone(),
            syncs,
            log_bytes,
            peers: connections,
        }));
        Ok(Self {
            inbox,
            backend,
            published,
            replica,
            disk,
        })
    }
}

/// Hands answers to those who asked. The replica's thread wakes this task once a burst, and this
/// task the others, which costs a fraction of waking each from outside of the runtime.
async fn answer(mut answered: mpsc::UnboundedReceiver<Answers>) {
    while let Some(answers) = answered.recv().await {
        for (ask, outcome) in answers {
            // A caller that has stopped listening has no use for it.
            let _ = ask.send(outcome);
        }
    }
}
