//! One replica as a child process, started again when it dies.

use super::place::UpDirectory;
use super::screen::Screen;
use crate::exit::refused;
use crate::lifeline::Event;
use crate::serve::Tuning;
use anyhow::Context;
use quorate_contract::Member;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A replica that ran for this long has recovered from whatever ailed it.
const HEALTHY: Duration = Duration::from_secs(10);
/// How long a replica may take to stop in order.
const PATIENCE: Duration = Duration::from_secs(10);
/// A log that is longer is put aside when a replica starts; one such is kept.
const LONGEST_LOG: u64 = 16 << 20;
/// How long a replica that refuses to run waits to see whether others serve.
const OTHERS_READY: Duration = Duration::from_secs(3);
/// `quorate serve` says by this exit code that starting it again is no use.
const REFUSED: i32 = 2;

/// Keeps one replica running.
pub(crate) struct Supervisor {
    program: PathBuf,
    args: Vec<String>,
    log: PathBuf,
    name: String,
    id: u8,
    screen: Arc<Screen>,
    stop: watch::Receiver<bool>,
    /// Whether any replica has ever served.
    served: watch::Sender<bool>,
}

impl Supervisor {
    pub(crate) fn new(
        place: &UpDirectory,
        member: &Member,
        tuning: &Tuning,
        screen: Arc<Screen>,
        stop: watch::Receiver<bool>,
        served: watch::Sender<bool>,
    ) -> anyhow::Result<Self> {
        let mut args = vec!["serve".to_owned(), "--lifeline".to_owned()];
        args.push(format!("--id={}", member.id));
        args.push(format!("--contract={}", place.contract().display()));
        args.push(format!("--data-dir={}", place.data(member).display()));
        args.extend(tuning.to_args(place.members().len()));
        Ok(Self {
            program: std::env::current_exe().context("can't find the program itself")?,
            args,
            log: place.log(member),
            name: member.name.clone(),
            id: member.id,
            screen,
            stop,
            served,
        })
    }

    /// Runs the replica until it is to stop.
    ///
    /// # Errors
    /// If it can't be run at all, so that starting it again is no use.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let mut stop = self.stop.clone();
        let mut wait = FIRST_WAIT;
        while !*stop.borrow() {
            let since = Instant::now();
            let mut child = self.start()?;
            let pid = child.id().unwrap_or(0);
            let events = child.stdout.take();
            let ready = tokio::select! {
                ready = self.listen(events, pid) => Some(ready),
                _ = stop.wait_for(|stop| *stop) => None,
            };
            let Some(ready) = ready else {
                return self.end(child).await;
            };
            // Its output has ended, so it has, or is about to.
            let status = child.wait().await.context("can't wait for a replica")?;
            self.screen.down(self.id);
            let said = last_words(&self.log);
            if status.code() == Some(REFUSED) {
                let why = said.unwrap_or_else(|| format!("{} does not start", self.name));
                return self.give_up(ready, why).await;
            }
            if since.elapsed() > HEALTHY {
                wait = FIRST_WAIT;
            }
            let said = said
                .filter(|_| status.code() == Some(1))
                .unwrap_or_default();
            self.screen.line(&format!(
                "{} {}; starting it again in {:.1} s{}{said}",
                self.name,
                describe(status),
                wait.as_secs_f64(),
                if said.is_empty() { "" } else { ": " },
            ));
            tokio::select! {
                () = sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Ok(())
    }

    /// The replica refuses to run, and would again. Where others serve, they go on without it; where
    /// none does, there is nothing to run.
    async fn give_up(self, ready: bool, why: String) -> anyhow::Result<()> {
        let mut served = self.served.subscribe();
        let others = timeout(OTHERS_READY, served.wait_for(|served| *served));
        if !ready && !matches!(others.await, Ok(Ok(_))) {
            return Err(refused(why));
        }
        self.screen
            .line(&format!("{} stays down: {why}", self.name));
        Ok(())
    }

    fn start(&self) -> anyhow::Result<Child> {
        let log = open_log(&self.log)
            .with_context(|| format!("can't write the log {}", self.log.display()))?;
        Command::new(&self.program)
            .args(&self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C is for us: we end the replicas in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("can't start {}", self.name))
    }

    /// Passes on what the child reports, until its output ends. Returns whether it ever served.
    async fn listen(&self, output: Option<ChildStdout>, pid: u32) -> bool {
        let Some(output) = output else { return false };
        let mut lines = BufReader::new(output).lines();
        let mut ready = false;
        while let Ok(Some(line)) = lines.next_line().await {
            if let Ok(event) = serde_json::from_str(&line) {
                if matches!(event, Event::Ready { .. }) {
                    ready = true;
                    self.served.send_replace(true);
                }
                self.screen.on_event(self.id, pid, event);
            }
        }
        ready
    }

    /// Ends a child by letting its lifeline go; if it does not listen, by force.
    async fn end(&self, mut child: Child) -> anyhow::Result<()> {
        drop(child.stdin.take());
        if timeout(PATIENCE, child.wait()).await.is_err() {
            self.screen
                .line(&format!("{} does not stop; killing it", self.name));
            child.kill().await.context("can't kill a replica")?;
        }
        self.screen.down(self.id);
        Ok(())
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was killed by signal {signal}"),
        (None, Some(0)) => "has ended".to_owned(),
        (None, code) => format!("has ended with exit code {}", code.unwrap_or(-1)),
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|meta| meta.len() > LONGEST_LOG) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// The last line of a log, without the program's name.
fn last_words(path: &Path) -> Option<String> {
    const TAIL: u64 = 4096;
    let mut file = File::open(path).ok()?;
    let len = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(TAIL))).ok()?;
    let mut bytes = vec![];
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // A refusal may have several lines: from the last that starts with our name.
    match text.rfind("quorate: ") {
        Some(start) => Some(text[start + "quorate: ".len()..].trim_end().to_owned()),
        None => text.lines().last().map(str::to_owned),
    }
}
