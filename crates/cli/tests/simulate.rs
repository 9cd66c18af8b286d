//! `quorate simulate`, as a process.

use std::path::Path;
use std::process::{Command, Output};

fn quorate(args: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .arg("simulate")
        .args(args)
        .current_dir(root)
        .output()
        .expect("runs")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("JSON on standard output")
}

#[test]
fn seeds_hold_and_the_result_does_not_depend_on_threads() {
    let one = quorate(&["--seeds", "20", "--threads", "1", "--json"]);
    assert_eq!(one.status.code(), Some(0), "{one:?}");
    let two = quorate(&["--seeds", "20", "--threads", "2", "--json"]);
    let (one, two) = (json(&one), json(&two));
    for figure in ["events", "hash", "faults", "operations"] {
        assert_eq!(one[figure], two[figure], "{figure}");
    }
    assert_eq!(one["seeds"], 20);
    let words = quorate(&["--seeds", "3", "--contract", "contracts/five.toml"]);
    let words = String::from_utf8_lossy(&words.stdout).into_owned();
    assert!(words.contains("every property held"), "{words}");
}

#[test]
fn a_recording_replays_to_the_same_hash() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("seed-7");
    let file = file.to_str().expect("UTF-8");
    let recorded = json(&quorate(&["--replay", "7", "--record", file, "--json"]));
    let replayed = json(&quorate(&["--replay-decisions", file, "--json"]));
    assert_eq!(recorded["hash"], replayed["hash"]);
    assert_eq!(recorded["events"], replayed["events"]);
}

#[test]
fn what_cannot_be_run_is_refused_with_the_reason() {
    let impossible = quorate(&["--contract", "contracts/byzantine-three.toml"]);
    assert_eq!(impossible.status.code(), Some(2), "{impossible:?}");
    let garbage = quorate(&["--replay-decisions", "Cargo.toml"]);
    assert_eq!(garbage.status.code(), Some(2));
    let words = String::from_utf8_lossy(&garbage.stderr).into_owned();
    assert!(words.contains("not a recording of decisions"), "{words}");
}

#[test]
fn a_run_becomes_a_page() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("run.html");
    let name = file.to_str().expect("UTF-8");
    let plain = json(&quorate(&["--replay", "7", "--json"]));
    let drawn = json(&quorate(&["--replay", "7", "--json", "--html", name]));
    assert_eq!(drawn["hash"], plain["hash"]);
    assert_eq!(drawn["html"], name);
    let page = std::fs::read_to_string(&file).expect("a page");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("every property held"));
    assert!(page.contains("quorate simulate --replay 7"));
    let nowhere = quorate(&["--replay", "7", "--html", "/nonexistent/run.html"]);
    let words = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(
        words.contains("can't write /nonexistent/run.html"),
        "{words}"
    );
    let campaign = quorate(&["--seeds", "2", "--html", name]);
    assert_eq!(campaign.status.code(), Some(2));
}

#[test]
fn a_replay_can_do_without() {
    let whole = json(&quorate(&["--replay", "1", "--json"]));
    assert!(whole["faults"]["kill"].as_u64() > Some(0));
    let less = [
        "--replay",
        "1",
        "--json",
        "--without",
        "kill,loss",
        "--operations",
        "5",
    ];
    let less = json(&quorate(&less));
    assert_eq!(
        (&less["faults"]["kill"], &less["faults"]["loss"]),
        (&0.into(), &0.into())
    );
    assert!(less["faults"]["isolation"].as_u64() > Some(0));
    let unknown = quorate(&["--replay", "1", "--without", "rain"]);
    assert_eq!(unknown.status.code(), Some(2));
    let words = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(
        words.contains("rain") && words.contains("power-loss"),
        "{words}"
    );
    assert_eq!(
        quorate(&["--seeds", "2", "--without", "kill"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn what_holds_is_not_made_small() {
    let output = quorate(&["--replay", "1", "--minimise"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("nothing to make small"), "{words}");
}
