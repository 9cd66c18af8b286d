//! `quorate up` and `quorate serve` as processes: what is killed comes back and has lost nothing.

use quorate_contract::{Address, Contract};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No step of a working cluster takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

struct Place {
    dir: TempDir,
    contract: Contract,
}

impl Place {
    /// A directory with a contract whose ports were free a moment ago.
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
        let place = Self {
            dir: tempfile::tempdir().expect("a directory"),
            contract,
        };
        place.write("c.toml", &place.contract);
        place
    }

    fn write(&self, name: &str, contract: &Contract) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, contract.to_toml()).expect("written");
        path
    }

    fn command(&self, contract: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.current_dir(self.dir.path()).args([
            "up",
            "--data-dir",
            "data",
            "--contract",
            contract,
        ]);
        command
    }

    fn up(&self) -> Up {
        Up::start(self.command("c.toml"))
    }

    /// Runs it where it is expected to end by itself.
    fn refused(&self, contract: &str) -> String {
        let Output { status, stderr, .. } = self.command(contract).output().expect("runs");
        let text = String::from_utf8(stderr).expect("UTF-8");
        assert_eq!(status.code(), Some(2), "{text}");
        text
    }

    fn clients(&self, id: usize) -> String {
        self.contract.cluster.members[id].client.to_string()
    }
}

struct Up {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Up {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("runs");
        let output = BufReader::new(child.stdout.take().expect("piped"));
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

    /// Waits for a line that holds the text, and returns it.
    fn expect(&mut self, text: &str) -> String {
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

    /// Waits until all three serve, and returns their process ids in order.
    fn pids(&mut self) -> Vec<Pid> {
        let mut lines: Vec<_> = (0..3).map(|_| self.expect(" serves clients at ")).collect();
        lines.sort();
        lines.iter().map(|line| pid(line)).collect()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn interrupt(mut self) {
        kill_process(self.pid(), Signal::INT).expect("it runs");
        assert!(self.child.wait().expect("ends").success());
        self.expect("stopped; the data is in data");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Its replicas end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid(line: &str) -> Pid {
    let text = line.rsplit(' ').next().expect("a word");
    Pid::from_raw(text.parse().expect("a number")).expect("not 0")
}

/// Calls the JSON API; `Err` for anything but a good answer.
fn call(address: &str, path: &str, body: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(|error| error.to_string())?;
    let len = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}"
    );
    stream
        .write_all(request.as_bytes())
        .map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .map_err(|error| error.to_string())?;
    if answer.starts_with("HTTP/1.1 200") {
        Ok(answer)
    } else {
        Err(answer)
    }
}

fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(error) if Instant::now() > end => panic!("{what}: {error}"),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// The key and value are base64, as in etcd's JSON: `YQ==` is `a`.
fn put(address: &str, value: &str) {
    let body = format!(r#"{{"key":"YQ==","value":"{value}"}}"#);
    eventually("put", || call(address, "/v3/kv/put", &body));
}

fn get(address: &str) -> String {
    eventually("get", || call(address, "/v3/kv/range", r#"{"key":"YQ=="}"#))
}

#[test]
fn each_replica_is_killed_in_turn_and_nothing_is_lost() {
    let place = Place::new();
    let mut up = place.up();
    let pids = up.pids();
    for (id, value) in ["AAAA", "BBBB", "CCCC"].into_iter().enumerate() {
        put(&place.clients(id), value);
        kill_process(pids[id], Signal::KILL).expect("it runs");
        let other = place.clients((id + 1) % 3);
        assert!(get(&other).contains(value), "acknowledged, and lost");
        up.expect(&format!(
            "n{id} was killed by signal 9; starting it again in 0.1 s"
        ));
        up.expect(&format!("n{id} serves clients at"));
        assert!(get(&place.clients(id)).contains(value), "it has caught up");
    }
    up.interrupt();

    // All of them at once, without a word, and a new start.
    let mut up = place.up();
    up.pids();
    assert!(
        get(&place.clients(0)).contains("CCCC"),
        "picked up where it was left"
    );
    up.interrupt();
}

#[test]
fn the_replicas_end_with_their_parent_however_it_ends() {
    let place = Place::new();
    let mut up = place.up();
    let pids = up.pids();
    put(&place.clients(0), "AAAA");
    kill_process(up.pid(), Signal::KILL).expect("it runs");
    for pid in pids {
        eventually("the replica ends", || match test_kill_process(pid) {
            Ok(()) => Err("it runs".to_owned()),
            Err(_) => Ok(()),
        });
    }
    let mut up = place.up();
    up.pids();
    assert!(get(&place.clients(1)).contains("AAAA"));
}

#[test]
fn what_cannot_be_run_is_refused_in_words() {
    let place = Place::new();
    let mut up = place.up();
    up.pids();
    let error = place.refused("c.toml");
    assert!(
        error.contains("data is in use by another process"),
        "{error}"
    );

    let mut other = place.contract.clone();
    other.cluster.name = "another".to_owned();
    place.write("other.toml", &other);
    up.interrupt();
    let error = place.refused("other.toml");
    assert!(
        error.contains("data belongs to cluster \"quorate\" with n0, n1, n2"),
        "{error}"
    );

    let taken = TcpListener::bind(place.clients(1)).expect("free by now");
    let error = place.refused("c.toml");
    assert!(
        error.contains("where n1 would listen for clients, is in use"),
        "{error}"
    );
    drop(taken);

    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    let error = place.refused(contracts.join("amnesiac.toml").to_str().expect("UTF-8"));
    assert!(error.contains("the contract contradicts itself"), "{error}");
    assert!(!place.dir.path().join("elsewhere").exists());
}

/// A segment is damaged: that replica does not start, says why, and the others go on without it.
#[test]
fn a_replica_with_a_damaged_log_stays_down_and_the_others_serve() {
    let place = Place::new();
    let mut up = place.up();
    up.pids();
    for _ in 0..20 {
        put(&place.clients(0), &"VVVV".repeat(200));
    }
    up.interrupt();
    let segment = place.dir.path().join("data/n1/wal/0000000000000001.wal");
    let mut bytes = std::fs::read(&segment).expect("read");
    let value = bytes
        .windows(30)
        .position(|w| w == [0x55; 30])
        .expect("a value");
    bytes[value] ^= 4;
    std::fs::write(&segment, &bytes).expect("write");

    let mut up = place.up();
    let line = up.expect("n1 has ended with exit code 1");
    assert!(line.contains("is damaged at byte"), "{line}");
    assert!(line.contains("quorate member replace n1"), "{line}");
    assert!(get(&place.clients(0)).contains("VVVV"));
    put(&place.clients(2), "AAAA");
    assert_eq!(
        std::fs::read(&segment).expect("read"),
        bytes,
        "nothing was cut"
    );
}
