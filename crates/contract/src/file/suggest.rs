//! "Did you mean": the nearest of a few known words.

/// The known word nearest to a mistyped one, if any is near enough to be meant.
///
/// A part of a known word counts as near: `omission` is meant for `general-omission`.
pub fn nearest<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let word: String = word
        .chars()
        .take(64)
        .collect::<String>()
        .to_lowercase()
        .replace('_', "-");
    let close = known
        .clone()
        .into_iter()
        .map(|k| (distance(&word, &k.replace('_', "-")), k))
        .min_by_key(|(d, _)| *d)
        .filter(|(d, k)| *d <= k.len().max(3) / 3)
        .map(|(_, k)| k);
    close.or_else(|| {
        known
            .into_iter()
            .filter(|k| word.len() > 3 && k.contains(&word))
            .last()
    })
}

/// Edits between two words: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_a_strange_word_is_not() {
        let known = [
            "tolerate",
            "model",
            "send-omission",
            "general-omission",
            "may_tear",
        ];
        let near = |word| nearest(word, known);
        assert_eq!(near("tolerates"), Some("tolerate"));
        assert_eq!(near("tolreate"), Some("tolerate"));
        assert_eq!(near("modle"), Some("model"));
        assert_eq!(near("may-tear"), Some("may_tear"));
        assert_eq!(near("MODEL"), Some("model"));
        assert_eq!(near("omission"), Some("general-omission"));
        assert_eq!(near("colour"), None);
        assert_eq!(near(""), None);
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("abc", "acb"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
