//! Line charts with two logarithmic axes, as SVG.

use super::page::Text;
use std::io::{self, Write};

/// Width and height of a chart beside others.
pub(super) const SMALL: (f64, f64) = (460.0, 300.0);
/// Of one that stands alone.
pub(super) const LARGE: (f64, f64) = (900.0, 560.0);
const LEFT: f64 = 62.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 44.0;
/// Dash patterns and markers: lines are told apart without colour.
const DASHES: [&str; 5] = ["", "7 3", "2 3", "9 3 2 3", "4 2"];
const MARKS: [char; 6] = ['●', '■', '▲', '◆', '○', '□'];
/// Colours in the style sheet, `--line0` and on.
const COLOURS: usize = 7;

pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    pub(super) size: (f64, f64),
    pub(super) lines: Vec<Line<'a>>,
}

pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// In the order in which they are joined.
    pub(super) points: Vec<Point<'a>>,
}

pub(super) struct Point<'a> {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Which one this is, if its `x` does not say so.
    pub(super) label: &'a str,
    /// Its number among the line's data, not all of which need be drawn.
    pub(super) number: usize,
}

/// An axis from one power of ten to another. A logarithm has no zero: zeros stand on a line of their
/// own below the lowest decade, and the axis says so.
struct Axis {
    low: i32,
    high: i32,
    zero: bool,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64> + Clone) -> Self {
        let positive = values.clone().filter(|value| *value > 0.0);
        let least = positive.clone().fold(f64::INFINITY, f64::min);
        let most = positive.fold(0.0, f64::max);
        let (low, high) = if most > 0.0 {
            (least.log10().floor() as i32, most.log10().ceil() as i32)
        } else {
            (0, 1)
        };
        Self {
            low,
            high: high.max(low + 1),
            zero: values.into_iter().any(|value| value <= 0.0),
        }
    }

    fn bottom(&self) -> f64 {
        f64::from(self.low) - if self.zero { 0.6 } else { 0.0 }
    }

    /// Between 0 and 1.
    fn place(&self, value: f64) -> f64 {
        let bottom = self.bottom();
        let at = if value > 0.0 { value.log10() } else { bottom };
        (at - bottom) / (f64::from(self.high) - bottom)
    }

    /// Where lines are drawn, and what stands there.
    fn ticks(&self) -> Vec<(f64, String)> {
        let step = usize::try_from((self.high - self.low) / 6 + 1).unwrap_or(1);
        let decades = (self.low..=self.high).step_by(step);
        let mut ticks: Vec<_> = decades
            .map(|power| (10f64.powi(power), decade(power)))
            .collect();
        if self.zero {
            ticks.push((0.0, "0".to_owned()));
        }
        ticks
    }
}

fn decade(power: i32) -> String {
    match power {
        -3..=0 => format!("{:.*}", power.unsigned_abs() as usize, 10f64.powi(power)),
        1..=3 => format!("{:.0}", 10f64.powi(power)),
        _ => format!("1e{power}"),
    }
}

pub(super) fn write(chart: &Chart<'_>, w: &mut impl Write) -> io::Result<()> {
    let points = chart.lines.iter().flat_map(|line| line.points.iter());
    let across = Axis::over(points.clone().map(|point| point.x));
    let up = Axis::over(points.map(|point| point.y));
    let (width, height) = chart.size;
    let x = |value: f64| LEFT + across.place(value) * (width - LEFT - RIGHT);
    let y = |value: f64| height - BOTTOM - up.place(value) * (height - TOP - BOTTOM);
    let (right, bottom) = (width - RIGHT, height - BOTTOM);
    write!(
        w,
        "<figure style=\"width:{width}px\">\n<figcaption>{title}</figcaption>\n\
         <svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">\n",
        title = Text(chart.title)
    )?;
    for (value, label) in across.ticks() {
        let (at, below) = (x(value), bottom + 15.0);
        writeln!(
            w,
            "<line class=\"grid\" x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\"/>\
             <text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{label}</text>"
        )?;
    }
    for (value, label) in up.ticks() {
        let (at, left) = (y(value), LEFT - 6.0);
        writeln!(
            w,
            "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>\
             <text x=\"{left}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            at + 4.0
        )?;
    }
    write!(
        w,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
         <text x=\"14\" y=\"{middle:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {middle:.1})\">{}</text>\n",
        (LEFT + right) / 2.0,
        height - 8.0,
        Text(chart.x),
        Text(chart.y),
        middle = (TOP + bottom) / 2.0,
    )?;
    for (i, line) in chart.lines.iter().enumerate() {
        write_line(i, line, &x, &y, w)?;
    }
    w.write_all(b"</svg>\n<ul class=\"keys\">\n")?;
    for (i, line) in chart.lines.iter().enumerate() {
        writeln!(
            w,
            "<li data-line=\"{i}\"><svg viewBox=\"0 0 40 12\" class=\"key\" style=\"color:var(--line{})\">\
             <line class=\"curve\" x1=\"1\" y1=\"6\" x2=\"39\" y2=\"6\" stroke-dasharray=\"{}\"/>\
             <text class=\"mark\" x=\"20\" y=\"10\" text-anchor=\"middle\">{}</text></svg> {}</li>",
            i % COLOURS,
            DASHES[i % DASHES.len()],
            MARKS[i % MARKS.len()],
            Text(line.name)
        )?;
    }
    w.write_all(b"</ul>\n</figure>\n")
}

fn write_line(
    i: usize,
    line: &Line<'_>,
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
    w: &mut impl Write,
) -> io::Result<()> {
    let (colour, dash, mark) = (
        i % COLOURS,
        DASHES[i % DASHES.len()],
        MARKS[i % MARKS.len()],
    );
    write!(
        w,
        "<g data-line=\"{i}\" style=\"color:var(--line{colour})\"><polyline class=\"curve\" stroke-dasharray=\"{dash}\" points=\""
    )?;
    for point in &line.points {
        write!(w, "{:.1},{:.1} ", x(point.x), y(point.y))?;
    }
    w.write_all(b"\"/>\n")?;
    for point in &line.points {
        let (left, low, number) = (x(point.x), y(point.y) + 4.0, point.number);
        write!(
            w,
            "<text class=\"mark\" x=\"{left:.1}\" y=\"{low:.1}\" text-anchor=\"middle\" \
             data-point=\"{number}\">{mark}<title>{}",
            Text(line.name)
        )?;
        if !point.label.is_empty() {
            write!(w, ", {}", Text(point.label))?;
        }
        let (value, at) = (
            crate::terminal::figure(point.y),
            crate::terminal::figure(point.x),
        );
        writeln!(w, ": {value} at {at}</title></text>")?;
    }
    w.write_all(b"</g>\n")
}
