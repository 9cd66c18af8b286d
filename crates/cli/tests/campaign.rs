//! A campaign in shards, as processes: run, killed, resumed, merged.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn command(args: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(args).current_dir(root);
    command
}

fn quorate(args: &[&str]) -> Output {
    command(args).output().expect("runs")
}

/// The report as JSON, without times.
fn report(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let time = report.as_object_mut().and_then(|map| map.remove("time"));
    assert!(time.expect("times")["seconds"].as_f64() > Some(0.0));
    report
}

/// The report in words, without the line that tells times.
fn words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| !line.starts_with("  in "));
    lines.collect::<Vec<_>>().join("\n")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn file(dir: &tempfile::TempDir, name: &str) -> String {
    let path: PathBuf = dir.path().join(name);
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn four_shards_merged_are_the_single_run() {
    let dir = tempfile::tempdir().expect("a directory");
    let campaign = ["simulate", "--start", "7", "--seeds", "14"];
    let contract = ["--contract", "contracts/five.toml"];
    let campaign = [&campaign[..], &contract].concat();
    let files = ["1", "2", "3", "4"].map(|number| file(&dir, number));
    for (at, out) in files.iter().enumerate() {
        let shard = format!("{}/4", at + 1);
        let run = quorate(&[&campaign[..], &["--shard", &shard, "--out", out]].concat());
        assert_eq!(run.status.code(), Some(0), "{run:?}");
    }
    let mut merge = vec!["merge"];
    merge.extend(files.iter().map(String::as_str));
    let alone = quorate(&campaign);
    assert_eq!(words(&quorate(&merge)), words(&alone));
    assert!(
        words(&alone).contains("seeds 7 to 20:"),
        "{}",
        words(&alone)
    );

    let with_json = |args: &[&str]| report(&quorate(&[args, &["--json"]].concat()));
    assert_eq!(with_json(&merge), with_json(&campaign));

    let short = quorate(&[&merge[..2], &merge[3..]].concat());
    assert_eq!(short.status.code(), Some(2));
    assert!(
        stderr(&short).contains("shard 2/4 is missing"),
        "{}",
        stderr(&short)
    );
    // The command that it names completes the campaign.
    let named = stderr(&short);
    let named = named
        .lines()
        .find_map(|line| line.trim().strip_prefix("quorate "));
    let (named, _) = named
        .and_then(|line| line.split_once(" --out "))
        .expect("a command");
    std::fs::remove_file(&files[1]).expect("removes");
    let named: Vec<&str> = named.split(' ').collect();
    let run = quorate(&[&named[..], &["--out", &files[1]]].concat());
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    assert_eq!(words(&quorate(&merge)), words(&alone));
}

#[test]
fn after_a_kill_it_goes_on_where_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = file(&dir, "results");
    let campaign = ["simulate", "--seeds", "120", "--json"];
    let into_file = [&campaign[..], &["--out", &out]].concat();
    let mut run = command(&into_file)
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    let deadline = Instant::now() + Duration::from_secs(60);
    let size = || std::fs::metadata(&out).map_or(0, |file| file.len());
    while size() < 6000 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL.
    run.kill().expect("is killed");
    run.wait().expect("ends");
    let resumed = quorate(&into_file);
    let there: u64 = stderr(&resumed)
        .split_once(" of 120 are there already")
        .and_then(|(text, _)| text.rsplit(' ').next()?.parse().ok())
        .expect("a word on what is there");
    assert!((1..120).contains(&there), "{there}");
    let alone = report(&quorate(&campaign));
    assert_eq!(report(&resumed), alone);
    // Nothing is run for the third time, and a merge of the one file is the same again.
    let third = quorate(&into_file);
    assert!(stderr(&third).contains("120 of 120"), "{}", stderr(&third));
    assert_eq!(report(&third), alone);
    assert_eq!(report(&quorate(&["merge", "--json", &out])), alone);
}

#[test]
fn what_cannot_be_run_or_merged_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = file(&dir, "results");
    let run = ["simulate", "--seeds", "2", "--out", &out];
    assert_eq!(quorate(&run).status.code(), Some(0));
    let missing = file(&dir, "missing");
    let cases: [(&[&str], &str); 8] = [
        (
            &["simulate", "--seeds", "3", "--out", &out],
            "seeds is 2 and not 3",
        ),
        (
            &[
                "simulate",
                "--seeds",
                "2",
                "--contract",
                "contracts/five.toml",
                "--out",
                &out,
            ],
            "contract is",
        ),
        (
            &["simulate", "--shard", "5/4", "--out", &out],
            "the shards of 4 are 1/4 to 4/4",
        ),
        (&["simulate", "--shard", "1/4"], "--out"),
        (
            &["simulate", "--seeds", "2", "--out", "README.md"],
            "is not a file of",
        ),
        (
            &["merge", "README.md"],
            "is not a file of a campaign's results",
        ),
        (&["merge", &missing], "can't read"),
        (
            &[
                "simulate",
                "--start",
                "9",
                "--seeds",
                "18446744073709551615",
            ],
            "there are no",
        ),
    ];
    for (args, why) in cases {
        let refused = quorate(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {refused:?}");
        assert!(
            stderr(&refused).contains(why),
            "{args:?}: {}",
            stderr(&refused)
        );
    }
}

/// The file with every checksum right again after an edit.
fn resealed(text: &str, edit: impl Fn(&str) -> String) -> String {
    let mut check = 0;
    let lines = text.lines().map(|line| {
        let (_, rest) = line.split_once("\",").expect("a checksum");
        let rest = edit(rest);
        check = crc32c::crc32c_append(check, rest.as_bytes());
        format!("{{\"check\":\"{check:08x}\",{rest}\n")
    });
    lines.collect()
}

/// Sums of what is read must not overflow, nor say what no run can have come to.
#[test]
fn figures_that_no_run_comes_to_are_refused_with_the_name_of_the_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let cases: [(&str, &[&str], &str, &str); 4] = [
        ("events", &["simulate"], r#""events":"#, "for \"events\""),
        (
            "writes",
            &["simulate"],
            r#""operations":["#,
            "for \"writes\"",
        ),
        ("stalled", &["matrix"], r#""stalled":"#, "stalled and"),
        ("runs", &["matrix"], r#""runs":"#, "a cell has 2 runs"),
    ];
    let matrix = ["--protocols", "raft", "--failures", "none"];
    for (name, campaign, field, why) in cases {
        let out = file(&dir, &format!("{name} shard"));
        let mut args = [campaign, &["--seeds", "2", "--out", &out]].concat();
        if campaign[0] == "matrix" {
            args.extend(matrix);
        }
        assert_eq!(quorate(&args).status.code(), Some(0), "{args:?}");
        let text = std::fs::read_to_string(&out).expect("text");
        let same = resealed(&text, str::to_owned);
        assert_eq!(same, text);
        let crafted = resealed(&text, |rest| match rest.split_once(field) {
            None => rest.to_owned(),
            Some((before, after)) => {
                let end = after.find([',', ']', '}']).expect("a figure");
                format!("{before}{field}{}{}", u64::MAX, &after[end..])
            }
        });
        assert_ne!(crafted, text, "nothing to craft");
        std::fs::write(&out, crafted).expect("writes");
        for args in [&["merge", &out], &args[..]] {
            let refused = quorate(args);
            assert_eq!(refused.status.code(), Some(2), "{args:?}: {refused:?}");
            let said = stderr(&refused);
            assert!(said.contains(&out) && said.contains(why), "{said}");
            assert!(said.contains("is damaged in line 2"), "{said}");
        }
    }
}
