//! The Cluster service, over gRPC and JSON: changes, their codes and texts; and
//! what a learner and a replica that has left the service still answer.

mod support;

use quorate_etcd::metrics::Metrics;
use quorate_etcd::pb::etcdserverpb as pb;
use quorate_etcd::{
    Backend, Consistency, Identity, Member, MemberChange, Refusal, Status as ReplicaStatus,
};
use quorate_kv as kv;
use serde_json::{Value, json};
use support::Server;
use support::memory::{CLUSTER, MEMBER};
use tonic::{Code, Status};

fn refusal<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.expect_err("the call is refused");
    (status.code(), status.message().to_owned())
}

fn add(url: &str, is_learner: bool) -> pb::MemberAddRequest {
    pb::MemberAddRequest {
        peer_ur_ls: vec![url.into()],
        is_learner,
    }
}

async fn post(server: &Server, call: &str, body: &Value) -> (u16, Value) {
    let path = format!("/v3/cluster/member/{call}");
    let (status, answer) = server.http("POST", &path, &body.to_string()).await;
    (status, serde_json::from_str(&answer).expect("JSON"))
}

#[tokio::test]
async fn members_are_added_started_promoted_updated_and_removed_over_grpc() {
    let server = Server::start().await;
    let mut cluster = server.connect().await.cluster();
    let answer = cluster
        .member_add(add(" http://localhost:2480 ", true))
        .await;
    let answer = answer.unwrap().into_inner();
    let header = answer.header.unwrap();
    // As etcd's: without a revision.
    assert_eq!((header.cluster_id, header.member_id), (CLUSTER, MEMBER));
    assert_eq!((header.revision, header.raft_term), (0, 7));
    let added = answer.member.unwrap();
    assert_eq!(added.peer_ur_ls, ["http://localhost:2480"]);
    assert!(added.is_learner && added.name.is_empty() && added.client_ur_ls.is_empty());
    assert_eq!(answer.members.len(), 2);
    assert_eq!(answer.members[1], added);

    let promote = pb::MemberPromoteRequest { id: added.id };
    assert_eq!(
        refusal(cluster.member_promote(promote).await),
        (
            Code::FailedPrecondition,
            "etcdserver: can only promote a learner member which is in sync with leader".into()
        )
    );
    server.memory.with_roster(|roster| {
        roster.start(added.id, "second", "http://localhost:2479");
        roster.catch_up(added.id);
    });
    let answer = cluster.member_promote(promote).await.unwrap().into_inner();
    assert!(answer.header.is_some());
    let voter = &answer.members[1];
    assert_eq!((voter.name.as_str(), voter.is_learner), ("second", false));

    let update = pb::MemberUpdateRequest {
        id: added.id,
        peer_ur_ls: vec![
            "http://localhost:2482".into(),
            "http://localhost:2481".into(),
        ],
    };
    let answer = cluster.member_update(update).await.unwrap().into_inner();
    assert!(answer.header.is_some());
    let urls = ["http://localhost:2481", "http://localhost:2482"];
    assert_eq!(answer.members[1].peer_ur_ls, urls);

    let remove = pb::MemberRemoveRequest { id: added.id };
    let answer = cluster.member_remove(remove).await.unwrap().into_inner();
    assert!(answer.header.is_some());
    assert_eq!(answer.members.len(), 1);
    let list = pb::MemberListRequest { linearizable: true };
    let listed = cluster.member_list(list).await.unwrap().into_inner();
    assert_eq!(listed.members, answer.members);
    assert_eq!(
        server.memory.with_roster(|roster| roster.changes.clone()),
        [
            MemberChange::Add {
                peer_urls: vec!["http://localhost:2480".into()],
                is_learner: true
            },
            MemberChange::Promote { id: added.id },
            MemberChange::Update {
                id: added.id,
                peer_urls: urls.map(Into::into).to_vec()
            },
            MemberChange::Remove { id: added.id },
        ]
    );
}

