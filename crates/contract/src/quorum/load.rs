//! The load of a quorum system (Naor and Wool, SIAM Journal on Computing 27(2), 1998): how often the
//! busiest replica is in the quorum that an operation takes, under the best way of choosing quorums.

use serde::Serialize;

/// Between these the load lies; the two are equal where it is known exactly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LoadBounds {
    /// No way of choosing quorums does with less.
    pub at_least: f64,
    /// One way of choosing quorums needs no more.
    pub at_most: f64,
}

/// How many steps the search takes, at most.
const MAX_STEPS: usize = 20_000;

/// How many quorums the search weighs, at most, in all its steps.
const MAX_WEIGHED: usize = 4_000_000;

/// How near the bounds have to come for the search to end.
const NEAR: f64 = 0.002;

impl LoadBounds {
    /// Of quorums that are any `size` of `n`: all replicas are alike, so each has `size / n`.
    pub(super) fn of_threshold(size: usize, n: usize) -> Option<LoadBounds> {
        let load = size as f64 / n as f64;
        (size <= n).then_some(LoadBounds {
            at_least: load,
            at_most: load,
        })
    }

    /// Of these minimal quorums among `n` voters; `None` without a quorum.
    ///
    /// The smallest quorums, each as often as the others, are tried first, against the bound `c/n`, `c`
    /// the size of the smallest; in symmetric systems they meet. (Naor and Wool's other bound, `1/c`,
    /// holds of quorums that meet each other, which those to read need not.) Else weights on replicas
    /// are raised step by step where they are busy: a fractional game, in which the average of the
    /// choices bounds the load from above, and the best weights bound it from below.
    pub(super) fn of_quorums(minimal: &[u128], n: usize) -> Option<LoadBounds> {
        let smallest = minimal.iter().map(|set| set.count_ones()).min()?;
        let least: Vec<u128> = minimal
            .iter()
            .copied()
            .filter(|set| set.count_ones() == smallest)
            .collect();
        let c = f64::from(smallest);
        let mut bounds = LoadBounds {
            at_least: c / n as f64,
            at_most: busiest(&least, n),
        };
        bounds.search(minimal, n);
        Some(bounds)
    }

    /// Is it known to the hundredth?
    pub fn is_exact(&self) -> bool {
        self.at_most - self.at_least < 0.01
    }

    fn search(&mut self, minimal: &[u128], n: usize) {
        let mut weights = vec![1.0_f64; n];
        let mut uses = vec![0_u32; n];
        for step in 1..=MAX_STEPS.min(MAX_WEIGHED / minimal.len()) {
            if self.at_most - self.at_least < NEAR {
                return;
            }
            let weight = |set: u128| -> f64 {
                let held = weights.iter().enumerate();
                held.filter(|(i, _)| set >> i & 1 == 1)
                    .map(|(_, w)| w)
                    .sum()
            };
            let lightest = minimal
                .iter()
                .map(|&set| (set, weight(set)))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            let Some((lightest, held)) = lightest else {
                return;
            };
            let sum: f64 = weights.iter().sum();
            self.at_least = self.at_least.max(held / sum);
            for i in (0..n).filter(|i| lightest >> i & 1 == 1) {
                uses[i] += 1;
                weights[i] *= 1.01;
            }
            if sum > 1e100 {
                weights.iter_mut().for_each(|weight| *weight /= sum);
            }
            let most = uses.iter().max().copied().unwrap_or(0);
            self.at_most = self.at_most.min(f64::from(most) / step as f64);
        }
    }
}

/// How often the busiest voter is used, if each of these is chosen as often as the others.
fn busiest(quorums: &[u128], n: usize) -> f64 {
    let uses = (0..n).map(|i| quorums.iter().filter(|set| **set >> i & 1 == 1).count());
    uses.max().unwrap_or(0) as f64 / quorums.len() as f64
}
