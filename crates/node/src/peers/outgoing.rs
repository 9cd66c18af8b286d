//! The connection that we make, to send.

use super::frame::{self, Frame};
use super::handshake::{self, HandshakeError, Hello, Intent, RejectReason};
use super::stats::add;
use super::{CONNECT_TIMEOUT, DEAD_AFTER, HANDSHAKE_TIMEOUT, Outbox, PING_EVERY, Wire};
use bytes::BytesMut;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{interval, sleep, timeout};
use tracing::{debug, info, warn};

const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// A connection that is refused in words won't be better in a moment.
const REFUSED_WAIT: Duration = Duration::from_secs(3);
/// About how much is handed to the socket at once; what is urgent waits for no more than this.
const BURST: usize = 256 << 10;

/// Whom to connect to.
#[derive(Clone, Debug)]
pub(super) struct PeerTarget {
    /// What we say of ourselves and of the peer that we look for.
    pub(super) hello: Hello,
    /// What it is called in the log.
    pub(super) label: String,
    /// Where it is.
    pub(super) address: String,
    /// The largest frame, in bytes.
    pub(super) max_frame: usize,
}

/// Keeps a connection to a peer and sends what comes into the outbox; never ends. When the
/// connection fails it is made again, after a wait that doubles up to a second and is spread by
/// chance (doc 002: retries must not march in step), or as soon as the peer connects to us, so that
/// a restarted replica hears from the others at once. `met` is told each time that the peer was
/// reached, or has refused us and why.
pub(super) async fn connect<M: Wire>(
    target: PeerTarget,
    outbox: Arc<Outbox<M>>,
    met: impl Fn(Option<(RejectReason, &str)>) + Send,
) {
    let (to, address) = (&target.label, &target.address);
    let mut wait = FIRST_WAIT;
    let mut last_reason = String::new();
    loop {
        let reason = match open(&target).await {
            Ok(stream) => {
                met(None);
                info!(peer = %to, %address, "connected to peer");
                outbox.open();
                let since = Instant::now();
                let error = run(stream, target.max_frame, &outbox).await;
                outbox.close();
                warn!(peer = %to, %address, "connection to peer lost: {error}");
                if since.elapsed() > LONGEST_WAIT {
                    wait = FIRST_WAIT;
                }
                last_reason.clear();
                wait = pause(wait, &outbox).await;
                continue;
            }
            Err(reason) => reason,
        };
        let text = reason.to_string();
        if text == last_reason {
            debug!(peer = %to, %address, "no connection to peer: {text}");
        } else {
            warn!(peer = %to, %address, "no connection to peer: {text}");
            last_reason = text;
        }
        if let HandshakeError::RefusedByPeer { reason, why } = &reason {
            met(Some((*reason, why)));
            // A cluster that is being formed is formed in a moment, and a roster that does not know
            // us yet will. Anything else needs an operator.
            if !matches!(reason, RejectReason::NotFormed | RejectReason::NotAMember) {
                sleep(spread(REFUSED_WAIT)).await;
            }
        }
        wait = pause(wait, &outbox).await;
    }
}

/// Waits before the next attempt, and says how long to wait before the one after it.
pub(super) async fn pause<M: Wire>(wait: Duration, outbox: &Outbox<M>) -> Duration {
    match timeout(spread(wait), outbox.stats().appeared.notified()).await {
        Ok(()) => FIRST_WAIT,
        Err(_) => (wait * 2).min(LONGEST_WAIT),
    }
}

fn spread(wait: Duration) -> Duration {
    wait.mul_f64(0.5 + fastrand::f64())
}

async fn open(target: &PeerTarget) -> Result<TcpStream, HandshakeError> {
    let connect = timeout(CONNECT_TIMEOUT, TcpStream::connect(&target.address));
    let mut stream = connect
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(DEAD_AFTER))?;
    let intent = Intent::Peer(target.hello.clone());
    timeout(HANDSHAKE_TIMEOUT, handshake::call(&mut stream, &intent))
        .await
        .map_err(|_| HandshakeError::TimedOut)??;
    Ok(stream)
}

/// Sends until the connection fails.
async fn run<M: Wire>(stream: TcpStream, max_frame: usize, outbox: &Outbox<M>) -> io::Error {
    let (receive, send) = stream.into_split();
    let origin = Instant::now();
    tokio::select! {
        error = write(send, max_frame, outbox, origin) => error,
        error = read_pongs::<M>(receive, outbox, origin) => error,
    }
}

async fn write<M: Wire>(
    mut send: OwnedWriteHalf,
    max_frame: usize,
    outbox: &Outbox<M>,
    origin: Instant,
) -> io::Error {
    let mut messages = vec![];
    let mut bytes = Vec::with_capacity(BURST);
    let mut ping = interval(PING_EVERY);
    loop {
        outbox.drain(BURST, &mut messages);
        for message in messages.drain(..) {
            if !matches!(frame::put(&message, max_frame, &mut bytes), Ok(true)) {
                warn!(
                    "a message of about {} bytes does not fit in a frame",
                    message.weight()
                );
                add(&outbox.stats().dropped, 1);
            }
        }
        if bytes.is_empty() {
            tokio::select! {
                () = outbox.ready() => {}
                _ = ping.tick() => frame::put_ping(origin.elapsed().as_nanos() as u64, &mut bytes),
            }
        }
        if !bytes.is_empty() {
            if let Err(error) = send.write_all(&bytes).await {
                return error;
            }
            add(&outbox.stats().sent_bytes, bytes.len());
            bytes.clear();
            // One large burst is no reason to hold its memory to the end.
            bytes.shrink_to(4 * BURST);
        }
    }
}

/// The peer says nothing on this connection but the echo of our pings.
async fn read_pongs<M: Wire>(
    mut receive: OwnedReadHalf,
    outbox: &Outbox<M>,
    origin: Instant,
) -> io::Error {
    const MAX_PONG: usize = 16;
    let mut arrived = BytesMut::with_capacity(256);
    loop {
        match receive.read_buf(&mut arrived).await {
            Ok(0) => return io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the peer"),
            Ok(_) => {}
            Err(error) => return error,
        }
        loop {
            match frame::take::<M>(&mut arrived, MAX_PONG) {
                Ok(Some(Frame::Pong(sent))) => {
                    let now = origin.elapsed().as_nanos() as u64;
                    let took = now.saturating_sub(sent);
                    outbox
                        .stats()
                        .round_trips
                        .observe(Duration::from_nanos(took));
                }
                Ok(Some(_)) => {
                    return io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the peer talks on a connection that is not for it to talk on",
                    );
                }
                Ok(None) => break,
                Err(error) => return io::Error::new(io::ErrorKind::InvalidData, error),
            }
        }
    }
}
