//! The page of an experiment with failure detectors, and its part of a campaign's page.

use super::charts::{self, Chart, Line, Point};
use super::page::{self, Text};
use crate::detectors::{DetectorCurve, Detectors};
use crate::terminal;
use std::io::{self, Write};

const SCRIPTS: [&str; 1] = [include_str!("../../assets/detectors.js")];

pub(super) fn write(detectors: &Detectors, w: &mut impl Write) -> io::Result<()> {
    page::open(w, &detectors.title)?;
    let sentence = &detectors.sentence;
    page::head(w, "measured", "MEASURED", &detectors.title, sentence)?;
    if let Some(command) = &detectors.command {
        page::command(w, "Again", command)?;
    }
    page::cuts(w, &detectors.cuts)?;
    page::totals(w, &detectors.totals)?;
    w.write_all(b"</header>\n<main>\n")?;
    section(&detectors.curves, charts::LARGE, w)?;
    for note in &detectors.notes {
        writeln!(w, "<p class=\"note\">{}</p>", Text(note))?;
    }
    w.write_all(b"</main>\n")?;
    page::close(w, &detectors.curves, &SCRIPTS)
}

/// The chart, and the same as a table.
pub(super) fn section(
    curves: &[DetectorCurve],
    size: (f64, f64),
    w: &mut impl Write,
) -> io::Result<()> {
    w.write_all(
        b"<section>\n<h2>The synchrony knob: quick to see a crash, or seldom wrong</h2>\n<div class=\"charts\">\n",
    )?;
    let lines = curves.iter().map(|curve| Line {
        name: &curve.name,
        points: points(curve).collect(),
    });
    let chart = Chart {
        title: "false positives per hour against detection time",
        x: "T_D, seconds (the median)",
        y: "false positives per hour",
        size,
        lines: lines.collect(),
    };
    charts::write(&chart, w)?;
    w.write_all(
        b"<div id=\"point\" class=\"panel\" aria-live=\"polite\"></div></div>\n\
          <details><summary>The same as a table</summary><div class=\"wide\">\n\
          <table class=\"figures\"><thead><tr>",
    )?;
    for (name, meaning) in terminal::DETECTOR_COLUMNS {
        write!(w, "<th title=\"{}\">{name}</th>", Text(meaning))?;
    }
    w.write_all(b"</tr></thead><tbody>\n")?;
    for curve in curves {
        for point in &curve.points {
            write!(w, "<tr><th scope=\"row\">{}</th>", Text(&curve.name))?;
            for cell in terminal::detector_cells(point) {
                write!(w, "<td>{}</td>", Text(&cell))?;
            }
            w.write_all(b"</tr>\n")?;
        }
    }
    w.write_all(b"</tbody></table></div></details>\n</section>\n")
}

/// What can be drawn: a setting for which no crash was left to notice has no place.
fn points(curve: &DetectorCurve) -> impl Iterator<Item = Point<'_>> {
    let points = curve.points.iter().enumerate();
    points.filter_map(|(number, point)| {
        Some(Point {
            x: point.detection? as f64 / 1e9,
            y: point.false_per_hour,
            label: &point.setting,
            number,
        })
    })
}
