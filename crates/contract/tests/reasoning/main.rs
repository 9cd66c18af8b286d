//! What is admissible and what is said of it. `grid` has every small contract, `theorems` what must hold
//! over all of them.

mod grid;
mod theorems;

use expect_test::expect;
use grid::{admits, bounds, every_contract, timings};
use proptest::prelude::*;
use quorate_contract::*;
use std::time::Duration;

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
