//! The whole table, or a part of it: a campaign whose units are cells.

use super::speed::{self, Speed};
use super::{Args, places};
use crate::campaign::{self, Campaign, Done};
use crate::exit::refused;
use crate::output::say;
use anyhow::{Context, bail};
use quorate_crypto::Scheme;
use quorate_lab::ProtocolOptions;
use quorate_lab::matrix::{Cell, CellTally, LAB_VERSION, SIZES, Token, cell, cost, sample, table};
use quorate_report::{CellVerdict, CostRow, Cut, Matrix, Total, html, terminal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What is run, as it stands in a file of results.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    lab: u32,
    seeds: u64,
    protocols: Vec<String>,
    failures: Vec<String>,
    timings: Vec<String>,
}

/// Some cells, with so many runs each; a unit is a cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Settings", into = "Settings")]
struct CellCampaign {
    settings: Settings,
    places: Vec<Cell>,
}

impl TryFrom<Settings> for CellCampaign {
    type Error = anyhow::Error;

    fn try_from(settings: Settings) -> anyhow::Result<Self> {
        if settings.lab != LAB_VERSION {
            return Err(refused(format_args!(
                "these are results of version {} of the lab, and this is version {LAB_VERSION}",
                settings.lab
            )));
        }
        if settings.seeds == 0 {
            return Err(refused(
                "a cell without runs says nothing: --seeds 1 at the least",
            ));
        }
        let Settings {
            protocols,
            failures,
            timings,
            ..
        } = &settings;
        let places = places(protocols, failures, timings)?;
        Ok(Self { settings, places })
    }
}

impl From<CellCampaign> for Settings {
    fn from(cells: CellCampaign) -> Self {
        cells.settings
    }
}

impl CellCampaign {
    fn new(args: &Args) -> anyhow::Result<Self> {
        Self::try_from(Settings {
            lab: LAB_VERSION,
            seeds: args.seeds,
            protocols: args.protocols.clone(),
            failures: args.failures.clone(),
            timings: args.timings.clone(),
        })
    }
}

/// What all cells come to.
#[derive(Debug, Default)]
struct MatrixReport {
    cells: Vec<(Cell, CellTally)>,
}

impl Campaign for CellCampaign {
    const NAME: &'static str = "matrix";
    const INCIDENTAL: &'static [&'static str] = &[];
    type Unit = CellTally;
    type Report = MatrixReport;

    fn units(&self) -> u64 {
        self.places.len() as u64
    }

    fn run(&self, unit: u64) -> CellTally {
        let place = self.places[unit as usize];
        let mut tally = CellTally::default();
        for seed in 0..self.settings.seeds {
            let (sample, ..) = sample(Token { cell: place, seed }, &ProtocolOptions::default());
            tally.add(sample);
        }
        tally
    }

    fn check(&self, result: &CellTally) -> Result<(), String> {
        result.check(self.settings.seeds)
    }

    fn ends(&self, _: &CellTally) -> bool {
        false
    }

    fn fold(&self, report: &mut MatrixReport, unit: u64, result: CellTally) {
        report.cells.push((self.places[unit as usize], result));
    }

    fn name(&self, unit: u64) -> String {
        format!("cell {}", self.places[unit as usize])
    }

    fn command(&self) -> String {
        let mut command = format!("quorate matrix --seeds {}", self.settings.seeds);
        for (option, names) in [
            ("protocols", &self.settings.protocols),
            ("failures", &self.settings.failures),
            ("timings", &self.settings.timings),
        ] {
            if !names.is_empty() {
                command += &format!(" --{option} {}", names.join(","));
            }
        }
        command
    }
}

/// Runs all cells, or a shard of them, and reports.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.unwrap_or(cores).max(1);
    let cells = CellCampaign::new(args)?;
    // Opened before the work: a path that can't be written is found at once.
    let page = super::page::open(args.html.as_deref())?;
    let mut last = Instant::now();
    let live = !args.json && std::io::stderr().is_terminal();
    let done = campaign::run(&cells, &args.part, threads, |report, progress| {
        if live && last.elapsed() >= Duration::from_millis(200) {
            last = Instant::now();
            let at = report
                .cells
                .last()
                .map_or(String::new(), |(place, _)| place.to_string());
            let (done, of) = (progress.done, progress.of);
            let _ = write!(std::io::stderr(), "\r{done} of {of} cells, {at}\x1b[K");
        }
    });
    if live {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let done = done?;
    let mut matrix = matrix(&cells, &done);
    let mut speeds = vec![];
    if args.costs {
        costs(&mut matrix);
        let runs = |name: &str| cells.places.iter().any(|place| place.protocol == name);
        speeds = speed::measure(runs);
    }
    if let Some((path, file)) = page {
        html::matrix(&matrix, file).with_context(|| format!("can't write {}", path.display()))?;
    }
    report(&cells, &done, &matrix, &speeds, args.json)
}

