//! `quorate detectors`, as a process.

use serde_json::Value;
use std::process::{Command, Output};

fn detectors(line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .arg("detectors")
        .args(line.split_whitespace())
        .output()
        .expect("runs")
}

/// A short life, for a test.
const SHORT: &str = "--hours 2 --crashes 40";

fn json(line: &str) -> Value {
    let short = SHORT.split(" --crashes").next().unwrap_or(SHORT);
    let life = if line.contains("--crashes") {
        short
    } else {
        SHORT
    };
    let output = detectors(&format!("{life} --json {line}"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

#[test]
fn the_same_seed_says_the_same_and_another_something_else() {
    let one = detectors(&format!("{SHORT} --seed 7"));
    assert_eq!(one.status.code(), Some(0), "{one:?}");
    let again = detectors(&format!("{SHORT} --seed 7"));
    assert_eq!(one.stdout, again.stdout);
    let words = String::from_utf8(one.stdout).expect("text");
    assert!(
        words.contains("Akka's") && words.contains("Cassandra's"),
        "{words}"
    );
    // The command that it ends with does it again.
    let (_, command) = words
        .split_once("again: quorate detectors ")
        .expect("a command");
    let by_command = detectors(command);
    assert_eq!(String::from_utf8_lossy(&by_command.stdout), words);
    assert_ne!(json("--seed 7")["rows"], json("--seed 8")["rows"]);
}

/// The reading is of the figures: what it calls fastest is, among those that keep to the price.
#[test]
fn the_reading_follows_from_the_rows() {
    let report = json("");
    let rows = report["rows"].as_array().expect("rows");
    let good = rows.iter().filter(|row| {
        let missed =
            row["already_suspected"].as_u64().unwrap() + row["unnoticed"].as_u64().unwrap();
        row["false_positives_per_hour"].as_f64().unwrap() < 1.0 && missed == 0
    });
    let median = |row: &Value| row["detection"]["median_ms"].as_f64().expect("a time");
    let least = good.clone().map(median).fold(f64::INFINITY, f64::min);
    let best = &report["fastest_with_under_one_mistake_an_hour"];
    assert_eq!(median(best), least);
    assert!(good.count() > 1, "there was something to choose");
    let reading = report["reading"].as_str().expect("a sentence");
    assert!(
        reading.contains(best["detector"].as_str().expect("a name")),
        "{reading}"
    );
    for row in rows.iter().filter(|row| !row["detection"].is_null()) {
        let time = |of: &str| row["detection"][of].as_f64().expect("a time");
        assert!(time("median_ms") <= time("p99_ms") && time("p99_ms") <= time("worst_ms"));
    }
}

/// A network that keeps every bound: nobody is ever wrong for long, and detection is as fast as
/// the knob allows; without crashes nothing is said about it.
#[test]
fn the_network_is_as_asked() {
    let calm = json("--pause 0 --loss 0 --jitter 0");
    for row in calm["rows"].as_array().expect("rows") {
        let silence = row["setting"].as_f64().expect("a number") > 100.0;
        if row["detector"] == "maybe failed" && silence || row["detector"] == "perfect" {
            assert_eq!(row["false_positives_per_hour"], 0.0, "{row}");
        }
    }
    let lossy = json("--pause 0 --loss 5%");
    let rate = |report: &Value, detector: &str| -> f64 {
        let rows = report["rows"].as_array().expect("rows");
        let own = rows.iter().filter(|row| row["detector"] == detector);
        own.map(|row| row["false_positives_per_hour"].as_f64().expect("a number"))
            .sum()
    };
    assert!(rate(&lossy, "deadline") > rate(&calm, "deadline") + 1000.0);
    let nobody = json("--crashes 0");
    assert!(
        nobody["reading"]
            .as_str()
            .expect("a sentence")
            .contains("No crash was tried")
    );
    assert!(nobody["fastest_with_under_one_mistake_an_hour"].is_null());
}

#[test]
fn the_page_is_written_and_holds_the_reading() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("knob.html");
    let report = json(&format!("--html {}", file.display()));
    let page = std::fs::read_to_string(&file).expect("a page");
    let reading = report["reading"].as_str().expect("a sentence");
    assert!(page.contains(reading), "{reading}");
    let drawn = report["rows"].as_array().expect("rows").iter();
    let drawn = drawn.filter(|row| !row["detection"].is_null()).count();
    assert_eq!(page.matches("<title>").count() - 1, drawn);
}

#[test]
fn what_cannot_be_run_is_refused_with_what_would_work() {
    for (line, why) in [
        ("--hours 0.01", "--hours 0.01: at least 0.04"),
        ("--hours 1000", "--hours 1000: at most 55.56"),
        ("--hours NaN", "must be a number of at least 0"),
        ("--interval 0", "--interval 0: must be at least"),
        ("--interval -5", "unexpected argument"),
        ("--loss 2", "must be between 0 and 1"),
        ("--loss sometimes", "write it as 1/4096"),
        (
            "--pause-every 0",
            "--pause-every 0: must be at least an --interval",
        ),
        ("--pause 1e9 --hours 50", "--hours 50: at least"),
        ("--crashes 100001", "at most 100,000"),
        (
            "--html /nowhere/page.html",
            "can't write /nowhere/page.html",
        ),
    ] {
        let output = detectors(line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(words.contains(why), "{line}: {words}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_help_says_how_the_detectors_called_phi_differ() {
    let help = detectors("--help");
    let words = String::from_utf8_lossy(&help.stdout).into_owned();
    for name in ["Hayashibara's (2004)", "Akka's", "Cassandra's", "18.4"] {
        assert!(words.contains(name), "{name}");
    }
}

/// What is configured is measured, and a promise that the network does not let it keep is named: a peer
/// that pauses makes all its answers late at once, which the procedure takes for as good as impossible.
#[test]
fn what_is_configured_is_held_against_a_simulation() {
    let told = |line: &str| -> Value {
        let output = detectors(&format!("configure --hours 6 --json {line}"));
        assert!(output.status.success(), "{line}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let calm = told("--detection 300 --pause 0");
    let detectors_of = |told: &Value| told["detectors"].as_array().expect("a list").clone();
    for kept in &detectors_of(&calm)[..2] {
        assert_eq!(kept["not_kept"].as_array().map(Vec::len), Some(0), "{kept}");
    }
    let interval = calm["interval_ms"].as_f64().expect("a number");
    let delta = calm["nfd_s_delta_ms"].as_f64().expect("a number");
    assert!((interval + delta - 300.0).abs() < 0.001, "T_D = η + δ");
    let pausing = told("--detection 300 --pause 400");
    assert_eq!(detectors_of(&pausing)[0]["not_kept"][0], "recurrence");

    let refused = detectors("configure --detection 2");
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).expect("text");
    assert!(said.contains("ask for longer"), "{said}");
}
