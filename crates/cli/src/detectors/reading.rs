//! What the figures say, in words, computed from them.

use super::network::NetworkArgs;
use quorate_detect::experiment::Row;
use std::cmp::Ordering;

/// How many mistakes in an hour are few: fewer than this.
pub(super) const BUDGET: f64 = 1.0;

/// How the three detectors that are called φ differ.
pub(super) const PHI: &str = "\
Three detectors are called φ. All suspect when φ = -log10 P(an arrival after so long a silence is \
still to come) reaches a threshold, and each takes the intervals between arrivals for something \
else. Hayashibara's (2004): normal, with the window's own mean and deviation; after a regular spell \
the deviation is small, and the first hiccough is suspicious beyond measure. Akka's: the same \
through a logistic approximation, but with a floor under the deviation (here a tenth of an \
interval), an acceptable pause added to the mean (here three intervals), and without learning from \
an interval that ended a suspicion. Cassandra's: exponential, so that the deviation does not count \
and φ 8 is 18.4 mean intervals, whatever the network; intervals over two expected ones are not learnt \
from. A threshold of one says nothing about the others.";

/// A setting in words.
pub(super) fn setting(row: &Row) -> String {
    let knob = match row.knob {
        "k round trips" => return format!("{} round trips", row.setting),
        knob => knob.strip_suffix(", ms"),
    };
    match knob {
        Some(knob) => format!("{knob} {} ms", row.setting),
        None => format!("{} {}", row.knob, row.setting),
    }
}

/// Did it notice 99 of 100 crashes, without having been wrong about the peer already? The perfect
/// detector takes nothing back: with too small a bound it makes one mistake that lasts.
fn notices(row: &Row, crashes: u32) -> bool {
    u64::from(row.already_suspected + row.unnoticed) * 100 <= u64::from(crashes)
}

/// The setting that detects fastest (by its median) with fewer mistakes in an hour than `budget`.
pub(super) fn fastest(rows: &[Row], crashes: u32, budget: f64) -> Option<&Row> {
    let good = rows.iter().filter(|row| {
        row.false_positives_per_hour < budget && notices(row, crashes) && row.detection.is_some()
    });
    // Of equally fast ones, that with fewer mistakes.
    let key = |row: &Row| (median(row), row.false_positives_per_hour);
    good.min_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(Ordering::Equal))
}

fn median(row: &Row) -> f64 {
    row.detection.map_or(f64::INFINITY, |time| time.median_ms)
}

/// The one sentence.
pub(super) fn sentence(rows: &[Row], network: &NetworkArgs) -> String {
    if network.crashes == 0 {
        return "No crash was tried (--crashes 0), so nothing is known of detection times."
            .to_owned();
    }
    let Some(row) = fastest(rows, network.crashes, BUDGET) else {
        return "No setting of any detector noticed the crashes with under one mistake an hour: \
                on this network, every detector here is either deaf or wrong."
            .to_owned();
    };
    let detection = row.detection.map_or_else(String::new, |time| {
        format!(
            "{} ms in the median, {} in 99 of 100, {} at worst",
            digits(time.median_ms),
            digits(time.p99_ms),
            digits(time.worst_ms)
        )
    });
    format!(
        "With under one mistake an hour, {} at {} detects a crash fastest: {detection}; {} mistakes an hour.",
        row.detector,
        setting(row),
        digits(row.false_positives_per_hour)
    )
}

/// What else is worth saying.
pub(super) fn notes(rows: &[Row], network: &NetworkArgs) -> Vec<String> {
    let mut notes = vec![];
    let names = rows.iter().fold(vec![], |mut names, row| {
        if !names.contains(&row.detector) {
            names.push(row.detector);
        }
        names
    });
    let each = names.iter().map(|name| {
        let own: Vec<_> = rows
            .iter()
            .filter(|row| row.detector == *name)
            .cloned()
            .collect();
        match fastest(&own, network.crashes, BUDGET) {
            Some(row) => format!("{name} {} ms ({})", digits(median(row)), setting(row)),
            None => format!("{name} at no setting"),
        }
    });
    if network.crashes > 0 {
        let each: Vec<_> = each.collect();
        notes.push(format!(
            "The same price of each detector, median T_D: {}.",
            each.join("; ")
        ));
    }
    if let Some(row) = rows
        .iter()
        .filter(|row| row.detection.is_some())
        .min_by(|a, b| median(a).total_cmp(&median(b)))
    {
        notes.push(format!(
            "The fastest of all, {} at {}, takes {} ms and is wrong {} times an hour: a live peer is \
             trusted at {} of random moments.",
            row.detector,
            setting(row),
            digits(median(row)),
            digits(row.false_positives_per_hour),
            percent(row.accuracy)
        ));
    }
    let worst = |row: &Row| row.detection.map_or(0.0, |time| time.worst_ms);
    let unlucky = rows
        .iter()
        .max_by(|a, b| (worst(a) / median(a)).total_cmp(&(worst(b) / median(b))))
        .filter(|row| worst(row) > 10.0 * median(row));
    if let Some(row) = unlucky {
        notes.push(format!(
            "How fast a detector is depends on what it has learnt last: {} at {} took {} ms for \
             one crash, {:.0} times its median.",
            row.detector,
            setting(row),
            digits(worst(row)),
            worst(row) / median(row)
        ));
    }
    let learning: Vec<_> = rows.iter().filter(|row| learns(row)).collect();
    if let Some(row) = learning.first() {
        notes.push(format!(
            "Mistakes that end when a detector has learnt are not spread over its life, so that rates say \
             little: {} at {} made {} an hour, and T_MR says {} ms from one to the next; the same holds \
             for {} of the settings.",
            row.detector,
            setting(row),
            digits(row.false_positives_per_hour),
            digits(row.recurrence_ms.unwrap_or(0.0)),
            learning.len()
        ));
    }
    let broken: Vec<_> = rows
        .iter()
        .filter(|row| row.detector == "perfect" && row.false_positives_per_hour > 0.0)
        .collect();
    if let Some(row) = broken.last() {
        notes.push(format!(
            "The perfect detector is sound only while its bound holds. With {} the network broke \
             it, and the peer counts as crashed from then on: one mistake, and P_A {}. Read its \
             mistakes with P_A beside them.",
            setting(row),
            percent(row.accuracy)
        ));
    }
    notes.push(format!(
        "Rates are from {} hours of one peer's life: what was not seen in it may still happen less \
         than about {} times an hour.",
        network.hours(),
        // The rule of three: 95% of the time.
        digits(3.0 / network.hours())
    ));
    notes.push(PHI.to_owned());
    notes
}

/// Did the mistakes come close together, and then no more? In a life of one kind T_MR is 1/λ_M (Chen,
/// Toueg, Aguilera 2002, theorem 1).
fn learns(row: &Row) -> bool {
    const HOUR_MS: f64 = 3_600_000.0;
    let by_rate = HOUR_MS / row.false_positives_per_hour;
    row.detector == "doubling"
        && row
            .recurrence_ms
            .is_some_and(|recurrence| by_rate > 2.0 * recurrence)
}

/// Three digits.
pub(super) fn digits(value: f64) -> String {
    match value {
        value if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn percent(part: f64) -> String {
    format!("{:.3}%", part * 100.0)
}
