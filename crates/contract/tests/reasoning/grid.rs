//! Every small contract, and those that are kinder than one.

use quorate_contract::*;
use std::time::Duration;

pub(crate) fn bounds(delta: u64) -> Bounds {
    Bounds {
        delta: Duration::from_millis(delta),
        phi: Duration::from_millis(1),
        drift_ppm: 50,
    }
}

/// No detector, and where nothing is bounded the two oracles that differ in what they lift.
pub(crate) fn detectors(timing: Timing) -> Vec<Option<DetectorClass>> {
    let mut all = vec![None];
    if timing == Timing::Asynchronous {
        all.extend([
            Some(DetectorClass::EventualLeader),
            Some(DetectorClass::Perfect),
        ]);
    }
    all
}

pub(crate) fn timings() -> [Timing; 4] {
    [
        Timing::Synchronous(bounds(10)),
        Timing::PartiallySynchronous(Stabilization::Gst(bounds(10))),
        Timing::PartiallySynchronous(Stabilization::Unknown),
        Timing::Asynchronous,
    ]
}

/// How a contract may count its faults: who stops for good is faulty for good.
pub(crate) fn counts(model: FailureModel) -> impl Iterator<Item = FaultCount> {
    let all = FaultCount::ALL.into_iter();
    let for_good = model.is_within(FailureModel::CrashStop);
    all.filter(move |count| !for_good || *count == FaultCount::InTotal)
}

/// Every contract of up to seven replicas, but for addresses and figures.
pub(crate) fn every_contract() -> impl Iterator<Item = Contract> {
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
pub(crate) fn every_finer_contract() -> impl Iterator<Item = Contract> {
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

pub(crate) fn admits(contract: &Contract, protocol: ProtocolName) -> bool {
    admissible(contract, protocol).is_admissible()
}

/// Contracts that allow less of one thing, or promise more of it.
pub(crate) fn kinder(harsh: &Contract) -> Vec<Contract> {
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