#[tokio::test]
async fn the_json_gateway_writes_members_as_etcds_does() {
    let server = Server::start().await;
    let body = json!({"peerURLs": ["http://localhost:2480"], "isLearner": true});
    let (status, answer) = post(&server, "add", &body).await;
    assert_eq!(status, 200, "{answer}");
    let header = json!({"cluster_id": "8738", "member_id": "4369", "raft_term": "7"});
    assert_eq!(answer["header"], header);
    let added = json!({"ID": "4370", "peerURLs": ["http://localhost:2480"], "isLearner": true});
    assert_eq!(answer["member"], added);
    assert_eq!(answer["members"][1], added);
    assert_eq!(answer["members"][0]["name"], "default");

    let body = json!({"ID": "4370", "peerURLs": ["http://localhost:2481"]});
    let (status, answer) = post(&server, "update", &body).await;
    let moved = &answer["members"][1]["peerURLs"];
    assert_eq!((status, moved), (200, &json!(["http://localhost:2481"])));
    server.memory.with_roster(|roster| roster.catch_up(4370));
    let (status, answer) = post(&server, "promote", &json!({"ID": "4370"})).await;
    assert_eq!((status, &answer["header"]), (200, &header));
    assert_eq!(answer["members"][1].get("isLearner"), None);
    let (status, answer) = post(&server, "list", &json!({"linearizable": true})).await;
    assert_eq!(
        (status, answer["members"].as_array().unwrap().len()),
        (200, 2)
    );
    let (status, answer) = post(&server, "remove", &json!({"ID": "4370"})).await;
    assert_eq!(
        (status, answer["members"].as_array().unwrap().len()),
        (200, 1)
    );
}

/// What the cluster refuses, by what is asked, with code and text as the wire
/// carries them: etcd's `rpctypes/error.go`, and `util.go` for what it makes of
/// them.
#[tokio::test]
async fn a_refused_change_carries_etcds_code_and_text_over_both() {
    let server = Server::start().await;
    let taken = "http://localhost:2380";
    let urls = |urls: &[&str]| json!({ "peerURLs": urls });
    let id = |id: u64| json!({"ID": id.to_string()});
    let moved = |id: u64, url: &str| json!({"ID": id.to_string(), "peerURLs": [url]});
    post(
        &server,
        "add",
        &json!({"peerURLs": ["http://l:1"], "isLearner": true}),
    )
    .await;
    let (learner, removed) = (0x1112, 0x1113);
    post(&server, "add", &urls(&["http://r:1"])).await;
    server
        .memory
        .with_roster(|roster| roster.start(removed, "r", "http://r:2"));
    post(&server, "remove", &id(removed)).await;
    let before = server.memory.with_roster(|roster| roster.changes.len());

    let exists = "etcdserver: Peer URLs already exists";
    let bad = "etcdserver: given member URLs are invalid";
    let missing = "etcdserver: member not found";
    let not_enough = "etcdserver: re-configuration failed due to not enough started members";
    let cases = [
        ("add", urls(&[taken]), 400, 9, exists),
        ("add", urls(&["http://new:1", taken]), 400, 9, exists),
        ("add", urls(&["not a url"]), 400, 3, bad),
        ("add", urls(&[]), 400, 3, bad),
        ("add", json!({}), 400, 3, bad),
        (
            "add",
            json!({"peerURLs": ["http://new:1"], "isLearner": true}),
            400,
            9,
            "etcdserver: too many learner members in cluster",
        ),
        ("remove", id(99), 404, 5, missing),
        ("remove", id(0), 404, 5, missing),
        ("remove", json!({}), 404, 5, missing),
        ("remove", id(removed), 404, 5, missing),
        ("remove", id(MEMBER), 500, 2, not_enough),
        ("update", moved(99, "http://new:1"), 404, 5, missing),
        ("update", moved(learner, taken), 400, 9, exists),
        ("update", moved(learner, "bad"), 400, 3, bad),
        ("promote", id(99), 404, 5, missing),
        (
            "promote",
            id(MEMBER),
            400,
            9,
            "etcdserver: can only promote a learner member",
        ),
        (
            "promote",
            id(learner),
            400,
            9,
            "etcdserver: can only promote a learner member which is in sync with leader",
        ),
    ];
    let mut cluster = server.connect().await.cluster();
    for (call, body, status, code, text) in cases {
        let what = format!("{call} {body}");
        let (answered, answer) = post(&server, call, &body).await;
        assert_eq!(answered, status, "{what}: {answer}");
        assert_eq!(
            answer,
            json!({"error": text, "message": text, "code": code}),
            "{what}"
        );
        let over_grpc = match call {
            "add" => refusal(
                cluster
                    .member_add(read::<pb::MemberAddRequest>(&body))
                    .await,
            ),
            "remove" => refusal(
                cluster
                    .member_remove(read::<pb::MemberRemoveRequest>(&body))
                    .await,
            ),
            "update" => refusal(
                cluster
                    .member_update(read::<pb::MemberUpdateRequest>(&body))
                    .await,
            ),
            _ => refusal(
                cluster
                    .member_promote(read::<pb::MemberPromoteRequest>(&body))
                    .await,
            ),
        };
        assert_eq!(over_grpc, (Code::from(code), text.into()), "{what}");
    }
    let after = server.memory.with_roster(|roster| roster.changes.len());
    assert_eq!(after, before, "a refused change changes nothing");
}

