//! The difference that an event made to a state that is told in lines.

use std::collections::BTreeSet;

/// No difference has more lines, and no line more characters.
const MOST_LINES: usize = 24;

/// Lines of `before` that are gone as `-line`, and those that are new as `+line`, side by side where
/// they stand at the same place. States are lists of facts, so a line that only moved is no
/// difference.
pub(super) fn difference(before: &str, after: &str, width: usize) -> Vec<String> {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = before.iter().zip(&after).take_while(same).count();
    let (before, after) = (&before[head..], &after[head..]);
    let tail = before
        .iter()
        .rev()
        .zip(after.iter().rev())
        .take_while(same)
        .count();
    let (before, after) = (&before[..before.len() - tail], &after[..after.len() - tail]);
    // A list that has lost its first line has moved as a whole: a thousand lines, none of them new.
    let known: BTreeSet<_> = before.iter().collect();
    let stays: BTreeSet<_> = after.iter().collect();
    let mut lines = vec![];
    for at in 0..before.len().max(after.len()) {
        if let Some(gone) = before.get(at).filter(|line| !stays.contains(line)) {
            lines.push(short(&format!("-{gone}"), width));
        }
        if let Some(new) = after.get(at).filter(|line| !known.contains(line)) {
            lines.push(short(&format!("+{new}"), width));
        }
        if lines.len() >= MOST_LINES && at + 1 < before.len().max(after.len()) {
            lines.push("+… and more".to_owned());
            break;
        }
    }
    lines
}

/// A text on one line, cut with an ellipsis if it is longer than so many characters.
pub(super) fn short(text: &str, width: usize) -> String {
    let end = text.char_indices().nth(width).map(|(at, _)| at);
    let mut line = match end {
        None => text.to_owned(),
        Some(end) => format!("{}…", &text[..end]),
    };
    if line.contains(['\n', '\r']) {
        line = line.replace(['\n', '\r'], " ");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_stands_side_by_side() {
        let (before, after) = ("role: a\nterm: 1\nlog: 3\n", "role: b\nterm: 1\nlog: 4\n");
        let lines = difference(before, after, 80);
        assert_eq!(lines, ["-role: a", "+role: b", "-log: 3", "+log: 4"]);
        assert!(difference(before, before, 80).is_empty());
        assert_eq!(difference("", "role: a", 80), ["+role: a"]);
        assert_eq!(difference("x\ny", "y", 80), ["-x"]);
    }

    #[test]
    fn it_is_bounded_in_lines_and_width() {
        let many: String = (0..500).map(|n| format!("line {n}\n")).collect();
        let lines = difference("", &many, 80);
        assert_eq!(lines.len(), MOST_LINES + 1);
        assert_eq!(lines.last().map(String::as_str), Some("+… and more"));
        let wide = "ä".repeat(1000);
        let lines = difference("", &wide, 10);
        assert_eq!(lines[0].chars().count(), 11, "ten and the ellipsis");
        assert_eq!(short("two\nlines", 80), "two lines");
    }
}
