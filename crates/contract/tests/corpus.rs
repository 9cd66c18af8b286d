//! The corpus: contracts as a textbook's exercises, each with the answer and its source.

use quorate_contract::{Contract, NotRunnable, Rule};
use std::fs;
use std::path::Path;

/// The files of the corpus, by name.
fn corpus() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/corpus");
    let entries = fs::read_dir(folder).expect("the corpus is there");
    let mut files: Vec<(String, String)> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy();
            let text = fs::read_to_string(&path).expect("readable");
            (name.into_owned(), text)
        })
        .collect();
    files.sort();
    files
}

/// What stands behind `label` in the comment at the top.
fn note<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix("# ")?.strip_prefix(label))
        .map(str::trim)
}

/// Where the contract stands, as the corpus writes it.
fn stands(contract: &Contract) -> String {
    match contract.runnable() {
        Ok(_) | Err(NotRunnable::NotServed { .. }) => "possible here".to_owned(),
        Err(NotRunnable::NothingHere { .. }) => "possible elsewhere".to_owned(),
        Err(NotRunnable::Contradictory(contradiction)) => {
            let rules = contradiction.findings.iter().map(|found| found.rule);
            let names: Vec<&str> = rules.map(Rule::name).collect();
            format!("impossible: {}", names.join(", "))
        }
    }
}

/// A contract tool that is wrong about theory is worse than none. Each of these was held against the
/// literature by hand; about half of them were answered wrong once.
#[test]
fn each_contract_of_the_corpus_stands_where_the_literature_says() {
    let mut wrong = vec![];
    for (name, text) in corpus() {
        let contract = Contract::parse(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(contract.cluster.name, name);
        let expected = note(&text, "Expected:").expect("an answer");
        assert!(note(&text, "Source:").is_some_and(|source| !source.is_empty()));
        let (standing, protocols) = match expected.strip_prefix("possible here:") {
            Some(protocols) => (
                "possible here",
                protocols.split(',').map(str::trim).collect(),
            ),
            None => (expected, vec![]),
        };
        let found = stands(&contract);
        let fitting = contract
            .protocol
            .map_or_else(|| contract.fitting(), |one| vec![one]);
        let fits = |wanted: &&str| !fitting.iter().any(|protocol| protocol.name() == *wanted);
        let missing: Vec<&str> = protocols
            .into_iter()
            .filter(|wanted| fits(wanted))
            .collect();
        if found != standing || !missing.is_empty() {
            wrong.push(format!(
                "{name}: {found}, not {expected}; missing {missing:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A verdict without a way out is half an answer. What is proposed was tried, so that the remedies of
/// two theorems do not undo each other.
#[test]
fn each_impossible_exercise_is_told_what_would_make_it_possible() {
    for (name, text) in corpus() {
        let contract = Contract::parse(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        let impossible = contract.check().is_err();
        assert_eq!(
            !contract.smallest_changes().is_empty(),
            impossible,
            "{name}"
        );
    }
}

/// What is said to be possible elsewhere is said with its source.
#[test]
fn what_nothing_here_does_is_told_with_who_does_it() {
    for (name, text) in corpus() {
        let contract = Contract::parse(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        if let Err(NotRunnable::NothingHere { known }) = contract.runnable() {
            assert!(!known.is_empty(), "{name}");
        }
    }
}