fn read<Q: serde::de::DeserializeOwned>(body: &Value) -> Q {
    serde_json::from_value(body.clone()).expect("a request")
}

#[tokio::test]
async fn what_the_replica_refuses_keeps_its_kind() {
    let server = Server::start().await;
    let mut cluster = server.connect().await.cluster();
    let cases = [
        (Refusal::Unhealthy, Code::Unavailable, "unhealthy cluster"),
        (Refusal::NoLeader, Code::Unavailable, "no leader"),
        (Refusal::LeaderChanged, Code::Unavailable, "leader changed"),
        (Refusal::Timeout, Code::Unavailable, "request timed out"),
        (Refusal::Stopped, Code::Unavailable, "server stopped"),
        (Refusal::Corrupt, Code::DataLoss, "corrupt cluster"),
        (
            Refusal::MemberExists,
            Code::FailedPrecondition,
            "member ID already exist",
        ),
    ];
    for (refused, code, text) in cases {
        server.memory.refuse(Some(refused));
        let expected = (code, format!("etcdserver: {text}"));
        let change = cluster.member_add(add("http://new:1", false)).await;
        assert_eq!(refusal(change), expected);
        let remove = cluster
            .member_remove(pb::MemberRemoveRequest { id: 1 })
            .await;
        assert_eq!(refusal(remove), expected);
        let list = pb::MemberListRequest { linearizable: true };
        assert_eq!(refusal(cluster.member_list(list).await), expected);
        let list = pb::MemberListRequest {
            linearizable: false,
        };
        let listed = cluster.member_list(list).await;
        assert_eq!(listed.expect("its own list").into_inner().members.len(), 1);
    }
}

