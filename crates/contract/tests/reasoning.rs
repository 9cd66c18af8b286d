//! What is admissible, over every combination of models and small numbers.

use expect_test::expect;
use proptest::prelude::*;
use quorate_contract::*;
use std::time::Duration;

fn bounds(delta: u64) -> Bounds {
    Bounds {
        delta: Duration::from_millis(delta),
        phi: Duration::from_millis(1),
        drift_ppm: 50,
    }
}

/// No detector, and where nothing is bounded the two oracles that differ in what they lift.
fn detectors(timing: Timing) -> Vec<Option<DetectorClass>> {
    let mut all = vec![None];
    if timing == Timing::Asynchronous {
        all.extend([
            Some(DetectorClass::EventualLeader),
            Some(DetectorClass::Perfect),
        ]);
    }
    all
}

fn timings() -> [Timing; 4] {
    [
        Timing::Synchronous(bounds(10)),
        Timing::PartiallySynchronous(Stabilization::Gst(bounds(10))),
        Timing::PartiallySynchronous(Stabilization::Unknown),
        Timing::Asynchronous,
    ]
}

/// How a contract may count its faults: who stops for good is faulty for good.
fn counts(model: FailureModel) -> impl Iterator<Item = FaultCount> {
    let all = FaultCount::ALL.into_iter();
    let for_good = model.is_within(FailureModel::CrashStop);
    all.filter(move |count| !for_good || *count == FaultCount::InTotal)
}

/// Every contract of up to seven replicas, but for addresses and figures.
fn every_contract() -> impl Iterator<Item = Contract> {
    let durable = Contract::default().storage;
    let storages = [
        durable,
        StorageAssumption {
            model: StorageModel::Amnesiac,
            ..durable
        },
        StorageAssumption {
            may_corrupt: true,
            ..durable
        },
        StorageAssumption {
            may_lie_about_sync: true,
            ..durable
        },
    ];
    let mut all = Vec::new();
    for n in 1..=7 {
        let cluster = Cluster::loopback("grid", n);
        for f in 0..=n {
            let counts = FailureModel::ALL
                .into_iter()
                .flat_map(|model| counts(model).map(move |counted| (model, counted)));
            for (model, counted) in counts {
                let timings = timings().into_iter();
                let timings = timings
                    .flat_map(|timing| detectors(timing).into_iter().map(move |d| (timing, d)));
                for (timing, detector) in timings {
                    for link in LinkModel::ALL {
                        for flags in 0..4 {
                            all.push(Contract {
                                cluster: cluster.clone(),
                                failures: Failures {
                                    counted,
                                    ..Failures::new(model, f)
                                },
                                timing,
                                steps: None,
                                detector,
                                links: Links {
                                    model: link,
                                    signatures: flags & 1 != 0,
                                },
                                storage: durable,
                                problem: None,
                                protocol: None,
                                deterministic: flags & 2 != 0,
                                quorums: None,
                            });
                        }
                    }
                }
            }
        }
    }
    all.into_iter().flat_map(move |contract| {
        storages.into_iter().map(move |storage| Contract {
            storage,
            ..contract.clone()
        })
    })
}

/// Contracts of up to seven replicas that count apart what others count together: crashes and lies,
/// steps and messages, those that never fail and those that are coming back.
fn every_finer_contract() -> impl Iterator<Item = Contract> {
    // Signatures and known senders matter among liars, and a sync that lies is as a disk that forgets.
    let plain = every_contract()
        .filter(|c| !c.storage.may_corrupt && !c.storage.may_lie_about_sync)
        .filter(|c| c.replicas() != 6)
        .filter(|c| {
            let known = c.links.model == LinkModel::Authenticated || c.links.signatures;
            c.failures.has_liars() || !known
        });
    let finer_failures = |contract: &Contract| {
        let (n, failures) = (contract.replicas(), contract.failures);
        let mut all = vec![];
        for crash_only in 1..failures.liars() {
            all.push(Failures {
                crash_only,
                ..failures
            });
        }
        let comes_back = failures.model.behaviours().contains(Behaviour::Restart);
        if comes_back && !failures.is_lasting() && failures.tolerate < n {
            for always_up in [0, 1, n - failures.tolerate] {
                for counts_recovering in [false, true] {
                    all.push(Failures {
                        always_up,
                        counts_recovering,
                        ..failures
                    });
                }
            }
        }
        all
    };
    plain.flat_map(move |contract| {
        let mut all: Vec<Contract> = finer_failures(&contract)
            .into_iter()
            .map(|failures| Contract {
                failures,
                ..contract.clone()
            })
            .collect();
        let steps = [
            Synchrony::Synchronous,
            Synchrony::PartiallySynchronous,
            Synchrony::Asynchronous,
        ];
        if contract.replicas() > 4 {
            return all;
        }
        let others = steps.into_iter();
        let others = others.filter(|steps| *steps != contract.timing.synchrony());
        all.extend(others.map(|steps| Contract {
            steps: Some(steps),
            ..contract.clone()
        }));
        let classes = DetectorClass::ALL.into_iter();
        all.extend(classes.map(|class| Contract {
            detector: Some(class),
            ..contract.clone()
        }));
        all
    })
}

