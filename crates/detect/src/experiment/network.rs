//! The network between observer and peer, drawn from words of chance that the caller provides.

use quorate_core::Time;
use serde::Serialize;
use std::time::Duration;

/// How long one way takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OneWayDelay {
    /// Anything between, alike: a network that keeps a bound.
    Uniform {
        /// The least.
        min: Duration,
        /// The most.
        max: Duration,
    },
    /// `min`, and an exponentially distributed time of this mean.
    Exponential {
        /// The least.
        min: Duration,
        /// The mean of the rest.
        mean: Duration,
    },
}

impl OneWayDelay {
    /// On average.
    pub fn mean(self) -> Duration {
        match self {
            Self::Uniform { min, max } => min.saturating_add(max) / 2,
            Self::Exponential { min, mean } => min.saturating_add(mean),
        }
    }

    fn draw(self, word: u64) -> Duration {
        match self {
            Self::Uniform { min, max } => {
                let span = max.saturating_sub(min).as_nanos();
                let part = (span * u128::from(word >> 11)) >> 53;
                min + Duration::from_nanos(part as u64)
            }
            Self::Exponential { min, mean } => min.saturating_add(exponential(mean, word)),
        }
    }
}

fn exponential(mean: Duration, word: u64) -> Duration {
    let uniform = ((word >> 11) + 1) as f64 / (1u64 << 53) as f64;
    Duration::from_nanos((mean.as_nanos() as f64 * -libm::log(uniform)) as u64)
}

/// The pauses of the peer: while one lasts it takes messages in and answers none (doc 003: a long
/// garbage collection, a stalled disk).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pauses {
    /// The mean time from one to the next.
    pub every: Duration,
    /// The mean length.
    pub length: Duration,
}

/// Questions at regular intervals, over a network, to a peer that may pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeNetwork {
    /// From one question to the next.
    pub interval: Duration,
    /// Each way.
    pub delay: OneWayDelay,
    /// Chances in a million that a question or its answer is lost.
    pub loss: u32,
    /// The peer's pauses, if it has any.
    pub pauses: Option<Pauses>,
}

/// One question and what became of it, if the peer does not crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// When it was sent.
    pub sent: Time,
    /// When the peer answers; a peer that has crashed by then does not.
    pub at_peer: Time,
    /// When the answer arrives, if neither it nor the question is lost.
    pub answered: Option<Time>,
}

impl ProbeNetwork {
    /// Questions ten times a second, answers in 2 to 4 ms and a tail, one in 4,096 lost (doc 003),
    /// a pause of 200 ms about once in two minutes.
    pub fn standard() -> Self {
        Self {
            interval: Duration::from_millis(100),
            delay: OneWayDelay::Exponential {
                min: Duration::from_millis(1),
                mean: Duration::from_micros(500),
            },
            loss: 1_000_000 / 4096,
            pauses: Some(Pauses {
                every: Duration::from_secs(120),
                length: Duration::from_millis(200),
            }),
        }
    }

    /// Draws what becomes of the questions of a time of length `span`. The answers of a peer that
    /// pauses come all at once when it goes on.
    pub fn draw(&self, span: Duration, words: &mut dyn FnMut() -> u64) -> Vec<Probe> {
        let mut probes = vec![];
        let mut sent = Time::ZERO;
        let mut pause = Pause::first(self.pauses, words);
        while sent.since(Time::ZERO) < span {
            let arrives = sent + self.delay.draw(words());
            let at_peer = pause.over_at(arrives, words);
            let back = at_peer + self.delay.draw(words());
            let lost = words() % 1_000_000 < u64::from(self.loss);
            probes.push(Probe {
                sent,
                at_peer,
                answered: (!lost).then_some(back),
            });
            sent = sent + self.interval.max(Duration::from_nanos(1));
        }
        probes
    }
}

/// The pause that is under way or comes next.
struct Pause {
    pauses: Option<Pauses>,
    from: Time,
    to: Time,
}

impl Pause {
    fn first(pauses: Option<Pauses>, words: &mut dyn FnMut() -> u64) -> Self {
        let mut pause = Self {
            pauses,
            from: Time::ZERO,
            to: Time::ZERO,
        };
        pause.advance(words);
        pause
    }

    fn advance(&mut self, words: &mut dyn FnMut() -> u64) {
        if let Some(Pauses { every, length }) = self.pauses {
            self.from = self.to + exponential(every, words());
            self.to = self.from + exponential(length, words());
        }
    }

    /// When what arrives at `at` is seen to.
    fn over_at(&mut self, at: Time, words: &mut dyn FnMut() -> u64) -> Time {
        if self.pauses.is_none() {
            return at;
        }
        while self.to < at {
            self.advance(words);
        }
        if self.from <= at { self.to } else { at }
    }
}
