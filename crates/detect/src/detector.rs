//! What a detector is: the interface that all of them have.

use quorate_core::Time;
use serde::Serialize;
use std::fmt;

/// What one observer believes of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessState {
    /// Nothing speaks against it.
    Trusted,
    /// It is silent, and there is no telling why: it has crashed, or it or the network is slow, or
    /// it pauses, or the question was late (doc 000). The most that asynchrony allows.
    MaybeFailed,
    /// It is silent for longer than is usual. May be taken back, and must not decide anything.
    Suspected,
    /// It has crashed: final, and sound if and only if the bounds hold.
    Crashed,
}

impl ProcessState {
    /// In the terms of Chandra and Toueg: trusted, or suspected in any of the other ways.
    pub fn is_trust(self) -> bool {
        self == Self::Trusted
    }

    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::MaybeFailed => "maybe failed",
            Self::Suspected => "suspected",
            Self::Crashed => "crashed",
        }
    }
}

impl fmt::Display for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A change of opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Transition {
    /// When, on the observer's clock.
    pub at: Time,
    /// What is believed from then on.
    pub to: ProcessState,
}

/// What an observer sees of its peer.
///
/// An observation should be of what the peer is there for (doc 003, gray failures: "observe what
/// the user observes"). A heartbeat that comes unasked is a probe that is sent when the heartbeat
/// is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Observation {
    /// A question was sent. Questions are numbered upwards.
    Probed {
        /// Its number.
        probe: u64,
    },
    /// The answer to a question came. An answer to a later question answers those before it: the
    /// peer was alive later than they asked.
    Answered {
        /// The question's number.
        probe: u64,
        /// When it was sent, which the answer repeats.
        sent: Time,
    },
}

/// One observer's watch over one peer. Time is an input; nothing here waits.
pub trait Detector {
    /// Takes an observation, after letting time pass to `now`; says what opinion that leads to, if
    /// it changes. A driver that calls [`Detector::pass`] at [`Detector::next`] misses no change.
    fn observe(&mut self, now: Time, seen: Observation) -> Option<Transition>;

    /// Time has come to `now`; says whether the opinion changes.
    fn pass(&mut self, now: Time) -> Option<Transition>;

    /// The moment at which [`Detector::pass`] has something to do if nothing is heard before.
    fn next(&self) -> Option<Time>;

    /// What is believed.
    fn opinion(&self) -> ProcessState;

    /// How suspicious the silence is, on the detector's own scale; see [`Detector::threshold`].
    fn level(&self, now: Time) -> f64;

    /// A copy, with all that it has learnt.
    fn boxed(&self) -> Box<dyn Detector>;

    /// The level at which the opinion changes.
    fn threshold(&self) -> f64 {
        1.0
    }
}

/// Remembers an opinion and tells its changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Suspicion(ProcessState);

impl Suspicion {
    pub(crate) fn new() -> Self {
        Self(ProcessState::Trusted)
    }

    pub(crate) fn get(self) -> ProcessState {
        self.0
    }

    pub(crate) fn set(&mut self, at: Time, to: ProcessState) -> Option<Transition> {
        let before = std::mem::replace(&mut self.0, to);
        (before != to).then_some(Transition { at, to })
    }
}
