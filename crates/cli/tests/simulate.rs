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
    let shows = |seed: &String| {
        let whole = json(&quorate(&["--replay", seed, "--json"]));
        let faults = ["kill", "loss", "isolation"];
        faults
            .iter()
            .all(|fault| whole["faults"][fault].as_u64() > Some(0))
    };
    let seed = (0..100).map(|seed: u32| seed.to_string()).find(shows);
    let seed = seed.expect("a world that shows them all");
    let less = [
        "--replay",
        &seed,
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

/// The defect that acknowledges before the log is synced, made small: the commands that are printed do
/// what is said of them, from a directory whose name needs quotes.
#[test]
fn a_failing_run_is_made_small_and_its_commands_work() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("it's a run");
    std::fs::create_dir(&dir).expect("a directory");
    let [list, contract] = ["small run", "my contract.toml"].map(|name| {
        let path = dir.join(name);
        path.to_str().expect("UTF-8").to_owned()
    });
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::copy(root.join("contracts/five.toml"), &contract).expect("copies");
    let world = ["--contract", &contract, "--mutant", "no-sync-before-ack"];
    let fails = |seed: &u64| {
        let replay = ["--replay", &seed.to_string()];
        quorate(&[&world[..], &replay].concat()).status.code() == Some(1)
    };
    let seed = (0..100).find(fails).expect("the defect is common");
    let seed = seed.to_string();
    let minimise = ["--replay", &seed, "--minimise", "--runs", "600"];
    let minimise = [&world[..], &minimise, &["--record", &list]].concat();
    let words = quorate(&minimise);
    assert_eq!(words.status.code(), Some(1), "{words:?}");
    let small = quorate(&[&minimise[..], &["--json"]].concat());
    assert_eq!(small.status.code(), Some(1), "{small:?}");
    let small = json(&small);
    let property = small["property"].as_str().expect("a property");
    let again = small["replay"].as_str().expect("a command");
    let words = String::from_utf8_lossy(&words.stdout).into_owned();
    assert!(words.starts_with(&format!("{property} is violated by\n")));
    assert!(words.contains(&format!("replay it with:\n  {again}\n")));
    let (before, after) = (&small["before"], &small["after"]);
    assert_eq!(
        (&before["replicas"], &after["replicas"]),
        (&5.into(), &3.into())
    );
    assert!(after["events"].as_u64() < before["events"].as_u64());

    let shell = |command: &str| {
        let exe = Path::new(env!("CARGO_BIN_EXE_quorate"));
        let path = std::env::join_paths(
            [exe.parent().expect("a directory").to_owned()]
                .into_iter()
                .chain(std::env::split_paths(
                    &std::env::var_os("PATH").unwrap_or_default(),
                )),
        );
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("{command} --json")])
            .env("PATH", path.expect("a path"));
        shell.current_dir(&root).output().expect("runs")
    };
    let replayed = shell(again);
    assert_eq!(replayed.status.code(), Some(1), "{again}: {replayed:?}");
    let replayed = json(&replayed);
    assert_eq!(replayed["violation"]["property"], property);
    assert_eq!(replayed["violation"]["replay"], again);
    assert_eq!(replayed["events"], after["events"]);

    let faults = small["control"]["holds_without"].as_array();
    let faults = faults.expect("some faults are to blame");
    let faults: Vec<&str> = faults.iter().filter_map(|fault| fault.as_str()).collect();
    assert!(!faults.is_empty());
    let without = format!(" --without {}", faults.join(","));
    let control = match again.split_once(" --without ") {
        None => format!("{again}{without}"),
        Some((before, after)) => format!("{before}{without},{after}"),
    };
    let control = shell(&control);
    assert_eq!(control.status.code(), Some(0), "{control:?}");
    // Without the defect the world holds.
    let sound = shell(&again.replace(" --mutant no-sync-before-ack", ""));
    assert_eq!(sound.status.code(), Some(0), "{sound:?}");
}

#[test]
fn a_recording_of_another_version_and_an_unknown_defect_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("old");
    std::fs::write(&file, "quorate decisions 1\n\x01\x02").expect("writes");
    let old = quorate(&["--replay-decisions", file.to_str().expect("UTF-8")]);
    assert_eq!(old.status.code(), Some(2));
    let words = String::from_utf8_lossy(&old.stderr).into_owned();
    assert!(words.contains("another version of quorate"), "{words}");
    let unknown = quorate(&["--replay", "1", "--mutant", "gremlin"]);
    assert_eq!(unknown.status.code(), Some(2));
    let campaign = quorate(&["--seeds", "2", "--mutant", "no-sync-before-ack"]);
    assert_eq!(campaign.status.code(), Some(2));
}
