//! `quorate up` and `quorate serve` as processes: what is killed comes back and has lost nothing.

mod common;

use common::{PATIENCE, Place, Running};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

fn command(place: &Place, contract: &str) -> Command {
    place.command(&["up", "--data-dir", "data", "--contract", contract])
}

/// Runs it where it is expected to end by itself.
fn refused(place: &Place, contract: &str) -> String {
    let Output { status, stderr, .. } = command(place, contract).output().expect("runs");
    let text = String::from_utf8(stderr).expect("UTF-8");
    assert_eq!(status.code(), Some(2), "{text}");
    text
}

fn clients(place: &Place, id: usize) -> String {
    place.contract.cluster.members[id].client.to_string()
}

struct Up(Running);

impl Up {
    fn start(place: &Place) -> Self {
        let mut command = command(place, "c.toml");
        let mut child = command.stdout(Stdio::piped()).spawn().expect("runs");
        let output = child.stdout.take().expect("piped");
        Self(Running::new(child, output))
    }

    fn expect(&mut self, text: &str) -> String {
        self.0.expect(text)
    }

    /// Waits until all three serve, and returns their process ids in order.
    fn pids(&mut self) -> Vec<Pid> {
        let mut lines: Vec<_> = (0..3).map(|_| self.expect(" serves clients at ")).collect();
        lines.sort();
        lines.iter().map(|line| pid(line)).collect()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0.child)
    }

    fn interrupt(mut self) {
        kill_process(self.pid(), Signal::INT).expect("it runs");
        assert!(self.0.child.wait().expect("ends").success());
        self.expect("stopped; the data is in data");
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
    let mut up = Up::start(&place);
    let pids = up.pids();
    for (id, value) in ["AAAA", "BBBB", "CCCC"].into_iter().enumerate() {
        put(&clients(&place, id), value);
        kill_process(pids[id], Signal::KILL).expect("it runs");
        let other = clients(&place, (id + 1) % 3);
        assert!(get(&other).contains(value), "acknowledged, and lost");
        up.expect(&format!(
            "n{id} was killed by signal 9; starting it again in 0.1 s"
        ));
        up.expect(&format!("n{id} serves clients at"));
        assert!(
            get(&clients(&place, id)).contains(value),
            "it has caught up"
        );
    }
    up.interrupt();

    // All of them at once, without a word, and a new start.
    let mut up = Up::start(&place);
    up.pids();
    assert!(
        get(&clients(&place, 0)).contains("CCCC"),
        "picked up where it was left"
    );
    up.interrupt();
}

#[test]
fn the_replicas_end_with_their_parent_however_it_ends() {
    let place = Place::new();
    let mut up = Up::start(&place);
    let pids = up.pids();
    put(&clients(&place, 0), "AAAA");
    kill_process(up.pid(), Signal::KILL).expect("it runs");
    for pid in pids {
        eventually("the replica ends", || match test_kill_process(pid) {
            Ok(()) => Err("it runs".to_owned()),
            Err(_) => Ok(()),
        });
    }
    let mut up = Up::start(&place);
    up.pids();
    assert!(get(&clients(&place, 1)).contains("AAAA"));
}

#[test]
fn what_cannot_be_run_is_refused_in_words() {
    let place = Place::new();
    let mut up = Up::start(&place);
    up.pids();
    let error = refused(&place, "c.toml");
    assert!(
        error.contains("data is in use by another process"),
        "{error}"
    );

    let mut other = place.contract.clone();
    other.cluster.name = "another".to_owned();
    place.write("other.toml", &other);
    up.interrupt();
    let error = refused(&place, "other.toml");
    assert!(
        error.contains("data belongs to cluster \"quorate\" with n0, n1, n2"),
        "{error}"
    );

    let taken = TcpListener::bind(clients(&place, 1)).expect("free by now");
    let error = refused(&place, "c.toml");
    assert!(
        error.contains("where n1 would listen for clients, is in use"),
        "{error}"
    );
    drop(taken);

    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    let error = refused(
        &place,
        contracts.join("amnesiac.toml").to_str().expect("UTF-8"),
    );
    assert!(error.contains("the contract contradicts itself"), "{error}");
    assert!(!place.dir.path().join("elsewhere").exists());
}

/// A segment is damaged: that replica does not start, says why, and the others go on without it.
#[test]
fn a_replica_with_a_damaged_log_stays_down_and_the_others_serve() {
    let place = Place::new();
    let mut up = Up::start(&place);
    up.pids();
    for _ in 0..20 {
        put(&clients(&place, 0), &"VVVV".repeat(200));
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

    let mut up = Up::start(&place);
    let line = up.expect("n1 has ended with exit code 1");
    assert!(line.contains("is damaged at byte"), "{line}");
    assert!(line.contains("quorate member replace n1"), "{line}");
    assert!(get(&clients(&place, 0)).contains("VVVV"));
    put(&clients(&place, 2), "AAAA");
    assert_eq!(
        std::fs::read(&segment).expect("read"),
        bytes,
        "nothing was cut"
    );
}
