//! `quorate detectors configure`: from the quality that is wanted to the parameters.

use super::network::{NetworkArgs, splitmix};
use super::reading;
use crate::exit::refused;
use crate::output::say;
use quorate_detect::configure::{
    DetectorParameters, RoundTripEstimate, WantedQuality, configure, fit_phi,
};
use quorate_detect::experiment::{DetectorExperiment, PeerRun, ProbeNetwork, Row};
use serde_json::json;
use std::time::Duration;

/// From the quality that is wanted to parameters: how often to ask, and how long to wait
///
/// The procedure is that of Chen, Toueg and Aguilera (2002). It knows of the network what a sample of
/// questions tells: how many are lost, and the mean and the variance of a round trip. It gives the largest
/// interval with which NFD-S and NFD-E keep what is wanted, whatever the distribution, if delays do not
/// depend on each other. Then each is simulated over the network, pauses included, and measured: where a
/// promise was not kept, it is said. Beside them stands the largest φ that told 99 of 100 crashes in time.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// T_D: a crash is to be suspected within this
    #[arg(long, value_name = "MS")]
    detection: f64,
    /// T_MR: from one mistake to the next it is to take this long, on average
    #[arg(long, value_name = "HOURS", default_value_t = 24.0)]
    recurrence: f64,
    /// T_M: a mistake is to be taken back within this, on average
    #[arg(long, value_name = "MS", default_value_t = 1000.0)]
    duration: f64,
    #[command(flatten)]
    network: NetworkArgs,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// How many questions the sample has.
const SAMPLE: u32 = 100_000;

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let span = |name: &str, of: f64, seconds: f64| {
        Duration::try_from_secs_f64(of * seconds)
            .ok()
            .filter(|span| !span.is_zero())
            .ok_or_else(|| refused(format!("--{name} {of}: must be a number over 0")))
    };
    let wanted = WantedQuality {
        detection: span("detection", args.detection, 1e-3)?,
        recurrence: span("recurrence", args.recurrence, 3600.0)?,
        duration: span("duration", args.duration, 1e-3)?,
    };
    let network = args.network.experiment().map_err(refused)?.network;
    let mut state = args.network.seed;
    let sample = network.draw(network.interval * SAMPLE, &mut || splitmix(&mut state));
    let estimate = RoundTripEstimate::of(&sample)
        .ok_or_else(|| refused("no question of the sample was answered: lower --loss"))?;
    let found = configure(&wanted, &estimate).map_err(refused)?;
    let life = draw(args, &network, &found, &mut state).map_err(refused)?;
    let mut rows: Vec<Row> = found.settings().iter().map(|it| life.measure(it)).collect();
    let phi = fit_phi(&wanted, &life);
    rows.extend(phi.into_iter().map(|(_, row)| row));
    let broken: Vec<_> = rows.iter().map(|row| broken(row, &wanted)).collect();
    if args.json {
        let each = rows.iter().zip(&broken);
        let each: Vec<_> = each
            .map(|(row, broken)| json!({ "measured": row, "not_kept": broken }))
            .collect();
        return say(&serde_json::to_string_pretty(&json!({
            "wanted": {
                "detection_ms": args.detection,
                "recurrence_h": args.recurrence,
                "duration_ms": args.duration,
            },
            "network": args.network,
            "estimate": estimate,
            "interval_ms": millis(found.interval),
            "nfd_s_delta_ms": millis(found.shift),
            "nfd_e_alpha_ms": millis(found.margin),
            "promised": {
                "recurrence_h": found.recurrence.as_secs_f64() / 3600.0,
                "duration_ms": millis(found.duration),
            },
            "detectors": each,
        }))?);
    }
    say(&text(args, &estimate, &found, &rows, &broken))
}

