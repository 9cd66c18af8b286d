//! A directory with a contract, and the program running in it.

use quorate_contract::{Address, Contract};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No step of a working cluster takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A directory whose `c.toml` is a contract of three replicas on ports that were free a moment ago.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) contract: Contract,
}

impl Place {
    pub(crate) fn new() -> Self {
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
        let place = Self {
            dir: tempfile::tempdir().expect("a directory"),
            contract,
        };
        place.write("c.toml", &place.contract);
        place
    }

    pub(crate) fn write(&self, name: &str, contract: &Contract) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, contract.to_toml()).expect("written");
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.current_dir(self.dir.path()).args(args);
        command
    }
}

/// A program that runs, and the lines that it has printed. It is killed at the end.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    /// Reads its lines from `output`.
    pub(crate) fn new(child: Child, output: impl Read + Send + 'static) -> Self {
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            for line in lines {
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

    /// Waits for a line that holds the text, and returns it.
    pub(crate) fn expect(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line with {text:?} among {:#?}", self.seen);
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The replicas that it has started end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
