//! Writes sample reports into a directory: `cargo run -p quorate-report --example samples -- DIR`.
//! `tests/browser.sh` opens them.

use quorate_report::html;
use std::error::Error;
use std::fs::{self, File};
use std::path::PathBuf;

#[path = "../tests/samples/mod.rs"]
mod samples;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args_os().nth(1).ok_or("name a directory")?;
    let dir = PathBuf::from(dir);
    fs::create_dir_all(&dir)?;
    for (name, nodes, events) in [
        ("small", 5, 10),
        ("middle", 5, 5_000),
        ("large", 100, 100_000),
    ] {
        let file = File::create(dir.join(name).with_extension("html"))?;
        html::run(&samples::run(nodes, events), file)?;
    }
    // One that uses itself, and one with hostile labels.
    let mut page = Vec::new();
    html::run(&samples::run(5, 200), &mut page)?;
    let mut page = String::from_utf8(page)?;
    page += &format!("<script>{}</script>\n", include_str!("../tests/drive.js"));
    fs::write(dir.join("driven.html"), page)?;
    let mut hostile = samples::run(5, 50);
    hostile.events[3].label =
        "</script><script>throw 1</script><img src=x onerror=throw(1)>".to_owned();
    hostile.nodes[0].name = "<script>throw 1</script>".to_owned();
    hostile.bands[0].label = "\u{202e}reversed".to_owned();
    html::run(&hostile, File::create(dir.join("hostile.html"))?)?;
    html::matrix(&samples::matrix(), File::create(dir.join("matrix.html"))?)?;
    let file = File::create(dir.join("detectors.html"))?;
    html::detectors(&samples::detectors(), file)?;
    let file = File::create(dir.join("quorums.html"))?;
    html::quorums(&samples::quorums(), file)?;
    Ok(())
}
