//! The theorems, held against the catalogue, the literature, and each other.

use crate::grid::*;
use quorate_contract::*;

#[test]
fn no_protocol_of_the_catalogue_beats_a_theorem() {
    for contract in every_contract().chain(every_finer_contract()) {
        let theorems: Vec<_> = Impossibility::ALL
            .into_iter()
            .filter(|r| r.finding(&contract).is_some())
            .collect();
        for protocol in ProtocolName::ALL {
            let solves = protocol.declaration().solves;
            let given =
                |problem: &Problem| solves.gives(*problem, contract.replicas(), &contract.failures);
            let given: Vec<Problem> = Problem::ALL.into_iter().filter(given).collect();
            let forbids = |rule: &&Impossibility| given.iter().any(|given| rule.forbids(*given));
            let forbidden = theorems.iter().find(forbids);
            if let Some(rule) = forbidden {
                assert!(
                    !admits(&contract, protocol),
                    "{protocol} is said to do what {} forbids: {contract:?}",
                    rule.name()
                );
            }
        }
    }
}

#[test]
fn nothing_known_from_the_literature_beats_a_theorem() {
    let mut wrong = std::collections::BTreeMap::new();
    for contract in every_contract().chain(every_finer_contract()) {
        for problem in Problem::ALL {
            let contract = Contract {
                problem: Some(problem),
                ..contract.clone()
            };
            let forbids =
                |rule: &Impossibility| rule.forbids(problem) && rule.finding(&contract).is_some();
            let Some(rule) = Impossibility::ALL.into_iter().find(forbids) else {
                continue;
            };
            for known in contract.known_elsewhere() {
                wrong
                    .entry((known.what, rule.name(), problem))
                    .or_insert_with(|| contract.to_toml());
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "said to do what is impossible: {wrong:#?}"
    );
}

#[test]
fn a_kinder_world_never_makes_a_protocol_inadmissible() {
    // f counts failures at a time or in all, which differ for a disk that forgets; so disks are
    // good here.
    let good =
        |c: &Contract| c.storage.model == StorageModel::Durable && !c.storage.may_lie_about_sync;
    for harsh in every_contract().chain(every_finer_contract()).filter(good) {
        let kinder = kinder(&harsh);
        for protocol in ProtocolName::ALL.into_iter().filter(|p| admits(&harsh, *p)) {
            for kind in &kinder {
                assert!(
                    admits(kind, protocol),
                    "{protocol}: {harsh:?} but not {kind:?}"
                );
            }
        }
    }
}

/// The theorem by which no protocol solves each problem under a contract.
fn forbidden(contract: &Contract) -> [Option<Impossibility>; Problem::ALL.len()] {
    let mut contract = contract.clone();
    Problem::ALL.map(|problem| {
        contract.problem = Some(problem);
        let forbids =
            |rule: &Impossibility| rule.forbids(problem) && rule.finding(&contract).is_some();
        Impossibility::ALL.into_iter().find(forbids)
    })
}

/// Oracles from which another can be built, whatever else is assumed.
fn weaker_oracles(class: DetectorClass) -> &'static [DetectorClass] {
    use DetectorClass::*;
    match class {
        Perfect => &[EventuallyPerfect, EventuallyStrong, EventualLeader],
        EventuallyPerfect => &[EventuallyStrong, EventualLeader],
        EventuallyStrong => &[EventualLeader],
        EventualLeader => &[EventuallyStrong],
        LeaderAndQuorum => &[EventualLeader, Quorum, Trusting],
        Quorum => &[Trusting],
        Trusting => &[],
    }
}

/// Who can solve a problem can solve all that follows from it.
#[test]
fn what_is_forbidden_is_not_got_by_another_name() {
    let mut wrong = std::collections::BTreeMap::new();
    let all = every_contract().chain(every_finer_contract());
    for contract in all.filter(|c| c.replicas() <= 4) {
        let (n, failures) = (contract.replicas(), contract.failures);
        let forbidden = forbidden(&contract);
        for (problem, _) in Problem::ALL
            .iter()
            .zip(forbidden)
            .filter(|(_, it)| it.is_none())
        {
            for (other, rule) in Problem::ALL.into_iter().zip(forbidden) {
                if let Some(rule) = rule.filter(|_| problem.gives(other, n, &failures)) {
                    wrong
                        .entry((problem, other, rule.name()))
                        .or_insert_with(|| contract.to_toml());
                }
            }
        }
    }
    let all: Vec<_> = wrong.keys().collect();
    assert!(
        wrong.is_empty(),
        "{all:?} such as {:?}",
        wrong.values().next()
    );
}

/// What is forbidden in a kind world is forbidden in a harsh one.
///
/// A detector is claimed of the world, and a harsher world may be too harsh for it: so none is here
/// but oracles, of which the weaker are harsher.
#[test]
fn a_harsher_world_never_lifts_a_theorem() {
    let mut wrong = std::collections::BTreeMap::new();
    let oracle = |c: &Contract| c.detector.is_none() || c.timing == Timing::Asynchronous;
    let all = every_contract().chain(every_finer_contract());
    let small = |c: &Contract| {
        c.replicas() <= 3 || c.replicas() == 4 && c.links.model != LinkModel::FairLoss
    };
    for harsh in all.filter(|c| oracle(c) && small(c)) {
        let mut kinder = kinder(&harsh);
        kinder.retain(oracle);
        kinder.push(Contract {
            cluster: Cluster::loopback("more", harsh.replicas() + 1),
            ..harsh.clone()
        });
        let stronger = DetectorClass::ALL.into_iter().filter(|class| {
            let weak = harsh.detector;
            weak.is_some_and(|weak| weaker_oracles(*class).contains(&weak))
        });
        kinder.extend(stronger.map(|class| Contract {
            detector: Some(class),
            ..harsh.clone()
        }));
        let of_harsh = forbidden(&harsh);
        for kind in kinder {
            // Those that fail and do not lie have to commit as the others do. Liars are left out.
            let binds_more = harsh.failures.has_liars() && !kind.failures.has_liars();
            for ((problem, of_harsh), of_kind) in
                Problem::ALL.into_iter().zip(of_harsh).zip(forbidden(&kind))
            {
                if binds_more && problem == Problem::AtomicCommit {
                    continue;
                }
                if let (None, Some(rule)) = (of_harsh, of_kind) {
                    wrong
                        .entry((rule.name(), problem))
                        .or_insert_with(|| (harsh.to_toml(), kind.to_toml()));
                }
            }
        }
    }
    let first: Vec<_> = wrong.iter().next().into_iter().collect();
    let all: Vec<_> = wrong.keys().collect();
    assert!(wrong.is_empty(), "{all:?} such as {first:#?}");
}
