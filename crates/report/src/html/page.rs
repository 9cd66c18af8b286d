//! What all pages share: the frame, escaping, and the parts above the fold.

use crate::run::{Cut, Total};
use serde::Serialize;
use std::fmt;
use std::io::{self, Write};

const STYLE: &str = include_str!("../../assets/style.css");
const COMMON: &str = include_str!("../../assets/common.js");

/// Text in HTML: never markup, whatever is in it. Characters that steer a terminal or reverse the
/// direction of what follows are shown as such.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if crate::terminal::steers(c) => write!(f, "{}", c.escape_unicode())?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// Writes everything up to the body's content.
pub(super) fn open(w: &mut impl Write, title: &str) -> io::Result<()> {
    // No source but the page itself: a report stays what it was, wherever it is opened.
    write!(
        w,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        Text(title)
    )
}

/// Writes the verdict: the first thing seen.
pub(super) fn head(
    w: &mut impl Write,
    class: &str,
    word: &str,
    title: &str,
    sentence: &str,
) -> io::Result<()> {
    write!(
        w,
        "<header class=\"{class}\">\n<p class=\"title\">{} <button id=\"theme\" type=\"button\">light / dark</button></p>\n\
         <h1><span class=\"word\">{}</span> {}</h1>\n",
        Text(title),
        Text(word),
        Text(sentence)
    )
}

/// Writes a command to be copied.
pub(super) fn command(w: &mut impl Write, label: &str, command: &str) -> io::Result<()> {
    writeln!(
        w,
        "<p class=\"command\"><span>{label}</span> <code>{}</code> \
         <button type=\"button\" class=\"copy\">copy</button></p>",
        Text(command)
    )
}

/// Writes what was left out, at the top of the page.
pub(super) fn cuts(w: &mut impl Write, cuts: &[Cut]) -> io::Result<()> {
    for cut in cuts {
        let (n, what, why) = (cut.left_out, Text(&cut.what), Text(&cut.why));
        writeln!(
            w,
            "<p class=\"cut\" role=\"note\"><strong>Not the whole: {n} {what} left out.</strong> {why}</p>"
        )?;
    }
    Ok(())
}

/// Writes the totals.
pub(super) fn totals(w: &mut impl Write, totals: &[Total]) -> io::Result<()> {
    if totals.is_empty() {
        return Ok(());
    }
    w.write_all(b"<dl class=\"totals\">\n")?;
    for total in totals {
        writeln!(
            w,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            Text(&total.name),
            Text(&total.value)
        )?;
    }
    w.write_all(b"</dl>\n")
}

/// Writes the data and the scripts, and ends the page.
pub(super) fn close(w: &mut impl Write, data: &impl Serialize, scripts: &[&str]) -> io::Result<()> {
    w.write_all(b"<script type=\"application/json\" id=\"data\">")?;
    serde_json::to_writer(InScript(&mut *w), data)?;
    w.write_all(b"</script>\n<script>\n\"use strict\";\n(() => {\n")?;
    for script in [COMMON].iter().chain(scripts) {
        w.write_all(script.as_bytes())?;
    }
    w.write_all(b"})();\n</script>\n</body>\n</html>\n")?;
    w.flush()
}

/// JSON inside a script element: `<` occurs in JSON within strings only, and there has another
/// spelling that no HTML parser takes for the end of the script or the start of a comment.
struct InScript<W>(W);

impl<W: Write> Write for InScript<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
            self.0.write_all(&rest[..at])?;
            self.0.write_all(b"\\u003c")?;
            rest = &rest[at + 1..];
        }
        self.0.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
