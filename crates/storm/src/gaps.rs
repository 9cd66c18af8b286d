//! For how long no client got an acknowledgement of a write.

use std::fmt;

use serde::Serialize;

use crate::fault_report::FaultReport;

/// The gaps around faults of one kind, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct GapSummary {
    /// How many faults.
    pub faults: usize,
    /// The median of their longest gaps.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The longest.
    pub longest_ms: f64,
    /// The longest, in election timeouts.
    pub longest_in_election_timeouts: f64,
}

/// Gaps in the acknowledgements of writes, over all clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Gaps {
    /// The election timeout that they are compared with: the shortest silence after which a
    /// follower campaigns.
    pub election_timeout_ms: f64,
    /// The longest before the first fault: what the machine does by itself.
    pub longest_before_faults_ms: f64,
    /// When the leader was hit.
    pub leader: GapSummary,
    /// When only others were.
    pub others: GapSummary,
}

/// The gaps around what was done to the leader in one way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeaderGaps {
    /// `kill`, `pause` or `stall`.
    pub kind: String,
    /// The gaps.
    #[serde(flatten)]
    pub gaps: GapSummary,
}

/// The longest gap between acknowledgements, at `acks` in order, of which a part lies between
/// `from` and `until`. What is still open at `until` counts as far as that.
pub(crate) fn longest(acks: &[u64], from: u64, until: u64) -> u64 {
    let first = acks.partition_point(|ack| *ack <= from);
    let mut before = first.checked_sub(1).map_or(from, |last| acks[last]);
    let mut longest = 0;
    for ack in &acks[first..] {
        longest = longest.max(ack - before);
        before = *ack;
        if *ack >= until {
            return longest;
        }
    }
    longest.max(until.saturating_sub(before))
}

pub(crate) fn millis(nanos: u64) -> f64 {
    (nanos as f64 / 1e4).round() / 100.0
}

impl GapSummary {
    fn of(mut gaps: Vec<f64>, election_timeout_ms: f64) -> Self {
        gaps.sort_by(f64::total_cmp);
        // Nearest rank.
        let at = |share: f64| {
            let rank = (share * gaps.len() as f64).ceil() as usize;
            gaps.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        let longest_ms = at(1.0);
        Self {
            faults: gaps.len(),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            longest_ms,
            longest_in_election_timeouts: longest_ms / election_timeout_ms,
        }
    }
}

impl Gaps {
    pub(crate) fn of(faults: &[FaultReport], before_ns: u64, election_timeout_ms: f64) -> Self {
        let summary = |led: bool| {
            let gaps = faults.iter().filter(|f| f.hit_leader == led);
            GapSummary::of(gaps.map(|f| f.gap_ms).collect(), election_timeout_ms)
        };
        Self {
            election_timeout_ms,
            longest_before_faults_ms: millis(before_ns),
            leader: summary(true),
            others: summary(false),
        }
    }

    /// The gaps around faults of the leader, by kind in alphabetical order.
    pub(crate) fn by_kind(faults: &[FaultReport], election_timeout_ms: f64) -> Vec<LeaderGaps> {
        let mut kinds: Vec<(&str, Vec<f64>)> = vec![];
        for fault in faults.iter().filter(|fault| fault.hit_leader) {
            match kinds.iter_mut().find(|(kind, _)| *kind == fault.kind) {
                Some((_, gaps)) => gaps.push(fault.gap_ms),
                None => kinds.push((&fault.kind, vec![fault.gap_ms])),
            }
        }
        kinds.sort_by_key(|(kind, _)| *kind);
        let summary = |(kind, gaps): (&str, _)| LeaderGaps {
            kind: kind.to_owned(),
            gaps: GapSummary::of(gaps, election_timeout_ms),
        };
        kinds.into_iter().map(summary).collect()
    }

    /// The longest of all.
    #[must_use]
    pub fn longest_ms(&self) -> f64 {
        self.leader.longest_ms.max(self.others.longest_ms)
    }
}

impl fmt::Display for GapSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "longest {:.0} ms = {:.2} election timeouts, p50 {:.0} ms, p99 {:.0} ms",
            self.longest_ms, self.longest_in_election_timeouts, self.p50_ms, self.p99_ms
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_counts_whole_though_only_a_part_of_it_lies_after_the_fault() {
        let acks = [10, 20, 70, 80, 90];
        assert_eq!(longest(&acks, 25, 85), 50);
        assert_eq!(longest(&acks, 75, 85), 10);
        assert_eq!(longest(&acks, 69, 70), 50);
    }

    #[test]
    fn silence_to_the_end_is_a_gap() {
        assert_eq!(longest(&[10, 20], 15, 100), 80);
        assert_eq!(longest(&[], 15, 100), 85);
    }

    #[test]
    fn gaps_of_the_leader_are_told_apart_by_what_was_done_to_it() {
        let fault = |kind: &str, hit_leader, gap_ms| FaultReport {
            kind: kind.into(),
            replicas: vec![0],
            hit_leader,
            at_ms: 0.0,
            down_ms: 0.0,
            settled_ms: 0.0,
            gap_ms,
            unknown: 0,
        };
        let faults = [
            fault("stall", true, 500.0),
            fault("kill", true, 20.0),
            fault("stall", false, 900.0),
            fault("stall", true, 100.0),
        ];
        let kinds = Gaps::by_kind(&faults, 200.0);
        let found: Vec<_> = kinds
            .iter()
            .map(|k| {
                (
                    &k.kind[..],
                    k.gaps.faults,
                    k.gaps.longest_in_election_timeouts,
                )
            })
            .collect();
        assert_eq!(found, [("kill", 1, 0.1), ("stall", 2, 2.5)]);
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let gaps = (1..=100).map(f64::from).rev().collect();
        let summary = GapSummary::of(gaps, 50.0);
        assert_eq!(
            (summary.p50_ms, summary.p99_ms, summary.longest_ms),
            (50.0, 99.0, 100.0)
        );
        assert_eq!(summary.longest_in_election_timeouts, 2.0);
        assert_eq!(GapSummary::of(vec![], 50.0).longest_ms, 0.0);
    }
}
