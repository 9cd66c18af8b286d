//! The client side: one HTTP/2 connection to an etcd endpoint, thin enough for
//! a load generator.
//!
//! [`Connection`] is what the generated clients of [`crate::pb`] run over. It
//! neither reconnects nor retries, as a load generator must see every failure.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll};

use http::uri::{Authority, Scheme, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::pb::etcdserverpb::cluster_client::ClusterClient;
use crate::pb::etcdserverpb::kv_client::KvClient;
use crate::pb::etcdserverpb::maintenance_client::MaintenanceClient;

/// Where an etcd server listens: `host:port`, or `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Authority);

impl FromStr for Endpoint {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("https://") {
            anyhow::bail!("{text}: TLS is not supported; use http://");
        }
        let host = text
            .strip_prefix("http://")
            .unwrap_or(text)
            .trim_end_matches('/');
        let authority: Authority = host
            .parse()
            .map_err(|_| anyhow::anyhow!("{text}: not of the form host:port"))?;
        if authority.port_u16().is_none() {
            anyhow::bail!("{text}: the port is missing, as in {host}:2379");
        }
        Ok(Self(authority))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One HTTP/2 connection to an endpoint. Clones share it.
#[derive(Clone)]
pub struct Connection {
    send: http2::SendRequest<tonic::body::Body>,
    origin: Uri,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.origin)
    }
}

impl Connection {
    /// Connects, and drives the connection on the current runtime until every
    /// clone is dropped or it breaks.
    ///
    /// # Errors
    /// The endpoint cannot be reached or does not speak HTTP/2.
    pub async fn open(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(endpoint.0.as_str()).await?;
        stream.set_nodelay(true)?;
        let (send, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_connection_window_size(4 << 20)
            .initial_stream_window_size(2 << 20)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(async move {
            // The requests under way get the error; no other caller waits for it.
            let _ = connection.await;
        });
        let origin = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(endpoint.0.clone())
            .path_and_query("/")
            .build()?;
        Ok(Self { send, origin })
    }

    /// A client of the KV service on this connection.
    pub fn kv(&self) -> KvClient<Self> {
        KvClient::with_origin(self.clone(), self.origin.clone())
    }

    /// A client of the Cluster service on this connection.
    pub fn cluster(&self) -> ClusterClient<Self> {
        ClusterClient::with_origin(self.clone(), self.origin.clone())
    }

    /// A client of the Maintenance service on this connection.
    pub fn maintenance(&self) -> MaintenanceClient<Self> {
        MaintenanceClient::with_origin(self.clone(), self.origin.clone())
    }
}

impl tower_service::Service<http::Request<tonic::body::Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    /// Always: hyper's handle only asks here whether the connection is closed,
    /// and the generated clients would turn that into a status without a source,
    /// as if a server had sent it. The call itself fails with the true cause.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(self.send.send_request(request))
    }
}
