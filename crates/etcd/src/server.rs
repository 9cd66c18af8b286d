//! What answers a request, by its path: a gRPC service, or plain HTTP.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::{Code, Status};
use tower_service::Service as _;

use crate::MAX_MESSAGE_BYTES;
use crate::backend::Backend;
use crate::grpc::unimplemented;
use crate::pb::etcdserverpb::cluster_server::ClusterServer;
use crate::pb::etcdserverpb::kv_server::KvServer;
use crate::pb::etcdserverpb::maintenance_server::MaintenanceServer;
use crate::refusal::Refusal;
use crate::rpcs::RPCS;
use crate::service::KvService;
use crate::{http as plain, listen};

/// Serves the etcd v3 API out of `backend`: gRPC, JSON, health and metrics, all
/// on the port of `listener`, until `shutdown` resolves.
///
/// What it holds at most for strangers is listed in [`crate::listen`].
pub async fn serve<B: Backend>(
    listener: TcpListener,
    backend: B,
    shutdown: impl Future<Output = ()>,
) {
    listen::serve(listener, Dispatch::new(KvService::new(backend)), shutdown).await;
}

#[derive(Clone)]
struct Dispatch<B> {
    face: KvService<B>,
    kv: KvServer<KvService<B>>,
    cluster: ClusterServer<KvService<B>>,
    maintenance: MaintenanceServer<KvService<B>>,
    plain: axum::Router,
}

impl<B: Backend> Dispatch<B> {
    fn new(face: KvService<B>) -> Self {
        Self {
            kv: KvServer::new(face.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
            cluster: ClusterServer::new(face.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
            maintenance: MaintenanceServer::new(face.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
            plain: plain::router(face.clone()),
            face,
        }
    }
}

/// How long a plain HTTP request may take, its body included: a client that
/// never sends the body does not keep its connection.
const PLAIN_TIMEOUT: Duration = Duration::from_secs(30);

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<B: Backend> hyper::service::Service<Request<Incoming>> for Dispatch<B> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Response<Body>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if !is_grpc(&request) {
            let mut plain = self.plain.clone();
            return Box::pin(async move {
                let answer = tokio::time::timeout(PLAIN_TIMEOUT, plain.call(request));
                let Ok(answer) = answer.await else {
                    let mut late = Response::new(Body::empty());
                    *late.status_mut() = StatusCode::REQUEST_TIMEOUT;
                    late.headers_mut()
                        .insert(CONNECTION, HeaderValue::from_static("close"));
                    return Ok(late);
                };
                Ok(answer?.map(Body::new))
            });
        }
        let path = request.uri().path();
        let Some(rpc) = RPCS.iter().position(|rpc| rpc.path == path) else {
            self.face
                .counters
                .unimplemented
                .fetch_add(1, Ordering::Relaxed);
            let status = unimplemented(path);
            return Box::pin(async move { Ok(status.into_http()) });
        };
        let counters = self.face.counters.clone();
        counters.start(rpc);
        if insists_on_leader(&request) && self.face.backend.status().leader == 0 {
            counters.reject(Refusal::NoLeader);
            counters.handle(rpc, Code::Unavailable);
            return Box::pin(async { Ok(Status::from(Refusal::NoLeader).into_http()) });
        }
        let answer = match RPCS[rpc].names().0 {
            "etcdserverpb.KV" => self.kv.clone().call(request),
            "etcdserverpb.Cluster" => self.cluster.clone().call(request),
            _ => self.maintenance.clone().call(request),
        };
        Box::pin(async move {
            let mut response = answer.await?;
            let code = refused_code(&mut response);
            counters.handle(rpc, code);
            Ok(response)
        })
    }
}

fn is_grpc<T>(request: &Request<T>) -> bool {
    request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// etcd's clients set this where waiting for a leader would be no use.
fn insists_on_leader<T>(request: &Request<T>) -> bool {
    request
        .headers()
        .get("hasleader")
        .is_some_and(|value| value == "true")
}

/// The status that a call was refused with, or `Ok`. (The status of a stream
/// that began is not known yet, and counts as `Ok`.)
///
/// A message beyond the bound is refused inside tonic with a code of its own;
/// clients of etcd know the one of Go's gRPC, so that is what goes out.
fn refused_code(response: &mut Response<Body>) -> Code {
    let headers = response.headers_mut();
    let Some(status) = headers.get(Status::GRPC_STATUS) else {
        return Code::Ok;
    };
    let code = Code::from_bytes(status.as_bytes());
    let too_large = |message: &HeaderValue| message.as_bytes().starts_with(TONIC_TOO_LARGE);
    if code == Code::OutOfRange && headers.get(Status::GRPC_MESSAGE).is_some_and(too_large) {
        let code = Code::ResourceExhausted;
        headers.insert(Status::GRPC_STATUS, HeaderValue::from(code as i32));
        let text = format!("grpc: received message larger than max ({MAX_MESSAGE_BYTES})");
        if let Ok(text) = HeaderValue::from_str(&text.replace(' ', "%20")) {
            headers.insert(Status::GRPC_MESSAGE, text);
        }
        return code;
    }
    code
}

/// How tonic begins its refusal of a large message, percent-encoded.
const TONIC_TOO_LARGE: &[u8] = b"Error,%20decoded%20message%20length%20too%20large";
