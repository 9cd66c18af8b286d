//! Commands that are printed for a reader to run: as a POSIX shell reads them.

use std::path::Path;

/// One word of a command, in quotes if it needs them.
pub(crate) fn word(text: &str) -> String {
    // What it refuses is a NUL, which no argument that we were given has.
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), Into::into)
}

/// A path as one word.
pub(crate) fn path(path: &Path) -> String {
    word(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_shell_reads_what_was_meant() {
        assert_eq!(word("contracts/five.toml"), "contracts/five.toml");
        for text in [
            "my contract.toml",
            "it's",
            "\"double\"",
            "$HOME `id` \\ !",
            "a;b&c|d>e",
            "*?[x]{a,b}~#",
            "two\nlines",
            "",
            "ünï",
        ] {
            let script = format!("printf %s {}", path(Path::new(text)));
            let output = Command::new("sh").args(["-c", &script]).output();
            let printed = output.expect("a shell").stdout;
            assert_eq!(String::from_utf8_lossy(&printed), text);
        }
    }
}
