//! What failure detectors trade as their knobs are turned: the metrics of Chen, Toueg and Aguilera,
//! *On the quality of service of failure detectors* (IEEE Transactions on Computers 51(5), 2002).

use crate::run::{Cut, Total};
use serde::{Deserialize, Serialize};

/// An experiment with detectors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detectors {
    /// What was run.
    pub title: String,
    /// What it came to, in one sentence.
    pub sentence: String,
    /// The command that does it again.
    #[serde(default)]
    pub command: Option<String>,
    /// The curves.
    pub curves: Vec<DetectorCurve>,
    /// What else is to be said, a paragraph each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What was given, and counts over the experiment.
    #[serde(default)]
    pub totals: Vec<Total>,
    /// What is not in here, and why.
    #[serde(default)]
    pub cuts: Vec<Cut>,
}

/// What a detector trades as its knob is turned: Chen's T_D against false positives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorCurve {
    /// The detector.
    pub name: String,
    /// The settings of its knob, in the order of the knob.
    pub points: Vec<DetectorPoint>,
}

/// One setting of a detector's knob. Times are in nanoseconds; those of detection are over the
/// crashes of a peer that was trusted and that were noticed, `None` without any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DetectorPoint {
    /// The setting: `deadline 200 ms`, `phi 8`.
    pub setting: String,
    /// T_D, the median: from the crash to the suspicion that stays.
    pub detection: Option<u64>,
    /// T_D in 99 of 100 crashes.
    #[serde(default)]
    pub detection_p99: Option<u64>,
    /// T_D at worst.
    #[serde(default)]
    pub detection_worst: Option<u64>,
    /// How many crashes came to a peer that was suspected already, by mistake.
    #[serde(default)]
    pub already_suspected: u32,
    /// How many crashes were not noticed in the time that there was.
    #[serde(default)]
    pub unnoticed: u32,
    /// λ_M: mistakes in an hour without a crash.
    pub false_per_hour: f64,
    /// T_MR: how long from one mistake to the next. `None` with fewer than two.
    #[serde(default)]
    pub recurrence: Option<u64>,
    /// T_M: how long a mistake lasted. `None` without any.
    #[serde(default)]
    pub mistake: Option<u64>,
    /// P_A, query accuracy probability, where it was measured.
    #[serde(default)]
    pub accuracy: Option<f64>,
}
