//! Where the choices of one world come from, and the command that names them.

use super::Args;
use crate::exit::refused;
use crate::shell;
use quorate_sim::{Choices, Streams, streams};
use std::io::Read;
use std::path::Path;

/// Where the decisions come from.
pub(super) enum Source {
    Seed(u64),
    Choices(Choices),
}

impl Source {
    pub(super) fn of(args: &Args) -> anyhow::Result<Self> {
        Ok(match &args.replay_decisions {
            Some(file) => Self::Choices(read_decisions(file)?),
            None => Self::Seed(args.replay.unwrap_or_default()),
        })
    }

    pub(super) fn streams(&self) -> Streams {
        match self {
            Self::Seed(seed) => Streams::from_seed(*seed),
            Self::Choices(choices) => Streams::replay(choices.clone()),
        }
    }

    /// What the report calls it; of a file it means nothing.
    pub(super) fn seed(&self) -> u64 {
        match self {
            Self::Seed(seed) => *seed,
            Self::Choices(_) => 0,
        }
    }
}

/// No recording of a run is larger.
const MAX_RECORDING: u64 = 256 << 20;

fn read_decisions(file: &Path) -> anyhow::Result<Choices> {
    let name = file.display();
    let mut bytes = vec![];
    std::fs::File::open(file)
        .and_then(|file| file.take(MAX_RECORDING + 1).read_to_end(&mut bytes))
        .map_err(|error| refused(format_args!("can't read {name}: {error}")))?;
    if bytes.len() as u64 > MAX_RECORDING {
        return Err(refused(format_args!("{name} is larger than any recording")));
    }
    streams::decode(&bytes).map_err(|error| refused(format_args!("{name}: {error}")))
}

/// The command that runs the world of some decisions under the same contract.
pub(super) fn command_of(args: &Args, source: &str) -> String {
    let contract = args.contract.as_ref();
    let contract = contract.map_or(String::new(), |file| {
        format!(" --contract {}", shell::path(file))
    });
    let mutant = args.mutant.map_or(String::new(), |mutant| {
        let name = serde_json::to_value(mutant).unwrap_or_default();
        format!(" --mutant {}", name.as_str().unwrap_or_default())
    });
    format!("quorate simulate{contract}{mutant}{source}")
}
