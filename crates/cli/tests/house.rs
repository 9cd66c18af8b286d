//! The rules of the house that a reader should not have to check by eye: names, words, imports.
//!
//! Each message says what to write instead. As TigerBeetle's `tidy.zig`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Names of types that the house does not use, and what to say instead.
const DIALECT: [(&str, &str); 38] = [
    ("Misdeed", "NodeFault"),
    ("Trouble", "LinkFault"),
    ("Tampering", "Mutation"),
    ("Which", "MessageFilter"),
    ("Whom", "Targets or Victim"),
    ("Weather", "NetworkProfile"),
    ("Pace", "TimingProfile"),
    ("Happened", "the noun of the event, as BareEvent"),
    ("Told", "NodeOutput"),
    ("Shown", "Occurrences"),
    ("Said", "what was sent, as RoundVotes"),
    ("Want", "ClientAction"),
    ("What", "the class, as FaultClass"),
    ("Caps", "RunLimits"),
    ("Purpose", "ChoiceStream"),
    ("Drawn", "Choices"),
    ("Desk", "ClientState"),
    ("Flight", "InFlight"),
    ("Band", "FaultInterval"),
    ("Reign", "Leadership"),
    ("Fate", "MessageFate"),
    ("Subject", "SystemUnderTest"),
    ("Asking", "Proposers"),
    ("Stage", "Runner"),
    ("Place", "Cell, Component or a directory"),
    ("Standing", "ContractCheck or ContractStatus"),
    ("Departure", "Deviation"),
    ("Played", "ScenarioRun"),
    ("Plot", "Collusion"),
    ("Course", "Nemesis"),
    ("Fleet", "StormClients"),
    ("Judgement", "StormVerdict"),
    ("Belief", "Suspicion"),
    ("Opinion", "ProcessState"),
    ("Panel", "QuorumDetector"),
    ("News", "Delivery"),
    ("Urgency", "Lane"),
    ("Patience", "AdaptiveTimeout"),
];

/// Words that comments do not use, and what to write instead.
const PROSE: [(&str, &str); 4] = [
    ("nobody", "no node, no client, not …"),
    ("whoever", "the node that, the caller"),
    ("for ever", "without end, to the end of the run"),
    ("seed 00", "doc 00: a seed is a simulation's"),
];

/// Names that the traits of `core` ask of every protocol, written with their module: `raft::Hard`.
const OF_THE_TRAIT: [&str; 10] = [
    "Config", "Eager", "Hard", "Input", "Message", "Output", "Record", "Refusal", "Request",
    "Timer",
];

/// Names with one meaning in two crates: the definition and what another layer makes of it.
const SAME_MEANING: [(&str, &str); 25] = [
    ("Actions", "of any protocol, and of the one that runs"),
    ("Backend", "etcd's trait, and node's implementation of it"),
    ("Bounds", "of a contract; of a queue, in node"),
    ("Clock", "the real one, and the simulated one"),
    ("Digest", "a hash: of bytes, and of a store"),
    ("Entry", "of a log, and as a replica encodes it"),
    ("Error", "Rust's name for a crate's error"),
    ("History", "of clients, and of a store's revisions"),
    ("Identity", "of a replica; of a log"),
    ("Journal", "of any protocol, and of the one that runs"),
    ("Lsn", "of the gate, and of the log"),
    ("Member", "of a contract, and as etcd shows it"),
    (
        "Outcome",
        "of an operation: for clients, for etcd, for a replica",
    ),
    ("PeerMessage", "of any protocol, and of the one that runs"),
    ("Recovery", "of a log, and of a replica's state from it"),
    ("Replica", "of any protocol, and of the one that runs"),
    ("Reply", "to a client, and as a history keeps it"),
    ("Response", "to a client, and as a history keeps it"),
    ("Revision", "of a store, and as a history keeps it"),
    ("SnapshotError", "of a store's bytes, and of a replica's"),
    ("StartError", "of a replica, and of a simulated one"),
    ("Status", "of a replica, and as etcd shows it"),
    ("Timers", "the real ones, and the simulated ones"),
    ("TxnOp", "of a store, and as a history keeps it"),
    ("Verdict", "of a checker; of a session, in replica"),
];

/// Imports, `crate: module, of this`, that close a natural circle: a vocabulary in several files, or
/// code that is being rebuilt.
const CIRCLES: [(&str, &str, &str); 12] = [
    // What a protocol is to the world (`Simulated`), and the parts of the world that it speaks of.
    ("sim", "disk::replica_disk", "serving"),
    ("sim", "observe", "serving"),
    ("sim", "swarm", "serving"),
    ("contract", "protocol", "contract"),
    ("contract", "finding", "impossibility"),
    ("core", "effects", "protocol"),
    ("core", "effects", "driver"),
    ("core", "journal", "protocol"),
    ("core", "journal", "effects"),
    ("crypto", "signed", "keychain"),
    ("crash", "raft::role", "raft::read_index"),
    ("wal", "format", "config"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => walk(&path, found),
            false => found.push(path),
        }
    }
}

