//! What a replay leaves out of its world, as arguments.

use crate::exit::refused;
use quorate_sim::{Fault, RunLimits};
use std::fmt::Write;

#[derive(Debug, clap::Args)]
pub(crate) struct LimitArgs {
    /// With a replay: without these kinds of fault, separated by commas
    #[arg(long, value_name = "FAULT", value_delimiter = ',')]
    without: Vec<String>,
    /// With a replay: with so many replicas, if the contract has more; fewer of them fail then
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    replicas: Option<u8>,
    /// With a replay: these clients ask nothing, separated by commas
    #[arg(long, value_name = "CLIENT", value_delimiter = ',')]
    silent: Vec<u8>,
    /// With a replay: no more operations than these
    #[arg(long, value_name = "N")]
    operations: Option<u64>,
    /// With a replay: faults go on for no longer than this
    #[arg(long, value_name = "SECONDS")]
    until: Option<f64>,
}

impl LimitArgs {
    /// Refuses a fault that there is not.
    pub(super) fn caps(&self) -> anyhow::Result<RunLimits> {
        let find = |name: &String| {
            let found = Fault::ALL.into_iter().find(|fault| fault.name() == name);
            found.ok_or_else(|| {
                let names = Fault::ALL.map(Fault::name).join(", ");
                refused(format_args!(
                    "no fault is called {name:?}; there are {names}"
                ))
            })
        };
        let without: anyhow::Result<Vec<Fault>> = self.without.iter().map(find).collect();
        if self.until.is_some_and(|until| !(0.0..1e6).contains(&until)) {
            return Err(refused("--until is a number of seconds"));
        }
        Ok(RunLimits {
            replicas: self.replicas,
            silent: self.silent.clone(),
            operations: self.operations,
            horizon: self.until.map(|until| (until * 1e9).round() as u64),
            without: without?,
        })
    }
}

/// The arguments that say these caps, each after a space.
pub(super) fn arguments(caps: &RunLimits) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    if !caps.without.is_empty() {
        let names: Vec<&str> = caps.without.iter().map(|fault| fault.name()).collect();
        let _ = write!(text, " --without {}", names.join(","));
    }
    if let Some(replicas) = caps.replicas {
        let _ = write!(text, " --replicas {replicas}");
    }
    if !caps.silent.is_empty() {
        let clients: Vec<String> = caps.silent.iter().map(u8::to_string).collect();
        let _ = write!(text, " --silent {}", clients.join(","));
    }
    if let Some(operations) = caps.operations {
        let _ = write!(text, " --operations {operations}");
    }
    if let Some(horizon) = caps.horizon {
        let _ = write!(text, " --until {:.9}", horizon as f64 / 1e9);
    }
    text
}
