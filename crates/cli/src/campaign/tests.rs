//! A campaign that is quick to run, cut and damaged in every way.

use super::run::Done;
use super::{Campaign, Part, merge, run};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Squares the numbers up to, perhaps, an end.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Squares {
    units: u64,
    end: Option<u64>,
    remark: String,
}

impl Campaign for Squares {
    const NAME: &'static str = "squares";
    const INCIDENTAL: &'static [&'static str] = &["remark"];
    type Unit = u64;
    type Report = Vec<(u64, u64)>;

    fn units(&self) -> u64 {
        self.units
    }

    fn run(&self, unit: u64) -> u64 {
        unit * unit
    }

    fn ends(&self, square: &u64) -> bool {
        self.end.is_some_and(|end| *square >= end * end)
    }

    fn fold(&self, report: &mut Vec<(u64, u64)>, unit: u64, square: u64) {
        report.push((unit, square));
    }

    fn name(&self, unit: u64) -> String {
        format!("number {unit}")
    }

    fn check(&self, result: &u64) -> Result<(), String> {
        let root = result.isqrt();
        match root * root == *result {
            true => Ok(()),
            false => Err(format!("{result} is no square")),
        }
    }

    fn command(&self) -> String {
        format!("squares {}", self.units)
    }
}

fn squares(units: u64, end: Option<u64>) -> Squares {
    Squares {
        units,
        end,
        remark: String::new(),
    }
}

/// Runs a shard into a file of that name.
fn shard(campaign: &Squares, shard: &str, dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = dir.join(name);
    let part = Part {
        shard: Some(shard.parse().expect("a shard")),
        out: Some(path.clone()),
    };
    run(campaign, &part, 2, |_, _| {})?;
    Ok(path)
}

fn whole(campaign: &Squares) -> Vec<(u64, u64)> {
    let part = Part {
        shard: None,
        out: None,
    };
    let done = run(campaign, &part, 2, |_, _| {}).expect("runs");
    done.report
}

fn merged(files: &[PathBuf]) -> Result<Vec<(u64, u64)>, String> {
    let result = merge::<Squares>(files);
    let result = result.map(|(_, Done { report, .. })| report);
    result.map_err(|error| format!("{error:#}"))
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn merged_shards_are_the_whole_wherever_it_ends() {
    for units in [0, 1, 2, 5, 13] {
        for end in [None, Some(0), Some(3), Some(12)] {
            for of in [1, 2, 3, 7] {
                let campaign = squares(units, end);
                let dir = directory();
                let mut files: Vec<PathBuf> = (1..=of)
                    .map(|i| shard(&campaign, &format!("{i}/{of}"), dir.path(), &i.to_string()))
                    .collect::<Result<_, _>>()
                    .expect("runs");
                files.reverse();
                let case = format!("{units} units, end {end:?}, {of} shards");
                assert_eq!(merged(&files), Ok(whole(&campaign)), "{case}");
            }
        }
    }
}

/// As a kill leaves it, at every byte; what is there is kept, and the rest is done again.
#[test]
fn a_file_that_is_cut_anywhere_is_completed() {
    for end in [None, Some(5)] {
        let campaign = squares(9, end);
        let dir = directory();
        let other = shard(&campaign, "1/2", dir.path(), "1").expect("runs");
        let path = shard(&campaign, "2/2", dir.path(), "2").expect("runs");
        let bytes = std::fs::read(&path).expect("a file");
        for len in 0..bytes.len() {
            std::fs::write(&path, &bytes[..len]).expect("writes");
            shard(&campaign, "2/2", dir.path(), "2").expect("goes on");
            let files = [other.clone(), path.clone()];
            assert_eq!(merged(&files), Ok(whole(&campaign)), "cut at {len}");
            let text = std::fs::read_to_string(&path).expect("text");
            for line in text.lines() {
                serde_json::from_str::<serde_json::Value>(line).expect("JSON lines");
            }
        }
    }
}

/// Any bit: the file is refused, or what flipped does not count, as in the end of the last line.
#[test]
fn a_flipped_bit_never_gets_into_a_report() {
    let campaign = squares(4, None);
    let dir = directory();
    let path = shard(&campaign, "1/1", dir.path(), "1").expect("runs");
    let mut bytes = std::fs::read(&path).expect("a file");
    let mut refused = 0;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            std::fs::write(&path, &bytes).expect("writes");
            match merged(std::slice::from_ref(&path)) {
                Ok(report) => assert_eq!(report, whole(&campaign), "bit {bit} of byte {at}"),
                Err(_) => refused += 1,
            }
            bytes[at] ^= 1 << bit;
        }
    }
    assert!(refused >= 8 * (bytes.len() - 1), "only {refused} refused");
}

