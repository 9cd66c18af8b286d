//! `quorate explain --prove`: the verdicts of contracts, run.

use super::Args;
use crate::contract_file;
use crate::exit::refused;
use crate::output::say;
use crate::shell;
use anyhow::{Context, bail};
use quorate_contract::Contract;
use quorate_lab::prove::{Effort, Page, Possibility, Proof, pages, prove};
use quorate_lab::record;
use quorate_report::html;
use quorate_sim::Decisions;
use serde_json::json;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A contract, by the file that it was read from.
struct Case {
    name: String,
    contract: Contract,
}

/// Runs the verdicts; ends with 1 if one of them does not hold.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let cases = cases(&args.files)?;
    let effort = Effort {
        runs: args.runs,
        seed: args.seed,
        only: args.only.clone(),
    };
    let proofs = prove_all(&cases, &effort);
    if let Some(only) = &args.only
        && proofs.iter().all(Proof::is_empty)
    {
        return Err(refused(format_args!(
            "nothing here is called {only:?}: --only takes the name of a protocol that fits, or of a \
             theorem in the way; without it, all of them are named"
        )));
    }
    if let Some(folder) = &args.pages {
        fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        for (case, proof) in cases.iter().zip(&proofs) {
            for page in pages(&case.contract, proof) {
                draw(folder, case, page)?;
            }
        }
    }
    let failed = proofs.iter().filter(|proof| !proof.holds()).count();
    match args.json {
        true => {
            let of = |(case, proof): (&Case, &Proof)| json!({ "file": case.name, "holds": proof.holds(), "proof": proof });
            let objects: Vec<_> = cases.iter().zip(&proofs).map(of).collect();
            say(&serde_json::to_string_pretty(&objects)?)?;
        }
        false => say(&text(&cases, &proofs, args.seed))?,
    }
    match failed {
        0 => Ok(()),
        1 => bail!("1 verdict does not hold"),
        _ => bail!("{failed} verdicts do not hold"),
    }
}

/// The contracts of the files and folders; the default one if there are none.
fn cases(files: &[PathBuf]) -> anyhow::Result<Vec<Case>> {
    if files.is_empty() {
        let contract = contract_file::load(None)?;
        let name = String::new();
        return Ok(vec![Case { name, contract }]);
    }
    let mut cases = vec![];
    for file in files {
        let of_folder = match file.is_dir() {
            true => in_folder(file)?,
            false => vec![file.clone()],
        };
        if of_folder.is_empty() {
            return Err(refused(format_args!(
                "there is no contract in {}: files that end in .toml are looked for",
                file.display()
            )));
        }
        for path in of_folder {
            cases.push(Case {
                name: path.display().to_string(),
                contract: contract_file::load(Some(&path))?,
            });
        }
    }
    Ok(cases)
}

/// The contracts of a folder, by name.
fn in_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cant = |error| refused(format_args!("can't read {}: {error}", folder.display()));
    let mut files = vec![];
    for entry in fs::read_dir(folder).map_err(cant)? {
        let path = entry.map_err(cant)?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Proves all, as many at a time as there are processors. What comes out does not depend on it.
fn prove_all(cases: &[Case], effort: &Effort) -> Vec<Proof> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let proofs: Vec<_> = cases.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(cases.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(at) else { return };
                    if cases.len() > 1 {
                        let (name, of) = (&case.name, cases.len());
                        let _ = writeln!(std::io::stderr(), "[{}/{of}] {name}", at + 1);
                    }
                    let proof = prove(&case.contract, effort);
                    if let Ok(mut place) = proofs[at].lock() {
                        *place = Some(proof);
                    }
                }
            });
        }
    });
    let proved = proofs
        .into_iter()
        .filter_map(|place| place.into_inner().ok());
    proved.flatten().collect()
}

/// What came out, in words; `first` is the first seed.
fn text(cases: &[Case], proofs: &[Proof], first: u64) -> String {
    let mut text = String::new();
    for (case, proof) in cases.iter().zip(proofs) {
        let title = match case.name.as_str() {
            "" => "the default contract",
            name => name,
        };
        let verdict = match (proof.standing, proof.holds()) {
            (Possibility::PossibleHere, true) if !proof.is_shown() => "no code here to run",
            (Possibility::Impossible, true) if !proof.is_shown() => "said, and not run",
            (Possibility::PossibleHere, true) => "not refuted",
            (Possibility::PossibleElsewhere, true) => "nothing to run",
            (Possibility::Impossible, true) => "shown",
            (Possibility::Impossible, false) => "NOT SHOWN",
            (_, false) => "DOES NOT HOLD",
        };
        text += &format!("{title}: {}: {verdict}\n", proof.standing.name());
        text += &proof.to_string();
        for (name, seed) in proof.replays() {
            let seed = match (seed, first) {
                (Some(seed), _) => format!(" --seed {seed} --runs 1"),
                (None, 0) => String::new(),
                (None, first) => format!(" --seed {first}"),
            };
            let file = match case.name.as_str() {
                "" => String::new(),
                name => format!(" {}", shell::word(name)),
            };
            text += &format!(
                "    again: quorate explain{file} --prove --only {name}{seed} --pages pages\n"
            );
        }
        text.push('\n');
    }
    let count = |standing| proofs.iter().filter(|it| it.standing == standing).count();
    let failed = proofs.iter().filter(|proof| !proof.holds()).count();
    text += &format!(
        "{} contracts: {} possible here, {} possible elsewhere, {} impossible; {failed} verdicts do not hold\n",
        proofs.len(),
        count(Possibility::PossibleHere),
        count(Possibility::PossibleElsewhere),
        count(Possibility::Impossible),
    );
    text
}

/// Runs what the page shows once more, recorded, and writes it.
fn draw(folder: &Path, case: &Case, page: Page) -> anyhow::Result<()> {
    let contract = &case.contract.cluster.name;
    let file = folder.join(format!("{contract}-{}.html", page.name));
    let (_, run) = record(
        &page.experiment,
        Decisions::from_seed(page.stream),
        page.text,
    )?;
    let name = file.display();
    let out = File::create(&file).with_context(|| format!("can't write {name}"))?;
    html::run(&run, out).with_context(|| format!("can't write {name}"))?;
    let _ = writeln!(std::io::stderr(), "wrote {name}");
    Ok(())
}
