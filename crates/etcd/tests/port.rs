//! What strangers can do to the port: nothing that the next client notices.

mod support;

use std::time::Duration;

use quorate_etcd::pb::etcdserverpb::RangeRequest;
use support::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(5);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

async fn assert_serves(server: &Server) {
    let request = RangeRequest {
        key: "a".into(),
        ..Default::default()
    };
    server
        .connect()
        .await
        .kv()
        .range(request)
        .await
        .expect("other clients are served");
}

/// A stream of bytes that look random, the same every time.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..4096).map(|_| next()).collect()
}

#[tokio::test]
async fn garbage_gets_the_connection_closed_and_harms_nobody() {
    let server = Server::start().await;
    let frame = |length: u32, kind: u8, flags: u8, stream: u32| {
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame
    };
    let after_preface = |rest: &[u8]| [PREFACE, rest].concat();
    let mut attacks: Vec<Vec<u8>> = (1..20).map(noise).collect();
    attacks.extend((1..20).map(|seed| after_preface(&noise(seed))));
    attacks.extend([
        b"\0\0\0\0\0\0\0\0".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        [&b"GET / HTTP/1.1\r\nx: "[..], &[b'y'; 1 << 20]].concat(),
        b"POST /v3/kv/put HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n".to_vec(),
        // A frame beyond the size that was agreed on.
        after_preface(&[frame(0xff_ffff, 0, 0, 1), vec![0; 1 << 16]].concat()),
        // DATA on a stream that was never opened; HEADERS on stream 0; a
        // SETTINGS frame of odd length; CONTINUATION out of nowhere.
        after_preface(&frame(0, 0, 0, 5)),
        after_preface(&frame(0, 1, 4, 0)),
        after_preface(&[frame(5, 4, 0, 0), vec![1; 5]].concat()),
        after_preface(&frame(0, 9, 4, 1)),
        // Header bytes that no HPACK decoder takes.
        after_preface(&[frame(0, 4, 0, 0), frame(4, 1, 5, 1), vec![0xff; 4]].concat()),
    ]);
    for attack in attacks {
        let mut stream = server.dial().await;
        // The server may hang up while we still write.
        let _ = stream.write_all(&attack).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let closed = timeout(SOON, stream.read_to_end(&mut answer)).await;
        assert!(
            closed.is_ok(),
            "still open after {:?}…",
            &attack[..attack.len().min(40)]
        );
    }
    assert_serves(&server).await;
}

/// Calls KV.`method` over HTTP/1.1 with `body`, which need not be a message.
async fn call(server: &Server, method: &str, body: &[u8]) -> String {
    let head = format!(
        "POST /etcdserverpb.KV/{method} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/grpc\r\nte: trailers\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = server.dial().await;
    stream
        .write_all(&[head.as_bytes(), body].concat())
        .await
        .expect("the server reads");
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .expect("an answer in time")
        .expect("the connection is closed in order");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A message behind gRPC's prefix.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("small");
    [&[0][..], &length.to_be_bytes(), message].concat()
}

fn assert_refused(answer: &str) {
    assert!(answer.contains("grpc-status: "), "{answer}");
    assert!(!answer.contains("grpc-status: 0"), "{answer}");
}

#[tokio::test]
async fn a_grpc_message_that_lies_about_its_length_is_refused() {
    let server = Server::start().await;
    // A length of 4 GiB - 1, then nothing; one byte too few; half a prefix.
    for body in [&b"\0\xff\xff\xff\xff"[..], b"\0\0\0\0\x05abcd", b"\x07"] {
        assert_refused(&call(&server, "Put", body).await);
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_message_of_noise_harms_nobody() {
    let server = Server::start().await;
    for seed in 0..50 {
        for method in ["Put", "Range", "Txn", "DeleteRange", "RangeStream"] {
            let noise = &noise(seed)[..usize::try_from(seed).expect("small") * 5];
            // A few of them happen to be messages.
            let answer = call(&server, method, &framed(noise)).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        }
    }
    assert_serves(&server).await;
}

/// Transactions within transactions, deep enough to exhaust a thread's stack if
/// each level took a frame of it.
#[tokio::test]
async fn a_message_nested_without_end_is_refused() {
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let (mut field, mut length) = (vec![number << 3 | 2], content.len());
        while length >= 0x80 {
            field.push(length as u8 | 0x80);
            length >>= 7;
        }
        field.push(length as u8);
        [field, content.to_vec()].concat()
    }
    let server = Server::start().await;
    let mut txn = Vec::new();
    for _ in 0..5_000 {
        let op = field(4, &txn); // RequestOp.request_txn
        txn = field(2, &op); // TxnRequest.success
    }
    assert_refused(&call(&server, "Txn", &framed(&txn)).await);
    assert_serves(&server).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed_in_time() {
    let server = Server::start().await;
    let no_body = b"POST /v3/kv/put HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    for part in [&b""[..], &PREFACE[..10], b"GET /health HTT", no_body] {
        let mut stream = server.dial().await;
        stream.write_all(part).await.expect("the server accepts");
        let mut answer = Vec::new();
        let closed = timeout(Duration::from_secs(120), stream.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "still open after {part:?}");
    }
}

#[tokio::test]
async fn shutdown_closes_the_port_and_lets_idle_clients_go() {
    use quorate_etcd::client::Connection;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(quorate_etcd::serve(
        listener,
        support::memory::Memory::new("http://localhost"),
        async { drop(stopped.await) },
    ));
    let endpoint = address.parse().expect("an endpoint");
    let connection = Connection::open(&endpoint).await.expect("it listens");
    let request = RangeRequest {
        key: "a".into(),
        ..Default::default()
    };
    connection
        .kv()
        .range(request.clone())
        .await
        .expect("it serves");
    stop.send(()).expect("it waits for this");
    timeout(SOON, served)
        .await
        .expect("it ends in time")
        .expect("it does not panic");
    connection
        .kv()
        .range(request)
        .await
        .expect_err("nobody answers");
    Connection::open(&endpoint)
        .await
        .expect_err("nobody listens");
}

/// As etcdctl 3.4 does for `endpoint status`: Go's server takes it, so ours does.
#[tokio::test]
async fn a_client_that_calls_the_server_by_a_url_is_answered() {
    let server = Server::start().await;
    let mut block = b"\x83\x86".to_vec();
    for (field, value) in [
        (&b"\x41"[..], &b"http://localhost"[..]),
        (b"\x44", b"/etcdserverpb.Maintenance/Status"),
        (b"\x5f", b"application/grpc"),
        (b"\x40\x02te", b"trailers"),
    ] {
        block.extend([field, &[value.len() as u8], value].concat());
    }
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let len = (payload.len() as u32).to_be_bytes();
        [&len[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let request = [
        PREFACE,
        &frame(4, 0, 0, &[]),
        &frame(1, 4, 1, &block),
        &frame(0, 1, 1, &[0; 5]),
    ]
    .concat();
    let mut stream = tokio::net::TcpStream::connect(server.address)
        .await
        .expect("connected");
    stream.write_all(&request).await.expect("sent");
    loop {
        let mut header = [0; 9];
        let read = timeout(SOON, stream.read_exact(&mut header)).await;
        read.expect("an answer").expect("an answer");
        let mut payload =
            vec![0; u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize];
        stream
            .read_exact(&mut payload)
            .await
            .expect("a whole frame");
        match header[3] {
            // DATA: the answer's message.
            0 => break assert!(payload.len() > 5),
            3 => panic!("the stream was reset: {payload:?}"),
            7 => panic!("the connection was ended: {payload:?}"),
            _ => {}
        }
    }
}
