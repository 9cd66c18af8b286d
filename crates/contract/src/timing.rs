//! Timing models: how long messages and steps may take, and who knows it.

use crate::behaviour::{Behaviour, Behaviours};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Bounds that hold for correct replicas and the links between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Bounds {
    /// Δ: no message takes longer.
    #[serde(serialize_with = "crate::duration::serialize")]
    pub delta: Duration,
    /// Φ: no step takes longer.
    #[serde(serialize_with = "crate::duration::serialize")]
    pub phi: Duration,
    /// How far the rate of a clock may be off, in parts per million.
    pub drift_ppm: u32,
}

impl Bounds {
    /// How long one round takes at most on a clock without drift: a step and a message.
    pub fn round(&self) -> Duration {
        self.delta.saturating_add(self.phi)
    }

    /// How long one round takes at most, waited for by a clock that may be slow.
    ///
    /// A clock that may be fast has to count `(1 + ρ)` times the bound to be sure that it has passed,
    /// and one that is slow counts that in `(1 + ρ) / (1 - ρ)` times the bound.
    pub fn round_by_clock(&self) -> Duration {
        const MILLION: u128 = 1_000_000;
        let round = self.round().as_nanos();
        let drift = u128::from(self.drift_ppm).min(MILLION - 1);
        let stretched = round.saturating_mul(MILLION + drift) / (MILLION - drift);
        Duration::from_nanos(u64::try_from(stretched).unwrap_or(u64::MAX))
    }
}

/// The two kinds of partial synchrony of Dwork, Lynch and Stockmeyer (1988).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case", tag = "bound")]
pub enum Stabilization {
    /// Bounds hold from the start, but the nodes do not know them.
    Unknown,
    /// The bounds are known, but hold only from an unknown time on (GST).
    Gst(Bounds),
}

/// What may be assumed about time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case", tag = "model")]
pub enum Timing {
    /// Known bounds hold always: silence proves a crash.
    Synchronous(Bounds),
    /// Bounds hold eventually, or are not known: silence proves nothing, progress comes in the end.
    PartiallySynchronous(Stabilization),
    /// There are no bounds.
    Asynchronous,
}

/// How much a timing model promises; more is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Synchrony {
    /// No bounds.
    Asynchronous,
    /// Bounds that are unknown or begin at an unknown time.
    PartiallySynchronous,
    /// Known bounds, always.
    Synchronous,
}

impl Timing {
    /// How much is promised, without the figures.
    pub const fn synchrony(&self) -> Synchrony {
        match self {
            Timing::Synchronous(_) => Synchrony::Synchronous,
            Timing::PartiallySynchronous(_) => Synchrony::PartiallySynchronous,
            Timing::Asynchronous => Synchrony::Asynchronous,
        }
    }

    /// The bounds that are known to the replicas, if any: always, or from stabilization on.
    pub const fn bounds(&self) -> Option<&Bounds> {
        match self {
            Timing::Synchronous(bounds)
            | Timing::PartiallySynchronous(Stabilization::Gst(bounds)) => Some(bounds),
            Timing::PartiallySynchronous(Stabilization::Unknown) | Timing::Asynchronous => None,
        }
    }

    /// What time may do to correct replicas. Before stabilization, all of it.
    pub const fn behaviours(&self) -> Behaviours {
        match self {
            Timing::Synchronous(_) => Behaviours::NONE,
            Timing::PartiallySynchronous(_) | Timing::Asynchronous => {
                Behaviours::of(&[Behaviour::Delay, Behaviour::Pause, Behaviour::Skew])
            }
        }
    }
}

impl Synchrony {
    /// The name used in contract files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Synchrony::Synchronous => "synchronous",
            Synchrony::PartiallySynchronous => "partially-synchronous",
            Synchrony::Asynchronous => "asynchronous",
        }
    }
}

impl fmt::Display for Synchrony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The failure detector that a contract claims to have (Chandra and Toueg 1996).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DetectorClass {
    /// Names, from some time on, one correct replica to everybody as leader (Ω).
    EventualLeader,
    /// Suspects every crashed replica in the end, and from some time on leaves one correct one alone
    /// (◇S).
    EventuallyStrong,
    /// Suspects, from some time on, exactly the crashed replicas (◇P).
    EventuallyPerfect,
    /// Suspects every crashed replica and never anyone else (P).
    Perfect,
    /// Names sets of replicas, any two of which meet, and in the end correct ones only (Σ).
    Quorum,
    /// An eventual leader and quorums (Ω and Σ).
    LeaderAndQuorum,
    /// Names sets of replicas that always hold a correct one, and in the end correct ones only (Θ).
    Trusting,
}

impl DetectorClass {
    /// Every class.
    pub const ALL: [DetectorClass; 7] = [
        DetectorClass::EventualLeader,
        DetectorClass::EventuallyStrong,
        DetectorClass::EventuallyPerfect,
        DetectorClass::Perfect,
        DetectorClass::Quorum,
        DetectorClass::LeaderAndQuorum,
        DetectorClass::Trusting,
    ];

    /// The name used in contract files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            DetectorClass::EventualLeader => "eventual-leader",
            DetectorClass::EventuallyStrong => "eventually-strong",
            DetectorClass::EventuallyPerfect => "eventually-perfect",
            DetectorClass::Perfect => "perfect",
            DetectorClass::Quorum => "quorum",
            DetectorClass::LeaderAndQuorum => "leader-and-quorum",
            DetectorClass::Trusting => "trusting",
        }
    }

    /// Does it name a leader in the end, so that with quorums agreement ends (Chandra, Hadzilacos,
    /// Toueg 1996)?
    pub const fn elects(self) -> bool {
        !matches!(self, DetectorClass::Quorum | DetectorClass::Trusting)
    }

    /// Does it tell of replicas that meet all others that decide, without a majority
    /// (Delporte-Gallet, Fauconnier, Guerraoui 2010)? A perfect one does: all that it spares.
    pub const fn gives_quorums(self) -> bool {
        matches!(
            self,
            DetectorClass::Perfect | DetectorClass::Quorum | DetectorClass::LeaderAndQuorum
        )
    }

    /// Does it always name a correct replica, and in the end no other (Aguilera, Toueg, Deianov 1999)?
    pub const fn gives_trust(self) -> bool {
        self.gives_quorums() || matches!(self, DetectorClass::Trusting)
    }

    /// The least that time must promise so that timeouts can build this detector; quorums and trust
    /// take a majority and no time.
    pub const fn needs(self) -> Synchrony {
        match self {
            DetectorClass::Quorum | DetectorClass::Trusting => Synchrony::Asynchronous,
            DetectorClass::Perfect => Synchrony::Synchronous,
            _ => Synchrony::PartiallySynchronous,
        }
    }
}

impl fmt::Display for DetectorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A drift of 999,999 ppm was said to lengthen nothing.
    #[test]
    fn a_round_lasts_as_long_as_the_clocks_make_it() {
        let round = |drift_ppm| {
            let bounds = Bounds {
                delta: Duration::from_millis(50),
                phi: Duration::from_millis(10),
                drift_ppm,
            };
            bounds.round_by_clock()
        };
        assert_eq!(round(0), Duration::from_millis(60));
        // 1.5 times by the fast clock, 2 times that by the slow one.
        assert_eq!(round(500_000), Duration::from_millis(180));
        assert_eq!(round(999_999).as_secs(), 119_999);
    }
}
