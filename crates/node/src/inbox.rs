//! [`Inbox`]: everything that waits for the replica's thread, which takes it in bursts.

use quorate_core::{NodeId, Time};
use quorate_replica::{Outcome, Request};
use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

use crate::peers::{Receiver, Wire};
use crate::serving::PeerMessage;

/// A client's request on its way to the replica.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) request: Request,
    pub(crate) deadline: Time,
    pub(crate) reply: oneshot::Sender<Outcome>,
}

/// What has gathered.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    pub(crate) asks: Vec<Ask>,
    pub(crate) peers: Vec<(NodeId, PeerMessage)>,
    /// Peers whose connection has broken.
    pub(crate) gone: BTreeSet<NodeId>,
    /// The disk made progress, or failed.
    pub(crate) disk: bool,
    pub(crate) stop: bool,
}

impl Burst {
    fn is_empty(&self) -> bool {
        self.asks.is_empty()
            && self.peers.is_empty()
            && self.gone.is_empty()
            && !self.disk
            && !self.stop
    }
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InboxBounds {
    /// Client requests. Those beyond are refused.
    pub(crate) asks: usize,
    /// Bytes of peers' messages. A peer that would exceed it waits, and TCP with it.
    pub(crate) peer_bytes: usize,
}

/// Bounded lanes into one thread, which sleeps here when there is nothing to do.
#[derive(Debug)]
pub(crate) struct Inbox {
    bounds: InboxBounds,
    state: Mutex<State>,
    arrived: Condvar,
    /// Rung when peers' messages were taken.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    burst: Burst,
    peer_bytes: usize,
    /// The thread is gone: nobody will take anything.
    closed: bool,
    asleep: bool,
}

impl Inbox {
    pub(crate) fn new(bounds: InboxBounds) -> Self {
        Self {
            bounds,
            state: Mutex::default(),
            arrived: Condvar::new(),
            room: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, state: MutexGuard<'_, State>) {
        let asleep = state.asleep;
        drop(state);
        if asleep {
            self.arrived.notify_one();
        }
    }

    /// Takes a client's request.
    ///
    /// # Errors
    /// If as many wait as may, or nobody takes any more.
    pub(crate) fn ask(&self, ask: Ask) -> Result<(), Full> {
        let mut state = self.state();
        if state.closed {
            return Err(Full::Closed);
        }
        if state.burst.asks.len() >= self.bounds.asks {
            return Err(Full::Full);
        }
        state.burst.asks.push(ask);
        self.wake(state);
        Ok(())
    }

    /// The disk made progress, or failed.
    pub(crate) fn on_disk(&self) {
        let mut state = self.state();
        state.burst.disk = true;
        self.wake(state);
    }

    /// The thread is to end.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.burst.stop = true;
        self.wake(state);
    }

    /// Takes what has gathered, at most waiting for `wait`. With `leave_peers`, what peers sent
    /// stays, and they wait.
    pub(crate) fn take(&self, burst: &mut Burst, leave_peers: bool, wait: Duration) {
        debug_assert!(burst.is_empty());
        let mut state = self.state();
        let anything = |state: &State| {
            let Burst {
                asks,
                peers,
                gone,
                disk,
                stop,
            } = &state.burst;
            let peers = !gone.is_empty() || !peers.is_empty();
            !asks.is_empty() || *disk || *stop || peers && !leave_peers
        };
        if !anything(&state) && !wait.is_zero() {
            state.asleep = true;
            let result = self
                .arrived
                .wait_timeout_while(state, wait, |state| !anything(state))
                .unwrap_or_else(PoisonError::into_inner);
            state = result.0;
            state.asleep = false;
        }
        mem::swap(&mut state.burst.asks, &mut burst.asks);
        burst.disk = mem::take(&mut state.burst.disk);
        burst.stop = mem::take(&mut state.burst.stop);
        if !leave_peers {
            mem::swap(&mut state.burst.peers, &mut burst.peers);
            burst.gone = mem::take(&mut state.burst.gone);
            let was_full = state.peer_bytes >= self.bounds.peer_bytes;
            state.peer_bytes = 0;
            drop(state);
            if was_full {
                self.room.notify_waiters();
            }
        }
    }

