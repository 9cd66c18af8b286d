//! Peers over real sockets on the loopback device.

use super::handshake::{Hello, Intent, MAGIC, RejectReason, VERSIONS, call_with};
use super::*;
use quorate_replica::Member;
use serde::Deserialize;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
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

pub(super) fn membership() -> Membership {
    // No process listens there.
    let unused = "127.0.0.1:1";
    let member = |node: u32| {
        let (id, name) = (100 + u64::from(node), format!("n{node}"));
        Member::founder(NodeId(node), id, &name, unused, unused)
    };
    Membership::founding(Roster {
        cluster_id: 7,
        cluster: "test".to_owned(),
        members: vec![member(0), member(1), member(2)],
        ..Roster::default()
    })
}

pub(super) fn local(me: u32) -> Local {
    Local {
        me: NodeId(me),
        member_id: 100 + u64::from(me),
        address: "127.0.0.1:1".to_owned(),
        founding: membership().roster,
        cluster: quorate_contract::Cluster::loopback("test", 0),
        contract: 3,
        max_frame: 100_000,
    }
}

fn peers(me: u32, membership: Membership) -> Peers<Note> {
    Peers::new(local(me), membership, Handle::current())
}

#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Vec<(NodeId, Note)>>>, Arc<Mutex<Vec<NodeId>>>);

impl Receiver<Note> for Heard {
    fn deliver(&self, from: NodeId, messages: &mut Vec<Note>) -> usize {
        let mut heard = self.0.lock().expect("not poisoned");
        heard.extend(messages.drain(..).map(|note| (from, note)));
        0
    }

    fn lost(&self, from: NodeId) {
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
    peers: Peers<Note>,
    task: tokio::task::JoinHandle<()>,
}

impl Listening {
    fn stats(&self, of: u32) -> Arc<PeerStats> {
        self.peers.outboxes()[&NodeId(of)].stats().clone()
    }
}

async fn listen() -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (heard, peers) = (Heard::default(), peers(0, membership()));
    let task = tokio::spawn(accept(listener, peers.clone(), heard.clone(), Nobody));
    Listening {
        address,
        heard,
        peers,
        task,
    }
}

/// The members, with replica 0 at this address.
fn zero_at(address: &str) -> Membership {
    let mut membership = membership();
    membership.roster.members[0].peer_urls = vec![format!("http://{address}")];
    membership
}

fn call(me: u32, address: &str) -> (Arc<Outbox<Note>>, Peers<Note>) {
    let peers = peers(me, zero_at(address));
    (peers.outboxes()[&NodeId(0)].clone(), peers)
}

