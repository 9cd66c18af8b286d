//! Timing models as schedulers (doc 000, "The Synchrony Spectrum"; Dwork, Lynch and Stockmeyer
//! 1988).
//!
//! All of them are one: until some moment the world is wild, and from then on every message arrives
//! within Δ. Synchronous worlds are calm from the start and tell the nodes Δ; where the bound is
//! unknown they do not tell; with GST the moment comes late; and in an asynchronous world it comes
//! when the run has lasted long enough, since every message arrives at last.

use crate::network::{Delay, LinkProfile};

/// How time behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimingProfile {
    /// The links before `gst`.
    pub before_gst: LinkProfile,
    /// The links from then on.
    pub after_gst: LinkProfile,
    /// When the bound begins to hold: 0 for always.
    pub gst: u64,
    /// Δ: what is sent from `gst` on arrives within this, and what was sent before, within
    /// this from then on.
    pub delta: u64,
    /// Φ: how long a sync takes at most from `gst` on.
    pub phi: u64,
    /// How long a sync takes; `None` for no time at all.
    pub sync: Option<Delay>,
    /// Clocks are off by up to so many millionths, either way.
    pub drift_ppm: u32,
    /// Until `gst`, holds back each message that would make its receiver decide, for as long
    /// as anything else can happen: see [`Bare::set_decision_predicate`](super::Bare::set_decision_predicate).
    pub flp: bool,
}

impl TimingProfile {
    /// Any delay up to `delta`, syncs up to `phi`, from the start.
    pub fn synchronous(delta: u64, phi: u64) -> Self {
        let calm = LinkProfile {
            delay: Delay::Uniform {
                min: delta / 20,
                max: delta,
            },
            fifo: false,
            ..LinkProfile::QUIET
        };
        Self {
            before_gst: calm,
            after_gst: calm,
            gst: 0,
            delta,
            phi,
            sync: Some(Delay::Uniform {
                min: phi / 10,
                max: phi,
            }),
            drift_ppm: 0,
            flp: false,
        }
    }

    /// Each message takes Δ and syncs take no time: so that rounds can be counted.
    pub fn lock_step(delta: u64) -> Self {
        let mut pace = Self::synchronous(delta, 0);
        pace.after_gst.delay = Delay::Uniform {
            min: delta,
            max: delta,
        };
        pace.before_gst = pace.after_gst;
        pace.sync = None;
        pace
    }

    /// The links at a moment.
    pub fn link(&self, now: u64) -> LinkProfile {
        if now < self.gst {
            self.before_gst
        } else {
            self.after_gst
        }
    }

    /// When a message sent at `now` has arrived at the latest.
    pub fn latest(&self, now: u64) -> u64 {
        now.max(self.gst).saturating_add(self.delta)
    }
}

impl Default for TimingProfile {
    /// A quiet network and disk of one machine.
    fn default() -> Self {
        let calm = LinkProfile::QUIET;
        Self {
            before_gst: calm,
            after_gst: calm,
            gst: 0,
            delta: 150_000,
            phi: 150_000,
            sync: Some(Delay::Uniform {
                min: 50_000,
                max: 150_000,
            }),
            drift_ppm: 0,
            flp: false,
        }
    }
}
