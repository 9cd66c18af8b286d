//! The peer port: connections of strangers until they have said what they want.

use super::HANDSHAKE_TIMEOUT;
use super::handshake::{self, HandshakeCall, HandshakeError};
use socket2::{SockRef, TcpKeepalive};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::warn;

/// Connections of strangers that have not said yet what they want. When one more comes, the one
/// that has been silent for longest is closed: a member says who it is within a round trip, so that
/// idle strangers can't lock it out, however many they are.
pub(super) const MAX_STRANGERS: usize = 64;

/// The strangers, by the order in which they came; a sender that is dropped closes the connection.
#[derive(Default)]
struct Strangers(Mutex<BTreeMap<u64, oneshot::Sender<()>>>);

impl Strangers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a stranger in. The receiver resolves when it has to go.
    fn admit(&self, number: u64) -> oneshot::Receiver<()> {
        let (stay, go) = oneshot::channel();
        let mut strangers = self.lock();
        if strangers.len() >= MAX_STRANGERS {
            strangers.pop_first();
        }
        strangers.insert(number, stay);
        go
    }
}

/// Accepts connections, hears what each one wants, and gives it to `handle`. Never ends; dropped,
/// it ends all connections.
pub(crate) async fn listen<F, H>(listener: &TcpListener, handle: F)
where
    F: Fn(TcpStream, SocketAddr, HandshakeCall) -> H + Clone + Send + 'static,
    H: Future<Output = Result<(), HandshakeError>> + Send + 'static,
{
    let strangers = Arc::new(Strangers::default());
    let mut connections = JoinSet::new();
    for number in 0.. {
        while connections.try_join_next().is_some() {}
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: it passes, or not, but spinning won't help.
                warn!("can't accept a connection on the peer port: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (handle, strangers) = (handle.clone(), strangers.clone());
        let go = strangers.admit(number);
        connections.spawn(async move {
            let heard = tokio::select! {
                heard = greet(stream) => heard,
                _ = go => {
                    warn!(%address, "peer port: closed to make room, it has not said who it is");
                    return;
                }
            };
            strangers.lock().remove(&number);
            let result = match heard {
                Ok((stream, call)) => handle(stream, address, call).await,
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                warn!(%address, "peer port: connection closed: {error}");
            }
        });
    }
}

async fn greet(mut stream: TcpStream) -> Result<(TcpStream, HandshakeCall), HandshakeError> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(10))
        .with_interval(Duration::from_secs(3))
        .with_retries(3);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    let call = timeout(HANDSHAKE_TIMEOUT, handshake::hear(&mut stream))
        .await
        .map_err(|_| HandshakeError::TimedOut)??;
    Ok((stream, call))
}
