//! The connections that peers make, to send to us.

use super::frame::{self, Frame, FrameError};
use super::handshake::{self, HandshakeCall, HandshakeError, Hello, Intent};
use super::listen::listen;
use super::registry::Peers;
use super::stats::{PeerStats, add};
use super::{Wire, offers};
use crate::forming::FormingAnswer;
use crate::joining::Admits;
use bytes::BytesMut;
use quorate_core::NodeId;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, info, warn};

/// Takes what peers send.
pub trait Receiver<M>: Clone + Send + Sync + 'static {
    /// Takes messages, in order, leaving `messages` empty. What there is no room for is dropped;
    /// returns how many were. It does not wait: a message that must not be late may come behind one
    /// that there is no room for.
    fn deliver(&self, from: NodeId, messages: &mut Vec<M>) -> usize;

    /// The peer's connection has ended, after what was delivered before: the peer has gone, or
    /// something between has failed.
    fn lost(&self, from: NodeId);
}

/// How much is read before what came is handed on.
const BURST: usize = 256 << 10;

/// Accepts connections from peers and hands on what they send; never ends. A peer has one
/// connection: a later one replaces an earlier. Founders that ask are told that the cluster is
/// formed.
pub async fn accept<M, R, A>(listener: TcpListener, peers: Peers<M>, receiver: R, admits: A)
where
    M: Wire,
    R: Receiver<M>,
    A: Admits,
{
    listen(&listener, move |stream, address, call| {
        let connection = Connection {
            peers: peers.clone(),
            receiver: receiver.clone(),
            admits: admits.clone(),
            address,
        };
        connection.handle(stream, call)
    })
    .await;
}

struct Connection<M: Wire, R, A> {
    peers: Peers<M>,
    receiver: R,
    admits: A,
    address: SocketAddr,
}

impl<M: Wire, R: Receiver<M>, A: Admits> Connection<M, R, A> {
    async fn handle(
        self,
        mut stream: TcpStream,
        call: HandshakeCall,
    ) -> Result<(), HandshakeError> {
        let hello = match &call.intent {
            Intent::Peer(hello) => hello.clone(),
            Intent::Join(request) => {
                debug!(address = %self.address, name = request.name, "one asks to join");
                let answer = self.admits.admit((**request).clone()).await;
                return offers::answer(&mut stream, &call, &answer).await;
            }
            Intent::Form(offer) => {
                let answer = FormingAnswer::Formed {
                    founding: self.peers.local().founding.clone(),
                    current: self.peers.membership().roster.clone(),
                };
                debug!(address = %self.address, name = offer.name, "a founder asks");
                return offers::answer(&mut stream, &call, &answer).await;
            }
        };
        let judged = self.peers.membership().judge(self.peers.local(), &hello);
        if let Err((reason, why)) = judged {
            return Err(handshake::refuse(&mut stream, reason, why).await);
        }
        handshake::agree(&mut stream, &call).await?;
        if hello.contract != self.peers.local().contract {
            warn!(
                peer = self.peers.membership().roster.label(hello.from),
                "the peer runs under a contract that differs from ours; `quorate explain --json` \
                 on both files shows where"
            );
        }
        self.serve(stream, &hello).await;
        Ok(())
    }

    async fn serve(&self, stream: TcpStream, hello: &Hello) {
        let (from, address) = (hello.from, self.address);
        let peer = self.peers.membership().roster.label(from);
        let Some((stats, mut ended)) = self.peers.connected(hello) else {
            // It was removed since it was agreed to.
            return;
        };
        info!(peer, %address, "peer connected");
        stats.appeared.notify_one();
        tokio::select! {
            result = self.read(stream, from, &stats) => {
                self.receiver.lost(from);
                match result {
                    Ok(()) => info!(peer, %address, "peer disconnected"),
                    Err(error) => {
                        warn!(peer, %address, "connection from peer closed: {error}");
                    }
                }
            }
            _ = ended.changed() => debug!(
                peer, %address, "closed: a new connection replaces it, or it was removed"
            ),
        }
    }

    async fn read(
        &self,
        stream: TcpStream,
        from: NodeId,
        stats: &PeerStats,
    ) -> Result<(), ReadError> {
        let (mut receive, mut send) = stream.into_split();
        let max_frame = self.peers.local().max_frame;
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
                match frame::take(&mut arrived, max_frame) {
                    Ok(Some(Frame::Message(message))) => messages.push(message),
                    Ok(Some(Frame::Ping(nanos))) => frame::put_pong(nanos, &mut pongs),
                    Ok(Some(Frame::Pong(_))) => {}
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            // What came whole before the damage is good.
            if !messages.is_empty() {
                add(&stats.dropped, self.receiver.deliver(from, &mut messages));
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
