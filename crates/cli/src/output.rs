//! Standard output, for what a command was asked to say.

use std::io::{self, Write};

/// Writes a text, and ends the line if the text does not.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
