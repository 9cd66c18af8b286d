//! [`Outbox`]: what waits to be sent to one peer.

use super::Wire;
use super::stats::{PeerStats, add};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Messages without data.
    pub urgent: usize,
    /// Messages with data.
    pub bulk: usize,
    /// Bytes of messages with data.
    pub bulk_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            urgent: 4096,
            bulk: 4096,
            bulk_bytes: 64 << 20,
        }
    }
}

/// A bounded queue in two lanes: what carries no data goes first.
///
/// Without a connection, everything is dropped: what was to be said then is old news by the time
/// there is one. At the bound, the *newest* is dropped, as a follower can use the older entries
/// without the newer ones and not the other way round. Both are counted; the protocol asks again.
#[derive(Debug)]
pub struct Outbox<M> {
    bounds: Bounds,
    stats: Arc<PeerStats>,
    lanes: Mutex<Lanes<M>>,
    ready: Notify,
}

#[derive(Debug)]
struct Lanes<M> {
    open: bool,
    urgent: VecDeque<M>,
    bulk: VecDeque<M>,
    bulk_bytes: usize,
}

impl<M: Wire> Outbox<M> {
    /// An outbox without a connection.
    pub fn new(bounds: Bounds, stats: Arc<PeerStats>) -> Self {
        let lanes = Lanes {
            open: false,
            urgent: VecDeque::new(),
            bulk: VecDeque::new(),
            bulk_bytes: 0,
        };
        Self {
            bounds,
            stats,
            lanes: Mutex::new(lanes),
            ready: Notify::new(),
        }
    }

    /// The counts about the peer.
    pub fn stats(&self) -> &Arc<PeerStats> {
        &self.stats
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes<M>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes messages, in order, leaving `messages` empty.
    pub fn push(&self, messages: &mut Vec<M>) {
        let mut dropped = 0;
        {
            let mut lanes = self.lanes();
            for message in messages.drain(..) {
                if !lanes.take(message, self.bounds) {
                    dropped += 1;
                }
            }
        }
        add(&self.stats.dropped, dropped);
        self.ready.notify_one();
    }

    /// There is a connection.
    pub(crate) fn open(&self) {
        self.lanes().open = true;
        self.stats.connected.store(true, Ordering::Relaxed);
        add(&self.stats.connections, 1);
    }

    /// There is none any more; what waits is dropped.
    pub(crate) fn close(&self) {
        let mut lanes = self.lanes();
        lanes.open = false;
        add(&self.stats.dropped, lanes.urgent.len() + lanes.bulk.len());
        lanes.urgent.clear();
        lanes.bulk.clear();
        lanes.bulk_bytes = 0;
        self.stats.connected.store(false, Ordering::Relaxed);
    }

    /// Moves what waits to `out`: all that is urgent, and data up to about `bytes`.
    pub(crate) fn drain(&self, bytes: usize, out: &mut Vec<M>) {
        let mut lanes = self.lanes();
        out.extend(lanes.urgent.drain(..));
        let mut taken = 0;
        while taken < bytes
            && let Some(message) = lanes.bulk.pop_front()
        {
            taken += message.weight();
            lanes.bulk_bytes -= message.weight();
            out.push(message);
        }
    }

    /// Waits until something was pushed.
    pub(crate) async fn ready(&self) {
        self.ready.notified().await;
    }
}

impl<M: Wire> Lanes<M> {
    fn take(&mut self, message: M, bounds: Bounds) -> bool {
        if !self.open {
            return false;
        }
        if !message.is_bulk() {
            let room = self.urgent.len() < bounds.urgent;
            if room {
                self.urgent.push_back(message);
            }
            return room;
        }
        let weight = message.weight();
        let room = self.bulk.len() < bounds.bulk && self.bulk_bytes + weight <= bounds.bulk_bytes;
        if room {
            self.bulk_bytes += weight;
            self.bulk.push_back(message);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Note;
    use super::*;

    fn outbox(bounds: Bounds) -> Outbox<Note> {
        Outbox::new(bounds, Arc::default())
    }

    #[test]
    fn what_carries_no_data_goes_first_and_each_lane_keeps_its_order() {
        let outbox = outbox(Bounds::default());
        outbox.open();
        let sizes = [
            (true, 100),
            (false, 1),
            (true, 200),
            (false, 2),
            (true, 300),
        ];
        outbox.push(&mut sizes.map(|(bulk, size)| Note::new(bulk, size)).to_vec());
        let mut out = vec![];
        outbox.drain(150, &mut out);
        let sizes: Vec<_> = out.iter().map(|note| note.body.len()).collect();
        assert_eq!(
            sizes,
            [1, 2, 100, 200],
            "data up to the first that reaches 150 bytes"
        );
        outbox.drain(150, &mut out);
        assert_eq!(out.len(), 5);
    }

    #[test]
    fn at_each_bound_the_newest_is_dropped_and_counted() {
        let outbox = outbox(Bounds {
            urgent: 2,
            bulk: 3,
            bulk_bytes: 1000,
        });
        outbox.open();
        outbox.push(&mut vec![Note::new(false, 1); 5]);
        outbox.push(&mut vec![Note::new(true, 10); 5]);
        assert_eq!(outbox.stats().snapshot().dropped, 3 + 2);
        let mut out = vec![];
        outbox.drain(usize::MAX, &mut out);
        assert_eq!(out.len(), 5);
        outbox.push(&mut vec![
            Note::new(true, 600),
            Note::new(true, 600),
            Note::new(true, 10),
        ]);
        out.clear();
        outbox.drain(usize::MAX, &mut out);
        assert_eq!(
            out.iter().map(|note| note.body.len()).collect::<Vec<_>>(),
            [600, 10]
        );
        assert_eq!(outbox.stats().snapshot().dropped, 6);
    }

    #[test]
    fn without_a_connection_everything_is_dropped_and_counted() {
        let outbox = outbox(Bounds::default());
        outbox.push(&mut vec![Note::new(false, 1)]);
        outbox.open();
        outbox.push(&mut vec![Note::new(true, 1), Note::new(false, 1)]);
        outbox.close();
        let mut out = vec![];
        outbox.drain(usize::MAX, &mut out);
        assert!(out.is_empty());
        let stats = outbox.stats().snapshot();
        assert_eq!(
            (stats.dropped, stats.connected, stats.connections),
            (3, false, 1)
        );
    }
}
