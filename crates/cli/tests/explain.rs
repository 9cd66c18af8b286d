//! `quorate explain` as a process: output, errors, exit codes.

use std::path::Path;
use std::process::{Command, Output};

fn explain(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts"));
    command
        .arg("explain")
        .args(args)
        .output()
        .expect("quorate runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn the_default_contract_is_explained() {
    let (default, file) = (explain(&[]), explain(&["default.toml"]));
    assert_eq!(default.status.code(), Some(0));
    assert_eq!(
        default.stdout, file.stdout,
        "the file says what the default is"
    );
    assert!(text(&default.stdout).contains("quorum"));
}

#[test]
fn as_json_it_is_one_object() {
    let output = explain(&["five.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["standing"]["is"], "runnable");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_contract_that_contradicts_itself_is_explained_and_refused() {
    let output = explain(&["byzantine-three.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("Possible with any one of"));
    assert!(!text(&output.stdout).contains("What follows"));
    // Said once: what was explained is not said again.
    assert_eq!(
        text(&output.stderr),
        "quorate: the contract contradicts itself: byzantine-third\n"
    );
    let full = explain(&["byzantine-three.toml", "--full"]);
    assert_eq!(full.status.code(), Some(2));
    assert!(text(&full.stdout).contains("What follows"));
}

#[test]
fn a_file_that_is_no_contract_is_refused_with_its_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bad.toml");
    let good = include_str!("../../../contracts/default.toml");
    std::fs::write(&path, good.replace("tolerate =", "tolerat =")).expect("write");
    let output = explain(&[path.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(
        error.contains("bad.toml:8:1: `failures.tolerat`") && error.contains("did you mean"),
        "{error}"
    );

    std::fs::write(&path, b"\xff\xfe").expect("write");
    let output = explain(&[path.to_str().expect("UTF-8")]);
    assert!(
        text(&output.stderr).contains("not UTF-8"),
        "{}",
        text(&output.stderr)
    );

    std::fs::write(&path, "#".repeat(2 << 20)).expect("write");
    let output = explain(&[path.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));

    let output = explain(&["no-such-file.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("can't read the contract no-such-file.toml"));
}

#[test]
fn quorums_are_drawn_compared_and_refused() {
    let output = explain(&["five.toml", "--quorums"]);
    assert!(output.status.success());
    let drawn = text(&output.stdout);
    assert!(drawn.contains("[n0 1·]  [n1 1·]  [n2 12]"), "{drawn}");
    assert!(
        drawn.contains("flexible: 4 of 5 to read, 2 to write"),
        "{drawn}"
    );
    let dir = tempfile::tempdir().expect("a directory");
    let page = dir.path().join("quorums.html");
    let page_path = page.to_str().expect("UTF-8");
    let apart = "corpus/quorum-flexible-two-two.toml";
    let output = explain(&[apart, "--quorums", "--html", page_path]);
    assert_eq!(output.status.code(), Some(2));
    let drawn = text(&output.stdout);
    assert!(
        drawn.contains("{n0, n1} and the write quorum {n2, n3} share no replica"),
        "{drawn}"
    );
    let page = std::fs::read_to_string(page).expect("the page");
    assert!(page.contains("DOES NOT HOLD"));
    let output = explain(&["corpus/quorum-grid-three.toml", "--quorums", "--json"]);
    assert!(output.status.success());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["systems"][0]["figures"]["survives"], 2);
    let output = explain(&["--quorums", "--up", "1.5"]);
    assert_eq!(output.status.code(), Some(2));
}
