//! What is wrong with a contract file: where, what, and how to mend it.

use serde::Serialize;
use std::fmt;
use std::ops::Range;

/// A contract file that cannot be read.
///
/// Printed, it shows the place, the line itself, and the remedy:
///
/// ```text
/// contract.toml:4:12: `failures.tolerate`: a whole number is expected here, not a string
///   |
/// 4 | tolerate = "one"
///   |            ^^^^^
///   = help: write, for example, `tolerate = 1`
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct ContractError {
    /// The file, as it was named by the caller.
    pub file: Box<str>,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// The key at fault with its tables, such as `failures.tolerate`; empty for a syntax error.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
    /// The line at fault, cut where it is too long to show.
    pub excerpt: Box<str>,
    /// How many characters are at fault.
    pub width: u32,
}

/// The longest piece of a line that an error repeats, in characters.
const MAX_EXCERPT: usize = 120;

impl ContractError {
    /// An error at a byte range of the text.
    pub(super) fn at(
        file: &str,
        text: &str,
        span: Range<usize>,
        key: String,
        problem: String,
        remedy: String,
    ) -> ContractError {
        let start = floor(text, span.start);
        let begin = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let line = text[begin..end].trim_end_matches('\r');
        let column = count(text[begin..start].chars()) + 1;
        let stop = floor(text, span.end).clamp(start, end);
        ContractError {
            file: file.into(),
            line: count(text[..begin].matches('\n')) + 1,
            column,
            key,
            problem,
            remedy,
            excerpt: line
                .chars()
                .take(MAX_EXCERPT)
                .map(printable)
                .collect::<String>()
                .into(),
            width: count(text[start..stop].chars()).max(1),
        }
    }
}

/// How many there are; a file has fewer characters than 2³² ([`MAX_BYTES`](super::MAX_BYTES)).
fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

/// The nearest character boundary at or before a byte offset.
fn floor(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset)
        .rev()
        .find(|&i| text.is_char_boundary(i))
        .unwrap_or(0)
}

/// A file is untrusted text: no control character of it reaches a terminal.
fn printable(c: char) -> char {
    if c == '\t' {
        ' '
    } else if c.is_control() {
        '\u{fffd}'
    } else {
        c
    }
}

impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        writeln!(f, "{}", self.problem)?;
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let column = self.column as usize;
        if column <= MAX_EXCERPT && !self.excerpt.trim().is_empty() {
            let under = "^".repeat((self.width as usize).min(MAX_EXCERPT + 1 - column));
            writeln!(f, "{margin} |")?;
            writeln!(f, "{number} | {}", self.excerpt)?;
            writeln!(f, "{margin} | {}{under}", " ".repeat(column - 1))?;
        }
        write!(f, "{margin} = help: {}", self.remedy)
    }
}
