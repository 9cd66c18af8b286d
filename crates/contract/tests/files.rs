//! The contracts that ship with quorate, and what is said of each.

use expect_test::expect_file;
use quorate_contract::{Contract, ContractStatus, Impossibility, ProtocolName, Rule, explain};
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts")
}

fn read(name: &str) -> Contract {
    let path = folder().join(name).with_extension("toml");
    let text = fs::read_to_string(&path).expect("the contract is there");
    Contract::parse(&format!("{name}.toml"), &text).unwrap_or_else(|error| panic!("{error}"))
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn each_contract_is_explained_as_recorded() {
    for name in names() {
        let text = explain(&read(&name)).full().to_string();
        expect_file![format!("snapshots/{name}.txt")].assert_eq(&text);
    }
}

/// What no contract of the shop window shows: who is known to do what nothing here does, an oracle, a
/// round less than f + 1, a remedy that is computed, another problem.
#[test]
fn exercises_are_explained_as_recorded() {
    for name in [
        "oracle-perfect-half",
        "pair-crashing",
        "set-two-groups",
        "detector-perfect-restarting",
        "liars-recovering",
        "flp",
        "commit-partial-half",
        "consensus-wrong-protocol",
        "quorum-flexible-two-two",
        "quorum-grid-three",
        "quorum-witness-two",
        "quorum-weighted-dictator",
    ] {
        let text = explain(&read(&format!("corpus/{name}"))).to_string();
        expect_file![format!("snapshots/corpus/{name}.txt")].assert_eq(&text);
    }
}

/// A reader looks at the first screen: verdict, reason, smallest change. The rest is asked for.
#[test]
fn the_first_screen_is_a_screen() {
    for name in names() {
        let lines = explain(&read(&name)).to_string().lines().count();
        assert!(lines <= 24, "{name}: {lines} lines");
    }
}

#[test]
fn no_line_is_wider_than_a_hundred_columns() {
    for name in names() {
        let explanation = explain(&read(&name));
        let texts = [explanation.to_string(), explanation.full().to_string()].concat();
        for line in texts.lines() {
            assert!(line.chars().count() <= 100, "{name}: {line}");
            assert_eq!(line.trim_end(), line, "{name}: trailing space");
        }
    }
}

#[test]
fn the_file_called_default_is_the_default() {
    assert_eq!(read("default"), Contract::default());
}

#[test]
fn each_contract_stands_where_its_name_says() {
    let impossible = |name: &str, rule: Impossibility| {
        let refused = read(name).check().expect_err(name);
        let rules: Vec<Rule> = refused.findings.iter().map(|f| f.rule).collect();
        assert_eq!(rules, [Rule::Impossible(rule)], "{name}");
    };
    impossible("byzantine-three", Impossibility::ByzantineThird);
    impossible("async-deterministic", Impossibility::Flp);
    impossible("amnesiac", Impossibility::Amnesia);
    impossible("lying-disk", Impossibility::LyingSync);
    impossible("perfect-detector", Impossibility::PerfectDetector);
    impossible("two-generals", Impossibility::TwoGenerals);
    impossible("half", Impossibility::CrashHalf);
    for name in ["default", "five"] {
        assert_eq!(
            explain(&read(name)).standing,
            ContractStatus::Runnable {
                protocol: ProtocolName::Raft
            }
        );
    }
}

#[test]
fn a_contract_that_makes_sense_is_told_from_one_that_is_impossible() {
    use quorate_contract::NotRunnable::{Contradictory, NotServed};
    for name in ["byzantine-four", "broadcast-three", "coin"] {
        assert_eq!(read(name).check(), Ok(()), "{name}");
        let refused = read(name).runnable().expect_err(name);
        assert!(matches!(refused, NotServed { .. }), "{name}: {refused}");
    }
    let refused = read("half").runnable().expect_err("two replicas cannot");
    assert!(matches!(refused, Contradictory(_)), "{refused}");
}

#[test]
fn the_explanation_is_json_too() {
    let json = serde_json::to_value(explain(&read("byzantine-three"))).expect("it is data");
    assert_eq!(json["standing"]["is"], "contradictory");
    assert_eq!(
        json["standing"]["findings"][0]["rule"]["name"],
        "byzantine-third"
    );
    assert_eq!(json["contract"]["failures"]["model"], "byzantine");
    assert_eq!(json["follows"]["quorum"]["size"], 3);
    assert_eq!(json["follows"]["live"], false);
    let raft = &json["protocols"][0];
    assert_eq!(
        (&raft["protocol"], &raft["verdict"]),
        (&"raft".into(), &"not-admissible".into())
    );
    let json = serde_json::to_value(explain(&read("broadcast-three"))).expect("it is data");
    assert_eq!(json["contract"]["timing"]["delta"], "50ms");
    assert_eq!(json["follows"]["least_rounds_time"], "121ms");
}
