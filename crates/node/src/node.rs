//! [`Node`]: one replica, running.

use crate::backend::{Backend, Shared};
use crate::clock::Clock;
use crate::disk::{DiskThread, Synced};
use crate::inbox::{Inbox, InboxBounds};
use crate::names::Names;
use crate::peers::{self, Bounds, Local, Outbox, PeerStats};
use crate::published::{Ended, Published};
use crate::recover::{Recovered, recover};
use crate::serving::{PeerMessage, Replica};
use crate::shell::{Answers, Shell};
use crate::storage::{DataDir, DelayedStorage, FileStorage, Owner};
use crate::{ClockStatus, NodeConfig, StartError};
use quorate_contract::Contract;
use quorate_core::{Mutant, NodeId};
use quorate_crash::raft;
use quorate_etcd::metrics::Histogram;
use quorate_replica::{Config, Status};
use quorate_wal::{Identity, Progress, Storage};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

/// Requests that may wait for the replica's thread, beyond those that it has admitted.
const WAITING_ASKS: usize = 8192;
/// Bytes of peers' messages that may wait for the replica's thread.
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
    /// Starts a replica: takes its directory and its ports, recovers its log, and serves. What
    /// takes long is the recovery; how far it is, `progress` is told.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(
        config: NodeConfig,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, StartError> {
        let (delay, stall) = (config.sync_delay, config.disk_stall.clone());
        let open = |path: &Path| {
            let files = FileStorage::open(path)?;
            Ok(DelayedStorage::that_stalls(files, delay, stall))
        };
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
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, StartError> {
        let names = check(&config)?;
        let me = usize::from(config.me);
        let member = &config.contract.cluster.members[me];
        let owner = Owner {
            cluster_id: names.cluster_id,
            cluster: config.contract.cluster.name.clone(),
            member_id: names.member_ids[me],
            member: member.name.clone(),
        };
        let dir = DataDir::open(&config.data_dir, &owner)?;
        let address = |listen: &Option<String>, member: String| listen.clone().unwrap_or(member);
        let peer_port = listen(
            "peers",
            &address(&config.listen_peer, member.peer.to_string()),
        )?;
        let client_port = listen(
            "clients",
            &address(&config.listen_client, member.client.to_string()),
        )?;

        let identity = Identity {
            cluster: owner.cluster_id,
            replica: owner.member_id,
        };
        let storage = open(&dir.wal())?;
        let recovered = recover(storage, quorate_wal::Config::new(identity), progress)?;

        let client_address = client_port.local_addr()?;
        let peer_address = peer_port.local_addr()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(config.io_threads.max(1))
            .thread_name("io")
            .enable_all()
            .build()?;
        let (shutdown, stopping) = watch::channel(false);
        let parts = Parts::start(&config, &names, recovered, &runtime)?;
        let _in_runtime = runtime.enter();
        parts.connect(
            &config,
            &names,
            tokio::net::TcpListener::from_std(peer_port)?,
        );
        let client_port = tokio::net::TcpListener::from_std(client_port)?;
        let api = tokio::spawn(quorate_etcd::serve(
            client_port,
            parts.backend,
            wait(stopping),
        ));
        drop(_in_runtime);
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
fn check(config: &NodeConfig) -> Result<Names, StartError> {
    let contract = &config.contract;
    contract
        .runnable()
        .map_err(|error| StartError::Contract(error.to_string()))?;
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
    raft_config(contract, config)
        .check()
        .map_err(StartError::Timeouts)?;
    Ok(Names::of(contract))
}

fn raft_config(contract: &Contract, config: &NodeConfig) -> raft::Config {
    raft::Config {
        nodes: contract.cluster.len() as u8,
        election_min: config.timeouts.election,
        election_max: config.timeouts.election * 2,
        patience_max: raft::patience_max(&contract.timing, config.timeouts.election),
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
    outboxes: Vec<Option<Arc<Outbox<PeerMessage>>>>,
    stats: Vec<Arc<PeerStats>>,
    backend: Backend,
    published: Arc<Published>,
    replica: JoinHandle<()>,
    disk: DiskThread,
}

impl Parts {
    fn start<S: Storage + Send + 'static>(
        config: &NodeConfig,
        names: &Names,
        recovered: Recovered<S>,
        runtime: &Runtime,
    ) -> Result<Self, StartError> {
        let clock = Clock::start();
        let bounds = InboxBounds {
            asks: WAITING_ASKS,
            peer_bytes: WAITING_PEER_BYTES,
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
            protocol: raft_config(&config.contract, config),
            limits: config.limits.clone(),
            sweep: SWEEP,
            nonce: nonce(),
            mutant: Mutant::None,
        };
        let me = NodeId(config.me.into());
        let Recovered { hard, machine, .. } = recovered;
        let replica = Replica::new(replica_config, me, hard, machine, queue);
        let published = Arc::new(Published::new(replica.status()));

        let stats: Vec<Arc<PeerStats>> = names.member_ids.iter().map(|_| Arc::default()).collect();
        let outbox = |(id, stats): (usize, &Arc<PeerStats>)| {
            let other = id != me.index();
            other.then(|| Arc::new(Outbox::new(Bounds::default(), stats.clone())))
        };
        let outboxes: Vec<_> = stats.iter().enumerate().map(outbox).collect();
        let (answers, answered) = mpsc::unbounded_channel();
        runtime.spawn(answer(answered));
        let shell = Shell::new(
            replica,
            clock,
            inbox.clone(),
            &outboxes,
            answers,
            published.clone(),
        );
        let thread = thread::Builder::new().name("replica".to_owned());
        let replica = thread.spawn(move || shell.run())?;
        let backend = Backend(Arc::new(Shared {
            contract: config.contract.clone(),
            names: names.clone(),
            me: config.me,
            clock,
            request_timeout: config.request_timeout,
            quota: config.limits.store_bytes,
            inbox: inbox.clone(),
            published: published.clone(),
            syncs,
            log_bytes,
            peers: stats.clone(),
        }));
        Ok(Self {
            inbox,
            outboxes,
            stats,
            backend,
            published,
            replica,
            disk,
        })
    }

    /// Starts the connections to and from peers; they end with the runtime.
    fn connect(&self, config: &NodeConfig, names: &Names, listener: tokio::net::TcpListener) {
        let cluster = &config.contract.cluster;
        let local = Local {
            cluster_id: names.cluster_id,
            cluster: cluster.name.clone(),
            me: config.me,
            contract: names.contract,
            nodes: cluster.len() as u8,
            max_frame: MAX_FRAME,
        };
        for (member, outbox) in cluster.members.iter().zip(&self.outboxes) {
            if let Some(outbox) = outbox {
                let address = member.peer.to_string();
                tokio::spawn(peers::connect(
                    local.clone(),
                    member.id,
                    address,
                    outbox.clone(),
                ));
            }
        }
        let accept = peers::accept(listener, local, self.stats.clone(), self.inbox.clone());
        tokio::spawn(accept);
    }
}

/// Hands answers to those who asked. The replica's thread wakes this task once a burst, and this
/// task the others, which costs a fraction of waking each from outside of the runtime.
async fn answer(mut answered: mpsc::UnboundedReceiver<Answers>) {
    while let Some(answers) = answered.recv().await {
        for (ask, outcome) in answers {
            // Whoever has stopped listening has no use for it.
            let _ = ask.send(outcome);
        }
    }
}

/// A number that no other run has: the keys of `RandomState` come from the system.
fn nonce() -> u64 {
    RandomState::new().build_hasher().finish()
}
