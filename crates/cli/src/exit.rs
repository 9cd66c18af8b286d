//! How a command ends.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// What can't be run as asked: a bad contract, a directory of somebody else, a port in use. The
/// remedy is in the command line or a file, and running it again as it is won't help.
#[derive(Debug)]
pub(crate) struct CannotRun(pub(crate) String);

impl fmt::Display for CannotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CannotRun {}

/// Makes an error of what can't be run as asked.
pub(crate) fn refused(why: impl fmt::Display) -> anyhow::Error {
    anyhow::Error::new(CannotRun(why.to_string()))
}

/// 0 for done, 1 for a failure, 2 for what can't be run as asked. Says on standard error why.
pub(crate) fn code(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    if is_broken_pipe(&error) {
        // The reader of our output closed it, as `head` does.
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(io::stderr(), "quorate: {error:#}");
    if error.is::<CannotRun>() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