fn intent(me: u32) -> Intent {
    Intent::Peer(Hello {
        cluster_id: 7,
        cluster: "test".to_owned(),
        from: NodeId(me),
        from_id: 100 + u64::from(me),
        to: NodeId(0),
        to_id: 100,
        contract: 3,
        address: "127.0.0.1:1".to_owned(),
    })
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
    let (outbox, _peers) = call(1, &zero.address);
    until("connected", || outbox.stats().snapshot().connected).await;
    let notes: Vec<_> = (0..2000).map(|n| Note::new(true, n)).collect();
    outbox.push(&mut notes.clone());
    until("all arrived", || zero.heard.len() == notes.len()).await;
    let heard = std::mem::take(&mut *zero.heard.0.lock().expect("not poisoned"));
    assert!(
        heard
            .into_iter()
            .eq(notes.into_iter().map(|note| (NodeId(1), note)))
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
    let (outbox, _peers) = call(1, &listener.local_addr().expect("an address").to_string());
    for round in 1..=3 {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let call = handshake::hear(&mut stream).await.expect("greeted");
        handshake::agree(&mut stream, &call).await.expect("greeted");
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
    let back: Outbox<Note> = Outbox::new(Bounds::default(), zero.stats(1));
    let (_outbox, peers) = call(1, &zero.address);
    let waiting = super::outgoing::pause(Duration::from_secs(60), &back);
    let next = timeout(Duration::from_secs(10), waiting).await;
    assert!(next.expect("not a minute") < Duration::from_secs(1));
    let lost = zero.heard.1.clone();
    assert!(lost.lock().expect("not poisoned").is_empty());
    let mut alone = membership();
    alone.roster.members.drain(..1);
    assert!(peers.set(alone));
    until("missed", || {
        *lost.lock().expect("not poisoned") == [NodeId(1)]
    })
    .await;
}

#[tokio::test]
async fn a_later_connection_of_a_peer_replaces_the_earlier() {
    let zero = listen().await;
    let mut streams = vec![];
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&zero.address).await.expect("connected");
        handshake::call(&mut stream, &intent(1))
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
    let (outbox, _peers) = call(1, &zero.address);
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
        handshake::call(&mut stream, &intent(2))
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
    assert!(zero.stats(2).snapshot().received_bytes > 0);
    assert!(!zero.task.is_finished());
}

#[tokio::test]
async fn an_unknown_version_is_told_in_words_over_the_wire() {
    let zero = listen().await;
    let mut stream = TcpStream::connect(&zero.address).await.expect("connected");
    let later = VERSIONS.1 + 1;
    let error = call_with(&mut stream, (later, later), &intent(1))
        .await
        .expect_err("refused");
    assert!(
        error
            .to_string()
            .contains("versions 3 to 3 of the peer protocol"),
        "{error}"
    );
    assert_eq!(read_to_end(&mut stream).await, b"");
}

/// Idle strangers are bounded in number, and keep no member out (FINDINGS A8).
#[tokio::test]
async fn the_oldest_silent_stranger_goes_when_another_one_comes() {
    let zero = listen().await;
    let mut silent = vec![];
    for _ in 0..64 {
        silent.push(TcpStream::connect(&zero.address).await.expect("connected"));
    }
    let (outbox, _peers) = call(1, &zero.address);
    until("a member gets in", || outbox.stats().snapshot().connected).await;
    assert_eq!(
        read_to_end(&mut silent[0]).await,
        b"",
        "the oldest is closed"
    );
    outbox.push(&mut vec![Note::new(true, 9)]);
    until("arrived", || zero.heard.len() == 1).await;
    // Many more come, one at a time: the member stays.
    for _ in 0..200 {
        silent.push(TcpStream::connect(&zero.address).await.expect("connected"));
    }
    assert_eq!(read_to_end(&mut silent[100]).await, b"");
    assert_eq!(outbox.stats().snapshot().connections, 1);
}

#[tokio::test]
async fn a_member_that_joins_is_connected_to_and_one_that_leaves_is_told_so() {
    let zero = listen().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let three = Member::founder(NodeId(3), 103, "n3", &address, "");
    let mut now = membership();
    now.roster.members.push(three);
    now.next = NodeId(4);
    assert!(zero.peers.set(now.clone()) && !zero.peers.set(now.clone()));
    let (mut stream, _) = timeout(Duration::from_secs(10), listener.accept())
        .await
        .expect("it is called")
        .expect("a connection");
    let call = handshake::hear(&mut stream).await.expect("greeted");
    match &call.intent {
        Intent::Peer(hello) => assert_eq!((hello.to, hello.to_id), (NodeId(3), 103)),
        other => panic!("{other:?}"),
    }
    handshake::agree(&mut stream, &call).await.expect("greeted");
    let outbox = zero.peers.outboxes()[&NodeId(3)].clone();
    until("connected", || outbox.stats().snapshot().connected).await;
    let mut back = TcpStream::connect(&zero.address).await.expect("connected");
    handshake::call(&mut back, &intent(3))
        .await
        .expect("a member now");
    // It leaves: both connections end, and it is told why it can't come back.
    now.roster.members.pop();
    assert!(zero.peers.set(now));
    assert_eq!(read_to_end(&mut back).await, b"");
    read_to_end(&mut stream).await;
    assert!(!outbox.stats().snapshot().connected);
    let mut again = TcpStream::connect(&zero.address).await.expect("connected");
    let error = handshake::call(&mut again, &intent(3))
        .await
        .expect_err("removed");
    assert!(
        error.to_string().contains("was removed from the cluster"),
        "{error}"
    );
    assert!(matches!(
        error,
        handshake::HandshakeError::RefusedByPeer {
            reason: RejectReason::Removed,
            ..
        }
    ));
}

#[tokio::test]
async fn a_member_that_moves_is_found_at_its_new_address() {
    let (first, second) = (listen().await, listen().await);
    let (_outbox, peers) = call(1, &first.address);
    until("connected", || first.stats(1).snapshot().received_bytes > 0).await;
    assert!(peers.set(zero_at(&second.address)));
    until("moved", || second.stats(1).snapshot().received_bytes > 0).await;
    until("left", || {
        *first.heard.1.lock().expect("not poisoned") == [NodeId(1)]
    })
    .await;
}

/// A4: the names and addresses are the same, the clusters are not.
#[tokio::test]
async fn a_replica_among_members_of_another_cluster_learns_it() {
    let zero = listen().await;
    let mut other = zero_at(&zero.address);
    other.roster.cluster_id = 8;
    other.roster.members.pop();
    let stranger = peers(1, other.clone());
    let why = timeout(Duration::from_secs(10), stranger.rejected()).await;
    let why = why.expect("it is told");
    assert!(
        why.1
            .contains("belongs to cluster \"test\" (0000000000000008)"),
        "{why:?}"
    );
    // One of two others is not most of them.
    other
        .roster
        .members
        .push(membership().roster.members[2].clone());
    let stranger = peers(1, other);
    let why = timeout(Duration::from_millis(300), stranger.rejected()).await;
    assert!(why.is_err());
}

#[tokio::test]
async fn a_founder_that_asks_is_told_the_cluster() {
    let zero = listen().await;
    let mut now = membership();
    now.roster.members.pop();
    zero.peers.set(now.clone());
    let offer = Offer {
        cluster: "test".to_owned(),
        name: "n2".to_owned(),
        member_id: 5,
        contract: 9,
    };
    let answer = offers::ask::<FormingAnswer>(&zero.address, &Intent::Form(offer.clone()))
        .await
        .expect("answered");
    let formed = FormingAnswer::Formed {
        founding: membership().roster,
        current: now.roster,
    };
    assert_eq!(answer, formed);
}

/// Admits no one.
#[derive(Clone)]
struct Nobody;

impl crate::joining::Admits for Nobody {
    async fn admit(&self, _: crate::joining::JoinRequest) -> crate::joining::JoinAnswer {
        let why = "there is no log behind this test".to_owned();
        crate::joining::JoinAnswer::Refused { why }
    }
}

/// A storm of members left a new one behind for good: it replayed a configuration of long ago, and
/// refused the leader of today, whom that one does not name, as a stranger.
#[tokio::test]
async fn a_replica_that_is_behind_hears_and_answers_a_member_that_came_later() {
    let zero = listen().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let Intent::Peer(hello) = intent(9) else {
        panic!("a peer's");
    };
    let mut later = TcpStream::connect(&zero.address).await.expect("connected");
    let called = Intent::Peer(Hello { address, ..hello });
    handshake::call(&mut later, &called).await.expect("heard");
    let (mut stream, _) = timeout(Duration::from_secs(10), listener.accept())
        .await
        .expect("it is called back")
        .expect("a connection");
    let call = handshake::hear(&mut stream).await.expect("greeted");
    match &call.intent {
        Intent::Peer(hello) => assert_eq!((hello.to, hello.to_id), (NodeId(9), 109)),
        other => panic!("{other:?}"),
    }
    assert!(zero.peers.outbox(NodeId(9)).is_some());
    // The configuration that says that it was removed ends that.
    let mut now = membership();
    now.next = NodeId(10);
    assert!(zero.peers.set(now));
    assert_eq!(read_to_end(&mut later).await, b"");
    assert!(zero.peers.outbox(NodeId(9)).is_none());
}
