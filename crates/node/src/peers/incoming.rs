//! The connections that peers make, to send to us.

use super::frame::{self, Frame, FrameError};
use super::stats::{PeerStats, add};
use super::{HANDSHAKE_TIMEOUT, Local, Wire, handshake};
use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

/// Takes what peers send.
pub trait Receiver<M>: Clone + Send + Sync + 'static {
    /// Takes messages, in order, leaving `messages` empty. While there is no room it waits, and the
    /// peer with it, by the flow control of TCP.
    fn deliver(&self, from: u8, messages: &mut Vec<M>) -> impl Future<Output = ()> + Send;

    /// The peer's connection has ended, after what was delivered before: the peer has gone, or
    /// something between has failed.
    fn lost(&self, from: u8);
}

/// Connections of strangers who have not introduced themselves yet. Those beyond are closed.
const MAX_STRANGERS: usize = 64;
/// How much is read before what came is handed on.
const BURST: usize = 256 << 10;

/// What all connections share.
struct Shared<R> {
    local: Local,
    receiver: R,
    stats: Vec<Arc<PeerStats>>,
    /// For each peer, a channel whose closing ends the connection before.
    current: Vec<Mutex<Option<watch::Sender<()>>>>,
}

/// Accepts connections from peers and hands on what they send, for ever. `stats` has an element for
/// each replica of the cluster. A peer has one connection: a later one replaces an earlier.
pub async fn accept<M: Wire, R: Receiver<M>>(
    listener: TcpListener,
    local: Local,
    stats: Vec<Arc<PeerStats>>,
    receiver: R,
) {
    let current = stats.iter().map(|_| Mutex::default()).collect();
    let shared = Arc::new(Shared {
        local,
        receiver,
        stats,
        current,
    });
    let strangers = Arc::new(Semaphore::new(MAX_STRANGERS));
    // Dropping the set, with this future, ends the connections.
    let mut connections = JoinSet::new();
    loop {
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
        let Ok(permit) = strangers.clone().try_acquire_owned() else {
            warn!(%address, "peer port: closed, {MAX_STRANGERS} others have not introduced themselves");
            continue;
        };
        let shared = shared.clone();
        connections.spawn(async move {
            let greeted = greet(stream, &shared.local).await;
            drop(permit);
            match greeted {
                Ok((stream, from)) => shared.serve::<M>(stream, from, address).await,
                Err(error) => warn!(%address, "peer port: connection closed: {error}"),
            }
        });
    }
}

async fn greet(
    mut stream: TcpStream,
    local: &Local,
) -> Result<(TcpStream, u8), handshake::HandshakeError> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(10))
        .with_interval(Duration::from_secs(3))
        .with_retries(3);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    let hello = timeout(HANDSHAKE_TIMEOUT, handshake::answer(&mut stream, local))
        .await
        .map_err(|_| handshake::HandshakeError::TimedOut)??;
    if hello.contract != local.contract {
        warn!(
            peer = hello.from,
            "the peer runs under a contract that differs from ours; `quorate explain --json` on \
             both files shows where"
        );
    }
    Ok((stream, hello.from))
}

impl<R> Shared<R> {
    async fn serve<M: Wire>(&self, stream: TcpStream, from: u8, address: SocketAddr)
    where
        R: Receiver<M>,
    {
        let Some(slot) = self.current.get(usize::from(from)) else {
            return;
        };
        let (alive, mut replaced) = watch::channel(());
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(alive);
        info!(peer = from, %address, "peer connected");
        self.stats[usize::from(from)].appeared.notify_one();
        tokio::select! {
            result = self.read::<M>(stream, from) => {
                self.receiver.lost(from);
                match result {
                    Ok(()) => info!(peer = from, %address, "peer disconnected"),
                    Err(error) => {
                        warn!(peer = from, %address, "connection from peer closed: {error}");
                    }
                }
            }
            _ = replaced.changed() => debug!(peer = from, %address, "replaced by a new connection"),
        }
    }

    async fn read<M: Wire>(&self, stream: TcpStream, from: u8) -> Result<(), ReadError>
    where
        R: Receiver<M>,
    {
        let (mut receive, mut send) = stream.into_split();
        let stats = &self.stats[usize::from(from)];
        let mut arrived = BytesMut::with_capacity(BURST);
        let mut messages = vec![];
        let mut pongs = vec![];
        loop {
            arrived.reserve(BURST / 4);
            let n = receive.read_buf(&mut arrived).await?;
            if n == 0 {
                return if arrived.is_empty() {
                    Ok(())
                } else {
                    Err(FrameError::Truncated.into())
                };
            }
            add(&stats.received_bytes, n);
            let result = loop {
                match frame::take(&mut arrived, self.local.max_frame) {
                    Ok(Some(Frame::Message(message))) => messages.push(message),
                    Ok(Some(Frame::Ping(nanos))) => frame::put_pong(nanos, &mut pongs),
                    Ok(Some(Frame::Pong(_))) => {}
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            // What came whole before the damage is good.
            if !messages.is_empty() {
                self.receiver.deliver(from, &mut messages).await;
            }
            result?;
            if !pongs.is_empty() {
                send.write_all(&pongs).await?;
                pongs.clear();
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
}