#[test]
fn lines_of_another_file_are_refused() {
    let dir = directory();
    let one = shard(&squares(9, None), "1/3", dir.path(), "1").expect("runs");
    let two = shard(&squares(9, None), "2/3", dir.path(), "2").expect("runs");
    let read = |path| std::fs::read_to_string(path).expect("text");
    let (one, two) = (read(one), read(two));
    let header = one.lines().next().expect("a header");
    let mixed: Vec<&str> = std::iter::once(header).chain(two.lines().skip(1)).collect();
    let path = dir.path().join("mixed");
    std::fs::write(&path, mixed.join("\n") + "\n").expect("writes");
    let why = merged(&[path]).expect_err("refused");
    assert!(why.contains("in line 2: its checksum is wrong"), "{why}");
}

#[test]
fn files_of_different_campaigns_are_not_merged() {
    let dir = directory();
    let one = shard(&squares(9, None), "1/2", dir.path(), "1").expect("runs");
    let cases = [
        (squares(8, None), "2/2", "units is 8 and not 9"),
        (squares(9, Some(4)), "2/2", "end is 4 and not null"),
        (squares(9, None), "2/3", "cut into 3 shards and not 2"),
        (squares(9, None), "1/2", "are both shard 1/2"),
    ];
    for (campaign, number, why) in cases {
        let _ = std::fs::remove_file(dir.path().join("2"));
        let two = shard(&campaign, number, dir.path(), "2").expect("runs");
        let said = merged(&[one.clone(), two]).expect_err("refused");
        assert!(said.contains(why), "{said}");
    }
    let elsewhere = Squares {
        remark: "on another machine".to_owned(),
        ..squares(9, None)
    };
    let _ = std::fs::remove_file(dir.path().join("2"));
    let two = shard(&elsewhere, "2/2", dir.path(), "2").expect("runs");
    assert_eq!(merged(&[one, two]), Ok(whole(&elsewhere)));
}

#[test]
fn what_is_missing_is_said_unless_it_is_not_needed() {
    let dir = directory();
    let campaign = squares(20, None);
    let one = shard(&campaign, "1/4", dir.path(), "1").expect("runs");
    let three = shard(&campaign, "3/4", dir.path(), "3").expect("runs");
    let text = std::fs::read_to_string(&three).expect("text");
    let short: Vec<&str> = text.lines().take(3).collect();
    std::fs::write(&three, short.join("\n") + "\n").expect("writes");
    let said = merged(&[one, three.clone()]).expect_err("refused");
    let three = three.display();
    let expected = format!(
        "this is not the whole campaign. To complete it:\n  \
         shard 2/4 is missing:\n    squares 20 --shard 2/4 --out shard-2.jsonl\n  \
         shard 3/4 has yet to run number 10:\n    squares 20 --shard 3/4 --out {three}\n  \
         shard 4/4 is missing:\n    squares 20 --shard 4/4 --out shard-4.jsonl"
    );
    assert_eq!(said, expected);

    // It ends with 1: neither all of shard 1/4 is needed, nor anything of the last two.
    let campaign = squares(20, Some(1));
    let files = ["one", "two"].map(|name| dir.path().join(name));
    shard(&campaign, "1/4", dir.path(), "one").expect("runs");
    shard(&campaign, "2/4", dir.path(), "two").expect("runs");
    assert_eq!(merged(&files), Ok(vec![(0, 0), (1, 1)]));
    let said = merged(&files[1..]).expect_err("refused");
    assert!(said.contains("shard 1/4 is missing"), "{said}");
    assert!(!said.contains("shard 3/4"), "{said}");
}

#[test]
fn a_file_is_written_by_one_process_and_holds_one_campaign() {
    let dir = directory();
    let campaign = squares(9, None);
    let path = shard(&campaign, "1/2", dir.path(), "1").expect("runs");
    let again = shard(&squares(10, None), "1/2", dir.path(), "1").expect_err("another");
    assert!(
        again.to_string().contains("units is 9 and not 10"),
        "{again}"
    );
    let again = shard(&campaign, "2/2", dir.path(), "1").expect_err("another shard");
    assert!(
        again.to_string().contains("shard is 1/2 and not 2/2"),
        "{again}"
    );
    let held = std::fs::File::open(&path).expect("opens");
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).expect("locks");
    let again = shard(&campaign, "1/2", dir.path(), "1").expect_err("in use");
    assert!(again.to_string().contains("another process"), "{again}");
    for content in ["hello", "hello\n", "{}\n", "[1]\n"] {
        let path = dir.path().join("other");
        std::fs::write(&path, content).expect("writes");
        let refused = shard(&campaign, "1/2", dir.path(), "other").expect_err("not ours");
        assert!(
            refused.to_string().contains("is not a file of"),
            "{refused}"
        );
        assert_eq!(std::fs::read_to_string(&path).expect("text"), content);
    }
}

#[test]
fn another_version_is_named() {
    let dir = directory();
    let path = shard(&squares(2, None), "1/1", dir.path(), "1").expect("runs");
    let text = std::fs::read_to_string(&path).expect("text");
    let version = format!("\"quorate\":\"{}\"", env!("CARGO_PKG_VERSION"));
    std::fs::write(&path, text.replace(&version, "\"quorate\":\"9.9.9\"")).expect("writes");
    let said = merged(&[path]).expect_err("refused");
    assert!(said.contains("was written by quorate 9.9.9"), "{said}");
}
