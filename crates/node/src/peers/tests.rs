//! Peers over real sockets on the loopback device.

use super::handshake::{Hello, MAGIC, VERSIONS, call_with};
use super::*;
use serde::Deserialize;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// A message for tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    bulk: bool,
    pub(super) body: Vec<u8>,
}

impl Note {
    pub(super) fn new(bulk: bool, size: usize) -> Self {
        Self {
            bulk,
            body: vec![size as u8; size],
        }
    }
}

impl Wire for Note {
    fn is_bulk(&self) -> bool {
        self.bulk
    }

    fn weight(&self) -> usize {
        self.body.len()
    }
}

pub(super) fn local(me: u8) -> Local {
    Local {
        cluster_id: 7,
        cluster: "test".to_owned(),
        me,
        contract: 3,
        nodes: 3,
        max_frame: 100_000,
    }
}

#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Vec<(u8, Note)>>>, Arc<Mutex<Vec<u8>>>);

impl Receiver<Note> for Heard {
    async fn deliver(&self, from: u8, messages: &mut Vec<Note>) {
        let mut heard = self.0.lock().expect("not poisoned");
        heard.extend(messages.drain(..).map(|note| (from, note)));
    }

    fn lost(&self, from: u8) {
        self.1.lock().expect("not poisoned").push(from);
    }
}

impl Heard {
    fn len(&self) -> usize {
        self.0.lock().expect("not poisoned").len()
    }
}

/// Replica 0, listening.
struct Listening {
    address: String,
    heard: Heard,
    stats: Vec<Arc<PeerStats>>,
    task: tokio::task::JoinHandle<()>,
}

async fn listen() -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (heard, stats) = (Heard::default(), vec![Arc::default(); 3]);
    let task = tokio::spawn(accept(listener, local(0), stats.clone(), heard.clone()));
    Listening {
        address,
        heard,
        stats,
        task,
    }
}

fn call(me: u8, address: &str) -> (Arc<Outbox<Note>>, tokio::task::JoinHandle<()>) {
    let outbox = Arc::new(Outbox::new(Bounds::default(), Arc::default()));
    let task = tokio::spawn(connect(local(me), 0, address.to_owned(), outbox.clone()));
    (outbox, task)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(10), wait)
        .await
        .unwrap_or_else(|_| panic!("not in 10 s: {what}"));
}

#[tokio::test]
async fn messages_arrive_in_order_and_round_trips_are_measured() {
    let zero = listen().await;
    let (outbox, _task) = call(1, &zero.address);
    until("connected", || outbox.stats().snapshot().connected).await;
    let notes: Vec<_> = (0..2000).map(|n| Note::new(true, n)).collect();
    outbox.push(&mut notes.clone());
    until("all arrived", || zero.heard.len() == notes.len()).await;
    let heard = std::mem::take(&mut *zero.heard.0.lock().expect("not poisoned"));
    assert!(
        heard
            .into_iter()
            .eq(notes.into_iter().map(|note| (1, note)))
    );
    until("a round trip", || {
        outbox.stats().round_trips.snapshot() != Default::default()
    })
    .await;
    assert_eq!(outbox.stats().snapshot().dropped, 0);
}

#[tokio::test]
async fn a_lost_connection_is_made_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (outbox, _task) = call(1, &listener.local_addr().expect("an address").to_string());
    for round in 1..=3 {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        handshake::answer(&mut stream, &local(0))
            .await
            .expect("greeted");
        until("connected", || {
            outbox.stats().snapshot().connections == round
        })
        .await;
        drop(stream);
        until("lost", || !outbox.stats().snapshot().connected).await;
    }
}

#[tokio::test]
async fn a_peer_that_goes_is_missed_and_one_that_comes_is_called_back_at_once() {
    let zero = listen().await;
    let back: Outbox<Note> = Outbox::new(Bounds::default(), zero.stats[1].clone());
    let (_outbox, task) = call(1, &zero.address);
    let waiting = super::outgoing::pause(Duration::from_secs(60), &back);
    let next = timeout(Duration::from_secs(10), waiting).await;
    assert!(next.expect("not a minute") < Duration::from_secs(1));
    let lost = zero.heard.1.clone();
    assert!(lost.lock().expect("not poisoned").is_empty());
    task.abort();
    until("missed", || *lost.lock().expect("not poisoned") == [1]).await;
}