/// Joins the shards of a campaign, and reports as if it had run here.
pub(crate) fn merge(files: &[PathBuf], as_json: bool) -> anyhow::Result<()> {
    let (cells, done) = campaign::merge::<CellCampaign>(files)?;
    report(&cells, &done, &matrix(&cells, &done), &[], as_json)
}

/// What one decision costs, by protocol and size, counted on running code.
fn costs(matrix: &mut Matrix) {
    for (row, name) in (0..).zip(&matrix.protocols) {
        for n in SIZES {
            let Some(spent) = cost(name, n, Scheme::Ideal) else {
                matrix.cuts.push(Cut {
                    what: format!("cost of {name} among {n}"),
                    left_out: 1,
                    why: "it does not run among so many".to_owned(),
                });
                continue;
            };
            matrix.costs.push(CostRow {
                protocol: row,
                n: n.into(),
                f: spent.f.into(),
                messages: spent.messages,
                bytes: spent.bytes,
                rounds: spent.rounds,
                syncs: spent.syncs,
                signatures: spent.signatures,
            });
        }
    }
}

fn matrix(cells: &CellCampaign, done: &Done<MatrixReport>) -> Matrix {
    let measured = done.report.cells.iter();
    let measured = measured
        .filter_map(|(place, tally)| cell(place, tally))
        .collect();
    let mut matrix = table(measured, cells.settings.seeds);
    matrix.command = Some(cells.command());
    let hash = done.report.cells.iter().fold(0, |hash: u64, (_, tally)| {
        hash.rotate_left(7).wrapping_add(tally.hash)
    });
    let events: u64 = done
        .report
        .cells
        .iter()
        .map(|(_, tally)| tally.events)
        .sum();
    for (name, value) in [
        ("events", events.to_string()),
        ("hash", format!("{hash:016x}")),
    ] {
        matrix.totals.push(Total {
            name: name.to_owned(),
            value,
        });
    }
    matrix
}

/// Events by protocol: what was simulated.
fn throughput(done: &Done<MatrixReport>) -> BTreeMap<&'static str, u64> {
    let mut events = BTreeMap::new();
    for (place, tally) in &done.report.cells {
        *events.entry(place.protocol).or_insert(0) += tally.events;
    }
    events
}

fn report(
    cells: &CellCampaign,
    done: &Done<MatrixReport>,
    matrix: &Matrix,
    speeds: &[Speed],
    as_json: bool,
) -> anyhow::Result<()> {
    let events: u64 = throughput(done).values().sum();
    let rate = events as f64 / done.time.thread_seconds();
    if as_json {
        let mut value = serde_json::to_value(matrix)?;
        value["seconds"] = done.time.seconds().into();
        value["events_per_second_and_thread"] = rate.into();
        if !speeds.is_empty() {
            value["speed"] = serde_json::to_value(speeds)?;
        }
        say(&serde_json::to_string_pretty(&value)?)?;
    } else {
        let mut text = terminal::matrix(matrix);
        if !matrix.costs.is_empty() {
            text += &format!("\n{}\n", terminal::costs(matrix));
        }
        if !speeds.is_empty() {
            text += &format!("{}\n", speed::in_words(speeds));
        }
        for total in &matrix.totals {
            text += &format!("{}: {}\n", total.name, total.value);
        }
        text += &format!(
            "in {:.1} s; {:.2} M events/s a thread\n",
            done.time.seconds(),
            rate / 1e6
        );
        say(&text)?;
    }
    let breaches = done
        .report
        .cells
        .iter()
        .filter(|(_, tally)| tally.breach.is_some());
    if let Some((place, _)) = breaches.clone().next() {
        bail!(
            "{} cells left their contract, {place} first: a defect of the lab",
            breaches.count()
        );
    }
    match matrix.disagreements() {
        0 => Ok(()),
        worse => {
            let of = matrix.cells.iter().filter(|cell| cell.within).count();
            bail!(
                "{worse} of {of} cells inside a contract are worse than claimed; `{}` shows the \
                 first",
                first(matrix).unwrap_or_else(|| cells.command())
            )
        }
    }
}

fn first(matrix: &Matrix) -> Option<String> {
    let worse = matrix.cells.iter().find(|cell| cell.disagrees())?;
    debug_assert!(worse.verdict > CellVerdict::SafeAndLive);
    worse.replay.clone()
}