fn admits(contract: &Contract, protocol: ProtocolName) -> bool {
    admissible(contract, protocol).is_admissible()
}

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
fn what_the_catalogue_says_agrees_with_a_table_written_by_hand() {
    // (failures, timing, links, signatures, f) -> the least n for each protocol, 0 for never.
    let sync = Timing::Synchronous(bounds(10));
    let partial = Timing::PartiallySynchronous(Stabilization::Unknown);
    let case = |model, tolerate, timing, link, signatures, expected: &[(ProtocolName, usize)]| {
        for protocol in ProtocolName::ALL {
            let least = (1..=12).find(|&n| {
                let contract = Contract {
                    cluster: Cluster::loopback("table", n),
                    failures: Failures::new(model, tolerate),
                    timing,
                    links: Links {
                        model: link,
                        signatures,
                    },
                    ..Contract::default()
                };
                admits(&contract, protocol)
            });
            let wanted = expected
                .iter()
                .find(|(p, _)| *p == protocol)
                .map(|(_, n)| *n);
            if expected.iter().any(|(p, _)| *p == protocol) {
                assert_eq!(
                    least,
                    wanted.filter(|n| *n > 0),
                    "{protocol} {model} {timing:?}"
                );
            }
        }
    };
    use FailureModel::{Byzantine, CrashRecovery, CrashStop};
    use LinkModel::*;
    use ProtocolName::*;
    case(
        CrashRecovery,
        2,
        partial,
        FairLoss,
        false,
        &[
            (Raft, 5),
            (MultiPaxos, 5),
            (Pbft, 7),
            (BenOr, 5),
            (FloodSet, 0),
            (PrimaryBackup, 0),
        ],
    );
    case(
        CrashStop,
        2,
        sync,
        Reliable,
        false,
        &[(Raft, 5), (FloodSet, 3), (PrimaryBackup, 3)],
    );
    case(
        CrashStop,
        2,
        sync,
        FairLoss,
        false,
        &[(Raft, 0), (FloodSet, 0), (PrimaryBackup, 0)],
    );
    case(
        CrashStop,
        1,
        Timing::Asynchronous,
        Reliable,
        false,
        &[
            (Raft, 0),
            (MultiPaxos, 0),
            (Pbft, 0),
            (BenOr, 3),
            (Mmr, 4),
            (Bracha, 4),
        ],
    );
    case(
        Byzantine,
        1,
        partial,
        Authenticated,
        false,
        &[
            (Raft, 0),
            (Pbft, 0),
            (HotStuff, 0),
            (Mmr, 4),
            (BenOr, 6),
            (DolevStrong, 0),
            (Bracha, 4),
        ],
    );
    case(
        Byzantine,
        2,
        partial,
        Authenticated,
        true,
        &[
            (Pbft, 7),
            (HotStuff, 7),
            (Tendermint, 7),
            (Simplex, 7),
            (SyncHotStuff, 0),
        ],
    );
    case(
        Byzantine,
        2,
        sync,
        Authenticated,
        true,
        &[
            (DolevStrong, 3),
            (SignedMessages, 3),
            (OralMessages, 7),
            (SyncHotStuff, 5),
            (Pbft, 7),
        ],
    );
    case(
        Byzantine,
        2,
        sync,
        Authenticated,
        false,
        &[
            (DolevStrong, 0),
            (SignedMessages, 0),
            (OralMessages, 7),
            (SyncHotStuff, 0),
        ],
    );
    case(
        Byzantine,
        1,
        sync,
        Reliable,
        false,
        &[(OralMessages, 0), (Pbft, 0), (Bracha, 0)],
    );
    case(
        Byzantine,
        1,
        partial,
        FairLoss,
        true,
        &[(Pbft, 4), (HotStuff, 4)],
    );
}

