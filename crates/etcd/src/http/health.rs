//! /health, /livez and /readyz, as etcd 3.5 answers them.
//!
//! - `/health` is etcd's old one: alarms, a leader, and a read that works. A
//!   replica that has left the service says `ALARM CORRUPT` and why, whatever is
//!   excluded.
//!   `?serializable=true` asks about this replica alone, `?exclude=NOSPACE`
//!   leaves an alarm out.
//! - `/livez` asks whether the process is worth keeping: can it read its state?
//! - `/readyz` asks whether it can serve: no corruption, reads of both kinds,
//!   and a vote. `?verbose` lists the checks, `?exclude=NAME` leaves one out,
//!   `/readyz/NAME` runs one.

use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use quorate_kv as kv;

use crate::backend::{Alarm, Backend, Consistency};
use crate::service::KvService;

/// How long a read may take before the replica counts as unhealthy.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn health<B: Backend>(
    State(face): State<KvService<B>>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query(query.unwrap_or_default());
    let result = check_health(&face, &query).await;
    face.counters.health(result.is_ok());
    let (code, health, reason) = match result {
        Ok(()) => (StatusCode::OK, "true", String::new()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, "false", reason),
    };
    let body = serde_json::json!({ "health": health, "reason": reason }).to_string();
    (code, [(CONTENT_TYPE, "application/json")], body).into_response()
}

async fn check_health<B: Backend>(face: &KvService<B>, query: &Query) -> Result<(), String> {
    let status = face.backend.status();
    if let Some(why) = &status.out_of_service {
        return Err(format!("ALARM CORRUPT: {why}"));
    }
    for alarm in &status.alarms {
        let name = match alarm {
            Alarm::NoSpace { .. } => "NOSPACE",
            Alarm::Corrupt { .. } => "CORRUPT",
        };
        if !query.values("exclude").any(|excluded| excluded == name) {
            return Err(format!("ALARM {name}"));
        }
    }
    let serializable = query.values("serializable").next() == Some("true");
    if !serializable && status.leader == 0 {
        return Err("RAFT NO LEADER".into());
    }
    read(face, Consistency::of(serializable))
        .await
        .map_err(|e| format!("RANGE ERROR:{e}"))
}

/// Looks up one key, which costs the same whatever the store holds.
async fn read<B: Backend>(face: &KvService<B>, consistency: Consistency) -> Result<(), String> {
    let request = kv::RangeRequest {
        key: Bytes::from_static(b"health"),
        keys_only: true,
        ..kv::RangeRequest::default()
    };
    match tokio::time::timeout(READ_TIMEOUT, face.backend.range(request, consistency)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(refusal)) => Err(refusal.to_string()),
        Err(_) => Err(format!("no answer within {} s", READ_TIMEOUT.as_secs())),
    }
}

/// One question to the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    DataCorruption,
    SerializableRead,
    LinearizableRead,
    NonLearner,
}

const LIVEZ: &[Check] = &[Check::SerializableRead];
const READYZ: &[Check] = &[
    Check::DataCorruption,
    Check::SerializableRead,
    Check::LinearizableRead,
    Check::NonLearner,
];

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::DataCorruption => "data_corruption",
            Self::SerializableRead => "serializable_read",
            Self::LinearizableRead => "linearizable_read",
            Self::NonLearner => "non_learner",
        }
    }

    async fn run<B: Backend>(self, face: &KvService<B>) -> Result<(), String> {
        match self {
            Self::SerializableRead => read(face, Consistency::Serializable).await,
            Self::LinearizableRead => read(face, Consistency::Linearizable).await,
            Self::DataCorruption => {
                let status = face.backend.status();
                if let Some(why) = status.out_of_service {
                    return Err(format!("alarm activated: CORRUPT: {why}"));
                }
                if status
                    .alarms
                    .iter()
                    .any(|alarm| matches!(alarm, Alarm::Corrupt { .. }))
                {
                    return Err("alarm activated: CORRUPT".into());
                }
                Ok(())
            }
            Self::NonLearner if face.backend.status().is_learner => {
                Err("not supported for learner".into())
            }
            Self::NonLearner => Ok(()),
        }
    }
}

pub(super) async fn livez<B: Backend>(
    State(face): State<KvService<B>>,
    RawQuery(query): RawQuery,
) -> Response {
    run(&face, LIVEZ, Query(query.unwrap_or_default())).await
}

pub(super) async fn readyz<B: Backend>(
    State(face): State<KvService<B>>,
    RawQuery(query): RawQuery,
) -> Response {
    run(&face, READYZ, Query(query.unwrap_or_default())).await
}

pub(super) async fn livez_one<B: Backend>(
    State(face): State<KvService<B>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    run_one(&face, LIVEZ, &name, query).await
}

pub(super) async fn readyz_one<B: Backend>(
    State(face): State<KvService<B>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    run_one(&face, READYZ, &name, query).await
}

async fn run_one<B: Backend>(
    face: &KvService<B>,
    checks: &[Check],
    name: &str,
    query: Option<String>,
) -> Response {
    match checks.iter().find(|check| check.name() == name) {
        Some(check) => run(face, &[*check], Query(query.unwrap_or_default())).await,
        None => super::gateway::not_found().await,
    }
}

async fn run<B: Backend>(face: &KvService<B>, checks: &[Check], query: Query) -> Response {
    let mut report = String::new();
    let mut failed = false;
    for check in checks {
        let name = check.name();
        if query.values("exclude").any(|excluded| excluded == name) {
            continue;
        }
        match check.run(face).await {
            Ok(()) => report.push_str(&format!("[+]{name} ok\n")),
            Err(reason) => {
                failed = true;
                report.push_str(&format!("[-]{name} failed: {reason}\n"));
            }
        }
    }
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    if failed {
        return (StatusCode::SERVICE_UNAVAILABLE, headers, report + "\n").into_response();
    }
    let body = if query.has("verbose") {
        report + "ok\n"
    } else {
        "ok\n".into()
    };
    (StatusCode::OK, headers, body).into_response()
}

/// A query of plain names and values; none of ours needs percent-decoding.
struct Query(String);

impl Query {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    fn has(&self, name: &str) -> bool {
        self.pairs().any(|(n, _)| n == name)
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs()
            .filter(move |(n, _)| *n == name)
            .map(|(_, value)| value)
    }
}
