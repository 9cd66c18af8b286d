//! Quorum arithmetic: how many replicas, how many votes, how much two quorums share.
//!
//! Everything here is counting; nothing knows a protocol. Two facts carry all the rest:
//!
//! - two sets of `q` out of `n` share at least `2q - n` members;
//! - with `f` replicas silent, at most `n - f` can be heard.
//!
//! Honest replicas need quorums that share at least one member. That member need not be alive
//! when it is asked again: it must *remember*, which is why a vote is durable before it is sent.
//! Among liars the shared members must be `f + 1`, so that one of them is honest (Malkhi and
//! Reiter 1998 call it a dissemination quorum system).

use serde::Serialize;

/// The smallest number that is more than half of `n`.
pub const fn majority(n: usize) -> usize {
    n / 2 + 1
}

/// Replicas needed so that a majority is left after `f` crashes: `2f + 1`.
pub const fn replicas_for_crashes(f: usize) -> usize {
    2 * f + 1
}

/// Replicas needed to outvote `f` liars without synchrony: `3f + 1`.
pub const fn replicas_for_liars(f: usize) -> usize {
    3 * f + 1
}

/// Replicas needed where `crashes` may crash and `liars` may lie, without synchrony: `2c + 3b + 1`.
pub const fn replicas_for_mixed(crashes: usize, liars: usize) -> usize {
    2 * crashes + 3 * liars + 1
}

/// The most crashes that leave a majority of `n` replicas: `⌊(n - 1) / 2⌋`.
pub const fn max_crashes(n: usize) -> usize {
    n.saturating_sub(1) / 2
}

/// The most liars that `n` replicas outvote without synchrony: `⌊(n - 1) / 3⌋`.
pub const fn max_liars(n: usize) -> usize {
    n.saturating_sub(1) / 3
}

/// Replicas needed to outvote `f` liars who sign what they say, where messages arrive in time:
/// `2f + 1`.
pub const fn replicas_for_timely_liars(f: usize) -> usize {
    2 * f + 1
}

/// The smallest quorum of which any two share `f + 1` replicas: `⌊(n + f) / 2⌋ + 1`.
///
/// At `n = 3f + 1` this is the familiar `2f + 1`; at `f = 0` it is the majority.
pub const fn quorum_among_liars(n: usize, f: usize) -> usize {
    (n + f) / 2 + 1
}

/// The smallest quorum of which any two share `2f + 1` replicas: `⌊(n + 2f) / 2⌋ + 1`, so that the
/// honest among them outnumber the liars where data prove nothing themselves (masking quorums: Malkhi
/// and Reiter 1998).
pub const fn quorum_for_masking(n: usize, f: usize) -> usize {
    (n + 2 * f) / 2 + 1
}

/// Replicas needed so that a masking quorum is left when `f` liars are silent: `4f + 1`.
pub const fn replicas_for_masking(f: usize) -> usize {
    4 * f + 1
}

/// How many replicas two quorums of sizes `a` and `b` out of `n` share at the least.
pub const fn intersection(n: usize, a: usize, b: usize) -> usize {
    (a + b).saturating_sub(n)
}

/// A quorum size for `n` replicas of which `f` may be faulty, with what it guarantees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Quorum {
    /// `n`: replicas in all.
    pub replicas: usize,
    /// `f`: replicas that may be faulty at the same time.
    pub faults: usize,
    /// How many replicas make a quorum.
    pub size: usize,
    /// How many replicas any two quorums share, at the least.
    pub intersection: usize,
    /// How many of the shared ones must be there: 1 among the honest, `f + 1` among liars.
    pub intersection_needed: usize,
}

impl Quorum {
    /// The smallest quorum for replicas that may fall silent but never lie.
    pub const fn among_honest(n: usize, f: usize) -> Quorum {
        Quorum::new(n, f, majority(n), 1)
    }

    /// The smallest quorum for replicas of which `f` may lie.
    pub const fn among_liars(n: usize, f: usize) -> Quorum {
        Quorum::new(n, f, quorum_among_liars(n, f), f + 1)
    }

    /// The smallest quorum for replicas of which `f` may fail, `liars` of them by lying: any two share
    /// an honest one (`2u + r + 1` replicas; Clement et al. 2009).
    pub const fn among_mixed(n: usize, f: usize, liars: usize) -> Quorum {
        Quorum::new(n, f, quorum_among_liars(n, liars), liars + 1)
    }

    /// The quorum for replicas of which `f` may lie, where messages are signed and arrive in time: a
    /// majority holds an honest one, and everybody hears of two that differ before either counts
    /// (Abraham, Malkhi, Nayak, Ren, Yin 2020).
    pub const fn among_timely_liars(n: usize, f: usize) -> Quorum {
        Quorum::new(n, f, majority(n), 1)
    }