/// Contracts that allow less of one thing, or promise more of it.
fn kinder(harsh: &Contract) -> Vec<Contract> {
    let (n, failures) = (harsh.replicas(), harsh.failures);
    let mut fewer = vec![];
    for model in FailureModel::ALL {
        let never = Failures::new(model, failures.tolerate);
        let honest = failures.crash_only == 0 && model.is_within(failures.model);
        let counted = failures
            .counted
            .min(match model.is_within(FailureModel::CrashStop) {
                true => FaultCount::InTotal,
                false => FaultCount::Moving,
            });
        if honest {
            fewer.push(Failures {
                counted,
                always_up: failures.always_up,
                counts_recovering: failures.counts_recovering,
                ..never
            });
        }
    }
    for counted in FaultCount::ALL {
        if counted <= failures.counted {
            fewer.push(Failures {
                counted,
                ..failures
            });
        }
    }
    if let Some(tolerate) = failures.tolerate.checked_sub(1)
        && failures.crash_only == 0
    {
        fewer.push(Failures {
            tolerate,
            ..failures
        });
    }
    if failures.liars() > 1 {
        fewer.push(Failures {
            crash_only: failures.crash_only + 1,
            ..failures
        });
    }
    if !failures.is_lasting() {
        fewer.push(Failures {
            counts_recovering: true,
            ..failures
        });
        if failures.always_up + failures.tolerate < n {
            fewer.push(Failures {
                always_up: failures.always_up + 1,
                ..failures
            });
        }
    }
    let mut kinder: Vec<Contract> = fewer
        .into_iter()
        .map(|failures| Contract {
            failures,
            ..harsh.clone()
        })
        .collect();
    // Time and links are compared where bounds mean what they say.
    if harsh.links.model != LinkModel::FairLoss {
        for timing in timings() {
            if timing.synchrony() >= harsh.timing.synchrony() {
                kinder.push(Contract {
                    timing,
                    ..harsh.clone()
                });
            }
        }
    }
    for model in LinkModel::ALL {
        if model >= harsh.links.model {
            let links = Links {
                model,
                ..harsh.links
            };
            kinder.push(Contract {
                links,
                ..harsh.clone()
            });
        }
    }
    kinder.push(Contract {
        links: Links {
            signatures: true,
            ..harsh.links
        },
        ..harsh.clone()
    });
    kinder.push(Contract {
        deterministic: false,
        ..harsh.clone()
    });
    kinder
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

#[test]
fn check_and_runnable_and_explain_agree() {
    for contract in every_contract() {
        let standing = ContractStatus::of(&contract);
        match contract.runnable() {
            Ok(protocol) => {
                assert_eq!(contract.check(), Ok(()));
                assert!(admits(&contract, protocol) && protocol.serves());
                assert_eq!(standing, ContractStatus::Runnable { protocol });
                let quorum = contract.quorum();
                assert!(quorum.is_safe() && quorum.is_live(), "{contract:?}");
            }
            Err(NotRunnable::NotServed { protocols }) => {
                assert_eq!(contract.check(), Ok(()));
                assert!(
                    protocols
                        .iter()
                        .all(|p| admits(&contract, *p) && !p.serves())
                );
                assert!(!protocols.is_empty());
            }
            Err(NotRunnable::NothingHere { known }) => {
                assert_eq!(contract.check(), Ok(()));
                assert!(contract.fitting().is_empty(), "{contract:?}");
                assert_eq!(standing, ContractStatus::NothingHere { known });
            }
            Err(NotRunnable::Contradictory(contradiction)) => {
                assert_eq!(contract.check(), Err(contradiction.clone()));
                assert!(!contradiction.findings.is_empty());
            }
        }
    }
}

#[test]
fn a_chosen_protocol_that_does_not_fit_is_refused_with_what_it_lacks() {
    let mut contract = Contract {
        protocol: Some(ProtocolName::FloodSet),
        failures: Failures::new(FailureModel::CrashStop, 1),
        ..Contract::default()
    };
    let refused = contract.check().expect_err("no known bounds");
    assert_eq!(refused.findings.len(), 1);
    assert_eq!(refused.findings[0].rule, Rule::ChosenProtocol);
    assert_eq!(
        refused.findings[0].because,
        "flood-set works in rounds, so needs bounds that are known and always hold"
    );
    assert!(refused.findings[0].remedy.starts_with("choose raft"));
    contract.protocol = Some(ProtocolName::Raft);
    assert_eq!(contract.runnable(), Ok(ProtocolName::Raft));
}

#[test]
fn a_weaker_problem_is_not_refused_for_what_only_a_log_needs() {
    // Bracha's broadcast is deterministic and asynchronous; FLP does not touch it.
    let contract = Contract {
        cluster: Cluster::loopback("bracha", 4),
        failures: Failures::new(FailureModel::Byzantine, 1),
        timing: Timing::Asynchronous,
        links: Links {
            model: LinkModel::Authenticated,
            signatures: false,
        },
        deterministic: true,
        protocol: Some(ProtocolName::Bracha),
        ..Contract::default()
    };
    assert_eq!(contract.check(), Ok(()));
    let log = Contract {
        protocol: None,
        ..contract
    };
    assert_eq!(
        log.check().expect_err("FLP").findings[0].rule,
        Rule::Impossible(Impossibility::Flp)
    );
}

#[test]
fn a_detector_is_claimed_only_where_time_can_build_it() {
    let claims = |timing, detector, model| {
        let contract = Contract {
            timing,
            detector: Some(detector),
            failures: Failures::new(model, 1),
            links: Links {
                model: LinkModel::Reliable,
                signatures: false,
            },
            ..Contract::default()
        };
        [
            Impossibility::PerfectDetector,
            Impossibility::EventualDetector,
            Impossibility::SilentIsNotCrashed,
        ]
        .into_iter()
        .find(|rule| rule.finding(&contract).is_some())
    };
    let [sync, gst, _, never] = timings();
    let (crash, omission) = (FailureModel::CrashStop, FailureModel::GeneralOmission);
    let perfect = Impossibility::PerfectDetector;
    assert_eq!(claims(sync, DetectorClass::Perfect, crash), None);
    assert_eq!(
        claims(sync, DetectorClass::Perfect, omission),
        Some(perfect)
    );
    assert_eq!(claims(gst, DetectorClass::Perfect, crash), Some(perfect));
    assert_eq!(claims(gst, DetectorClass::EventuallyPerfect, crash), None);
    let silent = Impossibility::SilentIsNotCrashed;
    assert_eq!(
        claims(gst, DetectorClass::EventuallyPerfect, omission),
        Some(silent)
    );
    assert_eq!(claims(gst, DetectorClass::EventualLeader, omission), None);
    // Where nothing is bounded a detector is no claim but an assumption: an oracle.
    for oracle in DetectorClass::ALL {
        assert_eq!(claims(never, oracle, crash), None);
    }
}

#[test]
fn a_contradiction_is_said_in_a_few_lines() {
    let contract = Contract {
        failures: Failures::new(FailureModel::Byzantine, 1),
        protocol: Some(ProtocolName::Raft),
        ..Contract::default()
    };
    let refused = contract
        .check()
        .expect_err("three replicas, one liar, no signatures");
    expect![[r#"
        the contract contradicts itself:
          impersonation: replicas may lie, and links are fair-loss only.
            Votes count only if it is known who cast them: a liar that can speak for others has as many
            votes as it likes (assumption A2 of Lamport, Shostak, Pease, TOPLAS 1982; Douceur, IPTPS 2002).
            → make the links authenticated, or sign messages (signatures = true).
          byzantine-third: n = 3 replicas are not more than 3f = 3, and timing is partially-synchronous.
            Without synchrony, agreement needs more than 3f replicas when f may lie, with signatures or
            without (Dwork, Lynch, Stockmeyer, J. ACM 1988; Bracha, Toueg, J. ACM 1985; with crashes counted
            apart: Clement et al., SOSP 2009).
            → run 4 replicas, or tolerate 0 liars.
          chosen-protocol: raft does not survive liars.
            → change the contract; no protocol fits it as it is."#]].assert_eq(&refused.to_string());
}

fn any_contract() -> impl Strategy<Value = Contract> {
    let timing = prop_oneof![
        (1..u64::MAX / 2, 0..u64::MAX / 2, 0..1_000_000_u32, 0..2_u8).prop_map(
            |(delta, phi, drift_ppm, kind)| {
                let bounds = Bounds {
                    delta: Duration::from_nanos(delta),
                    phi: Duration::from_nanos(phi),
                    drift_ppm,
                };
                match kind {
                    0 => Timing::Synchronous(bounds),
                    _ => Timing::PartiallySynchronous(Stabilization::Gst(bounds)),
                }
            }
        ),
        Just(Timing::PartiallySynchronous(Stabilization::Unknown)),
        Just(Timing::Asynchronous),
    ];
    let pick = |len: usize| 0..len;
    (
        (
            "[a-zA-Z0-9._-]{1,64}",
            1..=MAX_MEMBERS,
            any::<prop::sample::Index>(),
        ),
        (
            pick(FailureModel::ALL.len()),
            pick(3),
            pick(3),
            pick(2),
            any::<[bool; 6]>(),
        ),
        (timing, prop::option::of(pick(3)), any::<[u8; 2]>()),
        prop::option::of(pick(DetectorClass::ALL.len())),
        prop::option::of(pick(ProtocolName::ALL.len())),
        prop::option::of(pick(Problem::ALL.len())),
    )
        .prop_map(
            |(
                (name, n, f),
                (failure, count, link, storage, flags),
                (timing, steps, [crash_only, always_up]),
                detector,
                protocol,
                problem,
            )| {
                let (model, f) = (FailureModel::ALL[failure], f.index(n));
                let mut failures = Failures::new(model, f);
                let comes_back = model.behaviours().contains(Behaviour::Restart);
                if comes_back {
                    failures.counted = FaultCount::ALL[count];
                }
                if comes_back && !failures.is_lasting() {
                    failures.always_up = usize::from(always_up) % (n - f + 1);
                    failures.counts_recovering = flags[5];
                }
                if failures.has_liars() {
                    failures.crash_only = usize::from(crash_only) % f;
                }
                let all_steps = [
                    Synchrony::Synchronous,
                    Synchrony::PartiallySynchronous,
                    Synchrony::Asynchronous,
                ];
                Contract {
                    cluster: Cluster::loopback(&name, n),
                    failures,
                    steps: steps
                        .map(|i| all_steps[i])
                        .filter(|it| *it != timing.synchrony()),
                    timing,
                    detector: detector.map(|i| DetectorClass::ALL[i]),
                    links: Links {
                        model: LinkModel::ALL[link],
                        signatures: flags[0],
                    },
                    storage: StorageAssumption {
                        model: StorageModel::ALL[storage],
                        may_tear: flags[1],
                        may_corrupt: flags[2],
                        may_lie_about_sync: flags[3],
                    },
                    problem: problem.map(|i| match Problem::ALL[i] {
                        Problem::KSet(k) => Problem::KSet(k.min(n as u8)),
                        problem => problem,
                    }),
                    protocol: protocol.map(|i| ProtocolName::ALL[i]),
                    deterministic: flags[4],
                    quorums: None,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_contract_written_as_toml_is_read_back(contract in any_contract()) {
        let text = contract.to_toml();
        let back = Contract::parse("written.toml", &text);
        prop_assert_eq!(back.map_err(|error| error.to_string()), Ok(contract));
    }

    #[test]
    fn what_a_contract_allows_is_within_it_and_nothing_else(
        contract in any_contract(), seen in prop::collection::vec(0..Behaviour::ALL.len(), 0..6),
        faulty in 0..10_usize,
    ) {
        let seen: Behaviours = seen.into_iter().map(|i| Behaviour::ALL[i]).collect();
        let allowed = seen.iter().all(|b| contract.allows(b)) && faulty <= contract.tolerate();
        match contract.within(seen, faulty) {
            Ok(()) => prop_assert!(allowed),
            Err(exceeded) => {
                prop_assert!(!allowed);
                prop_assert_eq!(exceeded.outside, seen - contract.behaviours());
            }
        }
    }

    #[test]
    fn every_contract_can_be_explained(contract in any_contract()) {
        let explanation = explain(&contract);
        let texts = [explanation.to_string(), explanation.full().to_string()].concat();
        for line in texts.lines() {
            prop_assert!(line.chars().count() <= 100, "{}", line);
        }
        prop_assert!(serde_json::to_string(&explanation).is_ok());
    }
}
