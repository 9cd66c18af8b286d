//! The calls over gRPC: answers, codes and texts.

mod support;

use bytes::Bytes;
use quorate_etcd::pb::etcdserverpb as pb;
use quorate_etcd::{MAX_MESSAGE_BYTES, MAX_REQUEST_BYTES, Refusal};
use support::Server;
use support::memory::{CLUSTER, MEMBER};
use tonic::{Code, Request, Status};

fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> pb::PutRequest {
    pb::PutRequest {
        key: key.into(),
        value: value.into(),
        ..Default::default()
    }
}

fn get(key: &'static str) -> pb::RangeRequest {
    pb::RangeRequest {
        key: key.into(),
        ..Default::default()
    }
}

fn op(request: pb::request_op::Request) -> pb::RequestOp {
    pb::RequestOp {
        request: Some(request),
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.expect_err("the call is refused");
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn what_is_put_is_read_with_its_revisions_and_a_full_header() {
    let server = Server::start().await;
    let mut kv = server.connect().await.kv();
    for value in ["1", "2"] {
        kv.put(put("a", value)).await.unwrap();
    }
    let answer = kv.range(get("a")).await.unwrap().into_inner();
    let header = answer.header.unwrap();
    assert_eq!((header.cluster_id, header.member_id), (CLUSTER, MEMBER));
    assert_eq!((header.revision, header.raft_term), (3, 7));
    assert_eq!((answer.count, answer.more), (1, false));
    let pair = &answer.kvs[0];
    assert_eq!((&pair.key[..], &pair.value[..]), (&b"a"[..], &b"2"[..]));
    assert_eq!(
        (pair.create_revision, pair.mod_revision, pair.version),
        (2, 3, 2)
    );
}

#[tokio::test]
async fn a_refusal_carries_etcds_code_and_text() {
    let server = Server::start().await;
    let mut kv = server.connect().await.kv();
    let invalid = |text: &str| (Code::InvalidArgument, format!("etcdserver: {text}"));
    assert_eq!(
        refusal(kv.put(put("", "x")).await),
        invalid("key is not provided")
    );
    assert_eq!(
        refusal(kv.range(get("")).await),
        invalid("key is not provided")
    );
    let unsortable = pb::RangeRequest {
        sort_order: 7,
        ..get("a")
    };
    assert_eq!(
        refusal(kv.range(unsortable).await),
        invalid("invalid sort option")
    );
    let future = pb::RangeRequest {
        revision: 99,
        ..get("a")
    };
    assert_eq!(
        refusal(kv.range(future).await),
        (
            Code::OutOfRange,
            "etcdserver: mvcc: required revision is a future revision".into()
        )
    );
    let lease = pb::PutRequest {
        lease: 5,
        ..put("a", "x")
    };
    assert_eq!(
        refusal(kv.put(lease).await),
        (
            Code::NotFound,
            "etcdserver: requested lease not found".into()
        )
    );
}

/// etcd checks a transaction's operations in order, and keys that change twice
/// only then: of several faults it is always the same one that is reported.
#[tokio::test]
async fn of_several_faults_the_one_that_etcd_finds_first_is_reported() {
    use pb::request_op::Request::{RequestPut, RequestRange};
    let server = Server::start().await;
    let mut kv = server.connect().await.kv();
    let twice = [op(RequestPut(put("k", "1"))), op(RequestPut(put("k", "2")))];
    let unsortable = op(RequestRange(pb::RangeRequest {
        sort_target: 9,
        ..get("k")
    }));
    let keyless = op(RequestPut(put("", "")));
    let cases = [
        (
            vec![unsortable.clone(), keyless.clone()],
            "etcdserver: invalid sort option",
        ),
        (
            vec![keyless.clone(), unsortable.clone()],
            "etcdserver: key is not provided",
        ),
        (
            [&twice[..], &[keyless]].concat(),
            "etcdserver: key is not provided",
        ),
        (
            twice.to_vec(),
            "etcdserver: duplicate key given in txn request",
        ),
        (vec![pb::RequestOp::default()], "etcdserver: key not found"),
        (
            vec![unsortable; 129],
            "etcdserver: too many operations in txn request",
        ),
    ];
    for (success, text) in cases {
        let txn = pb::TxnRequest {
            success,
            ..Default::default()
        };
        assert_eq!(
            refusal(kv.txn(txn).await),
            (Code::InvalidArgument, text.into())
        );
    }
}

#[tokio::test]
async fn a_comparison_nobody_knows_is_refused() {
    let server = Server::start().await;
    let mut kv = server.connect().await.kv();
    for (result, target) in [(9, 0), (0, 9)] {
        let compare = pb::Compare {
            result,
            target,
            key: "k".into(),
            ..Default::default()
        };
        let txn = pb::TxnRequest {
            compare: vec![compare],
            ..Default::default()
        };
        assert_eq!(refusal(kv.txn(txn).await).0, Code::InvalidArgument);
    }
}

#[tokio::test]
async fn what_the_replica_refuses_keeps_its_kind() {
    let server = Server::start().await;
    let mut kv = server.connect().await.kv();
    let cases = [
        (
            Refusal::NoLeader,
            Code::Unavailable,
            "etcdserver: no leader",
        ),
        (
            Refusal::LeaderChanged,
            Code::Unavailable,
            "etcdserver: leader changed",
        ),
        (
            Refusal::Timeout,
            Code::Unavailable,
            "etcdserver: request timed out",
        ),
        (
            Refusal::Stopped,
            Code::Unavailable,
            "etcdserver: server stopped",
        ),
        (
            Refusal::TooManyRequests,
            Code::ResourceExhausted,
            "etcdserver: too many requests",
        ),
        (
            Refusal::Corrupt,
            Code::DataLoss,
            "etcdserver: corrupt cluster",
        ),
    ];
    for (refused, code, text) in cases {
        server.memory.refuse(Some(refused));
        assert_eq!(refusal(kv.put(put("a", "x")).await), (code, text.into()));
        assert_eq!(refusal(kv.range(get("a")).await), (code, text.into()));
        let serializable = pb::RangeRequest {
            serializable: true,
            ..get("a")
        };
        kv.range(serializable)
            .await
            .expect("this replica's own state is still readable");
    }
}

#[tokio::test]
async fn a_large_request_is_refused_by_the_store_and_a_larger_one_by_the_port() {
    let server = Server::start().await;
    let mut kv = server.connect().await.kv();
    kv.put(put("k", vec![0; MAX_REQUEST_BYTES - 100]))
        .await
        .expect("just small enough");
    assert_eq!(
        refusal(kv.put(put("k", vec![0; MAX_REQUEST_BYTES])).await),
        (
            Code::InvalidArgument,
            "etcdserver: request is too large".into()
        )
    );
    let (code, text) = refusal(kv.put(put("k", vec![0; MAX_MESSAGE_BYTES])).await);
    assert_eq!(code, Code::ResourceExhausted);
    assert!(
        text.starts_with("grpc: received message larger than max"),
        "{text}"
    );
    kv.put(put("k", "small"))
        .await
        .expect("the connection still serves");
}

#[tokio::test]
async fn a_call_that_insists_on_a_leader_is_told_at_once_that_there_is_none() {
    let server = Server::start().await;
    let mut kv = server.connect().await.kv();
    server.memory.set_leaderless(true);
    let mut request = Request::new(pb::RangeRequest {
        serializable: true,
        ..get("a")
    });
    request
        .metadata_mut()
        .insert("hasleader", "true".parse().unwrap());
    assert_eq!(
        refusal(kv.range(request).await),
        (Code::Unavailable, "etcdserver: no leader".into())
    );
    kv.range(pb::RangeRequest {
        serializable: true,
        ..get("a")
    })
    .await
    .expect("others are served");
}

#[tokio::test]
async fn what_is_not_implemented_says_so() {
    let server = Server::start().await;
    let mut maintenance = server.connect().await.maintenance();
    let (code, text) = refusal(maintenance.defragment(pb::DefragmentRequest {}).await);
    assert_eq!(code, Code::Unimplemented);
    assert!(
        text.ends_with("does not implement etcdserverpb.Maintenance/Defragment"),
        "{text}"
    );
}

#[tokio::test]
async fn status_reports_a_missing_leader_and_the_alarms() {
    use quorate_etcd::Alarm;
    let server = Server::start().await;
    let mut maintenance = server.connect().await.maintenance();
    let status = maintenance
        .status(pb::StatusRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (status.leader, status.raft_term, status.errors.len()),
        (MEMBER, 7, 0)
    );

    server.memory.set_leaderless(true);
    server
        .memory
        .set_alarms(vec![Alarm::NoSpace { member_id: 3 }]);
    let status = maintenance
        .status(pb::StatusRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        status.errors,
        ["etcdserver: no leader", "memberID:3 alarm:NOSPACE "]
    );

    let alarms = |member_id| pb::AlarmRequest {
        member_id,
        ..Default::default()
    };
    let listed = maintenance
        .alarm(alarms(0))
        .await
        .unwrap()
        .into_inner()
        .alarms;
    assert_eq!(
        listed,
        [pb::AlarmMember {
            member_id: 3,
            alarm: 1
        }]
    );
    assert!(
        maintenance
            .alarm(alarms(4))
            .await
            .unwrap()
            .into_inner()
            .alarms
            .is_empty()
    );
}

/// Takes every piece of a stream and merges them as protobuf does.
async fn merged(server: &Server, request: pb::RangeRequest) -> (usize, pb::RangeResponse) {
    let mut kv = server.connect().await.kv();
    let mut stream = kv.range_stream(request).await.unwrap().into_inner();
    let (mut pieces, mut merged) = (0, pb::RangeResponse::default());
    while let Some(piece) = stream.message().await.unwrap() {
        let piece = piece.range_response.unwrap();
        assert!(merged.header.is_none(), "only the last piece has a header");
        pieces += 1;
        merged.kvs.extend(piece.kvs);
        merged.header = piece.header;
        merged.more |= piece.more;
        merged.count += piece.count;
    }
    (pieces, merged)
}

#[tokio::test]
async fn the_pieces_of_a_streamed_range_merge_to_the_whole_range() {
    let server = Server::start().await;
    let mut kv = server.connect().await.kv();
    for i in 0..200 {
        kv.put(put(format!("k{i:03}"), "v")).await.unwrap();
    }
    let all = pb::RangeRequest {
        key: "k".into(),
        range_end: "l".into(),
        ..Default::default()
    };
    let requests = [
        all.clone(),
        pb::RangeRequest {
            limit: 37,
            ..all.clone()
        },
        pb::RangeRequest {
            limit: 10,
            ..all.clone()
        },
        pb::RangeRequest {
            limit: 200,
            ..all.clone()
        },
        pb::RangeRequest {
            revision: 50,
            ..all.clone()
        },
        pb::RangeRequest {
            count_only: true,
            ..all.clone()
        },
        pb::RangeRequest {
            keys_only: true,
            range_end: "\0".into(),
            ..all.clone()
        },
        get("k007"),
        get("none"),
    ];
    for request in requests {
        let whole = kv.range(request.clone()).await.unwrap().into_inner();
        let (pieces, streamed) = merged(&server, request.clone()).await;
        assert_eq!(streamed, whole, "{request:?}");
        assert!(
            pieces > 1 || whole.kvs.len() <= 10,
            "{request:?} came in one piece"
        );
    }
}

#[tokio::test]
async fn a_streamed_range_shows_one_revision_whatever_is_written_meanwhile() {
    let server = Server::start().await;
    let mut kv = server.connect().await.kv();
    // Together far more than HTTP/2 buffers between server and client.
    let before = Bytes::from(vec![b'b'; 64 << 10]);
    for i in 0..100 {
        kv.put(put(format!("k{i:03}"), before.clone()))
            .await
            .unwrap();
    }
    let all = pb::RangeRequest {
        key: "k".into(),
        range_end: "l".into(),
        ..Default::default()
    };
    let mut stream = kv.range_stream(all.clone()).await.unwrap().into_inner();
    stream.message().await.unwrap().expect("a first piece");
    kv.put(put("k099", "after")).await.unwrap();
    while let Some(piece) = stream.message().await.unwrap() {
        let piece = piece.range_response.unwrap();
        assert!(piece.kvs.iter().all(|pair| pair.value == before));
        if let Some(header) = piece.header {
            assert_eq!((header.revision, piece.count), (101, 100));
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_sorted_or_filtered_is_not_implemented() {
    let server = Server::start().await;
    let mut kv = server.connect().await.kv();
    let sorted = pb::RangeRequest {
        sort_order: 2,
        ..get("a")
    };
    let filtered = pb::RangeRequest {
        min_mod_revision: 1,
        ..get("a")
    };
    for request in [sorted, filtered] {
        assert_eq!(
            kv.range_stream(request).await.unwrap_err().code(),
            Code::Unimplemented
        );
    }
    let in_key_order = pb::RangeRequest {
        sort_order: 1,
        ..get("a")
    };
    kv.range_stream(in_key_order)
        .await
        .expect("the order it has anyway");
}
