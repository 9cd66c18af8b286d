//! Quorum systems: against enumeration, against the textbook, and in contract files.

use proptest::prelude::*;
use quorate_contract::quorum::{
    QuorumCounterexample, QuorumKind, QuorumNeeds, QuorumPhase, QuorumSystem, VoteFormula,
};
use quorate_contract::{Contract, NotRunnable, Rule};

const PHASES: [QuorumPhase; 2] = [QuorumPhase::Read, QuorumPhase::Write];

fn system(kind: QuorumKind, n: usize) -> QuorumSystem {
    QuorumSystem::new(kind, n).expect("it fits together")
}

fn weighted(weights: &[u32]) -> QuorumKind {
    let half = weights.iter().sum::<u32>() / 2 + 1;
    QuorumKind::Weighted {
        weights: weights.to_vec(),
        read: half,
        write: half,
    }
}

fn zones(sizes: &[u8]) -> Vec<Vec<u8>> {
    let mut next = 0;
    let zone = |size: &u8| {
        next += size;
        (next - size..next).collect()
    };
    sizes.iter().map(zone).collect()
}

fn hierarchical(sizes: &[u8]) -> QuorumSystem {
    let n = sizes.iter().map(|size| usize::from(*size)).sum();
    QuorumSystem::with_roles(QuorumKind::Hierarchical, n, zones(sizes), vec![], vec![])
        .expect("zones of all")
}

/// Every set of the replicas, as ids.
fn sets(n: usize) -> Vec<Vec<u8>> {
    let ids = |set: u32| (0..n as u8).filter(|id| set >> id & 1 == 1).collect();
    (0..1_u32 << n).map(ids).collect()
}

fn without(n: usize, down: &[u8]) -> Vec<u8> {
    (0..n as u8).filter(|id| !down.contains(id)).collect()
}

/// The least that two quorums share, found by looking at all pairs.
fn shared_by_all_pairs(it: &QuorumSystem, one: QuorumPhase, other: QuorumPhase) -> Option<usize> {
    let quorums = |phase| {
        let all = sets(it.replicas()).into_iter();
        all.filter(move |set| {
            it.is_quorum(phase, set) && set.iter().all(|id| it.voters().contains(id))
        })
        .collect::<Vec<_>>()
    };
    let (ones, others) = (quorums(one), quorums(other));
    let pairs = ones.iter().flat_map(|a| others.iter().map(move |b| (a, b)));
    pairs
        .map(|(a, b)| a.iter().filter(|id| b.contains(id)).count())
        .min()
}

/// The most crashes that always leave both kinds of quorum, found by trying all sets of replicas.
fn survived_by_all_sets(it: &QuorumSystem) -> Option<usize> {
    let n = it.replicas();
    let fatal = |down: &Vec<u8>| {
        let up = without(n, down);
        PHASES.iter().any(|&phase| !it.is_quorum(phase, &up))
    };
    let fewest = sets(n)
        .iter()
        .filter(|down| fatal(down))
        .map(Vec::len)
        .min();
    fewest.unwrap_or(n).checked_sub(1)
}

/// How likely both kinds are up, found by adding up all sets.
fn available_by_all_sets(it: &QuorumSystem, up: f64) -> f64 {
    let n = it.replicas();
    let both = |set: &&Vec<u8>| PHASES.iter().all(|&phase| it.is_quorum(phase, set));
    let likely =
        |set: &Vec<u8>| up.powi(set.len() as i32) * (1.0 - up).powi((n - set.len()) as i32);
    sets(n).iter().filter(both).map(likely).sum()
}