/// etcd's learner answers Status and serializable Range, and no stream at all.
#[tokio::test]
async fn a_learner_refuses_what_etcds_learner_refuses() {
    let server = Server::start().await;
    server.memory.set_learner(true);
    let connection = server.connect().await;
    let (mut kv, mut cluster) = (connection.kv(), connection.cluster());
    let get = |serializable| pb::RangeRequest {
        key: "k".into(),
        serializable,
        ..Default::default()
    };
    kv.range(get(true)).await.expect("its own state");
    let status = connection.maintenance().status(pb::StatusRequest {}).await;
    assert!(status.expect("status").into_inner().is_learner);

    let put = pb::PutRequest {
        key: "k".into(),
        ..Default::default()
    };
    let alarms = pb::AlarmRequest::default();
    let list = pb::MemberListRequest::default();
    let refused = [
        refusal(kv.range(get(false)).await),
        refusal(kv.range_stream(get(true)).await),
        refusal(kv.put(put).await),
        refusal(kv.delete_range(pb::DeleteRangeRequest::default()).await),
        refusal(kv.txn(pb::TxnRequest::default()).await),
        refusal(kv.compact(pb::CompactionRequest::default()).await),
        refusal(connection.maintenance().alarm(alarms).await),
        refusal(cluster.member_list(list).await),
        refusal(cluster.member_add(add("not a url", true)).await),
        refusal(
            cluster
                .member_remove(pb::MemberRemoveRequest { id: 9 })
                .await,
        ),
        refusal(
            cluster
                .member_promote(pb::MemberPromoteRequest { id: 9 })
                .await,
        ),
        refusal(
            cluster
                .member_update(pb::MemberUpdateRequest::default())
                .await,
        ),
    ];
    let learner = "etcdserver: rpc not supported for learner".to_owned();
    for refused in refused {
        assert_eq!(refused, (Code::FailedPrecondition, learner.clone()));
    }
    let (code, body) = server
        .http("POST", "/v3/kv/range", r#"{"key":"aw=="}"#)
        .await;
    assert!(code == 400 && body.contains(&learner), "{code} {body}");
    assert_eq!(server.get("/health").await.0, 200);
    let (code, report) = server.get("/readyz").await;
    assert!(code == 503 && report.contains("[-]non_learner"), "{report}");
    let page = server.get("/metrics").await.1;
    assert!(page.contains("\netcd_server_is_learner 1\n"), "{page}");
}

#[tokio::test]
async fn a_replica_that_has_left_the_service_says_so_and_answers_nothing_else() {
    const WHY: &str = "its state has diverged; run `quorate member replace c`";
    let server = Server::start().await;
    let connection = server.connect().await;
    assert!(
        server
            .get("/metrics")
            .await
            .1
            .contains("\nquorate_in_service 1\n")
    );
    server.memory.set_out_of_service(Some(WHY));
    let (mut kv, mut cluster) = (connection.kv(), connection.cluster());
    let get = pb::RangeRequest {
        key: "k".into(),
        serializable: true,
        ..Default::default()
    };
    let put = pb::PutRequest {
        key: "k".into(),
        ..Default::default()
    };
    let linearizable = pb::MemberListRequest { linearizable: true };
    for refused in [
        refusal(kv.range(get.clone()).await),
        refusal(kv.range_stream(get).await),
        refusal(kv.put(put).await),
        refusal(cluster.member_list(linearizable).await),
        refusal(
            cluster
                .member_remove(pb::MemberRemoveRequest { id: 9 })
                .await,
        ),
    ] {
        assert_eq!(
            refused,
            (Code::DataLoss, "etcdserver: corrupt cluster".into())
        );
    }
    let list = pb::MemberListRequest::default();
    cluster.member_list(list).await.expect("for a diagnosis");
    let alarms = pb::AlarmRequest::default();
    let alarms = connection.maintenance().alarm(alarms).await;
    alarms.expect("for a diagnosis");
    let status = connection.maintenance().status(pb::StatusRequest {}).await;
    assert_eq!(
        status.unwrap().into_inner().errors,
        [format!("etcdserver: corrupt cluster: {WHY}")]
    );

    for path in [
        "/health",
        "/health?exclude=CORRUPT",
        "/health?serializable=true",
    ] {
        let (code, body) = server.get(path).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((code, &body["health"]), (503, &json!("false")), "{path}");
        assert_eq!(body["reason"], format!("ALARM CORRUPT: {WHY}"), "{path}");
    }
    assert_eq!(
        server.get("/readyz/data_corruption").await,
        (
            503,
            format!("[-]data_corruption failed: alarm activated: CORRUPT: {WHY}\n\n")
        )
    );
    let page = server.get("/metrics").await.1;
    assert!(page.contains("\nquorate_in_service 0\n"), "{page}");
    let rejected = r#"quorate_rejected_requests_total{reason="corrupt"} 5"#;
    assert!(page.contains(rejected), "{page}");
}

/// A replica of a cluster whose members never change, and nothing else.
#[derive(Clone)]
struct Fixed;

impl Backend for Fixed {
    async fn range(
        &self,
        _: kv::RangeRequest,
        _: Consistency,
    ) -> Result<kv::RangeResponse, Refusal> {
        Err(Refusal::Stopped)
    }

    async fn read_txn(
        &self,
        _: kv::TxnRequest,
        _: Consistency,
    ) -> Result<kv::TxnResponse, Refusal> {
        Err(Refusal::Stopped)
    }

    async fn propose(&self, _: kv::Command) -> Result<kv::Response, Refusal> {
        Err(Refusal::Stopped)
    }

    fn identity(&self) -> Identity {
        Identity::default()
    }

    fn status(&self) -> ReplicaStatus {
        ReplicaStatus::default()
    }

    async fn members(&self, _: Consistency) -> Result<Vec<Member>, Refusal> {
        let member = |id| Member {
            id,
            ..Member::default()
        };
        Ok([3, 1, 2].map(member).to_vec())
    }

    fn metrics(&self) -> Metrics {
        Metrics::default()
    }
}

#[tokio::test]
async fn a_cluster_that_cannot_change_says_so_and_lists_its_members_by_id() {
    let server = Server::start_with(Fixed).await;
    let mut cluster = server.connect().await.cluster();
    let list = cluster.member_list(pb::MemberListRequest::default()).await;
    let members = list.unwrap().into_inner().members;
    assert_eq!(members.iter().map(|m| m.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(
        refusal(cluster.member_add(add("http://new:1", false)).await),
        (
            Code::Unimplemented,
            "quorate: the members of this cluster can't be changed".into()
        )
    );
}
