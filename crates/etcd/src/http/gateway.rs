//! The API as JSON over POST, for curl: as etcd's gateway maps it, 64-bit
//! numbers are strings and keys and values are base64.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::{Code, Status};

use crate::backend::Backend;
use crate::pb::etcdserverpb::AlarmRequest;
use crate::pb::etcdserverpb::alarm_request::AlarmAction;
use crate::refusal::Refusal;
use crate::service::KvService;

type Body = Result<Bytes, BytesRejection>;

pub(super) async fn range<B: Backend>(State(face): State<KvService<B>>, body: Body) -> Response {
    call(body, async |request| face.range(request).await).await
}

pub(super) async fn put<B: Backend>(State(face): State<KvService<B>>, body: Body) -> Response {
    call(body, async |request| face.put(request).await).await
}

pub(super) async fn delete_range<B: Backend>(
    State(face): State<KvService<B>>,
    body: Body,
) -> Response {
    call(body, async |request| face.delete_range(request).await).await
}

pub(super) async fn txn<B: Backend>(State(face): State<KvService<B>>, body: Body) -> Response {
    call(body, async |request| face.txn(request).await).await
}

pub(super) async fn compact<B: Backend>(State(face): State<KvService<B>>, body: Body) -> Response {
    call(body, async |request| face.compact(request).await).await
}

pub(super) async fn status<B: Backend>(State(face): State<KvService<B>>) -> Response {
    answer(Ok(face.status()))
}

pub(super) async fn member_list<B: Backend>(
    State(face): State<KvService<B>>,
    body: Body,
) -> Response {
    call(body, async |request| face.member_list(request).await).await
}

pub(super) async fn member_add<B: Backend>(
    State(face): State<KvService<B>>,
    body: Body,
) -> Response {
    call(body, async |request| face.member_add(request).await).await
}

pub(super) async fn member_remove<B: Backend>(
    State(face): State<KvService<B>>,
    body: Body,
) -> Response {
    call(body, async |request| face.member_remove(request).await).await
}

pub(super) async fn member_update<B: Backend>(
    State(face): State<KvService<B>>,
    body: Body,
) -> Response {
    call(body, async |request| face.member_update(request).await).await
}

pub(super) async fn member_promote<B: Backend>(
    State(face): State<KvService<B>>,
    body: Body,
) -> Response {
    call(body, async |request| face.member_promote(request).await).await
}

pub(super) async fn alarms<B: Backend>(State(face): State<KvService<B>>, body: Body) -> Response {
    match parse::<AlarmRequest>(body) {
        Ok(request) if request.action() == AlarmAction::Get => answer(face.alarms(&request)),
        Ok(_) => error(&Status::unimplemented("only listing alarms is implemented")),
        Err(status) => error(&status),
    }
}

/// A path of the API that is not served, in the words of etcd's gateway.
pub(super) async fn no_such_call() -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::NOT_FOUND, headers, "Not Found\n").into_response()
}

pub(super) async fn not_found() -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::NOT_FOUND, headers, "404 page not found\n").into_response()
}

async fn call<Q, A>(body: Body, run: impl AsyncFnOnce(Q) -> Result<A, Refusal>) -> Response
where
    Q: DeserializeOwned,
    A: Serialize,
{
    match parse(body) {
        Ok(request) => answer(run(request).await),
        Err(status) => error(&status),
    }
}

fn parse<Q: DeserializeOwned>(body: Body) -> Result<Q, Status> {
    let body = body.map_err(|rejection| {
        // Longer than the bound for a body, or cut off.
        let code = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Code::ResourceExhausted,
            _ => Code::InvalidArgument,
        };
        Status::new(code, rejection.body_text())
    })?;
    serde_json::from_slice(&body).map_err(|e| Status::invalid_argument(e.to_string()))
}

fn answer<A: Serialize>(result: Result<A, Refusal>) -> Response {
    match result.map(|answer| serde_json::to_string(&answer)) {
        Ok(Ok(body)) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Ok(Err(e)) => error(&Status::internal(e.to_string())),
        Err(refusal) => error(&refusal.into()),
    }
}

fn error(status: &Status) -> Response {
    let (text, code) = (status.message(), status.code());
    // A field at a time: etcd's order is error, message, code.
    let text = serde_json::Value::from(text);
    let body = format!(
        r#"{{"error":{text},"message":{text},"code":{}}}"#,
        code as i32
    );
    (http_code(code), [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// As grpc-gateway maps them.
fn http_code(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
