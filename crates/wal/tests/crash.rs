//! The machine may die before any call to the disk, and again while it recovers. Whatever was
//! reported durable is there afterwards, and nothing else than what was appended.

mod common;

use common::{Model, Op, config};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use quorate_wal::testing::{Crash, MemStorage};
use quorate_wal::{Error, Storage};

/// Every way of using the log once: shared syncs, a batch that does not fit, rolls, seals, removal.
fn workload() -> Vec<Op> {
    use Op::*;
    vec![
        Append(40),
        Write,
        Sync,
        Append(600),
        Append(0),
        Write,
        Append(700),
        Write,
        Sync,
        Seal,
        Prepare,
        Append(1200),
        Append(1400),
        Write,
        Append(9),
        Write,
        Sync,
        Roll,
        Append(30),
        Write,
        Sync,
        Trim(1),
        Append(3000),
        Write,
        Prepare,
        Prepare,
        Append(3000),
        Write,
        Sync,
        Seal,
        Append(5),
        Write,
        Roll,
        Trim(2),
        Append(8),
        Write,
        Sync,
    ]
}

/// Opens the log and works until the end or until the disk stops answering.
fn run(storage: &mut MemStorage, model: &mut Model, ops: &[Op]) {
    let Ok((mut wal, _)) = model.recover(storage, &config()) else {
        return;
    };
    for op in ops {
        if model.step(&mut wal, op).is_err() {
            return;
        }
    }
}

fn crashes() -> impl Iterator<Item = Crash> {
    [Crash::LoseAll, Crash::Process]
        .into_iter()
        .chain((0..10).map(Crash::Mix))
}

#[test]
fn dying_at_every_call_loses_nothing_durable() {
    let mut whole = MemStorage::new();
    run(&mut whole, &mut Model::default(), &workload());
    let calls = whole.ops();
    assert!(calls > 60, "the workload reaches the disk");
    for call in 0..=calls {
        let (mut storage, mut model) = (MemStorage::new(), Model::default());
        storage.halt_at(call);
        run(&mut storage, &mut model, &workload());
        for crash in crashes() {
            let (mut storage, mut model) = (storage.clone(), model.clone());
            storage.crash(crash);
            run(&mut storage, &mut model, &workload());
            storage.crash(Crash::LoseAll);
            model.recover(&mut storage, &config()).unwrap();
        }
    }
}

#[test]
fn dying_at_every_call_of_the_recovery_too_loses_nothing_durable() {
    let mut whole = MemStorage::new();
    run(&mut whole, &mut Model::default(), &workload());
    for call in 0..=whole.ops() {
        let (mut storage, mut model) = (MemStorage::new(), Model::default());
        storage.halt_at(call);
        run(&mut storage, &mut model, &workload());
        for crash in [
            Crash::LoseAll,
            Crash::Process,
            Crash::Mix(call),
            Crash::Mix(!call),
        ] {
            let mut crashed = storage.clone();
            crashed.crash(crash);
            for again in 0.. {
                let (mut storage, mut model) = (crashed.clone(), model.clone());
                storage.halt_at(storage.ops() + again);
                let whole = model.recover(&mut storage, &config()).is_ok();
                let next = if again % 2 == 0 {
                    crash
                } else {
                    Crash::Mix(again)
                };
                storage.crash(next);
                run(&mut storage, &mut model, &workload()[..6]);
                storage.crash(Crash::LoseAll);
                model.recover(&mut storage, &config()).unwrap();
                if whole {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_call_that_fails_once_is_final_and_loses_nothing() {
    use std::io::ErrorKind::{Other, StorageFull};
    let mut whole = MemStorage::new();
    run(&mut whole, &mut Model::default(), &workload());
    for call in 0..=whole.ops() {
        for (kind, crash) in [
            (Other, Crash::LoseAll),
            (StorageFull, Crash::Process),
            (Other, Crash::Process),
            (Other, Crash::Mix(call)),
        ] {
            let (mut storage, mut model) = (MemStorage::new(), Model::default());
            storage.fail_at(call, kind);
            let opened = model.recover(&mut storage, &config());
            if let Ok((mut wal, _)) = opened {
                let mut first = None;
                for op in workload() {
                    // Going on after the failure: nothing may be promised any more.
                    match (model.step(&mut wal, &op), &first) {
                        (Ok(()), None) => {}
                        (Ok(()), Some(error)) => panic!("{op:?} succeeded after: {error}"),
                        (Err(error), None) => first = Some(error.to_string()),
                        (Err(error), Some(first)) => assert_eq!(&error.to_string(), first),
                    }
                }
            }
            storage.crash(crash);
            run(&mut storage, &mut model, &workload()[..6]);
            storage.crash(Crash::LoseAll);
            model.recover(&mut storage, &config()).unwrap();
        }
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0usize..200).prop_map(Op::Append),
        1 => (200usize..4096).prop_map(Op::Append),
        5 => Just(Op::Write),
        4 => Just(Op::Sync),
        1 => Just(Op::Seal),
        1 => Just(Op::Roll),
        2 => Just(Op::Prepare),
        1 => (1usize..4).prop_map(Op::Trim),
    ];
    proptest::collection::vec(op, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    /// Lives of a log: each ends in a crash after some call, or in a failing disk, and the next one
    /// begins with what the disk kept.
    #[test]
    fn any_lives_and_crashes_lose_nothing_durable(
        lives in proptest::collection::vec((ops(), 0u64..200, any::<bool>(), any::<u64>()), 1..6)
    ) {
        let (mut storage, mut model) = (MemStorage::new(), Model::default());
        for (ops, halt, power, seed) in lives {
            storage.halt_at(storage.ops() + halt);
            run(&mut storage, &mut model, &ops);
            storage.crash(if power { Crash::Mix(seed) } else { Crash::Process });
        }
        storage.crash(Crash::LoseAll);
        model.recover(&mut storage, &config()).unwrap();
    }

    /// One byte decays, anywhere, after any life. Either that is seen, or nothing is lost but what
    /// the very last sync made durable: the one case that no log can tell from a torn write.
    #[test]
    fn decay_is_refused_or_costs_the_last_sync_at_most(
        ops in ops(), power in any::<bool>(), seed in any::<u64>(),
        at in any::<(Index, Index)>(), flip in 1u8..,
    ) {
        let (mut storage, mut model) = (MemStorage::new(), Model::default());
        run(&mut storage, &mut model, &ops);
        storage.crash(if power { Crash::Mix(seed) } else { Crash::Process });
        let mut names = storage.list().unwrap();
        names.retain(|name| name.ends_with(".wal") && !storage.file(name).unwrap().is_empty());
        let name = &names[at.0.index(names.len())];
        let byte = at.1.index(storage.file(name).unwrap().len()) as u64;
        storage.damage(name, byte..byte + 1, |b| b ^ flip);
        model.durable = model.settled;
        match model.recover(&mut storage, &config()) {
            Ok(_) | Err(Error::Corrupt { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
