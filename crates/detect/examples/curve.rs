//! The standard experiment as a table, or with `--json` as data:
//! `cargo run --release -p quorate-detect --example curve [-- --json]`
#![expect(clippy::print_stdout, reason = "a program, not the library")]

use quorate_detect::experiment::{Experiment, tradeoff};

fn main() {
    let mut state = 1u64;
    // SplitMix64: the same figures every time.
    let mut words = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    let mut rows = tradeoff(&Experiment::standard(), &mut words);
    if std::env::args().any(|argument| argument == "--json") {
        return println!("{}", serde_json::json!(rows));
    }
    rows.sort_by_key(|row| row.detector);
    println!(
        "{:<22} {:<20} {:>8} {:>9} {:>9} {:>7} {:>7} {:>9} {:>10}",
        "detector", "knob", "at", "T_D ms", "worst", "already", "λ_M /h", "T_M ms", "P_A"
    );
    for row in rows {
        println!(
            "{:<22} {:<20} {:>8} {:>9} {:>9} {:>7} {:>7.1} {:>9} {:>10.7}",
            row.detector,
            row.knob,
            row.setting,
            tenths(row.detection_ms),
            tenths(row.slowest_detection_ms),
            row.already_suspected,
            row.false_positives_per_hour,
            tenths(row.mistake_ms),
            row.accuracy,
        );
    }
}

fn tenths(millis: Option<f64>) -> String {
    millis.map_or_else(|| "-".to_owned(), |millis| format!("{millis:.1}"))
}
