//! Every command in the documentation is one that this binary takes.

use crate::Cli;
use clap::Parser;
use std::path::{Path, PathBuf};

/// Stands for a space inside of quotation marks.
const KEPT: char = '\u{a0}';

/// Keeps together what is in double quotation marks.
fn keep_quoted(line: &str) -> String {
    let mut quoted = false;
    let keep = |c: char| {
        quoted ^= c == '"';
        if quoted && c == ' ' { KEPT } else { c }
    };
    line.chars().map(keep).collect()
}

/// What a shell would make of a word, near enough: a variable becomes a number.
fn expand(word: &str) -> String {
    let mut text = word.replace(['"', '\''], "").replace("{}", "1");
    text = text.replace(KEPT, " ");
    while let Some(at) = text.find('$') {
        let name = text[at + 1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let end = name.map_or(text.len(), |len| at + 1 + len);
        text.replace_range(at..end, "1");
    }
    text
}

/// The command lines of quorate in the code of a document.
fn commands(document: &str) -> Vec<Vec<String>> {
    let joined = document.replace("\\\n", " ");
    let (mut code, mut console) = (false, false);
    let mut found = vec![];
    for line in joined.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
            console = line.trim_end().ends_with("console");
            continue;
        }
        // What a command prints is no command.
        if console && !line.trim_start().starts_with("$ ") {
            continue;
        }
        let line = keep_quoted(line);
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_name = |word: &&str| *word == "quorate" || word.ends_with("/quorate");
        let Some(at) = words.iter().position(is_name).filter(|_| code) else {
            continue;
        };
        let ends = ["#", "|", ">", "<", "&", "&&", ";", ":::"];
        let words = words[at..].iter().take_while(|word| !ends.contains(word));
        found.push(words.map(|word| expand(word)).collect());
    }
    found
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let listed = std::fs::read_dir(root.join("docs")).expect("a directory");
    let mut all: Vec<PathBuf> = listed.map(|entry| entry.expect("listed").path()).collect();
    all.retain(|path| path.extension().is_some_and(|kind| kind == "md"));
    all.push(root.join("README.md"));
    all
}

#[test]
fn commands_in_the_documentation_are_taken() {
    let mut checked = 0;
    for path in documents() {
        let text = std::fs::read_to_string(&path).expect("text");
        for command in commands(&text) {
            // `quorate --help` and the like end with an error that is none.
            let refusal = Cli::try_parse_from(&command).err();
            if let Some(error) = refusal.filter(|error| error.use_stderr()) {
                panic!("{}: {command:?}: {error}", path.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 10);
}

#[test]
fn commands_are_found_and_cut_out() {
    let text = "quorate no\n```sh\nA=1 quorate simulate --shard $A/4 \\\n --out x-{}.y ::: 1\n\
                target/release/quorate up  # words\n```\nquorate no";
    let expected = [
        "quorate simulate --shard 1/4 --out x-1.y",
        "target/release/quorate up",
    ];
    let found = commands(text);
    let found: Vec<String> = found.iter().map(|words| words.join(" ")).collect();
    assert_eq!(found, expected);
}
