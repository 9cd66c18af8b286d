//! `quorate scenario`, as a process.

use std::path::Path;
use std::process::{Command, Output};

fn quorate(args: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .arg("scenario")
        .args(args)
        .current_dir(root)
        .output()
        .expect("runs")
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn stories_are_listed_by_document_and_all_of_them_go_as_expected() {
    let list = words(&quorate(&["list"]).stdout);
    assert!(
        list.contains("doc 000\n") && list.contains("  four-modes "),
        "{list}"
    );
    let listed: serde_json::Value =
        serde_json::from_slice(&quorate(&["list", "--json"]).stdout).expect("JSON");
    let all = quorate(&["run", "all", "--json"]);
    assert_eq!(all.status.code(), Some(0), "{}", words(&all.stderr));
    let all: serde_json::Value = serde_json::from_slice(&all.stdout).expect("JSON");
    let all = all.as_array().expect("a list");
    assert_eq!(Some(all.len()), listed.as_array().map(Vec::len));
    assert!(all.iter().all(|story| story["as_expected"] == true));
}

#[test]
fn the_table_and_its_knobs() {
    let table = quorate(&["run", "four-modes"]);
    assert_eq!(table.status.code(), Some(0), "{}", words(&table.stderr));
    assert!(words(&table.stdout).contains("time to detect"));
    // With time enough the late ones are counted, and that is not what the story expects.
    let patient = quorate(&[
        "run",
        "four-modes",
        "--case",
        "timing",
        "--deadline",
        "1500",
        "--json",
    ]);
    assert_eq!(patient.status.code(), Some(1));
    let story: serde_json::Value = serde_json::from_slice(&patient.stdout).expect("JSON");
    assert_eq!(story["parts"][0]["verdict"], "safe and live");
    assert_eq!(story["as_expected"], false);
    let other = quorate(&["run", "flp", "--deadline", "5"]);
    assert_eq!(other.status.code(), Some(2), "{}", words(&other.stderr));
}

#[test]
fn a_file_of_ones_own_runs_and_is_drawn() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mine, page) = (dir.path().join("mine.toml"), dir.path().join("run.html"));
    let (mine, page) = (mine.to_str().expect("UTF-8"), page.to_str().expect("UTF-8"));
    let template = quorate(&["show", "commit-byzantine"]).stdout;
    std::fs::write(mine, &template).expect("written");
    let off = "links that tell who speaks";
    let run = quorate(&["run", mine, "--without", off, "--html", page]);
    assert_eq!(run.status.code(), Some(0), "{}", words(&run.stderr));
    assert!(
        words(&run.stdout).contains("AGREEMENT IS VIOLATED"),
        "{}",
        words(&run.stdout)
    );
    let html = std::fs::read_to_string(page).expect("a page");
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("--seed 3"));
    let wrong = words(&template).replacen("\"impersonate\"", "\"impersonat\"", 1);
    std::fs::write(mine, wrong).expect("written");
    let refused = quorate(&["run", mine]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(words(&refused.stderr).contains("did you mean \"impersonate\"?"));
}

#[test]
fn what_there_is_not_is_refused_with_what_there_is() {
    for (args, says) in [
        (&["run", "four-mods"][..], "did you mean four-modes?"),
        (&["show", "nonsense"], "`quorate scenario list`"),
        (&["run", "./none.toml"], "can't read the scenario"),
        (
            &["run", "flp", "--without", "coin"],
            "did you mean \"coins\"?",
        ),
        (&["run", "all", "--without", "coins"], "are for one story"),
    ] {
        let output = quorate(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let error = words(&output.stderr);
        assert!(error.contains(says), "{args:?}: {error}");
    }
}
