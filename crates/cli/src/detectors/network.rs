//! The simulated network, as options.

use quorate_detect::experiment::{self, DetectorExperiment, OneWayDelay, Pauses};
use serde::Serialize;
use std::time::Duration;

/// The network and the peer, and how long they are watched.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub(super) struct NetworkArgs {
    /// From one question to the next
    #[arg(long, value_name = "MS", default_value_t = 100.0)]
    #[serde(rename = "interval_ms")]
    interval: f64,
    /// How long a message takes at least, one way
    #[arg(long, value_name = "MS", default_value_t = 1.0)]
    #[serde(rename = "delay_ms")]
    delay: f64,
    /// How long it takes beyond that, on average (exponentially distributed)
    #[arg(long, value_name = "MS", default_value_t = 0.5)]
    #[serde(rename = "jitter_ms")]
    jitter: f64,
    /// How many questions or answers are lost: 1/4096, 0.1% or 0.001
    #[arg(long, value_name = "PART", default_value = "1/4096", value_parser = loss)]
    #[serde(rename = "loss_per_million")]
    loss: u32,
    /// How long a pause of the peer lasts, on average (exponentially distributed); 0 for none
    #[arg(long, value_name = "MS", default_value_t = 200.0)]
    #[serde(rename = "pause_ms")]
    pause: f64,
    /// The mean time from one pause to the next
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0)]
    #[serde(rename = "pause_every_s")]
    pause_every: f64,
    /// How long the peer lives
    #[arg(long, default_value_t = 24.0)]
    hours: f64,
    /// How many crashes are tried, beside that life, at moments spread over it
    #[arg(long, default_value_t = 200)]
    pub(super) crashes: u32,
    /// The seed of all chance
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}

/// Chances in a million.
fn loss(text: &str) -> Result<u32, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let part = if let Some((of, all)) = text.split_once('/') {
        number(of).zip(number(all)).map(|(of, all)| of / all)
    } else if let Some(percent) = text.strip_suffix('%') {
        number(percent).map(|percent| percent / 100.0)
    } else {
        number(text)
    };
    match part {
        Some(part) if (0.0..=1.0).contains(&part) => Ok((part * 1e6) as u32),
        Some(_) => Err("must be between 0 and 1".to_owned()),
        None => Err("write it as 1/4096, 0.1% or 0.001".to_owned()),
    }
}

impl NetworkArgs {
    /// The experiment over it.
    pub(super) fn experiment(&self) -> Result<DetectorExperiment, String> {
        let span = |name: &str, of: f64, seconds: f64| {
            Duration::try_from_secs_f64(of * seconds).map_err(|_| {
                format!("--{name} {of}: must be a number of at least 0, and no century")
            })
        };
        let length = span("pause", self.pause, 1e-3)?;
        let every = span("pause-every", self.pause_every, 1.0)?;
        let network = experiment::ProbeNetwork {
            interval: span("interval", self.interval, 1e-3)?,
            delay: OneWayDelay::Exponential {
                min: span("delay", self.delay, 1e-3)?,
                mean: span("jitter", self.jitter, 1e-3)?,
            },
            loss: self.loss,
            pauses: (!length.is_zero()).then_some(Pauses { every, length }),
        };
        let life = span("hours", self.hours, 3600.0)?;
        let experiment = DetectorExperiment::over(network, life, self.crashes);
        self.check(&experiment)?;
        Ok(experiment)
    }

    /// In the words of the options; [`DetectorExperiment::check`] has the last word.
    fn check(&self, experiment: &DetectorExperiment) -> Result<(), String> {
        let hours = |time: Duration| time.as_secs_f64() / 3600.0;
        let network = &experiment.network;
        if network.interval < Duration::from_micros(1) {
            return Err(format!(
                "--interval {}: must be at least 0.001 ms",
                self.interval
            ));
        }
        let longest = network.interval * DetectorExperiment::MAX_PROBES as u32;
        let shortest = experiment.patience * 2;
        let given = self.hours;
        if experiment.span > longest {
            return Err(format!(
                "--hours {given}: at most {:.2} at this --interval, which is {} questions",
                hours(longest),
                DetectorExperiment::MAX_PROBES
            ));
        }
        if experiment.span < shortest {
            return Err(format!(
                "--hours {given}: at least {:.2}, since a crash is waited out for {:.0} s",
                (hours(shortest) * 100.0).ceil() / 100.0,
                experiment.patience.as_secs_f64()
            ));
        }
        if network
            .pauses
            .is_some_and(|pauses| pauses.every < network.interval)
        {
            return Err(format!(
                "--pause-every {}: must be at least an --interval; without pauses, give --pause 0",
                self.pause_every
            ));
        }
        experiment.check()
    }

    pub(super) fn hours(&self) -> f64 {
        self.hours
    }

    /// What was given, in words.
    pub(super) fn in_words(&self) -> [(&'static str, String); 6] {
        let loss = match self.loss {
            0 => "nothing".to_owned(),
            loss => format!("1 in {:.0}", 1e6 / f64::from(loss)),
        };
        let pauses = if self.pause > 0.0 {
            format!("{} ms on average, every {} s", self.pause, self.pause_every)
        } else {
            "none".to_owned()
        };
        [
            ("a question every", format!("{} ms", self.interval)),
            (
                "one way",
                format!("{} ms and {} ms on average", self.delay, self.jitter),
            ),
            ("lost", loss),
            ("pauses", pauses),
            ("watched", format!("{} h", self.hours)),
            ("crashes", format!("{}, seed {}", self.crashes, self.seed)),
        ]
    }

    /// The command that does it again.
    pub(super) fn command(&self) -> String {
        format!(
            "quorate detectors --interval {} --delay {} --jitter {} --loss {}/1000000 --pause {} \
             --pause-every {} --hours {} --crashes {} --seed {}",
            self.interval,
            self.delay,
            self.jitter,
            self.loss,
            self.pause,
            self.pause_every,
            self.hours,
            self.crashes,
            self.seed
        )
    }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA'14): the same words on every machine.
pub(super) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::loss;

    #[test]
    fn a_loss_is_a_part_of_one() {
        assert_eq!(loss("1/4096"), Ok(244));
        assert_eq!(loss("0.1%"), Ok(1000));
        assert_eq!(loss("0.001"), Ok(1000));
        assert_eq!(loss("1"), Ok(1_000_000));
        for wrong in ["2", "1/0", "-0.1", "NaN", "200%"] {
            assert!(
                loss(wrong).is_err_and(|why| why.contains("between 0 and 1")),
                "{wrong}"
            );
        }
        assert!(loss("often").is_err_and(|why| why.contains("1/4096")));
    }
}