/// A system of each kind among three to seven replicas, some with witnesses and learners.
fn any_system() -> impl Strategy<Value = QuorumSystem> {
    (3_usize..=7)
        .prop_flat_map(|n| {
            let weights = proptest::collection::vec(0_u32..4, n);
            let roles = proptest::collection::vec(0_u8..6, n);
            (Just(n), 0_u8..7, 1..=n, 1..=n, weights, roles)
        })
        .prop_filter_map(
            "it does not fit together",
            |(n, kind, a, b, weights, roles)| {
                let role = |wanted| {
                    let ids = (0_u8..).zip(&roles);
                    ids.filter(|(_, role)| **role == wanted)
                        .map(|(id, _)| id)
                        .collect::<Vec<_>>()
                };
                let (witnesses, learners) = (role(0), role(1));
                let voters = n - learners.len();
                let kind = match kind {
                    0 => QuorumKind::Majority,
                    1 => QuorumKind::Flexible { read: a, write: b },
                    2 => QuorumKind::Dissemination { liars: a % 3 },
                    3 => QuorumKind::Masking { liars: a % 3 },
                    4 => QuorumKind::Grid { rows: a },
                    5 => QuorumKind::Hierarchical,
                    _ => QuorumKind::Weighted {
                        weights: weights[..voters].to_vec(),
                        read: a as u32,
                        write: b as u32,
                    },
                };
                let zones = match a {
                    1 => vec![],
                    _ => (0..a as u8)
                        .map(|zone| (0..n as u8).filter(|id| id % a as u8 == zone).collect())
                        .collect(),
                };
                QuorumSystem::with_roles(kind, n, zones, witnesses, learners).ok()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn figures_are_what_enumeration_finds(it in any_system()) {
        let figures = it.figures(0.9);
        for (one, found) in [(QuorumPhase::Read, &figures.read_write), (QuorumPhase::Write, &figures.write_write)] {
            let shared = found.as_ref().map(|overlap| overlap.shared.len());
            prop_assert_eq!(shared, shared_by_all_pairs(&it, one, QuorumPhase::Write));
            if let Some(overlap) = found {
                prop_assert!(it.is_quorum(one, &overlap.first));
                prop_assert!(it.is_quorum(QuorumPhase::Write, &overlap.second));
                let both = overlap.first.iter().filter(|id| overlap.second.contains(id));
                prop_assert!(both.eq(&overlap.shared));
            }
        }
        prop_assert_eq!(figures.survives, survived_by_all_sets(&it));
        let up = without(it.replicas(), &figures.fatal);
        prop_assert!(PHASES.iter().any(|&phase| !it.is_quorum(phase, &up)));
        prop_assert!((figures.available - available_by_all_sets(&it, 0.9)).abs() < 1e-9);
        let (Some(zones), true) = (figures.zones_survived, !it.zones().is_empty()) else { return Ok(()) };
        // By all sets of zones.
        let fatal = sets(it.zones().len()).into_iter().filter(|down| {
            let down: Vec<u8> = down.iter().flat_map(|zone| it.zones()[usize::from(*zone)].clone()).collect();
            let up = without(it.replicas(), &down);
            PHASES.iter().any(|&phase| !it.is_quorum(phase, &up))
        });
        // A zone of learners alone is no zone of voters, so its failure adds nothing.
        let fewest = fatal.map(|down| down.len()).min();
        prop_assert_eq!(fewest.map(|fewest| fewest - 1), Some(zones));
    }

    #[test]
    fn the_load_lies_between_its_bounds(it in any_system()) {
        let figures = it.figures(0.9);
        for (phase, of) in PHASES.iter().zip([&figures.read, &figures.write]) {
            let Some(load) = of.load else {
                prop_assert!(!it.is_quorum(*phase, it.voters()));
                continue;
            };
            let (c, n) = (of.smallest as f64, it.voters().len() as f64);
            prop_assert!(load.at_least + 1e-9 >= c / n);
            prop_assert!(load.at_least <= load.at_most + 1e-9 && load.at_most <= 1.0 + 1e-9);
            prop_assert!(load.at_most - load.at_least < 0.01, "{:?} {:?}", it, load);
        }
    }

    #[test]
    fn counterexamples_are_ones_and_without_one_it_holds(
        it in any_system(), shared in 1_usize..4, faults in 0_usize..3, among_writes: bool
    ) {
        let needs = QuorumNeeds { shared, among_writes, faults, reaches_all: false };
        let found = it.counterexamples(&needs);
        for one in &found {
            match one {
                QuorumCounterexample::Apart { phase, overlap, needed } => {
                    prop_assert!(it.is_quorum(*phase, &overlap.first));
                    prop_assert!(it.is_quorum(QuorumPhase::Write, &overlap.second));
                    prop_assert!(overlap.shared.len() < *needed);
                }
                QuorumCounterexample::NoneLeft { phase, faulty } => {
                    prop_assert!(faulty.len() <= faults);
                    prop_assert!(!it.is_quorum(*phase, &without(it.replicas(), faulty)));
                }
                QuorumCounterexample::CopiesLost { write, faulty } => {
                    prop_assert!(faulty.len() <= faults);
                    prop_assert!(it.is_quorum(QuorumPhase::Write, write));
                    let held = write.iter().filter(|id| !it.witnesses().contains(id));
                    prop_assert!(held.eq(faulty));
                }
            }
        }
        if found.is_empty() {
            let least = shared_by_all_pairs(&it, QuorumPhase::Read, QuorumPhase::Write);
            prop_assert!(least >= Some(shared));
            if among_writes {
                let least = shared_by_all_pairs(&it, QuorumPhase::Write, QuorumPhase::Write);
                prop_assert!(least >= Some(shared));
            }
            prop_assert!(survived_by_all_sets(&it) >= Some(faults));
            // After any write and any faults, a copy of the write is among those that answer.
            for write in sets(it.replicas()).iter().filter(|set| it.is_quorum(QuorumPhase::Write, set)) {
                for down in sets(it.replicas()).iter().filter(|down| down.len() <= faults) {
                    let copy = |id: &u8| {
                        it.voters().contains(id) && !it.witnesses().contains(id) && !down.contains(id)
                    };
                    prop_assert!(write.iter().any(copy));
                }
            }
        }
        if let Some(nearest) = it.nearest(&needs, faults) {
            prop_assert_eq!(nearest.counterexamples(&needs), vec![]);
            prop_assert!(!found.is_empty() || nearest == it);
        }
    }
}

#[test]
fn thresholds_are_computed_at_any_size() {
    let it = system(
        QuorumKind::Flexible {
            read: 120,
            write: 9,
        },
        128,
    );
    let figures = it.figures(0.99);
    let overlap = figures.read_write.expect("there are quorums");
    assert_eq!((overlap.first.len(), overlap.second.len()), (120, 9));
    assert_eq!(overlap.shared.len(), 1);
    assert_eq!(figures.survives, Some(8));
    let refused =
        QuorumSystem::new(QuorumKind::Grid { rows: 5 }, 25).expect_err("too many to list");
    assert!(refused.problem.contains("20 is the most"), "{refused}");
    assert!(QuorumSystem::new(QuorumKind::Grid { rows: 4 }, 20).is_ok());
}

#[test]
fn the_textbook_figures() {
    let exact = |load: Option<quorate_contract::quorum::LoadBounds>| {
        let load = load.expect("there are quorums");
        assert!(load.is_exact(), "{load:?}");
        (load.at_most * 100.0).round()
    };
    // Majority of 3 at p = 0.99: p³ + 3p²(1 - p).
    let three = system(QuorumKind::Majority, 3).figures(0.99);
    assert!((three.available - 0.999702).abs() < 1e-9);
    assert_eq!(exact(three.read.load), 67.0);
    // Grid 3 × 3 (Cheung, Ammar, Ahamad): 3 to read, 3 + 2 to write; load c/n.
    let grid = system(QuorumKind::Grid { rows: 3 }, 9).figures(0.99);
    assert_eq!((grid.read.smallest, grid.write.smallest), (3, 5));
    assert_eq!(
        (exact(grid.read.load), exact(grid.write.load)),
        (33.0, 56.0)
    );
    assert_eq!(grid.survives, Some(2));
    assert_eq!(grid.read_write.expect("quorums").shared.len(), 1);
    // Hierarchy of 3 zones of 3 (Kumar 1991): 9^0.63 = 4 of 9, where a majority takes 5.
    let zones = hierarchical(&[3, 3, 3]).figures(0.99);
    assert_eq!((zones.write.smallest, zones.write.largest), (4, 4));
    assert_eq!((zones.survives, zones.zones_survived), (Some(3), Some(1)));
    assert_eq!(exact(zones.write.load), 44.0);
    // A majority of nine survives four, and one zone of three.
    let nine = system(QuorumKind::Majority, 9).figures(0.99);
    assert_eq!(nine.survives, Some(4));
    // One voter has more than half of the votes: every quorum has it.
    let dictator = system(weighted(&[3, 1, 1]), 3).figures(0.99);
    assert_eq!(dictator.survives, Some(0));
    assert_eq!(dictator.fatal, [0]);
    assert_eq!(exact(dictator.read.load), 100.0);
    // Two votes of five: {n0 and any} or the three others; the load falls under a majority's.
    let uneven = system(weighted(&[2, 1, 1, 1]), 4).figures(0.99);
    assert_eq!((uneven.write.smallest, uneven.write.largest), (2, 3));
    assert_eq!(uneven.survives, Some(1));
    assert_eq!(exact(uneven.write.load), 60.0);
    // Malkhi and Reiter: 3f + 1 and 4f + 1.
    for f in 1..=3 {
        let needs = |shared| QuorumNeeds {
            shared,
            among_writes: true,
            faults: f,
            reaches_all: false,
        };
        let holds = |kind: QuorumKind, n, shared| {
            let it = system(kind, n);
            it.counterexamples(&needs(shared)).is_empty()
        };
        let dissemination = || QuorumKind::Dissemination { liars: f };
        assert!(holds(dissemination(), 3 * f + 1, f + 1));
        assert!(!holds(dissemination(), 3 * f, f + 1));
        let masking = || QuorumKind::Masking { liars: f };
        assert!(holds(masking(), 4 * f + 1, 2 * f + 1));
        assert!(!holds(masking(), 4 * f, 2 * f + 1));
    }
}

#[test]
fn a_formula_is_met_by_what_holds_a_quorum() {
    let gate = VoteFormula::threshold(2, 0..3);
    let met: Vec<u128> = (0..8).filter(|set| gate.is_met_by(*set)).collect();
    assert_eq!(met, [0b011, 0b101, 0b110, 0b111]);
}

const BASE: &str = r#"
[failures]
model = "crash-recovery"
tolerate = 1
[timing]
model = "partially-synchronous"
bound = "unknown"
[links]
model = "fair-loss"
[storage]
model = "durable"
[cluster]
name = "quorums"
replicas = 5
[quorum]
"#;

fn contract(quorum: &str) -> Contract {
    Contract::parse("quorum.toml", &format!("{BASE}{quorum}")).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn quorums_are_read_written_and_read_again() {
    for quorum in [
        "kind = \"majority\"",
        "kind = \"flexible\"\nread = 4\nwrite = 2",
        "kind = \"grid\"\nrows = 2\nlearners = [4]",
        "kind = \"hierarchical\"\nzones = [2, 3]",
        "kind = \"hierarchical\"\nzones = [[0, 4], [1, 3], [2]]",
        "kind = \"weighted\"\nweights = [2, 1, 1, 1, 0]",
        "kind = \"weighted\"\nweights = [2, 1, 1, 1, 0]\nread = 2\nwrite = 4",
        "kind = \"majority\"\nwitnesses = [1, 3]\nzones = [3, 2]",
    ] {
        let one = contract(quorum);
        let written = one.to_toml();
        let again = Contract::parse("again.toml", &written).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(one, again, "{written}");
    }
}

#[test]
fn what_is_no_quorum_system_is_refused_where_it_is_wrong() {
    for (quorum, key, says) in [
        ("kind = \"most\"", "quorum.kind", "is not known"),
        ("kind = \"masking\"", "quorum.kind", "no replica lies"),
        (
            "kind = \"flexible\"\nread = 2",
            "quorum.write",
            "is missing",
        ),
        (
            "kind = \"flexible\"\nread = 0\nwrite = 2",
            "quorum.read",
            "out of range",
        ),
        (
            "kind = \"flexible\"\nread = 5\nwrite = 2\nlearners = [0]",
            "quorum.read",
            "4 replicas vote",
        ),
        ("kind = \"majority\"\nread = 3", "quorum.read", "unknown"),
        (
            "kind = \"grid\"\nrows = 2",
            "quorum.rows",
            "5 voters fill no grid",
        ),
        ("kind = \"hierarchical\"", "quorum.zones", "is missing"),
        (
            "kind = \"hierarchical\"\nzones = [2, 2]",
            "quorum.zones",
            "each of 5",
        ),
        (
            "kind = \"hierarchical\"\nzones = [2, 4]",
            "quorum.zones[1]",
            "have 6",
        ),
        (
            "kind = \"hierarchical\"\nzones = [[0, 1], [1, 2, 3]]",
            "quorum.zones",
            "each of 5",
        ),
        (
            "kind = \"weighted\"\nweights = [1, 1]",
            "quorum.weights",
            "2 weights for 5",
        ),
        (
            "kind = \"weighted\"\nweights = [0, 0, 0, 0, 0]",
            "quorum",
            "0 votes",
        ),
        (
            "kind = \"weighted\"\nweights = 3",
            "quorum.weights",
            "a list",
        ),
        (
            "kind = \"majority\"\nwitnesses = [5]",
            "quorum.witnesses[0]",
            "out of range",
        ),
        (
            "kind = \"majority\"\nwitnesses = [1, 1]",
            "quorum.witnesses",
            "twice",
        ),
        (
            "kind = \"majority\"\nwitnesses = [1]\nlearners = [1]",
            "quorum.learners",
            "a witness",
        ),
        (
            "kind = \"majority\"\nlearners = [0, 1, 2, 3, 4]",
            "quorum.learners",
            "no voter",
        ),
        (
            "kind = \"majority\"\nlearners = 3",
            "quorum.learners",
            "a list",
        ),
    ] {
        let text = format!("{BASE}{quorum}");
        let error = Contract::parse("quorum.toml", &text).expect_err(quorum);
        assert!(error.key.starts_with(key), "{quorum}: {error}");
        assert!(error.problem.contains(says), "{quorum}: {error}");
    }
}

#[test]
fn a_contract_is_refused_with_the_quorums_that_do_not_meet_and_the_nearest_that_do() {
    let apart = contract("kind = \"flexible\"\nread = 2\nwrite = 3");
    let refused = apart.check().expect_err("2 + 3 of 5");
    assert_eq!(refused.findings.len(), 1);
    assert_eq!(refused.findings[0].rule, Rule::QuorumIntersection);
    let because = &refused.findings[0].because;
    assert!(
        because.contains("{n0, n1} and the write quorum {n2, n3, n4} share no replica"),
        "{because}"
    );
    let remedy = &refused.findings[0].remedy;
    assert!(remedy.contains("3 of 5 to read, 3 to write"), "{remedy}");
    let dead = contract("kind = \"flexible\"\nread = 1\nwrite = 5");
    let refused = dead.check().expect_err("one may be down");
    assert_eq!(refused.findings[0].rule, Rule::QuorumAvailability);
    assert!(refused.findings[0].because.contains("{n0} silent"));
}

#[test]
fn quorums_that_no_protocol_here_counts_hold_and_are_known_elsewhere() {
    assert!(contract("kind = \"majority\"").runnable().is_ok());
    assert!(
        contract("kind = \"flexible\"\nread = 3\nwrite = 3")
            .runnable()
            .is_ok()
    );
    for quorum in [
        "kind = \"flexible\"\nread = 4\nwrite = 2",
        "kind = \"majority\"\nlearners = [4]",
        "kind = \"hierarchical\"\nzones = [2, 2, 1]",
    ] {
        let refused = contract(quorum).runnable();
        assert!(
            matches!(&refused, Err(NotRunnable::NothingHere { known }) if !known.is_empty()),
            "{quorum}: {refused:?}"
        );
    }
}
