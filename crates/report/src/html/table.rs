//! The page of a campaign: the table, the costs and the detectors.

use super::charts::{self, Chart, Line, Point};
use super::detectors;
use super::page::{self, Text};
use crate::matrix::{CellResult, CellVerdict, CostRow, Matrix};
use std::io::{self, Write};

const SCRIPTS: [&str; 1] = [include_str!("../../assets/matrix.js")];

pub(super) fn write(matrix: &Matrix, w: &mut impl Write) -> io::Result<()> {
    let disagreements = matrix.disagreements();
    let (class, word) = match disagreements {
        0 => ("good", "AS CLAIMED".to_owned()),
        1 => ("bad", "1 CELL DISAGREES".to_owned()),
        n => ("bad", format!("{n} CELLS DISAGREE")),
    };
    page::open(w, &format!("{word}: {}", matrix.title))?;
    page::head(w, class, &word, &matrix.title, &matrix.sentence)?;
    if let Some(command) = &matrix.command {
        page::command(w, "Again", command)?;
    }
    page::cuts(w, &matrix.cuts)?;
    page::totals(w, &matrix.totals)?;
    w.write_all(b"</header>\n<main>\n")?;
    write_table(matrix, w)?;
    write_costs(matrix, w)?;
    write_detectors(matrix, w)?;
    w.write_all(b"</main>\n")?;
    page::close(w, &matrix.cells, &SCRIPTS)
}

fn write_table(matrix: &Matrix, w: &mut impl Write) -> io::Result<()> {
    w.write_all(b"<section aria-label=\"verdicts\">\n<p class=\"legend\">")?;
    for verdict in CellVerdict::ALL {
        let (sign, name) = (verdict.sign(), verdict.name());
        let class = class(verdict);
        write!(w, "<span class=\"cell {class}\">{sign} {name}</span> ")?;
    }
    w.write_all(
        b"<span class=\"cell beyond\">dashed: beyond the protocol's contract</span> \
          <span class=\"cell disagrees\">double: worse than claimed</span> \
          <span>\xc2\xb7 not run</span></p>\n\
          <div class=\"wide\"><table class=\"matrix\">\n<thead><tr><th rowspan=\"2\">protocol</th>",
    )?;
    let columns = matrix.failures.len();
    for timing in &matrix.timings {
        write!(
            w,
            "<th colspan=\"{columns}\" scope=\"colgroup\">{}</th>",
            Text(timing)
        )?;
    }
    w.write_all(b"<th rowspan=\"2\">when the model<br>is violated</th></tr>\n<tr>")?;
    for _ in &matrix.timings {
        for failure in &matrix.failures {
            write!(w, "<th scope=\"col\"><span>{}</span></th>", Text(failure))?;
        }
    }
    w.write_all(b"</tr></thead>\n<tbody>\n")?;
    for (row, protocol) in (0..).zip(&matrix.protocols) {
        write!(w, "<tr><th scope=\"row\">{}</th>", Text(protocol))?;
        for timing in 0..matrix.timings.len() as u32 {
            for failure in 0..columns as u32 {
                let cells = matrix.cells.iter().enumerate();
                let mut here = cells.filter(|(_, cell)| {
                    (cell.protocol, cell.failure, cell.timing) == (row, failure, timing)
                });
                match here.next() {
                    Some((index, cell)) => write_cell(index, cell, w)?,
                    None => w.write_all("<td class=\"none\">·</td>".as_bytes())?,
                }
            }
        }
        let beyond = match matrix.beyond(row) {
            Some(CellVerdict::Unsafe) => "goes wrong",
            Some(_) => "fails safe",
            None => "not tried",
        };
        writeln!(w, "<td class=\"words\">{beyond}</td></tr>")?;
    }
    w.write_all(
        b"</tbody></table></div>\n<div id=\"panel\" class=\"panel\" aria-live=\"polite\">\
          <p class=\"hint\">Choose a cell for its runs, its claim and its replay command.</p></div>\n</section>\n",
    )
}

fn write_cell(index: usize, cell: &CellResult, w: &mut impl Write) -> io::Result<()> {
    let mut classes = class(cell.verdict).to_owned();
    if !cell.within {
        classes += " beyond";
    }
    if cell.disagrees() {
        classes += " disagrees";
    }
    let (sign, name) = (cell.verdict.sign(), cell.verdict.name());
    let place = if cell.within { "within" } else { "beyond" };
    write!(
        w,
        "<td><button type=\"button\" class=\"cell {classes}\" data-cell=\"{index}\" \
         title=\"{name}, {place} the contract\" aria-label=\"{name}, {place} the contract\">{sign}</button></td>"
    )
}

fn class(verdict: CellVerdict) -> &'static str {
    match verdict {
        CellVerdict::SafeAndLive => "live",
        CellVerdict::SafeStalls => "stall",
        CellVerdict::Unsafe => "unsafe",
    }
}

fn write_costs(matrix: &Matrix, w: &mut impl Write) -> io::Result<()> {
    if matrix.costs.is_empty() {
        return Ok(());
    }
    let heading = "Cost of one decision, as the number of nodes grows";
    write!(w, "<section>\n<h2>{heading}</h2>\n<div class=\"charts\">\n")?;
    for (name, figure) in CostRow::FIGURES {
        let lines = (0..).zip(&matrix.protocols).map(|(row, protocol)| {
            let costs = matrix.costs.iter().filter(|cost| cost.protocol == row);
            let point = |(number, cost): (usize, &CostRow)| Point {
                x: f64::from(cost.n),
                y: figure(cost),
                label: "",
                number,
            };
            let mut points: Vec<_> = costs.enumerate().map(point).collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            Line {
                name: protocol,
                points,
            }
        });
        let chart = Chart {
            title: &format!("{name} per decision"),
            x: "nodes n",
            y: name,
            size: charts::SMALL,
            lines: lines.filter(|line| !line.points.is_empty()).collect(),
        };
        charts::write(&chart, w)?;
    }
    w.write_all(b"</div>\n<details><summary>The same as a table</summary><div class=\"wide\">\n")?;
    w.write_all(b"<table class=\"figures\"><thead><tr><th>protocol</th><th>n</th><th>f</th>")?;
    for (name, _) in CostRow::FIGURES {
        write!(w, "<th>{name}</th>")?;
    }
    w.write_all(b"</tr></thead><tbody>\n")?;
    for (row, protocol) in (0..).zip(&matrix.protocols) {
        for cost in matrix.costs.iter().filter(|cost| cost.protocol == row) {
            write!(
                w,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td>",
                Text(protocol),
                cost.n,
                cost.f
            )?;
            for (_, figure) in CostRow::FIGURES {
                write!(w, "<td>{}</td>", crate::terminal::figure(figure(cost)))?;
            }
            w.write_all(b"</tr>\n")?;
        }
    }
    w.write_all(b"</tbody></table></div></details>\n</section>\n")
}

fn write_detectors(matrix: &Matrix, w: &mut impl Write) -> io::Result<()> {
    if matrix.detectors.is_empty() {
        return Ok(());
    }
    detectors::section(&matrix.detectors, charts::SMALL, w)
}
