//! What chance does to messages and syncs.

use std::ops::RangeInclusive;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// How rough the wire is, and how slow the disks.
#[derive(Clone, Debug)]
pub struct WireProfile {
    /// How long a message takes.
    pub delay: RangeInclusive<Duration>,
    /// Percent of messages that are lost.
    pub loss: u64,
    /// Percent of messages that come twice.
    pub repeat: u64,
    /// How long a sync takes.
    pub sync: RangeInclusive<Duration>,
}

impl WireProfile {
    /// Each message takes 1 ms; a sync takes no time.
    pub const CALM: Self = Self {
        delay: MS..=MS,
        loss: 0,
        repeat: 0,
        sync: Duration::ZERO..=Duration::ZERO,
    };
}
