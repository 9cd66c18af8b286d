//! What must be so before anything is drawn.

use crate::detectors::{DetectorCurve, Detectors};

use crate::matrix::{CostRow, Matrix};

use crate::run::Run;
use std::collections::BTreeSet;
use thiserror::Error;

/// The scripts' numbers are exact up to here: 104 days of nanoseconds.
const LAST_TIME: u64 = 1 << 53;
/// A page with more would not open; who has more cuts ([`Run::keep_last`]) and says so.
const MOST_EVENTS: usize = 1_000_000;
const MOST_MESSAGES: usize = 2_000_000;
const MOST_NODES: usize = 1_000;
/// Rows times columns of a table.
const MOST_PLACES: usize = 10_000;
/// Of everything else, each.
const MOST_OTHERS: usize = 1_000_000;

/// Data that does not hold together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    /// Something named by an index that nothing has.
    #[error("{what} {index} names {of} {named}, and there are {len}")]
    Index {
        /// What names it.
        what: &'static str,
        /// The index of what names it.
        index: usize,
        /// The kind of the thing named.
        of: &'static str,
        /// The index that is named.
        named: u64,
        /// How many there are.
        len: usize,
    },
    /// A time out of order or out of the run.
    #[error("{what} {index}: {why}")]
    Time {
        /// What has it.
        what: &'static str,
        /// Its index.
        index: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two things that contradict each other.
    #[error("{what} {index}: {why}")]
    Contradiction {
        /// What.
        what: &'static str,
        /// Its index.
        index: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// More than a page can hold.
    #[error("{len} {what}, and a page holds at most {most}: cut, and say so in the cuts")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        len: usize,
        /// How many there may be.
        most: usize,
    },
}

type Checked = Result<(), Invalid>;

impl Run {
    /// Whether the run holds together: every index names something, causes come before effects, and
    /// no time is out of order or later than the end.
    pub fn check(&self) -> Checked {
        at_most("nodes", self.nodes.len(), MOST_NODES)?;
        at_most("events", self.events.len(), MOST_EVENTS)?;
        at_most("messages", self.messages.len(), MOST_MESSAGES)?;
        at_most("syncs", self.syncs.len(), MOST_OTHERS)?;
        at_most("bands", self.bands.len(), MOST_OTHERS)?;
        at_most("reigns", self.reigns.len(), MOST_OTHERS)?;
        at_most("commits", self.commits.len(), MOST_OTHERS)?;
        at_most("operations", self.operations.len(), MOST_OTHERS)?;
        if self.end > LAST_TIME {
            return time("run", 0, "it ends later than a page can tell times apart");
        }
        if let Some(event) = self.verdict.event {
            named("verdict", 0, "event", event, self.events.len())?;
        }
        self.check_events()?;
        self.check_messages()?;
        self.check_stretches()?;
        for (i, commit) in self.commits.iter().enumerate() {
            named("commit", i, "node", commit.node, self.nodes.len())?;
            self.check_span("commit", i, commit.at, self.end)?;
            if commit.index > LAST_TIME {
                return contradiction("commit", i, "its index is larger than a page can show");
            }
        }
        for (i, operation) in self.operations.iter().enumerate() {
            let returned = operation.returned.unwrap_or(self.end);
            self.check_span("operation", i, operation.invoked, returned)?;
            if let Some(event) = operation.event {
                named("operation", i, "event", event, self.events.len())?;
            }
        }
        Ok(())
    }

    fn check_events(&self) -> Checked {
        let mut last = 0;
        for (i, event) in self.events.iter().enumerate() {
            named("event", i, "node", event.node, self.nodes.len())?;
            self.check_span("event", i, event.at, self.end)?;
            if event.at < last {
                return time("event", i, "it is earlier than the event before it");
            }
            last = event.at;
            if let Some(cause) = event.cause {
                named("event", i, "cause", cause, self.events.len())?;
                if cause as usize >= i {
                    return contradiction("event", i, "its cause does not come before it");
                }
            }
        }
        Ok(())
    }

    fn check_messages(&self) -> Checked {
        for (i, message) in self.messages.iter().enumerate() {
            named("message", i, "node", message.from, self.nodes.len())?;
            named("message", i, "node", message.to, self.nodes.len())?;
            let arrived = message.arrived.unwrap_or(self.end);
            self.check_span("message", i, message.sent, arrived)?;
            let lost = matches!(
                message.fate,
                crate::run::MessageFate::Dropped | crate::run::MessageFate::InFlight
            );
            if lost == message.arrived.is_some() {
                let why = "it has a time of arrival exactly if its fate is not to arrive";
                return contradiction("message", i, why);
            }
            for event in [message.send, message.receive].into_iter().flatten() {
                named("message", i, "event", event, self.events.len())?;
            }
            let received = message.receive.map(|event| &self.events[event as usize]);
            if received.is_some_and(|event| event.node != message.to) {
                let why = "the event of its arrival is on another node than its receiver";
                return contradiction("message", i, why);
            }
        }
        Ok(())
    }

