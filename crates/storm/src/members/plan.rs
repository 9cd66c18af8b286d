//! Which change of the members comes next, and which fault meanwhile: decided by the seed alone.

use std::fmt;
use std::time::Duration;

use crate::args::StormArgs;
use crate::cluster::{REPLICAS, SLOTS};
use crate::plan::ProcessFault;

/// A change of the members, at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlannedChange {
    /// An empty place gets a learner.
    Add(usize),
    /// The learner gets its vote.
    Promote(usize),
    /// A member leaves, voter or learner; its directory goes, too.
    Remove(usize),
    /// A voter is killed, loses its directory, and is replaced.
    Replace(usize),
}

/// A fault while the members change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disturbance {
    pub(crate) kind: ProcessFault,
    pub(crate) victim: Victim,
    /// How long after the change has begun.
    pub(crate) after: Duration,
    /// How long until the replica is started again, or goes on.
    pub(crate) lasts: Duration,
}

/// Who is hit by a disturbance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// The member at this place.
    SlotState(usize),
    /// The leader when the change begins, unless it is the one that is changed.
    Leader,
}

/// One step of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlannedStep {
    pub(crate) change: PlannedChange,
    /// How long after the cluster has settled.
    pub(crate) after: Duration,
    pub(crate) disturbance: Option<Disturbance>,
}

/// What is at a place once all steps so far are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    Empty,
    Learner,
    Voter,
}

/// An endless plan. It knows the members, as every step is carried out before the next.
#[derive(Debug)]
pub(crate) struct Plan {
    random: fastrand::Rng,
    places: [SlotState; SLOTS],
    every: u64,
    down: u64,
}

impl PlannedChange {
    /// The place that is changed.
    pub(crate) fn place(self) -> usize {
        match self {
            Self::Add(place)
            | Self::Promote(place)
            | Self::Remove(place)
            | Self::Replace(place) => place,
        }
    }
}

impl fmt::Display for PlannedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add(_) => "add",
            Self::Promote(_) => "promote",
            Self::Remove(_) => "remove",
            Self::Replace(_) => "replace",
        })
    }
}

impl Plan {
    pub(crate) fn new(args: &StormArgs, seed: u64) -> Self {
        let mut places = [SlotState::Empty; SLOTS];
        places[..REPLICAS].fill(SlotState::Voter);
        Self {
            random: fastrand::Rng::with_seed(seed ^ 0x6d65_6d62_6572_7321),
            places,
            every: args.every,
            down: args.down,
        }
    }

    fn at(&self, wanted: SlotState) -> Vec<usize> {
        let places = self.places.iter().enumerate();
        let found = places.filter(|(_, place)| **place == wanted);
        found.map(|(slot, _)| slot).collect()
    }

    /// Draws a change that keeps at least [`REPLICAS`] voters and at most one learner, which is all
    /// that a cluster takes by default. First the kind is drawn, so that all sizes are seen.
    fn change(&mut self) -> PlannedChange {
        let (empty, learners) = (self.at(SlotState::Empty), self.at(SlotState::Learner));
        let voters = self.at(SlotState::Voter);
        let removable = match voters.len() > REPLICAS {
            true => voters.clone(),
            false => vec![],
        };
        type Make = fn(usize) -> PlannedChange;
        let kinds: &[(usize, Make, &[usize])] = match learners.is_empty() {
            true => &[
                (3, PlannedChange::Add, &empty),
                (3, PlannedChange::Replace, &voters),
                (2, PlannedChange::Remove, &removable),
            ],
            false => &[
                (6, PlannedChange::Promote, &learners),
                (1, PlannedChange::Remove, &learners),
                (1, PlannedChange::Remove, &removable),
            ],
        };
        let kinds = kinds.iter().filter(|(_, _, places)| !places.is_empty());
        let likely = |(times, make, places): &(usize, Make, &[usize])| {
            let place = places[self.random.usize(0..places.len())];
            vec![make(place); *times]
        };
        let likely: Vec<_> = kinds.flat_map(likely).collect();
        likely[self.random.usize(0..likely.len())]
    }

    fn disturbance(&mut self, change: PlannedChange) -> Option<Disturbance> {
        if self.random.bool() {
            return None;
        }
        let running = (0..SLOTS).filter(|slot| self.places[*slot] != SlotState::Empty);
        let mut running: Vec<_> = running.collect();
        // A learner may be hit while it catches up, or waits for its promotion; what is about to go
        // is down in any case.
        let hits_itself = matches!(change, PlannedChange::Add(_) | PlannedChange::Promote(_));
        running.retain(|slot| *slot != change.place());
        if hits_itself {
            running.push(change.place());
        }
        let victim = match self.random.usize(0..=running.len()) {
            0 => Victim::Leader,
            n => Victim::SlotState(running[n - 1]),
        };
        let kind = match self.random.bool() {
            true => ProcessFault::Kill,
            false => ProcessFault::Pause,
        };
        Some(Disturbance {
            kind,
            victim,
            after: self.up_to(self.every),
            lasts: self.up_to(self.down),
        })
    }

