//! Plain HTTP on the same port: health, version, metrics, and the JSON gateway.

mod gateway;
mod health;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{any, get, post};

use crate::backend::Backend;
use crate::metrics;
use crate::service::KvService;
use crate::{ETCD_VERSION, MAX_MESSAGE_BYTES};

/// The largest JSON body that is read: base64 makes four bytes of three.
const MAX_JSON_BYTES: usize = MAX_MESSAGE_BYTES / 3 * 4;

/// Every path that is not gRPC.
pub(crate) fn router<B: Backend>(face: KvService<B>) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/livez", get(health::livez))
        .route("/livez/{check}", get(health::livez_one))
        .route("/readyz", get(health::readyz))
        .route("/readyz/{check}", get(health::readyz_one))
        .route("/version", get(version))
        .route("/metrics", get(metrics_page))
        .route("/v3/kv/range", post(gateway::range))
        .route("/v3/kv/put", post(gateway::put))
        .route("/v3/kv/deleterange", post(gateway::delete_range))
        .route("/v3/kv/txn", post(gateway::txn))
        .route("/v3/kv/compaction", post(gateway::compact))
        .route("/v3/maintenance/status", post(gateway::status))
        .route("/v3/maintenance/alarm", post(gateway::alarms))
        .route("/v3/cluster/member/list", post(gateway::member_list))
        .route("/v3/cluster/member/add", post(gateway::member_add))
        .route("/v3/cluster/member/remove", post(gateway::member_remove))
        .route("/v3/cluster/member/update", post(gateway::member_update))
        .route("/v3/cluster/member/promote", post(gateway::member_promote))
        .route("/v3/{*call}", any(gateway::no_such_call))
        .fallback(gateway::not_found)
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .with_state(face)
}

/// etcd's two fields say which API is followed; ours says who answers.
async fn version() -> impl IntoResponse {
    let body = format!(
        r#"{{"etcdserver":"{ETCD_VERSION}","etcdcluster":"{ETCD_VERSION}","quorate":"{}"}}"#,
        env!("CARGO_PKG_VERSION")
    );
    ([(CONTENT_TYPE, "application/json")], body)
}

async fn metrics_page<B: Backend>(State(face): State<KvService<B>>) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        metrics::expose(&face),
    )
}
