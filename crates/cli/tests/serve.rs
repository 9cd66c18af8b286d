//! `quorate serve` as processes of its own: how a cluster comes into being, and who is let in.

use quorate_contract::{Address, Contract};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No step of a working cluster takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory with a contract whose ports were free a moment ago.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let mut contract = Contract::default();
        let listeners: Vec<_> = (0..6)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
            .collect();
        let mut ports = listeners
            .iter()
            .map(|l| l.local_addr().expect("an address").port());
        for member in &mut contract.cluster.members {
            member.client = Address::loopback(ports.next().expect("a port"));
            member.peer = Address::loopback(ports.next().expect("a port"));
        }
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("c.toml"), contract.to_toml()).expect("written");
        Self(dir)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command
            .current_dir(self.0.path())
            .args(["serve", "--contract", "c.toml", "--name", name]);
        command
    }

    fn serve(&self, name: &str) -> Serving {
        Serving::start(self.command(name))
    }
}

struct Serving {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Serving {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("runs");
        let output = BufReader::new(child.stderr.take().expect("piped"));
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            lines,
            seen: vec![],
        }
    }

    /// Waits for a line that holds the text.
    fn expect(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line with {text:?} among {:#?}", self.seen);
            };
            let found = line.contains(text);
            self.seen.push(line);
            if found {
                return;
            }
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_founder_that_starts_late_is_waited_for_and_a_wiped_one_is_told_how_to_be_replaced() {
    let place = Place::new();
    let mut zero = place.serve("n0");
    zero.expect("waiting for n1, n2 to start for the first time");
    let mut one = place.serve("n1");
    one.expect("waiting for n2 to start for the first time");
    // Long enough for an offer to lapse that is not repeated.
    thread::sleep(Duration::from_millis(3500));
    let mut two = place.serve("n2");
    for serving in [&mut zero, &mut one, &mut two] {
        serving.expect("the cluster is formed");
        serving.expect("serving");
    }

    drop(one);
    let data = place.0.path().join("quorate-data/n1");
    std::fs::remove_dir_all(&data).expect("wiped");
    let Output { status, stderr, .. } = place.command("n1").output().expect("runs");
    let text = String::from_utf8(stderr).expect("UTF-8");
    assert_eq!(status.code(), Some(2), "{text}");
    let refusal = text.lines().last().expect("a line");
    assert!(
        refusal.starts_with("quorate: this directory is empty, but member \"n1\" (id ")
            && refusal.ends_with("replace it with 'quorate member replace n1'"),
        "{refusal}"
    );
}

#[test]
fn a_start_that_waits_for_others_ends_with_its_parent() {
    let place = Place::new();
    let mut command = place.command("n1");
    command.arg("--lifeline").stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let line = lines.next().expect("a line").expect("UTF-8");
    assert_eq!(
        line,
        r#"{"event":"forming","waiting_for":["n0"],"note":null}"#
    );
    drop(child.stdin.take());
    let end = Instant::now() + PATIENCE;
    while child.try_wait().expect("ours").is_none() {
        assert!(Instant::now() < end, "it goes on without its parent");
        thread::sleep(Duration::from_millis(10));
    }
}