    /// Nobody takes anything any more. What waits is given back.
    pub(crate) fn close(&self) -> Burst {
        let mut state = self.state();
        state.closed = true;
        state.peer_bytes = 0;
        let rest = mem::take(&mut state.burst);
        drop(state);
        self.room.notify_waiters();
        rest
    }
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// As many wait as may.
    Full,
    /// Nobody takes any more.
    Closed,
}

impl Receiver<PeerMessage> for Arc<Inbox> {
    async fn deliver(&self, from: NodeId, messages: &mut Vec<PeerMessage>) {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            // From here on a ring is not missed.
            room.as_mut().enable();
            {
                let mut state = self.state();
                if state.closed {
                    messages.clear();
                    return;
                }
                if state.peer_bytes < self.bounds.peer_bytes {
                    state.peer_bytes += messages.iter().map(Wire::weight).sum::<usize>();
                    state
                        .burst
                        .peers
                        .extend(messages.drain(..).map(|message| (from, message)));
                    return self.wake(state);
                }
            }
            room.await;
        }
    }

    fn lost(&self, from: NodeId) {
        let mut state = self.state();
        state.burst.gone.insert(from);
        self.wake(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::time::Instant;

    fn inbox(asks: usize, peer_bytes: usize) -> Arc<Inbox> {
        Arc::new(Inbox::new(InboxBounds { asks, peer_bytes }))
    }

    fn ask() -> Ask {
        let (reply, _) = oneshot::channel();
        Ask {
            request: Request::Barrier,
            deadline: Time::ZERO,
            reply,
        }
    }

    fn message() -> PeerMessage {
        PeerMessage::Forward(vec![Bytes::from_static(&[0; 1000])])
    }

    #[test]
    fn requests_beyond_the_bound_are_refused() {
        let inbox = inbox(2, 1);
        assert!(inbox.ask(ask()).is_ok() && inbox.ask(ask()).is_ok());
        assert_eq!(inbox.ask(ask()), Err(Full::Full));
        let mut burst = Burst::default();
        inbox.take(&mut burst, false, Duration::ZERO);
        assert_eq!(burst.asks.len(), 2);
        assert!(inbox.ask(ask()).is_ok(), "there is room again");
        assert_eq!(inbox.close().asks.len(), 1);
        assert_eq!(inbox.ask(ask()), Err(Full::Closed));
    }

    #[test]
    fn a_sleeper_is_woken_and_sleeps_no_longer_than_asked() {
        let inbox = inbox(2, 1);
        let mut burst = Burst::default();
        let start = Instant::now();
        inbox.take(&mut burst, false, Duration::from_millis(20));
        assert!(burst.is_empty() && start.elapsed() >= Duration::from_millis(20));
        let other = inbox.clone();
        let waker = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            other.on_disk();
        });
        inbox.take(&mut burst, false, Duration::from_secs(60));
        assert!(burst.disk && start.elapsed() < Duration::from_secs(30));
        waker.join().expect("no panic");
    }

    #[tokio::test]
    async fn a_peer_waits_for_room_and_is_let_in_when_there_is_some() {
        let inbox = inbox(1, 1500);
        for _ in 0..2 {
            inbox.deliver(NodeId(1), &mut vec![message()]).await;
        }
        let other = inbox.clone();
        let waiting =
            tokio::spawn(async move { other.deliver(NodeId(2), &mut vec![message()]).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "2,000 bytes wait, 1,500 may");
        let mut burst = Burst::default();
        inbox.on_disk();
        inbox.take(&mut burst, true, Duration::ZERO);
        assert!(burst.peers.is_empty(), "left where they are");
        assert!(mem::take(&mut burst.disk));
        inbox.take(&mut burst, false, Duration::ZERO);
        assert_eq!(burst.peers.len(), 2);
        waiting.await.expect("let in");
        burst.peers.clear();
        inbox.take(&mut burst, false, Duration::ZERO);
        assert_eq!(
            burst
                .peers
                .iter()
                .map(|(from, _)| from.0)
                .collect::<Vec<_>>(),
            [2]
        );
    }
}
