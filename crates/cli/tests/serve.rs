//! `quorate serve` as processes of its own: how a cluster comes into being, and who is let in.

mod common;

use common::{PATIENCE, Place, Running};
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

fn command(place: &Place, name: &str) -> Command {
    place.command(&["serve", "--contract", "c.toml", "--name", name])
}

fn serve(place: &Place, name: &str) -> Running {
    let mut command = command(place, name);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("runs");
    let output = child.stderr.take().expect("piped");
    Running::new(child, output)
}

#[test]
fn a_founder_that_starts_late_is_waited_for_and_a_wiped_one_is_told_how_to_be_replaced() {
    let place = Place::new();
    let mut zero = serve(&place, "n0");
    zero.expect("waiting for n1, n2 to start for the first time");
    let mut one = serve(&place, "n1");
    one.expect("waiting for n2 to start for the first time");
    // Long enough for an offer to lapse that is not repeated.
    thread::sleep(Duration::from_millis(3500));
    let mut two = serve(&place, "n2");
    for serving in [&mut zero, &mut one, &mut two] {
        serving.expect("the cluster is formed");
        serving.expect("serving");
    }

    drop(one);
    let data = place.dir.path().join("quorate-data/n1");
    std::fs::remove_dir_all(&data).expect("wiped");
    let Output { status, stderr, .. } = command(&place, "n1").output().expect("runs");
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
    let mut command = command(&place, "n1");
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
