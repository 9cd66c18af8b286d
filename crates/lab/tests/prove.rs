//! Verdicts that are run: every theorem of the corpus is shown by its adversary, and the search bites.

use quorate_contract::{Contract, Impossibility, ProtocolName};
use quorate_lab::prove::{Effort, Possibility, prove, search};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn contracts() -> Vec<(String, Contract)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    let mut found = vec![];
    for folder in [root.clone(), root.join("corpus")] {
        for entry in fs::read_dir(folder).expect("contracts are there") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|end| end != "toml") {
                continue;
            }
            let name = path.file_stem().expect("a name").to_string_lossy();
            let text = fs::read_to_string(&path).expect("readable");
            let contract = Contract::parse(&name, &text).expect("well-formed");
            found.push((name.into_owned(), contract));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn small(runs: u64) -> Effort {
    Effort {
        runs,
        ..Effort::default()
    }
}

fn impossible() -> Vec<(String, Contract)> {
    let mut all = contracts();
    all.retain(|(_, contract)| contract.check().is_err());
    all
}

#[test]
fn each_theorem_in_the_way_of_a_contract_breaks_every_candidate() {
    let mut wrong = vec![];
    for (name, contract) in impossible() {
        let proof = prove(&contract, &small(1));
        assert_eq!(proof.standing, Possibility::Impossible, "{name}");
        if !proof.holds() {
            wrong.push(format!("{name}:\n{proof}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Contracts to which theorems apply that no contract of the corpus shows.
const ELSEWHERE: [(&str, &str); 4] = [
    (
        "nobody-left",
        r#"model = "crash-stop"
tolerate = 2|model = "asynchronous"|model = "reliable""#,
    ),
    (
        "eventual-detector",
        r#"model = "crash-stop"
tolerate = 1|model = "synchronous"
delta = "50ms"
phi = "10ms"
drift = "100ppm"
detector = "eventual-leader"|model = "fair-loss""#,
    ),
    (
        "impersonation",
        r#"model = "byzantine"
tolerate = 1|model = "partially-synchronous"
bound = "unknown"|model = "reliable""#,
    ),
    (
        "clients-outvoted",
        r#"model = "byzantine"
tolerate = 2|model = "synchronous"
delta = "50ms"
phi = "10ms"
drift = "100ppm"|model = "authenticated"
signatures = true"#,
    ),
];

fn made(parts: &str) -> Contract {
    let [failures, timing, links] = parts.split('|').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let text = format!(
        "[failures]\n{failures}\n[timing]\n{timing}\n[links]\n{links}\n[storage]\nmodel = \"durable\"\n\
         [cluster]\nname = \"made\"\nreplicas = 3\n"
    );
    Contract::parse("made", &text).unwrap_or_else(|error| panic!("{error}"))
}

/// A theorem that no contract shows would be untried.
#[test]
fn each_theorem_is_shown_by_a_contract() {
    let mut shown = BTreeSet::new();
    for (_, contract) in impossible() {
        let findings = contract.check().expect_err("impossible").findings;
        shown.extend(findings.into_iter().map(|found| found.rule.name()));
    }
    for (name, parts) in ELSEWHERE {
        let mut contract = made(parts);
        if name == "nobody-left" {
            // A file that says so is refused before.
            contract.failures.tolerate = 3;
        }
        let proof = prove(&contract, &small(1));
        assert!(proof.holds(), "{proof}");
        let theorem = proof.theorems.iter().find(|shown| shown.rule == name);
        assert!(theorem.is_some(), "{name}: {proof}");
        shown.insert(name);
    }
    let all = Impossibility::ALL.map(Impossibility::name);
    let missing: Vec<_> = all
        .into_iter()
        .filter(|name| !shown.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The search finds nothing inside the contracts in a few runs, and every run stays inside.
#[test]
fn what_is_possible_here_is_not_refuted_by_a_few_runs() {
    let mut wrong = vec![];
    for (name, contract) in contracts() {
        let proof = prove(&contract, &small(4));
        if proof.standing != Possibility::Impossible && !proof.holds() {
            wrong.push(format!("{name}:\n{proof}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The instrument bites: protocols that a contract does not admit are refuted inside it.
#[test]
fn a_protocol_that_does_not_fit_is_refuted() {
    let find = |name: &str| {
        let found = contracts().into_iter().find(|(it, _)| it == name);
        found.expect("there is such a contract").1
    };
    for (contract, protocol, property) in [
        ("rounds-omitting", ProtocolName::DolevStrong, "agreement"),
        ("half", ProtocolName::Raft, "liveness"),
        ("byzantine-three", ProtocolName::Pbft, "liveness"),
        (
            "omission-receive-three",
            ProtocolName::PrimaryBackup,
            "agreement",
        ),
    ] {
        let found = search(&find(contract), protocol, &small(400));
        let refuted = found.refuted.as_ref().map(|run| run.property.as_str());
        assert_eq!(refuted, Some(property), "{contract}, {protocol}: {found}");
        assert_eq!(found.breach, None, "{contract}, {protocol}");
    }
}

/// A refutation is one seed, which refutes again by itself.
#[test]
fn a_refutation_is_replayed_by_its_seed() {
    let (_, contract) = contracts()
        .into_iter()
        .find(|(name, _)| name == "rounds-omitting")
        .expect("there is such a contract");
    let first = search(&contract, ProtocolName::DolevStrong, &small(400));
    let seed = first.refuted.clone().expect("refuted").seed;
    let again = Effort { seed, ..small(1) };
    let again = search(&contract, ProtocolName::DolevStrong, &again);
    assert_eq!(again.refuted, first.refuted);
}
