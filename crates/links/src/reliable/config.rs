//! What is fixed for one reliable link.

use crate::missing::Missing;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// In which order messages are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryOrder {
    /// As they arrive: a lost message does not hold up the others. What the contract calls *reliable*.
    Any,
    /// As they were sent, within a session. What arrives early is held in the reorder window.
    Fifo,
}

/// Windows, bounds and times. Need not be the same at both ends, but for `window`: a receiver with
/// a smaller one than its sender refuses what it has no room for, and it is sent again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// In which order messages are delivered.
    pub order: DeliveryOrder,
    /// A sender has at most so many messages under way, counted from the oldest that is not
    /// acknowledged; a receiver drops what is further ahead of the first that is missing.
    pub window: u32,
    /// A sender holds at most so many messages, under way or waiting; it refuses the next.
    pub buffer: u32,
    /// When the timer runs out, so many of the oldest are sent again.
    pub burst: u32,
    /// A message is taken for lost, and sent again at once, when so many sent after it have been
    /// acknowledged: TCP's three duplicate acknowledgements, said by selective ones (RFC 6675).
    pub duplicate_acks: u32,
    /// Without an acknowledgement for so long, messages are sent again; until round trips have
    /// been measured.
    pub first_timeout: Duration,
    /// The timeout follows the measured round trip (RFC 6298), but is never shorter than this…
    pub min_timeout: Duration,
    /// …and, doubled by each failure, never longer than this.
    pub max_timeout: Duration,
    /// The timer fires between the timeout and so much of it later, so that links that failed
    /// together do not come back together.
    pub jitter_percent: u32,
    /// The mechanism to do without; [`Missing::Nothing`] in all that serves.
    pub missing: Missing,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            order: DeliveryOrder::Any,
            window: 1024,
            buffer: 4096,
            burst: 16,
            duplicate_acks: 3,
            first_timeout: Duration::from_millis(200),
            min_timeout: Duration::from_millis(20),
            max_timeout: Duration::from_secs(5),
            jitter_percent: 25,
            missing: Missing::Nothing,
        }
    }
}

impl Config {
    /// Checks what [`Reliable`](crate::Reliable) relies on to get anything across.
    ///
    /// # Errors
    /// Says which figure is wrong and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let rules = [
            (self.window > 0, "window: must be over 0"),
            (self.buffer > 0, "buffer: must be over 0"),
            (self.burst > 0, "burst: must be over 0"),
            (self.duplicate_acks > 0, "duplicate_acks: must be over 0"),
            (
                self.min_timeout > Duration::ZERO,
                "min_timeout: must be over zero",
            ),
            (
                self.min_timeout <= self.max_timeout,
                "max_timeout: must be at least min_timeout",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err((*rule).to_owned()),
            None => Ok(()),
        }
    }
}