    fn up_to(&mut self, millis: u64) -> Duration {
        Duration::from_micros(self.random.u64(0..=millis * 1000))
    }
}

impl Iterator for Plan {
    type Item = PlannedStep;

    fn next(&mut self) -> Option<PlannedStep> {
        let change = self.change();
        let step = PlannedStep {
            change,
            after: self.up_to(self.every),
            disturbance: self.disturbance(change),
        };
        self.places[change.place()] = match change {
            PlannedChange::Add(_) => SlotState::Learner,
            PlannedChange::Promote(_) | PlannedChange::Replace(_) => SlotState::Voter,
            PlannedChange::Remove(_) => SlotState::Empty,
        };
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::collections::BTreeSet;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        storm: StormArgs,
    }

    fn plan(seed: u64) -> Plan {
        let args = Command::parse_from(["storm", "--members"]).storm;
        Plan::new(&args, seed)
    }

    #[test]
    fn one_seed_gives_one_plan() {
        let steps = |seed| plan(seed).take(200).collect::<Vec<_>>();
        assert_eq!(steps(3), steps(3));
        assert_ne!(steps(3), steps(4));
    }

    /// What a cluster refuses is not planned, and what the plan is for comes, at every size.
    #[test]
    fn every_change_comes_and_none_that_a_cluster_must_refuse() {
        for seed in 0..20 {
            let mut plan = plan(seed);
            let mut places = plan.places;
            let (mut changes, mut sizes) = (BTreeSet::new(), BTreeSet::new());
            for step in plan.by_ref().take(200) {
                let now = |wanted| places.iter().filter(|place| **place == wanted).count();
                let (voters, learners) = (now(SlotState::Voter), now(SlotState::Learner));
                let place = &mut places[step.change.place()];
                *place = match (step.change, *place) {
                    (PlannedChange::Add(_), SlotState::Empty) if learners == 0 => {
                        SlotState::Learner
                    }
                    (PlannedChange::Promote(_), SlotState::Learner) => SlotState::Voter,
                    (PlannedChange::Remove(_), SlotState::Learner) => SlotState::Empty,
                    (PlannedChange::Remove(_), SlotState::Voter) if voters > REPLICAS => {
                        SlotState::Empty
                    }
                    // The replacement is a learner, too.
                    (PlannedChange::Replace(_), SlotState::Voter) if learners == 0 => {
                        SlotState::Voter
                    }
                    (change, place) => panic!("{change} at {place:?} of {voters} voters"),
                };
                changes.insert(step.change.to_string());
                sizes.insert(places.iter().filter(|p| **p == SlotState::Voter).count());
            }
            assert_eq!(changes.len(), 4, "{changes:?}");
            assert_eq!(sizes, BTreeSet::from([3, 4, 5]));
        }
    }

    #[test]
    fn half_of_the_changes_are_disturbed_by_a_fault_on_somebody_who_runs() {
        let (mut kills, mut pauses, mut leaders, mut learners) = (0, 0, 0, 0);
        let mut plan = plan(7);
        for _ in 0..1000 {
            let before = plan.places;
            let step = plan.next().expect("endless");
            assert!(step.after <= Duration::from_millis(600));
            let Some(disturbance) = step.disturbance else {
                continue;
            };
            assert!(disturbance.after <= Duration::from_millis(600));
            assert!(disturbance.lasts <= Duration::from_millis(500));
            match disturbance.kind {
                ProcessFault::Kill => kills += 1,
                ProcessFault::Pause => pauses += 1,
                ProcessFault::Stall => panic!("a stall is not planned"),
            }
            match disturbance.victim {
                Victim::Leader => leaders += 1,
                Victim::SlotState(slot) if slot == step.change.place() => {
                    let change = step.change;
                    assert!(matches!(
                        change,
                        PlannedChange::Add(_) | PlannedChange::Promote(_)
                    ));
                    learners += 1;
                }
                Victim::SlotState(slot) => assert_ne!(before[slot], SlotState::Empty),
            }
        }
        for (what, times) in [("kills", kills), ("pauses", pauses)] {
            assert!((150..350).contains(&times), "{times} {what}");
        }
        assert!(leaders > 50 && learners > 20, "{leaders} {learners}");
    }
}
