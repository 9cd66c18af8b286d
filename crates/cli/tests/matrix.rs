//! `quorate matrix` as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

fn quorate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(args)
        .output()
        .expect("it starts")
}

fn matrix(args: &[&str]) -> Output {
    quorate(&[&["matrix"], args].concat())
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const SMALL: [&str; 8] = [
    "--protocols",
    "raft,dolev-strong,bracha",
    "--failures",
    "none,crash-stop,byzantine+1",
    "--timings",
    "synchronous,gst",
    "--seeds",
    "5",
];

/// All but the time that it took.
fn untimed(report: &Output) -> serde_json::Value {
    let mut value: serde_json::Value =
        serde_json::from_slice(&report.stdout).expect("a report in JSON");
    for key in ["seconds", "events_per_second_and_thread"] {
        value.as_object_mut().expect("an object").remove(key);
    }
    value
}

#[test]
fn a_small_table_in_words_in_json_and_as_a_page() {
    let dir = tempfile::tempdir().expect("a directory");
    let page = dir.path().join("matrix.html");
    let page_name = page.display().to_string();
    let said = matrix(&[&SMALL[..], &["--html", &page_name]].concat());
    assert_eq!(said.status.code(), Some(0), "{}", err(&said));
    let text = out(&said);
    assert!(
        text.contains("gst") && text.contains("quorate matrix --replay 2:"),
        "{text}"
    );
    assert!(
        text.lines()
            .all(|line| !line.contains('✓') || line.chars().count() <= 110)
    );
    let html = std::fs::read_to_string(&page).expect("a page");
    assert!(html.contains("dolev-strong") && html.ends_with("</html>\n"));

    let one = matrix(&[&SMALL[..], &["--json", "--threads", "1"]].concat());
    let three = matrix(&[&SMALL[..], &["--json", "--threads", "3"]].concat());
    let report = untimed(&one);
    assert_eq!(report, untimed(&three));
    let cells = report["cells"].as_array().expect("cells");
    assert_eq!(cells.len(), 3 * 3 * 2);
    // Each cell's command runs the run that the cell tells of.
    let told = cells
        .iter()
        .find(|cell| cell["verdict"] == "unsafe")
        .expect("a broken one");
    let command = told["replay"].as_str().expect("a command");
    let args: Vec<&str> = command.split(' ').skip(1).collect();
    let again = quorate(&args);
    assert_eq!(again.status.code(), Some(1));
    assert!(out(&again).contains("what goes wrong"), "{}", out(&again));
    let sentence = told["note"]
        .as_str()
        .expect("a note")
        .split("; ")
        .nth(1)
        .expect("why");
    assert!(
        out(&again).contains(sentence),
        "{sentence}: {}",
        out(&again)
    );
}

#[test]
fn a_run_is_told_and_drawn() {
    let dir = tempfile::tempdir().expect("a directory");
    let page = dir.path().join("run.html");
    let token = "2:raft:crash-recovery:gst:3";
    let html = page.display().to_string();
    let said = matrix(&["--replay", token, "--html", &html]);
    assert_eq!(said.status.code(), Some(0), "{}", err(&said));
    for part in [
        "contract",
        "what goes wrong",
        "what the world showed",
        "safe and live",
        token,
    ] {
        assert!(out(&said).contains(part), "no {part}: {}", out(&said));
    }
    let drawn = std::fs::read_to_string(&page).expect("a page");
    assert!(drawn.contains(token));
    let json = matrix(&["--replay", token, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(report["verdict"], "safe_and_live");
    assert_eq!(report["inside_contract"], true);
}

#[test]
fn what_cannot_be_run_is_refused_with_what_would_work() {
    let cases: [(&[&str], &str); 7] = [
        (&["--protocols", "rafd"], "there are: raft, multi-paxos"),
        (&["--failures", "byzantine+2"], "byzantine+1"),
        (&["--timings", "sometimes"], "synchronous, unknown-bound"),
        (&["--seeds", "0"], "--seeds 1"),
        (&["--replay", "0:raft:none:gst:1"], "version 0 of the lab"),
        (&["--replay", "raft"], "VERSION:PROTOCOL"),
        (&["--html", "/nowhere/at/all"], "can't write"),
    ];
    for (args, remedy) in cases {
        let said = matrix(args);
        assert_eq!(said.status.code(), Some(2), "{args:?}: {}", err(&said));
        assert!(err(&said).contains(remedy), "{args:?}: {}", err(&said));
    }
}

#[test]
fn merged_shards_are_the_table_that_one_machine_would_have_made() {
    let dir = tempfile::tempdir().expect("a directory");
    let whole = matrix(&[&SMALL[..], &["--json"]].concat());
    let mut files = vec![];
    for number in 1..=4 {
        let file = dir.path().join(format!("{number}.jsonl"));
        let shard = format!("{number}/4");
        let name = file.display().to_string();
        let part = ["--shard", &shard, "--out", &name];
        // Run twice: the second time, all is there already.
        for _ in 0..2 {
            let said = matrix(&[&SMALL[..], &part].concat());
            assert_eq!(said.status.code(), Some(0), "{}", err(&said));
        }
        files.push(name);
    }
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let merged = quorate(&[&["merge", "--json"], &names[..]].concat());
    assert_eq!(merged.status.code(), Some(0), "{}", err(&merged));
    assert_eq!(untimed(&merged), untimed(&whole));
    assert!(Path::new(&files[0]).exists());
}
