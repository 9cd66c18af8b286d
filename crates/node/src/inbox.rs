//! [`Inbox`]: everything that waits for the replica's thread, which takes it in bursts.

use quorate_core::{NodeId, Time};
use quorate_replica::{Outcome, Request};
use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

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
    /// Peers' messages without data: signs of life, votes, answers.
    pub(crate) urgent: Vec<(NodeId, PeerMessage)>,
    /// Peers' messages with data.
    pub(crate) bulk: Vec<(NodeId, PeerMessage)>,
    /// Peers whose connection has broken.
    pub(crate) gone: BTreeSet<NodeId>,
    /// The disk made progress, or failed.
    pub(crate) disk: bool,
    pub(crate) stop: bool,
}

impl Burst {
    fn is_empty(&self) -> bool {
        self.asks.is_empty()
            && self.urgent.is_empty()
            && self.bulk.is_empty()
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
    /// Peers' messages without data. Those beyond are dropped.
    pub(crate) urgent: usize,
    /// Bytes of peers' messages with data. Those beyond are dropped, and not left to wait: behind
    /// them on the same connection come signs of life.
    pub(crate) bulk_bytes: usize,
}

/// Bounded lanes into one thread, which sleeps here when there is nothing to do.
///
/// What peers send without data has a lane of its own: neither a disk that is behind nor appends
/// that pile up hold back a heartbeat or a vote. What is dropped at a bound is lost as on any
/// fair-loss link (doc 000); the protocol asks again.
#[derive(Debug)]
pub(crate) struct Inbox {
    bounds: InboxBounds,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    burst: Burst,
    bulk_bytes: usize,
    /// The thread is gone: nothing will be taken.
    closed: bool,
    asleep: bool,
}

impl Inbox {
    pub(crate) fn new(bounds: InboxBounds) -> Self {
        Self {
            bounds,
            state: Mutex::default(),
            arrived: Condvar::new(),
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
    /// If as many wait as may, or no more are taken.
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

    /// Takes what has gathered, at most waiting for `wait`. With `leave_bulk`, peers' messages with
    /// data stay.
    pub(crate) fn take(&self, burst: &mut Burst, leave_bulk: bool, wait: Duration) {
        debug_assert!(burst.is_empty());
        let mut state = self.state();
        let anything = |state: &State| {
            let Burst {
                asks,
                urgent,
                bulk,
                gone,
                disk,
                stop,
            } = &state.burst;
            let bulk = !gone.is_empty() || !bulk.is_empty();
            !asks.is_empty() || !urgent.is_empty() || *disk || *stop || bulk && !leave_bulk
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
        mem::swap(&mut state.burst.urgent, &mut burst.urgent);
        if !leave_bulk {
            mem::swap(&mut state.burst.bulk, &mut burst.bulk);
            // After what they said, of which the last may be among what is left.
            burst.gone = mem::take(&mut state.burst.gone);
            state.bulk_bytes = 0;
        }
    }

    /// Nothing is taken any more. What waits is given back.
    pub(crate) fn close(&self) -> Burst {
        let mut state = self.state();
        state.closed = true;
        state.bulk_bytes = 0;
        mem::take(&mut state.burst)
    }
}

/// Why a request was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// As many wait as may.
    Full,
    /// No more are taken.
    Closed,
}

impl Receiver<PeerMessage> for Arc<Inbox> {
    fn deliver(&self, from: NodeId, messages: &mut Vec<PeerMessage>) -> usize {
        let mut state = self.state();
        if state.closed {
            messages.clear();
            return 0;
        }
        let mut dropped = 0;
        for message in messages.drain(..) {
            let weight = message.weight();
            if !message.is_bulk() {
                if state.burst.urgent.len() < self.bounds.urgent {
                    state.burst.urgent.push((from, message));
                } else {
                    dropped += 1;
                }
            } else if state.bulk_bytes + weight <= self.bounds.bulk_bytes {
                state.bulk_bytes += weight;
                state.burst.bulk.push((from, message));
            } else {
                dropped += 1;
            }
        }
        self.wake(state);
        dropped
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

    fn inbox(asks: usize, bulk_bytes: usize) -> Arc<Inbox> {
        Arc::new(Inbox::new(InboxBounds {
            asks,
            urgent: 3,
            bulk_bytes,
        }))
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

    fn sign_of_life() -> PeerMessage {
        PeerMessage::Digest {
            software: 1,
            index: 1,
            digest: 1,
        }
    }

    /// A disk that is behind, and appends without end: what carries no data arrives.
    #[test]
    fn appends_that_pile_up_hold_no_sign_of_life_back() {
        let inbox = inbox(1, 2500);
        let mut messages = vec![];
        for _ in 0..10 {
            messages.extend([message(), sign_of_life()]);
        }
        // Two messages of a thousand bytes and a bit fit, and three signs of life.
        assert_eq!(inbox.deliver(NodeId(1), &mut messages), 8 + 7);
        assert!(messages.is_empty());
        let mut burst = Burst::default();
        inbox.take(&mut burst, true, Duration::from_secs(60));
        assert_eq!((burst.urgent.len(), burst.bulk.len()), (3, 0));
        burst.urgent.clear();
        // With only data left it is as if nothing were there.
        inbox.lost(NodeId(1));
        inbox.take(&mut burst, true, Duration::from_millis(10));
        assert!(burst.is_empty());
        assert_eq!(
            inbox.deliver(NodeId(2), &mut vec![sign_of_life(), message()]),
            1
        );
        inbox.take(&mut burst, false, Duration::from_secs(60));
        assert_eq!(burst.urgent.len(), 1);
        assert_eq!(burst.bulk.len(), 2, "what waited before");
        assert!(burst.gone.contains(&NodeId(1)));
        assert_eq!(
            inbox.deliver(NodeId(2), &mut vec![message()]),
            0,
            "there is room again"
        );
    }
}
