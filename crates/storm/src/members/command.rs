//! One `quorate member` command as an operator would run it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use quorate_etcd::client::Endpoint;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// A command that has not ended within this time has failed: faults are shorter by far.
const ENDS_WITHIN: Duration = Duration::from_secs(90);

/// A running command. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct MemberCommand {
    what: String,
    child: Child,
    says: Lines<BufReader<ChildStderr>>,
    said: Vec<String>,
}

impl MemberCommand {
    /// Runs `quorate member ARGS`, asking `endpoints`, for members whose data lie in `dir`.
    pub(crate) fn start(
        exe: &Path,
        dir: &Path,
        endpoints: &[Endpoint],
        args: &[&str],
    ) -> anyhow::Result<Self> {
        let what = format!("quorate member {}", args.join(" "));
        let endpoints: Vec<_> = endpoints.iter().map(ToString::to_string).collect();
        let mut child = Command::new(exe)
            .arg("member")
            .args(args)
            .arg(format!("--endpoints={}", endpoints.join(",")))
            .arg("--data-dir")
            .arg(dir)
            .arg(format!("--timeout={}", ENDS_WITHIN.as_secs() - 10))
            .arg("--poll=50")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("can't run {what}"))?;
        let says = child.stderr.take().context("standard error is a pipe")?;
        Ok(Self {
            what,
            child,
            says: BufReader::new(says).lines(),
            said: vec![],
        })
    }

    /// Waits for the command that starts a new member, as it is printed.
    ///
    /// # Errors
    /// If it ends before, or takes too long.
    pub(crate) async fn join_command(&mut self) -> anyhow::Result<Vec<String>> {
        let printed = async {
            while let Some(line) = self.says.next_line().await? {
                self.said.push(line);
                if let Some(words) = self.said.last().and_then(|line| join_words(line)) {
                    return Ok(words);
                }
            }
            bail!("it does not say how to start the member")
        };
        match timeout(ENDS_WITHIN, printed).await {
            Ok(Ok(words)) => Ok(words),
            Ok(Err(error)) => Err(self.failed(&format!("{error:#}"))),
            Err(_) => Err(self.failed("it takes too long")),
        }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// If it fails, or takes too long.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        let ended = async {
            while let Some(line) = self.says.next_line().await? {
                self.said.push(line);
            }
            Ok::<_, anyhow::Error>(self.child.wait().await?)
        };
        match timeout(ENDS_WITHIN, ended).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.failed(&status.to_string())),
            Ok(Err(error)) => Err(self.failed(&format!("{error:#}"))),
            Err(_) => Err(self.failed("it takes too long")),
        }
    }

    fn failed(&self, how: &str) -> anyhow::Error {
        let said = self.said.join("\n");
        anyhow::anyhow!("{} failed: {how}; it said:\n{said}", self.what)
    }
}

/// The arguments of `quorate serve --join …`, if that is what the line shows.
fn join_words(line: &str) -> Option<Vec<String>> {
    let words = shlex::split(line.trim())?;
    let ["quorate", "serve", ..] = words.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        return None;
    };
    words
        .contains(&"--join".to_owned())
        .then(|| words[1..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_command_is_read_as_a_shell_reads_it() {
        let line = "  quorate serve --join 127.0.0.1:1,127.0.0.1:2 --name n3 --data-dir 'a b/n3'";
        let words = join_words(line).expect("a command");
        assert_eq!(words[..3], ["serve", "--join", "127.0.0.1:1,127.0.0.1:2"]);
        assert_eq!(words.last().map(String::as_str), Some("a b/n3"));
        for line in [
            "start it with:",
            "  mv d/n3 d/n3.before",
            "  quorate serve --name n3",
            "  quorate member promote n3 --wait",
            "  quorate serve --join 'unclosed",
        ] {
            assert_eq!(join_words(line), None, "{line}");
        }
    }

    fn script(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("exe");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("made so");
        (dir, path)
    }

    #[tokio::test]
    async fn a_command_is_followed_to_its_end() {
        let (dir, exe) = script(
            "echo 'removing n1' >&2; echo '  quorate serve --join a:1 --name n1' >&2; echo more >&2",
        );
        let mut command =
            MemberCommand::start(&exe, dir.path(), &[], &["replace", "n1"]).expect("starts");
        let words = command.join_command().await.expect("printed");
        assert_eq!(words, ["serve", "--join", "a:1", "--name", "n1"]);
        command.end().await.expect("it succeeds");
    }

    #[tokio::test]
    async fn a_command_that_fails_tells_what_it_said() {
        let (dir, exe) = script("echo 'quorate: no leader' >&2; exit 1");
        let start = || MemberCommand::start(&exe, dir.path(), &[], &["add", "n3"]).expect("starts");
        let error = start().end().await.expect_err("it fails").to_string();
        assert!(error.contains("quorate member add n3 failed"), "{error}");
        assert!(error.contains("quorate: no leader"), "{error}");
        let error = start().join_command().await.expect_err("nothing printed");
        assert!(error.to_string().contains("does not say how"), "{error}");
    }
}