#[tokio::test]
async fn a_later_connection_of_a_peer_replaces_the_earlier() {
    let zero = listen().await;
    let mut streams = vec![];
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&zero.address).await.expect("connected");
        handshake::call(&mut stream, &local(1), 0)
            .await
            .expect("greeted");
        streams.push(stream);
    }
    assert_eq!(
        read_to_end(&mut streams[0]).await,
        b"",
        "the first one is closed"
    );
    let mut bytes = vec![];
    frame::put(&Note::new(true, 5), 1000, &mut bytes).expect("encodes");
    streams[1].write_all(&bytes).await.expect("sent");
    until("arrived", || zero.heard.len() == 1).await;
}

async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![];
    let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await;
    // A connection that is closed with unread bytes ends in a reset.
    let _ = read.expect("the connection is closed");
    bytes
}

/// Whatever comes to the port: the connection is closed and good peers are served as before.
#[tokio::test]
async fn garbage_on_the_port_harms_nothing() {
    let zero = listen().await;
    let (outbox, _task) = call(1, &zero.address);
    until("connected", || outbox.stats().snapshot().connected).await;

    let mut good = vec![];
    frame::put(&Note::new(true, 500), 1000, &mut good).expect("encodes");
    let mut damaged = good.clone();
    damaged[100] ^= 1;
    let mut oversized = good.clone();
    oversized[..4].copy_from_slice(&200_000u32.to_le_bytes());
    let greeted = [&damaged[..], &oversized[..], &good[..300], &[0xff; 64]];
    for bytes in greeted {
        let mut stream = TcpStream::connect(&zero.address).await.expect("connected");
        handshake::call(&mut stream, &local(2), 0)
            .await
            .expect("greeted");
        stream.write_all(bytes).await.expect("sent");
        stream.shutdown().await.expect("shut down");
        assert_eq!(read_to_end(&mut stream).await, b"");
    }
    let mut half = MAGIC.to_vec();
    half.extend_from_slice(&[1, 0, 1]);
    let strangers: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"PRI * HTTP/2.0\r\n",
        &half,
        b"",
    ];
    for bytes in strangers {
        let mut stream = TcpStream::connect(&zero.address).await.expect("connected");
        stream.write_all(bytes).await.expect("sent");
        stream.shutdown().await.expect("shut down");
        assert_eq!(read_to_end(&mut stream).await, b"");
    }

    outbox.push(&mut vec![Note::new(true, 9)]);
    until("arrived", || zero.heard.len() == 1).await;
    assert_eq!(
        zero.heard.0.lock().expect("not poisoned")[0].1.body.len(),
        9
    );
    let stats = outbox.stats().snapshot();
    assert_eq!(
        (stats.connections, stats.connected),
        (1, true),
        "nobody disturbed the good peer"
    );
    assert!(zero.stats[2].snapshot().received_bytes > 0);
    assert!(!zero.task.is_finished());
}

#[tokio::test]
async fn an_unknown_version_is_told_in_words_over_the_wire() {
    let zero = listen().await;
    let mut stream = TcpStream::connect(&zero.address).await.expect("connected");
    let hello = Hello {
        cluster_id: 7,
        cluster: "test".to_owned(),
        from: 1,
        to: 0,
        contract: 3,
    };
    let later = VERSIONS.1 + 1;
    let error = call_with(&mut stream, (later, later), &hello)
        .await
        .expect_err("refused");
    assert!(
        error
            .to_string()
            .contains("versions 2 to 2 of the peer protocol"),
        "{error}"
    );
    assert_eq!(read_to_end(&mut stream).await, b"");
}

#[tokio::test]
async fn strangers_who_say_nothing_are_bounded_in_number() {
    let zero = listen().await;
    let mut silent = vec![];
    for _ in 0..64 {
        silent.push(TcpStream::connect(&zero.address).await.expect("connected"));
    }
    // Connections are accepted in order, so the 65th finds 64 before it.
    let mut last = TcpStream::connect(&zero.address).await.expect("connected");
    assert_eq!(read_to_end(&mut last).await, b"");
    drop(silent);
    let (outbox, _task) = call(1, &zero.address);
    until("there is room again", || {
        outbox.stats().snapshot().connected
    })
    .await;
}
