//! `quorate detectors`: the synchrony knob, measured.

mod configure;
mod network;
mod reading;

use crate::exit::refused;
use crate::output::say;
use anyhow::Context;
use network::{NetworkArgs, splitmix};
use quorate_detect::experiment::{PeerRun, Row};
use quorate_report::{DetectorCurve, DetectorPoint, Detectors, Total, html, terminal};
use serde_json::json;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Turn the knob of every failure detector over one simulated network: detection time against
/// mistakes
///
/// Each setting of each detector watches the same peer over the same network: the same questions,
/// answers, losses and pauses, and the same crashes. What it is worth is measured as Chen, Toueg and
/// Aguilera define it (2002): T_D, from a crash to the suspicion that stays; how often a live peer is
/// suspected (λ_M, and T_MR from one mistake to the next); T_M, how long a mistake lasts; P_A, how
/// likely it is that a live peer is trusted when one asks.
///
/// Deterministic: the same options and seed give the same figures on every machine.
#[derive(Debug, clap::Args)]
#[command(after_long_help = reading::PHI, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// Write them as a page with the plot, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    Configure(configure::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(Task::Configure(args)) = &args.task {
        return configure::run(args);
    }
    let experiment = args.network.experiment().map_err(refused)?;
    // Opened before the work: a path that can't be written is found at once.
    let page = args.html.as_deref().map(|path| {
        let file = File::create(path);
        file.map(|file| (path, file))
            .map_err(|error| refused(format_args!("can't write {}: {error}", path.display())))
    });
    let page = page.transpose()?;
    let mut state = args.network.seed;
    let life = PeerRun::draw(&experiment, &mut || splitmix(&mut state));
    let mut progress = Progress::new(experiment.settings.len());
    let mut rows = vec![];
    for setting in &experiment.settings {
        rows.push(life.measure(setting));
        progress.tell(rows.len());
    }
    progress.end();
    let report = report(args, &rows);
    if let Some((path, file)) = page {
        html::detectors(&report, file)
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    if !args.json {
        return say(&terminal::detectors(&report));
    }
    let best = reading::fastest(&rows, args.network.crashes, reading::BUDGET);
    say(&serde_json::to_string_pretty(&json!({
        "network": args.network,
        "rows": rows,
        "fastest_with_under_one_mistake_an_hour": best,
        "reading": report.sentence,
        "notes": report.notes,
    }))?)
}

fn report(args: &Args, rows: &[Row]) -> Detectors {
    let mut curves: Vec<DetectorCurve> = vec![];
    for row in rows {
        let point = point(row);
        match curves.iter_mut().find(|curve| curve.name == row.detector) {
            Some(curve) => curve.points.push(point),
            None => curves.push(DetectorCurve {
                name: row.detector.to_owned(),
                points: vec![point],
            }),
        }
    }
    Detectors {
        title: format!(
            "{} failure detectors, {} settings, one network: the synchrony knob",
            curves.len(),
            rows.len()
        ),
        sentence: reading::sentence(rows, &args.network),
        command: Some(args.network.command()),
        curves,
        notes: reading::notes(rows, &args.network),
        totals: args
            .network
            .in_words()
            .map(|(name, value)| Total {
                name: name.to_owned(),
                value,
            })
            .to_vec(),
        cuts: vec![],
    }
}

fn point(row: &Row) -> DetectorPoint {
    let nanos = |millis: f64| (millis * 1e6) as u64;
    let detection = row.detection.as_ref();
    DetectorPoint {
        setting: reading::setting(row),
        detection: detection.map(|time| nanos(time.median_ms)),
        detection_p99: detection.map(|time| nanos(time.p99_ms)),
        detection_worst: detection.map(|time| nanos(time.worst_ms)),
        already_suspected: row.already_suspected,
        unnoticed: row.unnoticed,
        false_per_hour: row.false_positives_per_hour,
        recurrence: row.recurrence_ms.map(nanos),
        mistake: row.mistake_ms.map(nanos),
        accuracy: Some(row.accuracy),
    }
}

/// How far it is, on a terminal.
struct Progress {
    live: bool,
    settings: usize,
    last: Instant,
}

impl Progress {
    fn new(settings: usize) -> Self {
        Self {
            live: io::stderr().is_terminal(),
            settings,
            last: Instant::now(),
        }
    }

    fn tell(&mut self, done: usize) {
        if self.live && self.last.elapsed() >= Duration::from_millis(200) {
            self.last = Instant::now();
            let all = self.settings;
            let _ = write!(io::stderr(), "\r{done} of {all} settings\x1b[K");
        }
    }

    fn end(&self) {
        if self.live {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
