//! Adaptive timeouts: by which factor `election_min` and `election_max` grow, where the bound on
//! message delay is unknown (Dwork, Lynch and Stockmeyer 1988). With fixed timeouts and slower
//! messages, each candidate is defeated by the next before its promises arrive, without end.
//!
//! The factor doubles when a candidate's number is defeated by a greater one: some node timed out too
//! early. So a node that is defeated repeatedly outlasts an election at last. A candidate that hears
//! no peer keeps its number and its factor: timeouts do not grow during an outage. The factor halves
//! as slots are chosen.

use super::Config;
use std::time::Duration;

/// How many slots are chosen before it halves.
const SLOTS: u64 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AdaptiveTimeout {
    factor: u32,
    /// Beyond this slot it halves.
    slot: u64,
}

impl AdaptiveTimeout {
    pub(super) const FIRST: Self = Self { factor: 1, slot: 0 };

    /// The least and the most that a node waits for a leader.
    pub(super) fn times(self, config: &Config) -> (Duration, Duration) {
        let times = |span: Duration| span.saturating_mul(self.factor);
        (times(config.election_min), times(config.election_max))
    }

    /// A greater number than this node's is about.
    pub(super) fn on_defeat(&mut self, config: &Config, chosen: u64) {
        self.factor = self.factor.saturating_mul(2).min(config.timeout_factor_max);
        self.slot = chosen + SLOTS;
    }

    pub(super) fn on_chosen(&mut self, slot: u64) {
        if self.factor > 1 && slot > self.slot {
            self.factor /= 2;
            self.slot = slot + SLOTS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_with_defeats_up_to_a_bound_and_halves_with_what_is_chosen() {
        let config = Config {
            timeout_factor_max: 6,
            ..Config::default()
        };
        let mut timeout = AdaptiveTimeout::FIRST;
        let defeat = |timeout: &mut AdaptiveTimeout| {
            timeout.on_defeat(&config, 100);
            timeout.factor
        };
        assert_eq!([0; 4].map(|_| defeat(&mut timeout)), [2, 4, 6, 6]);
        let (min, max) = timeout.times(&config);
        assert_eq!(
            (min, max),
            (config.election_min * 6, config.election_max * 6)
        );
        let mut seen = vec![];
        for slot in 101..400 {
            timeout.on_chosen(slot);
            seen.push((timeout.factor, slot));
        }
        seen.dedup_by_key(|(factor, _)| *factor);
        assert_eq!(seen, [(6, 101), (3, 165), (1, 230)]);
    }

    #[test]
    fn where_the_bound_is_known_it_stays() {
        let config = Config::default();
        let mut timeout = AdaptiveTimeout::FIRST;
        timeout.on_defeat(&config, 0);
        assert_eq!(
            timeout.times(&config),
            (config.election_min, config.election_max)
        );
    }
}
