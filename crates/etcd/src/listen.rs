//! The port: accepts connections, decides by their first bytes whether they
//! speak HTTP/2 or HTTP/1.1, and bounds what a stranger can make us hold.
//!
//! | bound | value | at the bound |
//! |---|---|---|
//! | open connections | [`MAX_CONNECTIONS`] | accepting pauses: newcomers wait in the kernel's backlog |
//! | time to say the first bytes | [`FIRST_BYTES_TIMEOUT`] | the connection is closed |
//! | time for an HTTP/1.1 request head | [`FIRST_BYTES_TIMEOUT`] | the connection is closed |
//! | streams at once on an HTTP/2 connection | [`MAX_STREAMS`] | the peer is told in SETTINGS; a stream beyond is refused |
//! | unread request bytes on a connection | [`CONNECTION_WINDOW`] | HTTP/2 flow control stops the sender |
//! | size of the request head | 16 KiB | refused by the HTTP layer |
//! | time for a plain HTTP request, its body included | 30 s | answered with 408, closed |
//! | silence of an HTTP/2 peer | [`KEEPALIVE_INTERVAL`] + [`KEEPALIVE_TIMEOUT`] | pinged, then closed |
//! | requests under way at shutdown | [`DRAIN_TIMEOUT`] | cut off |
//!
//! Bytes that are no HTTP at all are answered by closing the connection; they
//! reach no other part of the program.

mod authority;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use authority::HeaderFilter;

/// Connections that may be open at once.
pub const MAX_CONNECTIONS: usize = 4096;
/// How long a new connection may take to show which protocol it speaks.
pub const FIRST_BYTES_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests that may be under way at once on one HTTP/2 connection.
pub const MAX_STREAMS: u32 = 2048;
/// Request bytes that may lie unread on one HTTP/2 connection.
pub const CONNECTION_WINDOW: u32 = 2 << 20;
/// How long an HTTP/2 connection may be silent before it is pinged.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long the answer to a ping may take.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long requests under way may take to end once shutdown has begun.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Request bytes that may lie unread on one HTTP/2 stream.
const STREAM_WINDOW: u32 = 512 << 10;
/// What every HTTP/2 client says first (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves `service` on every connection that `listener` accepts, until
/// `shutdown` resolves; then lets the requests under way finish, for at most
/// [`DRAIN_TIMEOUT`].
pub(crate) async fn serve<S>(listener: TcpListener, service: S, shutdown: impl Future<Output = ()>)
where
    S: Service<Request<Incoming>, Response = Response<tonic::body::Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // A connection reset before it was accepted, or no file
                // descriptor left: both pass, and a short pause keeps the
                // second from becoming a busy loop.
                tracing::debug!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let service = service.clone();
        let watcher = graceful.watcher();
        while open.try_join_next().is_some() {}
        open.spawn(async move {
            let _permit = permit;
            if let Err(error) = connection(stream, service, watcher).await {
                tracing::debug!(%error, "connection closed");
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
    open.shutdown().await;
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn connection<S>(
    stream: TcpStream,
    service: S,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<(), BoxError>
where
    S: Service<Request<Incoming>, Response = Response<tonic::body::Body>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    stream.set_nodelay(true)?;
    let (is_http2, stream) = tokio::time::timeout(FIRST_BYTES_TIMEOUT, sniff(stream))
        .await
        .map_err(|_| "said nothing")??;
    if is_http2 {
        let io = TokioIo::new(HeaderFilter::new(stream));
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_stream_window_size(STREAM_WINDOW)
            .keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT);
        watcher.watch(builder.serve_connection(io, service)).await?;
    } else {
        let io = TokioIo::new(stream);
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(FIRST_BYTES_TIMEOUT);
        watcher.watch(builder.serve_connection(io, service)).await?;
    }
    Ok(())
}

/// Reads just enough to tell HTTP/2 from HTTP/1.1, and gives the bytes back.
///
/// The whole preface is awaited here, under the caller's timeout: hyper would
/// wait for its rest without end.
async fn sniff(mut stream: TcpStream) -> io::Result<(bool, Rewound)> {
    let mut head = BytesMut::with_capacity(HTTP2_PREFACE.len());
    let is_http2 = loop {
        if head[..] == HTTP2_PREFACE[..] {
            break true;
        }
        if !HTTP2_PREFACE.starts_with(&head) {
            break false;
        }
        let mut rest = (&mut stream).take((HTTP2_PREFACE.len() - head.len()) as u64);
        if rest.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    Ok((is_http2, Rewound { head, stream }))
}

/// A stream whose first bytes were read already and are read once more.
struct Rewound {
    head: BytesMut,
    stream: TcpStream,
}

impl AsyncRead for Rewound {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.head.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let n = this.head.len().min(buf.remaining());
        buf.put_slice(&this.head[..n]);
        this.head.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
