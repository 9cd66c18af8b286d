//! What will be done to victim: decided by the seed alone.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::args::{StormArgs, Targets};
use crate::cluster::REPLICAS;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProcessFault {
    /// SIGKILL, and later a start.
    Kill,
    /// SIGSTOP, and later SIGCONT.
    Pause,
    /// Its disk finishes no sync, until later.
    Stall,
}

/// Who is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    Replica(usize),
    Leader,
    All,
}

/// One fault to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlannedFault {
    pub(crate) kind: ProcessFault,
    pub(crate) victim: Victim,
    /// How long after the cluster has settled.
    pub(crate) after: Duration,
    /// How long until the replica is started again, or goes on.
    pub(crate) lasts: Duration,
}

impl fmt::Display for ProcessFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProcessFault::Kill => "kill",
            ProcessFault::Pause => "pause",
            ProcessFault::Stall => "stall",
        })
    }
}

/// All faults of a storm, in order.
pub(crate) fn plan(args: &StormArgs, seed: u64) -> Vec<PlannedFault> {
    let mut random = fastrand::Rng::with_seed(seed);
    if let Some(tries) = args.gaps {
        return for_gaps(args, tries, &mut random);
    }
    let mut rounds = vec![ProcessFault::Kill; args.kills as usize];
    rounds.resize(rounds.len() + args.pauses as usize, ProcessFault::Pause);
    random.shuffle(&mut rounds);
    let mut all: Vec<(ProcessFault, Victim)> = rounds
        .iter()
        .flat_map(|kind| {
            match args.target {
                Targets::RoundRobin | Targets::Any => (0..REPLICAS).map(Victim::Replica).collect(),
                Targets::Leader => vec![Victim::Leader; REPLICAS],
                Targets::All => vec![Victim::All],
            }
            .into_iter()
            .map(|victim| (*kind, victim))
        })
        .collect();
    if args.target == Targets::Any {
        random.shuffle(&mut all);
    }
    let mut up_to = |millis: u64| Duration::from_micros(random.u64(0..=millis * 1000));
    all.into_iter()
        .map(|(kind, victim)| PlannedFault {
            kind,
            victim,
            after: up_to(args.every),
            lasts: up_to(args.down),
        })
        .collect()
}

/// The leader is hit so often in each way, and for long enough that another one takes over
/// meanwhile: in four election timeouts a follower notices and is elected, twice if need be.
fn for_gaps(args: &StormArgs, tries: u32, random: &mut fastrand::Rng) -> Vec<PlannedFault> {
    let mut all = vec![];
    for kind in [ProcessFault::Kill, ProcessFault::Pause, ProcessFault::Stall] {
        all.resize(all.len() + tries as usize, kind);
    }
    // What slows the machine for a while hits all kinds.
    random.shuffle(&mut all);
    let lasts = Duration::from_millis(args.election_timeout.saturating_mul(4));
    all.into_iter()
        .map(|kind| PlannedFault {
            kind,
            victim: Victim::Leader,
            after: Duration::from_micros(random.u64(0..=args.every * 1000)),
            lasts,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        storm: StormArgs,
    }

    fn args(line: &str) -> StormArgs {
        Command::parse_from(["storm"].into_iter().chain(line.split_whitespace())).storm
    }

    #[test]
    fn each_replica_is_hit_as_often_as_asked_and_one_seed_gives_one_plan() {
        for line in [
            "--kills 50 --pauses 7",
            "--kills 50 --pauses 7 --target any",
        ] {
            let args = args(line);
            let all = plan(&args, 3);
            assert_eq!(all, plan(&args, 3));
            assert_ne!(all, plan(&args, 4));
            for replica in 0..REPLICAS {
                let hits = |kind| {
                    all.iter()
                        .filter(|p| p.kind == kind && p.victim == Victim::Replica(replica))
                        .count()
                };
                assert_eq!(
                    (hits(ProcessFault::Kill), hits(ProcessFault::Pause)),
                    (50, 7)
                );
            }
        }
    }

    #[test]
    fn gaps_are_measured_as_often_in_each_way_with_time_for_another_leader() {
        let all = plan(&args("--gaps 20 --election-timeout 200"), 9);
        for kind in [ProcessFault::Kill, ProcessFault::Pause, ProcessFault::Stall] {
            assert_eq!(all.iter().filter(|p| p.kind == kind).count(), 20);
        }
        for planned in all {
            assert_eq!(planned.victim, Victim::Leader);
            assert_eq!(planned.lasts, Duration::from_millis(800));
        }
    }

    #[test]
    fn in_turn_means_in_turn() {
        let all = plan(&args("--kills 4"), 9);
        for (i, planned) in all.iter().enumerate() {
            assert_eq!(planned.victim, Victim::Replica(i % REPLICAS));
            assert!(planned.after <= Duration::from_millis(600));
            assert!(planned.lasts <= Duration::from_millis(500));
        }
    }
}