    const fn new(n: usize, f: usize, size: usize, intersection_needed: usize) -> Quorum {
        Quorum {
            replicas: n,
            faults: f,
            size,
            intersection: intersection(n, size, size),
            intersection_needed,
        }
    }

    /// Do any two quorums share enough replicas that no two decisions can differ?
    pub const fn is_safe(&self) -> bool {
        self.intersection >= self.intersection_needed
    }

    /// Is a quorum left when `f` replicas are silent?
    pub const fn is_live(&self) -> bool {
        self.size + self.faults <= self.replicas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: std::ops::RangeInclusive<usize> = 1..=7;

    /// Every subset of `n` replicas with `size` members, as bits.
    fn subsets(n: usize, size: usize) -> Vec<u32> {
        (0..1_u32 << n)
            .filter(|s| s.count_ones() as usize == size)
            .collect()
    }

    fn least_overlap(n: usize, a: usize, b: usize) -> usize {
        let (left, right) = (subsets(n, a), subsets(n, b));
        left.iter()
            .flat_map(|x| right.iter().map(move |y| (x & y).count_ones() as usize))
            .min()
            .expect("there is a subset of every size up to n")
    }

    #[test]
    fn intersection_is_what_enumeration_finds() {
        for n in SMALL {
            for a in 0..=n {
                for b in 0..=n {
                    assert_eq!(intersection(n, a, b), least_overlap(n, a, b), "{n} {a} {b}");
                }
            }
        }
    }

    #[test]
    fn a_majority_is_the_smallest_size_of_which_any_two_meet() {
        for n in SMALL {
            let found = (0..=n).find(|&q| least_overlap(n, q, q) >= 1);
            assert_eq!(found, Some(majority(n)), "n = {n}");
        }
    }

    #[test]
    fn among_liars_any_two_quorums_share_an_honest_replica_and_no_smaller_size_does() {
        for n in SMALL {
            for f in 0..n {
                // The worst case is that all f liars sit in the intersection.
                let shares_honest = |q: usize| {
                    let quorums = subsets(n, q);
                    let liars = subsets(n, f);
                    quorums.iter().all(|a| {
                        let meets = |b: &u32| liars.iter().all(|bad| a & b & !bad != 0);
                        quorums.iter().all(meets)
                    })
                };
                let found = (1..=n).find(|&q| shares_honest(q));
                assert_eq!(
                    found,
                    Some(quorum_among_liars(n, f)).filter(|&q| q <= n),
                    "{n} {f}"
                );
            }
        }
    }

    #[test]
    fn the_least_replica_counts_are_the_first_that_are_safe_and_live() {
        for f in 0..=40 {
            let first = |quorum: fn(usize, usize) -> Quorum| {
                (f + 1..).find(|&n| quorum(n, f).is_safe() && quorum(n, f).is_live())
            };
            assert_eq!(first(Quorum::among_honest), Some(replicas_for_crashes(f)));
            assert_eq!(first(Quorum::among_liars), Some(replicas_for_liars(f)));
            assert_eq!(
                first(Quorum::among_timely_liars),
                Some(replicas_for_timely_liars(f))
            );
        }
    }

    #[test]
    fn masking_quorums_share_a_majority_of_honest_replicas_and_no_smaller_size_does() {
        for n in SMALL {
            for f in 0..n {
                let found = (1..=n).find(|&q| least_overlap(n, q, q) > 2 * f);
                let size = Some(quorum_for_masking(n, f)).filter(|&q| q <= n);
                assert_eq!(found, size, "{n} {f}");
            }
        }
        for f in 0..=40 {
            let live = |n: usize| quorum_for_masking(n, f) + f <= n;
            assert_eq!((f + 1..).find(|&n| live(n)), Some(replicas_for_masking(f)));
        }
    }

    #[test]
    fn the_largest_f_is_the_last_that_leaves_a_quorum() {
        for n in 1..=128 {
            let last = |quorum: fn(usize, usize) -> Quorum| {
                (0..n).rfind(|&f| quorum(n, f).is_safe() && quorum(n, f).is_live())
            };
            assert_eq!(last(Quorum::among_honest), Some(max_crashes(n)));
            assert_eq!(last(Quorum::among_liars), Some(max_liars(n)));
        }
    }

    #[test]
    fn the_textbook_figures() {
        assert_eq!((majority(3), majority(4), majority(5)), (2, 3, 3));
        assert_eq!(quorum_among_liars(4, 1), 3);
        assert_eq!(quorum_among_liars(7, 2), 5);
        // Two crashes need five replicas, two liars seven: 40 % more machines.
        assert_eq!((replicas_for_crashes(2), replicas_for_liars(2)), (5, 7));
        assert_eq!((max_crashes(0), max_liars(0)), (0, 0));
    }
}
