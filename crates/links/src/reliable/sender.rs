//! The sending half: numbers, copies until acknowledged, retransmission.

use super::Config;
use super::packet::Ack;
use super::round_trip::RoundTrip;
use crate::link::{Lane, SendError};
use crate::missing::Missing;
use crate::refusal::LinkRefusal;
use quorate_core::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// Messages until the peer has acknowledged them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LinkSender<M> {
    /// In order; the front has number `first`. The first `under_way` have been sent.
    queue: VecDeque<Item<M>>,
    first: u64,
    under_way: usize,
    /// Is any of these to be sent again?
    due: bool,
    /// How often in a row the timer ran out without news.
    failures: u32,
    round_trip: RoundTrip,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Item<M> {
    message: M,
    urgency: Lane,
    sent: Time,
    /// Sent more than once: its acknowledgement measures nothing.
    again: bool,
    /// Acknowledged, while one before it is not.
    arrived: bool,
    /// To be sent again.
    due: bool,
    /// Sent again once on the word of later ones; from now on only by the timer.
    fast: bool,
}

impl<M: Clone> LinkSender<M> {
    pub(super) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            first: 1,
            under_way: 0,
            due: false,
            failures: 0,
            round_trip: RoundTrip::default(),
        }
    }

    pub(super) fn push(
        &mut self,
        config: &Config,
        message: M,
        urgency: Lane,
    ) -> Result<(), SendError<M>> {
        if self.queue.len() >= config.buffer as usize {
            if !config.missing.is(Missing::BackPressure) {
                let why = LinkRefusal::BufferFull;
                return Err(SendError { message, why });
            }
            self.queue.pop_front();
            self.first += 1;
            self.under_way = self.under_way.saturating_sub(1);
        }
        self.queue.push_back(Item {
            message,
            urgency,
            sent: Time::ZERO,
            again: false,
            arrived: false,
            due: false,
            fast: false,
        });
        Ok(())
    }

    /// A new session: what was not acknowledged is numbered from 1 and sent anew.
    pub(super) fn restart(&mut self) {
        self.first = 1;
        self.under_way = 0;
        self.due = false;
        self.failures = 0;
        for item in &mut self.queue {
            item.again = false;
            item.arrived = false;
            item.due = false;
            item.fast = false;
        }
    }

    /// Takes an acknowledgement of this session; says whether it brought news.
    pub(super) fn on_ack(
        &mut self,
        now: Time,
        config: &Config,
        ack: Ack,
    ) -> Result<bool, LinkRefusal> {
        let end = self.first + self.under_way as u64;
        let last = ack.selective().next_back().unwrap_or(ack.through);
        if last >= end {
            return Err(LinkRefusal::Impossible);
        }
        let mut news = false;
        while self.first <= ack.through {
            let Some(item) = self.queue.pop_front() else {
                break;
            };
            self.first += 1;
            self.under_way -= 1;
            if !item.again {
                self.round_trip.measure(now.since(item.sent));
            }
            news = true;
        }
        for number in ack.selective() {
            let Some(offset) = number.checked_sub(self.first) else {
                continue;
            };
            let item = &mut self.queue[offset as usize];
            if !item.arrived {
                item.arrived = true;
                item.due = false;
                news = true;
                if !item.again {
                    self.round_trip.measure(now.since(item.sent));
                }
            }
        }
        if news {
            self.failures = 0;
            if ack.beyond != 0 {
                self.take_for_lost(config);
            }
        }
        Ok(news)
    }

    /// RFC 6675: lost is what so many later ones have overtaken.
    fn take_for_lost(&mut self, config: &Config) {
        if config.missing.is(Missing::FastRetransmit) || config.missing.is(Missing::Retransmission)
        {
            return;
        }
        let mut overtaken_by = 0;
        for item in self.queue.iter_mut().take(self.under_way).rev() {
            if item.arrived {
                overtaken_by += 1;
            } else if overtaken_by >= config.duplicate_acks && !item.fast {
                item.fast = true;
                item.due = true;
                self.due = true;
            }
        }
    }

    pub(super) fn on_timer(&mut self, config: &Config) {
        self.failures = self.failures.saturating_add(1);
        if config.missing.is(Missing::Retransmission) {
            return;
        }
        self.queue
            .iter_mut()
            .take(self.under_way)
            .filter(|item| !item.arrived)
            .take(config.burst as usize)
            .for_each(|item| {
                item.due = true;
                self.due = true;
            });
    }

    /// Hands out what is to be sent now: first what is sent again, then what is new and fits the
    /// window.
    pub(super) fn transmit(
        &mut self,
        now: Time,
        config: &Config,
        mut emit: impl FnMut(Lane, u64, M),
    ) {
        let again = match std::mem::take(&mut self.due) {
            true => self.under_way,
            false => 0,
        };
        for (offset, item) in self.queue.iter_mut().take(again).enumerate() {
            if std::mem::take(&mut item.due) {
                item.again = true;
                emit(
                    item.urgency,
                    self.first + offset as u64,
                    item.message.clone(),
                );
            }
        }
        let window = self.queue.len().min(config.window as usize);
        for number in self.under_way..window {
            let item = &mut self.queue[number];
            item.sent = now;
            emit(
                item.urgency,
                self.first + number as u64,
                item.message.clone(),
            );
        }
        self.under_way = self.under_way.max(window);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// How many are sent and not known to have arrived in order.
    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.mean()
    }

    /// How long to wait for news: doubled by each failure in a row (doc 000: "maybe we were too
    /// aggressive"), bounded, with room for jitter.
    pub(super) fn timeout(&self, config: &Config) -> (Duration, Duration) {
        let measured = self.round_trip.timeout().unwrap_or(config.first_timeout);
        let doubled = measured
            .max(config.min_timeout)
            .saturating_mul(1 << self.failures.min(20));
        let min = doubled.min(config.max_timeout);
        let jitter = (min / 100).saturating_mul(config.jitter_percent);
        (min, min.saturating_add(jitter))
    }

    pub(super) fn check_invariants(&self, config: &Config) -> Result<(), String> {
        if self.queue.len() > config.buffer as usize {
            return Err(format!(
                "bounded send buffer: {} messages of {}",
                self.queue.len(),
                config.buffer
            ));
        }
        if self.under_way > self.queue.len().min(config.window as usize) {
            return Err(format!(
                "bounded window: {} under way, {} held, window {}",
                self.under_way,
                self.queue.len(),
                config.window
            ));
        }
        Ok(())
    }
}