    fn check_stretches(&self) -> Checked {
        for (i, sync) in self.syncs.iter().enumerate() {
            named("sync", i, "node", sync.node, self.nodes.len())?;
            self.check_span("sync", i, sync.from, sync.to)?;
        }
        for (i, band) in self.bands.iter().enumerate() {
            at_most("nodes of a band", band.nodes.len(), MOST_NODES)?;
            for node in &band.nodes {
                named("band", i, "node", *node, self.nodes.len())?;
            }
            self.check_span("band", i, band.from, band.to)?;
        }
        for (i, reign) in self.reigns.iter().enumerate() {
            named("reign", i, "node", reign.node, self.nodes.len())?;
            self.check_span("reign", i, reign.from, reign.to)?;
            if reign.number > LAST_TIME {
                return contradiction("reign", i, "its number is larger than a page can show");
            }
        }
        Ok(())
    }

    fn check_span(&self, what: &'static str, index: usize, from: u64, to: u64) -> Checked {
        if from > to {
            return time(what, index, "it ends before it begins");
        }
        if to > self.end {
            return time(what, index, "it is later than the end of the run");
        }
        Ok(())
    }
}

impl Matrix {
    /// Whether the table holds together: every index names something, no place has two cells, and
    /// every figure is a number that a chart can show.
    pub fn check(&self) -> Checked {
        let names = [&self.protocols, &self.failures, &self.timings];
        let places = names
            .iter()
            .fold(1_usize, |n, names| n.saturating_mul(names.len()));
        at_most("places for cells", places, MOST_PLACES)?;
        at_most("protocols", self.protocols.len(), MOST_PLACES)?;
        at_most("cells", self.cells.len(), MOST_PLACES)?;
        at_most("costs", self.costs.len(), MOST_PLACES)?;
        let mut places = BTreeSet::new();
        for (i, cell) in self.cells.iter().enumerate() {
            let place = (cell.protocol, cell.failure, cell.timing);
            named("cell", i, "protocol", place.0, self.protocols.len())?;
            named("cell", i, "failure model", place.1, self.failures.len())?;
            named("cell", i, "timing model", place.2, self.timings.len())?;
            if !places.insert(place) {
                return contradiction("cell", i, "another cell has its place");
            }
        }
        for (i, cost) in self.costs.iter().enumerate() {
            named("cost", i, "protocol", cost.protocol, self.protocols.len())?;
            let good = |value: f64| value.is_finite() && value >= 0.0;
            if cost.n == 0
                || !CostRow::FIGURES
                    .iter()
                    .all(|(_, figure)| good(figure(cost)))
            {
                return contradiction("cost", i, "a figure is not a number of at least zero");
            }
        }
        curves(&self.detectors)
    }
}

impl Detectors {
    /// Whether every figure is a number that a chart can show.
    pub fn check(&self) -> Checked {
        curves(&self.curves)
    }
}

fn curves(curves: &[DetectorCurve]) -> Checked {
    at_most("detectors", curves.len(), MOST_NODES)?;
    for (i, curve) in curves.iter().enumerate() {
        at_most("settings of a detector", curve.points.len(), MOST_NODES)?;
        for point in &curve.points {
            if !point.false_per_hour.is_finite() || point.false_per_hour < 0.0 {
                let why = "a rate of false positives is not a number of at least zero";
                return contradiction("detector", i, why);
            }
            if point.accuracy.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
                return contradiction("detector", i, "an accuracy is not a probability");
            }
        }
    }
    Ok(())
}

fn named(what: &'static str, index: usize, of: &'static str, named: u32, len: usize) -> Checked {
    if (named as usize) < len {
        return Ok(());
    }
    Err(Invalid::Index {
        what,
        index,
        of,
        named: u64::from(named),
        len,
    })
}

fn at_most(what: &'static str, len: usize, most: usize) -> Checked {
    if len <= most {
        return Ok(());
    }
    Err(Invalid::TooMany { what, len, most })
}

fn time(what: &'static str, index: usize, why: &'static str) -> Checked {
    Err(Invalid::Time { what, index, why })
}

fn contradiction(what: &'static str, index: usize, why: &'static str) -> Checked {
    Err(Invalid::Contradiction { what, index, why })
}