/// A life of the peer over the network, asked at the configured interval.
fn draw(
    args: &Args,
    network: &ProbeNetwork,
    found: &DetectorParameters,
    state: &mut u64,
) -> Result<PeerRun, String> {
    let network = ProbeNetwork {
        interval: found.interval,
        ..*network
    };
    let most = network.interval * DetectorExperiment::MAX_PROBES as u32;
    let life = Duration::from_secs_f64(args.network.hours() * 3600.0).min(most);
    let experiment = DetectorExperiment {
        settings: vec![],
        ..DetectorExperiment::over(network, life, args.network.crashes)
    };
    experiment.check()?;
    Ok(PeerRun::draw(&experiment, &mut || splitmix(state)))
}

/// Which promises were not kept. One crash in a hundred may be told a little later: the detectors learn
/// the mean round trip.
fn broken(row: &Row, wanted: &WantedQuality) -> Vec<&'static str> {
    let mut broken = vec![];
    let slow = |time: f64| time > millis(wanted.detection) * 1.01;
    if row.unnoticed > 0 || row.detection.is_some_and(|time| slow(time.p99_ms)) {
        broken.push("detection");
    }
    if row.recurrence_ms.is_some()
        && row.false_positives_per_hour * wanted.recurrence.as_secs_f64() > 3600.0
    {
        broken.push("recurrence");
    }
    if row
        .mistake_ms
        .is_some_and(|took| took > millis(wanted.duration))
    {
        broken.push("duration");
    }
    broken
}

fn text(
    args: &Args,
    estimate: &RoundTripEstimate,
    found: &DetectorParameters,
    rows: &[Row],
    broken: &[Vec<&'static str>],
) -> String {
    let hours = found.recurrence.as_secs_f64() / 3600.0;
    let mut text = format!(
        "Wanted: a crash told within {} ms, {} h from one mistake to the next, taken back within {} ms.\n\
         Seen of the network: a round trip takes {:.2} ms, give or take {:.2}; 1 in {} is lost.\n\n\
         \x20 ask every      {:.1} ms\n\
         \x20 NFD-S          δ = {:.1} ms after the question\n\
         \x20 NFD-E          α = {:.1} ms after the answer is expected\n\
         \x20 promised       {} h from one mistake to the next, each {:.0} ms long at most, on average\n\n\
         Measured over {} h of the peer\'s life and {} crashes:\n",
        args.detection,
        args.recurrence,
        args.duration,
        estimate.mean * 1e3,
        estimate.variance.sqrt() * 1e3,
        match estimate.loss {
            loss if loss > 0.0 => format!("{:.0}", 1.0 / loss),
            _ => "none".to_owned(),
        },
        millis(found.interval),
        millis(found.shift),
        millis(found.margin),
        if hours > 1e6 {
            "over a million".to_owned()
        } else {
            reading::digits(hours)
        },
        millis(found.duration),
        args.network.hours(),
        args.network.crashes,
    );
    for (row, broken) in rows.iter().zip(broken) {
        let detection = row
            .detection
            .map_or("no crash was told".to_owned(), |time| {
                format!(
                    "T_D {} ms (99 of 100), {} at worst",
                    reading::digits(time.p99_ms),
                    reading::digits(time.worst_ms)
                )
            });
        text += &format!(
            "  {:<22}{detection}; {}{}{}\n",
            match row.knob {
                "φ" => format!("φ = {:.1} (by trying)", row.setting),
                _ => row.detector.to_owned(),
            },
            match row.false_positives_per_hour {
                0.0 => "no mistake seen".to_owned(),
                rate => format!("{} mistakes an hour", reading::digits(rate)),
            },
            row.mistake_ms.map_or(String::new(), |took| format!(
                ", {} ms each",
                reading::digits(took)
            )),
            match &broken[..] {
                [] => String::new(),
                broken => format!("  ← not kept: {}", broken.join(", ")),
            }
        );
    }
    if broken[..2].iter().any(|broken| !broken.is_empty()) {
        text += "\nThe procedure takes delays for independent. A peer that pauses makes all its answers late at \
                 once:\nask for a detection time that is longer than its pauses (--detection), or find out \
                 why it pauses.\n";
    }
    text
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}
