//! `quorate storm` on real processes: a store that keeps its promises passes, one whose disks lied
//! does not, and the history that a storm leaves behind can convict.

use quorate_check::{DEFAULT_STEPS, History, Outcome, Property, Reply, check, jsonl};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::{Command, Output};

fn storm(line: &str, history: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.arg("storm").args(line.split_whitespace());
    if let Some(history) = history {
        command.arg("--history").arg(history);
    }
    command.output().expect("the program runs")
}

fn report(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn stored(path: &Path) -> History {
    let file = BufReader::new(File::open(path).expect("there is a history"));
    jsonl::read(file, jsonl::ReadLimits::default()).expect("it can be read")
}

#[test]
fn each_replica_is_killed_and_nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("history.jsonl");
    let output = storm("--kills 1 --pauses 1 --seed 7 --json", Some(&path));
    let report = report(&output);
    assert!(output.status.success(), "{report:#}");
    assert_eq!(report["judgement"]["verdict"], "holds");
    assert_eq!(report["faults"].as_array().map(Vec::len), Some(6));
    let writes = report["operations"]["acknowledged_writes"].as_u64();
    assert!(writes > Some(100), "{report:#}");

    // What it stored is what it judged; and with an acknowledged write missing it convicts.
    let mut history = stored(&path);
    assert!(check(&history, DEFAULT_STEPS).holds());
    for state in &mut history.finals {
        let Reply::Scanned(items) = &mut state.contents.reply else {
            panic!("a final state is a scan");
        };
        let acknowledged = |revision| {
            history.operations.iter().any(|operation| {
                matches!(&operation.outcome, Outcome::Done { response, .. }
                    if response.reply == Reply::Put && response.revision == revision)
            })
        };
        let lost = items
            .iter()
            .position(|item| acknowledged(item.mod_revision));
        items.remove(lost.expect("most items were put and acknowledged"));
    }
    let verdict = check(&history, DEFAULT_STEPS);
    let property = verdict.violation().map(|violation| violation.property);
    assert_eq!(property, Some(Property::Durability), "{verdict}");
}

#[test]
fn disks_that_lied_about_their_syncs_are_found_out() {
    let output = storm("--kills 1 --target all --lose 200000 --seed 7 --json", None);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    assert_eq!(report["judgement"]["verdict"], "violated", "{report:#}");
    let path = report["history"].as_str().expect("the history is kept");
    assert!(!check(&stored(Path::new(path)), DEFAULT_STEPS).holds());
    let kept = report["data"].as_str().expect("the data are kept");
    std::fs::remove_dir_all(kept).expect("removed");
}

#[test]
fn a_directory_with_something_in_it_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("precious"), "data").expect("written");
    let line = format!("--data-dir {}", dir.path().display());
    let output = storm(&line, None);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is not empty"), "{said}");
}
