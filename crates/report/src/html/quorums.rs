//! The page of quorum systems: each drawn, with two quorums that share as few as any do.

use super::page::{self, Text};
use crate::quorums::{QUORUM_COLUMNS, QuorumComparison, QuorumDrawing, QuorumReplica};
use std::io::{self, Write};

/// The room of a replica in a drawing.
const WIDTH: usize = 74;
const HEIGHT: usize = 62;

/// The room of the labels of rows.
const LEFT: usize = 84;

pub(super) fn write(comparison: &QuorumComparison, w: &mut impl Write) -> io::Result<()> {
    page::open(w, &comparison.title)?;
    let (class, word) = match comparison.holds {
        true => ("good", "HOLDS"),
        false => ("bad", "DOES NOT HOLD"),
    };
    page::head(w, class, word, &comparison.title, &comparison.sentence)?;
    if let Some(command) = &comparison.command {
        page::command(w, "Again", command)?;
    }
    page::totals(w, &comparison.totals)?;
    w.write_all(b"</header>\n<main>\n")?;
    for system in &comparison.systems {
        section(system, w)?;
    }
    if comparison.systems.len() > 1 {
        compare(&comparison.systems, w)?;
    }
    for note in &comparison.notes {
        writeln!(w, "<p class=\"note\">{}</p>", Text(note))?;
    }
    w.write_all(b"</main>\n")?;
    // Everything is drawn: no script needs the data.
    page::close(w, &(), &[])
}

fn section(system: &QuorumDrawing, w: &mut impl Write) -> io::Result<()> {
    writeln!(
        w,
        "<section>\n<h2>{}</h2>\n<p>{}. {}.</p>",
        Text(&system.name),
        Text(&system.source),
        Text(&system.marked)
    )?;
    for why in &system.refuted {
        writeln!(
            w,
            "<p class=\"cut\" role=\"note\"><strong>Does not hold:</strong> {}</p>",
            Text(why)
        )?;
    }
    if let Some(remedy) = &system.remedy {
        writeln!(w, "<p>→ {}</p>", Text(remedy))?;
    }
    draw(system, w)?;
    page::totals(w, &system.figures)?;
    w.write_all(b"</section>\n")
}

fn draw(system: &QuorumDrawing, w: &mut impl Write) -> io::Result<()> {
    let most = system.rows.iter().map(|row| row.replicas.len()).max();
    let (width, height) = (
        LEFT + most.unwrap_or(0) * WIDTH,
        system.rows.len() * HEIGHT + 8,
    );
    writeln!(
        w,
        "<svg viewBox=\"0 0 {width} {height}\" style=\"width:{width}px;max-width:100%\" role=\"img\" \
         aria-label=\"{}\" font-size=\"12\" fill=\"currentColor\">",
        Text(&system.marked)
    )?;
    for (y, row) in system.rows.iter().enumerate() {
        let middle = y * HEIGHT + 26;
        writeln!(
            w,
            "<text x=\"0\" y=\"{}\">{}</text>",
            middle + 4,
            Text(&row.label)
        )?;
        for (x, it) in row.replicas.iter().enumerate() {
            circle(it, LEFT + x * WIDTH + WIDTH / 2, middle, w)?;
        }
    }
    w.write_all(b"</svg>\n")
}

/// The first quorum fills the left half, the second the right; a number says the same without colour.
fn circle(it: &QuorumReplica, x: usize, y: usize, w: &mut impl Write) -> io::Result<()> {
    let radius = 22;
    let half = |on: bool, sweep: u8, colour: &str| match on {
        true => format!(
            "<path d=\"M{x} {} A{radius} {radius} 0 0 {sweep} {x} {} Z\" \
             style=\"fill:var(--{colour})\" fill-opacity=\"0.35\"/>",
            y - radius,
            y + radius
        ),
        false => String::new(),
    };
    let marks = match (it.first, it.second) {
        (true, true) => "1 2",
        (true, false) => "1",
        (false, true) => "2",
        (false, false) => "",
    };
    writeln!(
        w,
        "{}{}<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"none\" stroke=\"currentColor\" \
         stroke-width=\"{}\"><title>{} {}</title></circle><text x=\"{x}\" y=\"{}\" \
         text-anchor=\"middle\">{}</text><text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" \
         font-size=\"10\">{marks}</text>{}",
        half(it.first, 0, "line0"),
        half(it.second, 1, "line1"),
        if it.first && it.second { 3 } else { 1 },
        Text(&it.name),
        Text(&it.role),
        y + 1,
        Text(&it.name),
        y + 14,
        match it.role.is_empty() {
            true => String::new(),
            false => format!(
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" font-size=\"10\">{}</text>",
                y + radius + 11,
                Text(&it.role)
            ),
        }
    )
}

fn compare(systems: &[QuorumDrawing], w: &mut impl Write) -> io::Result<()> {
    w.write_all(
        b"<section>\n<h2>The same replicas, other quorums</h2>\n<div class=\"wide\">\n\
          <table class=\"figures\"><thead><tr><th>system</th>",
    )?;
    for (name, meaning) in QUORUM_COLUMNS {
        write!(w, "<th title=\"{}\">{name}</th>", Text(meaning))?;
    }
    w.write_all(b"</tr></thead><tbody>\n")?;
    for system in systems {
        write!(w, "<tr><th scope=\"row\">{}</th>", Text(&system.name))?;
        for cell in &system.cells {
            write!(w, "<td>{}</td>", Text(cell))?;
        }
        w.write_all(b"</tr>\n")?;
    }
    w.write_all(b"</tbody></table></div>\n</section>\n")
}
