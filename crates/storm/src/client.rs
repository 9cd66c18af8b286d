//! One client: asks, waits, writes down what it was told, asks again.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quorate_check::{Action, Operation, Outcome, Reply, Response};
use quorate_etcd::client::{Connection, Endpoint};
use tokio::time::{sleep, timeout};
use tower_service::Service;

use crate::load::Workload;
use crate::outcome::{self, Failure};
use crate::wire;

/// How long a client waits for a connection before it tries another replica.
const CONNECT: Duration = Duration::from_millis(500);
/// Requests after which a client tries another replica, on average.
const STAYS: u32 = 100;
/// How long a client that was turned away waits.
const TURNED_AWAY: Duration = Duration::from_millis(5);

/// What all clients share.
#[derive(Debug)]
pub(crate) struct StormClients {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) timeout: Duration,
    /// Between two requests of one client, on average.
    pub(crate) pause: Duration,
    pub(crate) start: Instant,
    pub(crate) stop: AtomicBool,
    /// When writes were acknowledged, in order.
    acknowledged: Mutex<Vec<u64>>,
    /// Requests that got any answer so far.
    pub(crate) answered: AtomicU64,
    /// Requests of unknown outcome so far.
    pub(crate) unknown: AtomicU64,
}

impl StormClients {
    pub(crate) fn new(endpoints: Vec<Endpoint>, timeout: Duration, pause: Duration) -> Self {
        Self {
            endpoints,
            timeout,
            pause,
            start: Instant::now(),
            stop: AtomicBool::new(false),
            acknowledged: Mutex::default(),
            answered: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
        }
    }

    /// When writes were acknowledged, in order.
    pub(crate) fn acknowledged(&self) -> MutexGuard<'_, Vec<u64>> {
        self.acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A write is acknowledged now. The clock is read under the lock, so that the list is in order.
    fn acknowledge(&self) {
        let mut acknowledged = self.acknowledged();
        acknowledged.push(self.now());
    }

    /// Nanoseconds since the storm began: the one clock of the history.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Whether this answer says that the store was changed.
pub(crate) fn is_acknowledgement(action: &Action, response: &Response) -> bool {
    match &response.reply {
        Reply::Put => true,
        Reply::Deleted(keys) => *keys > 0,
        Reply::Txn { succeeded, .. } => *succeeded && action.may_write(),
        Reply::Got(_) | Reply::Scanned(_) => false,
    }
}

/// A client's connection: to one replica, and after a failure, or once in a while, to another. By
/// chance, not in turn: else the clients of a killed replica would all be found at the next one.
struct ClientConnection<'a> {
    fleet: &'a StormClients,
    random: fastrand::Rng,
    at: usize,
    open: Option<Connection>,
}

impl ClientConnection<'_> {
    /// A connection that takes requests. Nothing is asked before there is one, so that a replica
    /// that is down costs no unknown outcome.
    async fn ready(&mut self) -> Option<&mut Connection> {
        let usable = match &mut self.open {
            Some(connection) => poll_fn(|cx| connection.poll_ready(cx)).await.is_ok(),
            None => false,
        };
        if !usable {
            let endpoint = &self.fleet.endpoints[self.at];
            self.open = match timeout(CONNECT, Connection::open(endpoint)).await {
                Ok(Ok(connection)) => Some(connection),
                Ok(Err(_)) | Err(_) => {
                    self.move_on();
                    None
                }
            };
        }
        self.open.as_mut()
    }

    fn move_on(&mut self) {
        self.open = None;
        let all = self.fleet.endpoints.len();
        self.at = (self.at + self.random.usize(1..all)) % all;
    }
}

/// Asks until the fleet is told to stop; gives what it asked and was told.
pub(crate) async fn run(
    fleet: Arc<StormClients>,
    client: u64,
    mut load: Workload,
) -> Vec<Operation> {
    let mut operations = vec![];
    let mut line = ClientConnection {
        fleet: &fleet,
        random: fastrand::Rng::with_seed(client),
        at: client as usize % fleet.endpoints.len(),
        open: None,
    };
    while !fleet.stop.load(Ordering::Relaxed) {
        sleep(fleet.pause.mul_f64(load.pause())).await;
        if line.random.u32(0..STAYS) == 0 {
            line.move_on();
        }
        let Some(connection) = line.ready().await else {
            sleep(TURNED_AWAY).await;
            continue;
        };
        let action = load.next();
        let invoked = fleet.now();
        let answer = timeout(fleet.timeout, wire::ask(connection, &action)).await;
        let returned = fleet.now();
        let outcome = match answer {
            Ok(Ok(response)) => {
                load.learn(&action, &response);
                fleet.answered.fetch_add(1, Ordering::Relaxed);
                if is_acknowledgement(&action, &response) {
                    fleet.acknowledge();
                }
                Outcome::Done { returned, response }
            }
            Ok(Err(status)) => match outcome::of(&status) {
                Failure::Refused => {
                    sleep(TURNED_AWAY).await;
                    Outcome::Refused {
                        returned,
                        why: status.message().to_owned(),
                    }
                }
                Failure::Unknown => Outcome::Unknown,
                Failure::Broken => {
                    line.move_on();
                    Outcome::Unknown
                }
            },
            Err(_) => {
                line.move_on();
                Outcome::Unknown
            }
        };
        if outcome == Outcome::Unknown {
            fleet.unknown.fetch_add(1, Ordering::Relaxed);
        }
        operations.push(Operation {
            client,
            invoked,
            action,
            outcome,
        });
    }
    operations
}
