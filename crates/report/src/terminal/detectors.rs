//! What failure detectors trade, in text: a plot and a table.

use super::{cuts, figure, line, table};
use crate::detectors::{DetectorCurve, DetectorPoint, Detectors};
use std::fmt::Write;

/// The columns of the table, and what they are.
pub(crate) const DETECTOR_COLUMNS: [(&str, &str); 11] = [
    ("detector", "which"),
    ("setting", "where its knob stands"),
    (
        "T_D ms",
        "from a crash to the suspicion that stays: the median",
    ),
    ("p99", "T_D in 99 of 100 crashes"),
    ("worst", "T_D at worst"),
    (
        "already",
        "crashes of a peer that was suspected already, by mistake",
    ),
    ("unnoticed", "crashes that were not noticed"),
    (
        "mistakes/h",
        "λ_M: how often in an hour a live peer was suspected",
    ),
    ("T_MR s", "mistake recurrence: from one to the next"),
    (
        "T_M ms",
        "mistake duration: how long until it was taken back",
    ),
    (
        "P_A",
        "query accuracy: how likely it is that a live peer is trusted",
    ),
];

/// All columns but the first.
pub(crate) fn detector_cells(point: &DetectorPoint) -> [String; 10] {
    let time = |nanos: Option<u64>, unit: f64| {
        nanos.map_or("-".to_owned(), |nanos| figure(nanos as f64 / unit))
    };
    [
        point.setting.clone(),
        time(point.detection, 1e6),
        time(point.detection_p99, 1e6),
        time(point.detection_worst, 1e6),
        point.already_suspected.to_string(),
        point.unnoticed.to_string(),
        figure(point.false_per_hour),
        time(point.recurrence, 1e9),
        time(point.mistake, 1e6),
        point
            .accuracy
            .map_or("-".to_owned(), |accuracy| format!("{accuracy:.6}")),
    ]
}

/// An experiment: what it came to, the plot, the table, the notes, and what was cut.
pub fn detectors(detectors: &Detectors) -> String {
    let mut out = format!("{}\n", line(&detectors.title));
    for total in &detectors.totals {
        let _ = writeln!(out, "  {}: {}", line(&total.name), line(&total.value));
    }
    let _ = write!(out, "\n{}", curves(&detectors.curves));
    out += &plot(&detectors.curves);
    let _ = write!(out, "\n{}\n", line(&detectors.sentence));
    for note in &detectors.notes {
        let _ = write!(out, "\n{}\n", line(note));
    }
    if let Some(command) = &detectors.command {
        let _ = writeln!(out, "\nagain: {}", line(command));
    }
    out + &cuts(&detectors.cuts)
}

/// The table.
pub(super) fn curves(curves: &[DetectorCurve]) -> String {
    let head = DETECTOR_COLUMNS.map(|(name, _)| name.to_owned());
    let mut rows = vec![head.to_vec()];
    for curve in curves {
        for point in &curve.points {
            let mut row = vec![line(&curve.name)];
            row.extend(detector_cells(point).iter().map(|cell| line(cell)));
            rows.push(row);
        }
    }
    table(&rows)
}

/// How many columns and rows a plot has.
const WIDTH: usize = 66;
const HEIGHT: usize = 18;

/// A logarithmic axis over whole decades.
struct Axis {
    low: i32,
    high: i32,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::MIN_POSITIVE, f64::max);
        let low = if least.is_finite() { least } else { most }.log10().floor() as i32;
        Self {
            low,
            high: (most.log10().ceil() as i32).max(low + 1),
        }
    }

    /// Which of `cells`.
    fn place(&self, value: f64, cells: usize) -> usize {
        let part = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        (part * (cells - 1) as f64).round() as usize
    }
}

/// Mistakes per hour, upwards, against T_D, to the right; both logarithmic, with a row of its own
/// for no mistake at all. A letter for each detector, `*` where several would stand.
fn plot(curves: &[DetectorCurve]) -> String {
    let points = || {
        let of = |(letter, curve): (u8, &DetectorCurve)| {
            let at = |point: &DetectorPoint| {
                let millis = point.detection? as f64 / 1e6;
                Some((char::from(letter), millis.max(1e-6), point.false_per_hour))
            };
            curve.points.iter().filter_map(at).collect::<Vec<_>>()
        };
        (b'a'..=b'z').zip(curves).flat_map(of).collect::<Vec<_>>()
    };
    let points = points();
    if points.is_empty() {
        return String::new();
    }
    let across = Axis::over(points.iter().map(|point| point.1));
    let wrong = points
        .iter()
        .map(|point| point.2)
        .filter(|rate| *rate > 0.0);
    let up = Axis::over(wrong);
    let mut cells = vec![[' '; WIDTH]; HEIGHT + 1];
    for (letter, millis, rate) in points {
        let row = if rate > 0.0 {
            HEIGHT - 1 - up.place(rate, HEIGHT)
        } else {
            HEIGHT
        };
        let cell = &mut cells[row][across.place(millis, WIDTH)];
        *cell = if [' ', letter].contains(cell) {
            letter
        } else {
            '*'
        };
    }
    let mut out = "\nmistakes per hour\n".to_owned();
    for (nth, row) in cells.iter().enumerate() {
        let decade = (up.low..=up.high)
            .find(|power| nth < HEIGHT && HEIGHT - 1 - up.place(10f64.powi(*power), HEIGHT) == nth);
        let label = match decade {
            Some(power) => figure(10f64.powi(power)),
            None if nth == HEIGHT => "none".to_owned(),
            None => String::new(),
        };
        let text: String = row.iter().collect();
        let _ = writeln!(out, "{label:>8} |{}", text.trim_end());
    }
    let mut marks = [' '; WIDTH + 8];
    for power in across.low..=across.high {
        let at = across.place(10f64.powi(power), WIDTH);
        for (cell, c) in marks[at..]
            .iter_mut()
            .zip(figure(10f64.powi(power)).chars())
        {
            *cell = c;
        }
    }
    let marks: String = marks.iter().collect();
    let _ = writeln!(out, "{:>8} +{}", "", "-".repeat(WIDTH));
    let _ = writeln!(out, "{:>8}  {}  T_D ms, the median", "", marks.trim_end());
    let names = ('a'..='z').zip(curves);
    let names: Vec<_> = names
        .map(|(letter, curve)| format!("{letter} {}", line(&curve.name)))
        .collect();
    let _ = writeln!(out, "  {}  * several", names.join("  "));
    out
}