/// A source file: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The crate, and the module's path inside it; none for the root.
    fn module(&self) -> Option<(&str, String)> {
        let (name, rest) = self.path.strip_prefix("crates/")?.split_once("/src/")?;
        let rest = rest.strip_suffix(".rs")?;
        let rest = rest.strip_suffix("/mod").unwrap_or(rest);
        let root = matches!(rest, "lib" | "main");
        Some((
            name,
            if root {
                String::new()
            } else {
                rest.replace('/', "::")
            },
        ))
    }
}

/// All source files under `src` directories, in order.
fn sources() -> Vec<Source> {
    let root = root();
    let mut paths = vec![];
    for entry in fs::read_dir(root.join("crates")).expect("crates") {
        walk(&entry.expect("a crate").path().join("src"), &mut paths);
    }
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "rs"));
    paths.sort();
    let read = |path: &PathBuf| Source {
        path: path
            .strip_prefix(&root)
            .expect("inside")
            .display()
            .to_string(),
        text: fs::read_to_string(path).expect("text"),
    };
    let all: Vec<_> = paths.iter().map(read).collect();
    assert!(all.len() > 200, "the sources are there");
    all
}

/// The type that a line defines, if it defines one.
fn defined(line: &str) -> Option<(&str, bool)> {
    let line = line.trim_start();
    let public = line.starts_with("pub");
    let line = match line.strip_prefix("pub(") {
        Some(rest) => rest.split_once(") ")?.1,
        None => line.strip_prefix("pub ").unwrap_or(line),
    };
    let kinds = ["struct ", "enum ", "trait ", "type "];
    let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
    let end = rest.find(|c: char| !c.is_alphanumeric())?;
    Some((&rest[..end], public))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

/// Is it in the text, and not the beginning of a longer word? ("for every" is not "for ever".)
fn has_word(text: &str, word: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(char::is_alphabetic);
    text.match_indices(word)
        .any(|(at, _)| ends(&text[at + word.len()..]))
}

#[test]
fn types_have_the_names_of_the_field() {
    let mut wrong = vec![];
    for source in sources().iter() {
        if source.path.ends_with("/words.rs") {
            wrong.push(format!("{}: call it text.rs", source.path));
        }
        for (name, _) in source.text.lines().filter_map(defined) {
            if let Some((_, instead)) = DIALECT.iter().find(|(word, _)| *word == name) {
                wrong.push(format!("{}: {name}: say {instead}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn comments_are_plain() {
    let mut wrong = vec![];
    let mut check = |path: &str, text: &str, opens: &str| {
        for line in text.lines() {
            let Some((_, comment)) = line.split_once(opens) else {
                continue;
            };
            let comment = comment.to_lowercase();
            for (word, instead) in PROSE {
                if has_word(&comment, word) {
                    let line = line.trim();
                    wrong.push(format!(
                        "{path}: {line:?}: instead of {word:?} write: {instead}"
                    ));
                }
            }
        }
    };
    for source in sources().iter() {
        check(&source.path, &source.text, "//");
    }
    let mut paths = vec![];
    walk(&root().join("contracts"), &mut paths);
    walk(&root().join("crates/lab/scenarios"), &mut paths);
    let mut files = 0;
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
    {
        let text = fs::read_to_string(path).expect("text");
        check(&path.display().to_string(), &text, "#");
        files += 1;
    }
    assert!(files > 50, "{files} contracts and scenarios");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rule that "seed" is a simulation's also holds for scenarios and documents.
#[test]
fn documents_are_called_documents() {
    let mut paths = vec![root().join("README.md"), root().join("ARCHITECTURE.md")];
    walk(&root().join("docs"), &mut paths);
    walk(&root().join("contracts"), &mut paths);
    walk(&root().join("crates/lab/scenarios"), &mut paths);
    for path in paths {
        let text = fs::read_to_string(&path).expect("text");
        assert!(!text.contains("seed 00"), "{}: say doc 00…", path.display());
    }
}

#[test]
fn a_name_has_one_meaning_in_the_workspace() {
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources().iter() {
        let Some((name, _)) = source.module() else {
            continue;
        };
        // The messages and roles of a protocol are its paper's, and written with their module.
        if matches!(name, "byzantine" | "crash") {
            continue;
        }
        for (defined, public) in source.text.lines().filter_map(defined) {
            if public && !OF_THE_TRAIT.contains(&defined) {
                crates
                    .entry(defined.to_owned())
                    .or_default()
                    .insert(name.to_owned());
            }
        }
    }
    let twice = crates.iter().filter(|(name, crates)| {
        crates.len() > 1 && !SAME_MEANING.iter().any(|(same, _)| same == name)
    });
    let twice: Vec<_> = twice
        .map(|(name, crates)| format!("{name}: in {crates:?}"))
        .collect();
    assert!(
        twice.is_empty(),
        "qualify one of them:\n{}",
        twice.join("\n")
    );
}

/// What a crate's root re-exports, each with the module that it comes from.
fn reexports(root: &str) -> BTreeMap<&str, &str> {
    let mut found = BTreeMap::new();
    for statement in root.split(';') {
        let Some((_, rest)) = statement.split_once("pub use ") else {
            continue;
        };
        let module = rest.split("::").next().unwrap_or_default();
        for name in words(rest).filter(|name| name.starts_with(char::is_uppercase)) {
            found.insert(name, module);
        }
    }
    found
}

/// The names that one `use` statement takes from its first segment.
fn taken(statement: &str) -> Vec<&str> {
    let Some(list) = statement.trim().strip_prefix('{') else {
        return words(statement).take(1).collect();
    };
    let mut depth = 0;
    let split = list.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    split.filter_map(|part| words(part.trim()).next()).collect()
}

#[test]
fn modules_import_each_other_by_path() {
    let sources = sources();
    let mut wrong = vec![];
    for source in sources.iter() {
        let Some((name, module)) = source.module() else {
            continue;
        };
        if module.is_empty() {
            continue;
        }
        let lib = format!("crates/{name}/src/lib.rs");
        let Some(lib) = sources.iter().find(|source| source.path == lib) else {
            continue;
        };
        let exported = reexports(&lib.text);
        for statement in source
            .text
            .split(';')
            .filter_map(|s| s.split_once("use crate::"))
        {
            for name in taken(statement.1) {
                if let Some(from) = exported.get(name) {
                    wrong.push(format!("{}: use crate::{from}::{name}", source.path));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "not through the crate's root:\n{}",
        wrong.join("\n")
    );
}

/// The modules of its crate that a module names, by `crate::` or `super::`.
fn imports(source: &Source, module: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let text = source
        .text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let code: Vec<_> = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let code = code.join("\n");
    let mut found = BTreeSet::new();
    let mut add = |mut path: Vec<&str>| {
        while !path.is_empty() && !modules.contains(&path.join("::")) {
            path.pop();
        }
        let path = path.join("::");
        let related = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}::"));
        if !path.is_empty() && !related(&path, module) && !related(module, &path) {
            found.insert(path);
        }
    };
    for (start, base) in [("crate::", 0), ("super::", 1)] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            let own: Vec<&str> = match base {
                0 => vec![],
                _ => module
                    .split("::")
                    .take(module.split("::").count() - 1)
                    .collect(),
            };
            if rest.starts_with('{') {
                let end = rest.find(';').unwrap_or(rest.len());
                for name in taken(&rest[..end]) {
                    add(own.iter().copied().chain([name]).collect());
                }
            } else {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || "_:".contains(c)));
                let path = rest[..end.unwrap_or(rest.len())].split("::");
                add(own
                    .iter()
                    .copied()
                    .chain(path)
                    .filter(|part| !part.is_empty())
                    .collect());
            }
        }
    }
    found
}

#[test]
fn modules_do_not_import_each_other_in_circles() {
    let sources = sources();
    let mut crates: BTreeMap<&str, Vec<(&Source, String)>> = BTreeMap::new();
    for source in &sources {
        if let Some((name, module)) = source.module() {
            crates.entry(name).or_default().push((source, module));
        }
    }
    let mut wrong = vec![];
    for (name, files) in crates {
        let modules: BTreeSet<_> = files.iter().map(|(_, module)| module.clone()).collect();
        let mut graph: BTreeMap<String, BTreeSet<String>> = files
            .iter()
            .map(|(source, module)| (module.clone(), imports(source, module, &modules)))
            .collect();
        for (_, module, import) in CIRCLES.iter().filter(|(of, ..)| *of == name) {
            if let Some(imports) = graph.get_mut(*module) {
                imports.remove(*import);
            }
        }
        // What is left after removing, again and again, all that import nothing is in a circle, or
        // leads into one.
        loop {
            let free: Vec<_> = graph
                .iter()
                .filter(|(_, imports)| !imports.iter().any(|import| graph.contains_key(import)))
                .map(|(module, _)| module.clone())
                .collect();
            if free.is_empty() {
                break;
            }
            free.iter().for_each(|module| {
                graph.remove(module);
            });
        }
        if !graph.is_empty() {
            wrong.push(format!("{name}: {graph:#?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "circles, or modules that lead into one:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_checks_find_what_they_look_for() {
    assert_eq!(
        defined("pub(crate) struct Misdeed {"),
        Some(("Misdeed", true))
    );
    assert_eq!(defined("    enum Pace<T> {"), Some(("Pace", false)));
    assert_eq!(defined("let x = 3;"), None);
    assert_eq!(taken("{A, b::{C, D}, e}"), ["A", "b", "e"]);
    assert_eq!(taken("clock::Clock"), ["clock"]);
    assert!(has_word("waits for ever.", "for ever") && !has_word("for every", "for ever"));
    assert_eq!(reexports("pub use a::{B, C};\npub use d::E;").len(), 3);
}
