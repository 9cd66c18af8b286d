//! What a process says of itself while it runs: on standard error, one line an event.

use std::io::{self, IsTerminal};
use tracing::level_filters::LevelFilter;

/// Starts the log of this process.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .with_max_level(level);
    // It fails only if there is one already, and then that one serves.
    let _ = log.try_init();
}
