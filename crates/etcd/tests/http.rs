//! Plain HTTP: health, version, metrics and the JSON gateway.

mod support;

use quorate_etcd::{Alarm, Refusal};
use support::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn health_tells_alarms_a_missing_leader_and_failing_reads_apart() {
    let server = Server::start().await;
    let healthy = (200, r#"{"health":"true","reason":""}"#.to_owned());
    let sick = |reason: &str| (503, format!(r#"{{"health":"false","reason":"{reason}"}}"#));
    assert_eq!(server.get("/health").await, healthy);

    server.memory.refuse(Some(Refusal::Timeout));
    assert_eq!(
        server.get("/health").await,
        sick("RANGE ERROR:etcdserver: request timed out")
    );
    assert_eq!(server.get("/health?serializable=true").await, healthy);

    server.memory.set_leaderless(true);
    assert_eq!(server.get("/health").await, sick("RAFT NO LEADER"));
    assert_eq!(server.get("/health?serializable=true").await, healthy);

    server
        .memory
        .set_alarms(vec![Alarm::NoSpace { member_id: 1 }]);
    assert_eq!(
        server.get("/health?serializable=true").await,
        sick("ALARM NOSPACE")
    );
    assert_eq!(
        server
            .get("/health?serializable=true&exclude=NOSPACE")
            .await,
        healthy
    );
}

#[tokio::test]
async fn readiness_lists_its_checks_and_liveness_asks_less() {
    let server = Server::start().await;
    let ok = (200, "ok\n".to_owned());
    assert_eq!(server.get("/readyz").await, ok);
    assert_eq!(
        server.get("/readyz?verbose").await.1,
        "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n\
         [+]non_learner ok\nok\n"
    );

    server.memory.refuse(Some(Refusal::NoLeader));
    let (status, report) = server.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(
        report.contains("[-]linearizable_read failed: etcdserver: no leader\n"),
        "{report}"
    );
    assert_eq!(server.get("/readyz?exclude=linearizable_read").await, ok);
    assert_eq!(server.get("/readyz/linearizable_read").await.0, 503);
    assert_eq!(server.get("/readyz/data_corruption").await, ok);
    assert_eq!(server.get("/livez").await, ok);

    server
        .memory
        .set_alarms(vec![Alarm::Corrupt { member_id: 1 }]);
    assert_eq!(server.get("/readyz/data_corruption").await.0, 503);
    assert_eq!(server.get("/livez/data_corruption").await.0, 404);
}

#[tokio::test]
async fn the_version_names_the_api_and_the_program() {
    let (status, body) = Server::start().await.get("/version").await;
    let version: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(version["etcdserver"], quorate_etcd::ETCD_VERSION);
    assert_eq!(version["quorate"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn json_requests_take_base64_and_numbers_as_strings() {
    let server = Server::start().await;
    let (status, body) = server
        .http("POST", "/v3/kv/put", r#"{"key":"YQ==","value":"Yg=="}"#)
        .await;
    assert_eq!(status, 200, "{body}");
    // Either form of a number, either form of a name.
    for request in [
        r#"{"key":"YQ==","revision":"2","sort_order":"DESCEND"}"#,
        r#"{"key":"YQ==","revision":2,"sortOrder":2}"#,
    ] {
        let (status, body) = server.http("POST", "/v3/kv/range", request).await;
        assert_eq!(
            (status, body.as_str()),
            (
                200,
                r#"{"header":{"cluster_id":"8738","member_id":"4369","revision":"2","raft_term":"7"},"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"2","version":"1","value":"Yg=="}],"count":"1"}"#
            )
        );
    }
}

#[tokio::test]
async fn json_that_cannot_be_read_is_refused_in_words() {
    let server = Server::start().await;
    for body in [
        "",
        "{",
        "[]",
        r#"{"key":7}"#,
        r#"{"key":"not base64!"}"#,
        "\u{1}\u{2}",
    ] {
        let (status, answer) = server.http("POST", "/v3/kv/range", body).await;
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((status, &answer["code"]), (400, &3.into()), "{body}");
        assert!(
            answer["error"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    let deep = format!(
        "{}{}",
        r#"{"success":[{"request_txn":"#.repeat(2000),
        "}]}".repeat(2000)
    );
    assert_eq!(server.http("POST", "/v3/kv/txn", &deep).await.0, 400);
    assert_eq!(server.http("POST", "/v3/watch", "{}").await.0, 404);
    assert_eq!(server.get("/v3/kv/range").await.0, 405);
    assert_eq!(server.get("/nothing").await.0, 404);
}

#[tokio::test]
async fn a_json_body_may_carry_a_request_of_full_size_and_no_more() {
    let server = Server::start().await;
    let value = "AAAA".repeat((3 << 19) / 3 - 100);
    let body = format!(r#"{{"key":"YQ==","value":"{value}"}}"#);
    assert_eq!(server.http("POST", "/v3/kv/put", &body).await.0, 200);

    let too_much = format!(r#"{{"key":"{}"}}"#, "AAAA".repeat(1 << 20));
    let mut stream = server.dial().await;
    let head = format!(
        "POST /v3/kv/put HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{too_much}",
        too_much.len()
    );
    // The server need not read it all before it answers and hangs up.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 429");
}

#[tokio::test]
async fn metrics_count_calls_and_rejections_under_etcds_names() {
    let server = Server::start().await;
    let mut kv = server.connect().await.kv();
    let put = |key: &str| quorate_etcd::pb::etcdserverpb::PutRequest {
        key: key.to_owned().into(),
        ..Default::default()
    };
    kv.put(put("a")).await.unwrap();
    kv.put(put("")).await.unwrap_err();
    server.memory.refuse(Some(Refusal::TooManyRequests));
    kv.put(put("a")).await.unwrap_err();
    server.get("/health").await;

    let (status, page) = server.get("/metrics").await;
    assert_eq!(status, 200);
    let put = r#"grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary""#;
    for line in [
        "etcd_server_has_leader 1".to_owned(),
        "etcd_server_is_leader 1".into(),
        "etcd_server_proposals_applied_total 1".into(),
        "etcd_debugging_mvcc_current_revision 2".into(),
        "etcd_server_health_failures 1".into(),
        "quorate_raft_term 7".into(),
        r#"quorate_invariant_violations_total{property="state_machine_safety"} 0"#.into(),
        r#"quorate_rejected_requests_total{reason="too_many_requests"} 1"#.into(),
        format!("grpc_server_started_total{{{put}}} 3"),
        format!(r#"grpc_server_handled_total{{grpc_code="OK",{put}}} 1"#),
        format!(r#"grpc_server_handled_total{{grpc_code="InvalidArgument",{put}}} 1"#),
        format!(r#"grpc_server_handled_total{{grpc_code="ResourceExhausted",{put}}} 1"#),
    ] {
        assert!(page.lines().any(|l| l == line), "{line} is not in:\n{page}");
    }
    assert!(page.contains("process_resident_memory_bytes "));
    // Every sample belongs to the metric whose head came last.
    let mut head = "";
    for line in page.lines() {
        match line.strip_prefix("# TYPE ") {
            Some(rest) => head = rest.split(' ').next().unwrap(),
            None => assert!(
                line.starts_with("# HELP") || line.starts_with(head),
                "{line}"
            ),
        }
    }
}
