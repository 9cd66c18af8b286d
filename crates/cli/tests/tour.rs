//! The guided tour shows what its commands print: each is run, and compared.

use std::path::{Path, PathBuf};
use std::process::Command;

const OPENS: &str = "```console\n";
const CLOSES: &str = "```\n";
/// A line that stands for any number of lines.
const LEFT_OUT: &str = "…";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines that a command prints, and how it ends if that is not well.
fn printed(command: &str) -> Vec<String> {
    let words: Vec<_> = command.split_whitespace().collect();
    assert_eq!(words.first(), Some(&"quorate"), "{command}");
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(&words[1..])
        .current_dir(root())
        .output()
        .expect("it runs");
    let mut text = String::from_utf8(output.stdout).expect("it prints text");
    text += &String::from_utf8(output.stderr).expect("it prints text");
    if output.status.code() != Some(0) {
        text += &format!("(exit {})\n", output.status.code().unwrap_or(-1));
    }
    let lines = text.trim_end().lines();
    lines.map(|line| line.trim_end().to_owned()).collect()
}

/// The first line shown that is not printed at its place.
fn missing<'s>(shown: &[&'s str], printed: &[String]) -> Option<&'s str> {
    let mut at = 0;
    let mut anywhere = false;
    for line in shown {
        if *line == LEFT_OUT {
            anywhere = true;
            continue;
        }
        let place = printed[at..].iter().position(|printed| printed == line);
        match place {
            Some(0) => at += 1,
            Some(later) if anywhere => at += later + 1,
            _ => return Some(line),
        }
        anywhere = false;
    }
    (!anywhere && at < printed.len()).then_some("(the end)")
}

#[test]
fn every_command_of_the_tour_prints_what_the_tour_shows() {
    let tour = std::fs::read_to_string(root().join("docs/tour.md")).expect("the tour is there");
    let mut commands = 0;
    for part in tour.split(OPENS).skip(1) {
        let (block, _) = part.split_once(CLOSES).expect("a block that is closed");
        let shown: Vec<_> = block.lines().collect();
        let command = shown.first().and_then(|line| line.strip_prefix("$ "));
        let command = command.expect("a block begins with a command");
        let printed = printed(command);
        if let Some(line) = missing(&shown[1..], &printed) {
            panic!(
                "docs/tour.md shows, after {command:?}:\n  {line}\nand it prints:\n{}",
                printed.join("\n")
            );
        }
        commands += 1;
    }
    assert!(commands >= 8, "{commands} commands are no tour");
}

#[test]
fn a_line_that_is_not_printed_is_missed() {
    let printed = ["a", "b", "c", "d"].map(str::to_owned);
    assert_eq!(missing(&["a", "b", "c", "d"], &printed), None);
    assert_eq!(missing(&["a", LEFT_OUT, "d"], &printed), None);
    assert_eq!(missing(&["a", LEFT_OUT], &printed), None);
    assert_eq!(missing(&["a", "c", LEFT_OUT], &printed), Some("c"));
    assert_eq!(missing(&[LEFT_OUT, "x"], &printed), Some("x"));
    assert_eq!(missing(&["a", "b"], &printed), Some("(the end)"));
}
