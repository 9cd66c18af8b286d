//! The page of a run.

use super::{columns, page};
use crate::run::{Run, VerdictKind};
use page::Text;
use std::io::{self, Write};

const SCRIPTS: [&str; 6] = [
    include_str!("../../assets/model.js"),
    include_str!("../../assets/view.js"),
    include_str!("../../assets/lanes.js"),
    include_str!("../../assets/strips.js"),
    include_str!("../../assets/panel.js"),
    include_str!("../../assets/input.js"),
];
const DIAGRAM: &str = include_str!("../../assets/diagram.html");

pub(super) fn write(run: &Run, w: &mut impl Write) -> io::Result<()> {
    let (class, word) = word(run.verdict.kind);
    page::open(w, &format!("{word}: {}", run.title))?;
    page::head(w, class, word, &run.title, &run.verdict.sentence)?;
    if let Some(clause) = &run.clause {
        let clause = Text(clause);
        writeln!(w, "<p class=\"clause\"><span>At stake</span> {clause}</p>")?;
    }
    if let Some(command) = &run.replay {
        page::command(w, "Replay", command)?;
    }
    page::cuts(w, &run.cuts)?;
    page::totals(w, &run.totals)?;
    w.write_all(b"</header>\n")?;
    w.write_all(DIAGRAM.as_bytes())?;
    page::close(w, &columns::of(run), &SCRIPTS)
}

fn word(kind: VerdictKind) -> (&'static str, &'static str) {
    match kind {
        VerdictKind::Holds => ("good", "HOLDS"),
        VerdictKind::Stalls => ("stalls", "STALLS"),
        VerdictKind::Violated => ("bad", "VIOLATED"),
        VerdictKind::Undecided => ("open", "UNDECIDED"),
    }
}
