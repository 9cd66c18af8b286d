//! The store against the naive reference.

mod common {
    pub(crate) mod arbitrary;
    pub(crate) mod model;
}

use common::arbitrary::{command, range};
use common::model::Model;
use proptest::prelude::*;
use quorate_kv::*;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn every_answer_is_that_of_the_reference(
        steps in prop::collection::vec((command(), prop::collection::vec(range(), 0..4)), 1..40),
    ) {
        let (mut store, mut model) = (Store::new(), Model::new());
        for (command, ranges) in steps {
            let expected = match model.clone().apply(&command) {
                Ok(response) => {
                    model.apply(&command).expect("it was just accepted");
                    Ok(response)
                }
                // Whatever a refused command did to a clone is gone with it.
                Err(error) => Err(error),
            };
            prop_assert_eq!(store.apply(&command), expected, "{:?}", command);
            prop_assert_eq!(store.revision(), model.revision());
            for range in ranges {
                prop_assert_eq!(store.range(&range), model.range(&range), "{:?}", range);
            }
        }
    }

    #[test]
    fn a_read_only_transaction_is_answered_alike_through_the_log_and_beside_it(
        commands in prop::collection::vec(command(), 1..30),
        txn in common::arbitrary::txn(),
    ) {
        let mut store = Store::new();
        for command in &commands {
            let _ = store.apply(command);
        }
        let mut txn = txn;
        txn.success.retain(|op| matches!(op, TxnOp::Range(_)));
        txn.failure.retain(|op| matches!(op, TxnOp::Range(_)));
        let read = store.read_txn(&txn).map(Response::Txn);
        prop_assert_eq!(read, store.apply(&Command::Txn(txn)));
    }

    #[test]
    fn a_command_survives_its_encoding(command in command()) {
        let encoded = postcard::to_allocvec(&command).expect("a command encodes");
        prop_assert_eq!(postcard::from_bytes::<Command>(&encoded), Ok(command));
    }

    #[test]
    fn an_answer_survives_its_encoding(commands in prop::collection::vec(command(), 1..20)) {
        let mut store = Store::new();
        for command in &commands {
            let answer = store.apply(command);
            let encoded = postcard::to_allocvec(&answer).expect("an answer encodes");
            let decoded = postcard::from_bytes::<Result<Response, Error>>(&encoded);
            prop_assert_eq!(decoded, Ok(answer));
        }
    }

    #[test]
    fn bad_bytes_are_no_command_or_one_that_is_safe_to_apply(
        commands in prop::collection::vec(command(), 1..10),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut store = Store::new();
        for command in commands {
            let mut encoded = postcard::to_allocvec(&command).expect("a command encodes");
            for (index, byte) in &damage {
                let index = index.index(encoded.len());
                encoded[index] = *byte;
            }
            if let Ok(command) = postcard::from_bytes::<Command>(&encoded) {
                let _ = store.apply(&command);
            }
        }
    }
}

#[test]
fn bytes_that_nest_without_end_are_refused() {
    // A transaction's success holds one transaction, whose success holds one transaction …
    let mut encoded = vec![2]; // Command::Txn
    let levels = 1_000_000u32;
    encoded.extend(postcard::to_allocvec(&levels).expect("a number encodes"));
    for _ in 0..levels {
        encoded.extend([0, 0, 1, 0]); // a transaction: no compare, one success, no failure
    }
    assert!(postcard::from_bytes::<Command>(&encoded).is_err());

    let mut encoded = vec![2]; // Response::Txn
    encoded.extend(postcard::to_allocvec(&levels).expect("a number encodes"));
    for _ in 0..levels {
        encoded.extend([0, 0, 0, 1]); // an answer: no revision, not succeeded, one response
    }
    assert!(postcard::from_bytes::<Response>(&encoded).is_err());
}

#[test]
fn the_deepest_transaction_that_passes_the_check_survives_its_encoding() {
    let mut txn = TxnRequest::default();
    for _ in 1..MAX_TXN_DEPTH {
        txn = TxnRequest {
            success: vec![TxnOp::Txn(txn)],
            ..Default::default()
        };
    }
    assert_eq!(txn.check(DEFAULT_MAX_TXN_OPS), Ok(()));
    let command = Command::Txn(txn.clone());
    let encoded = postcard::to_allocvec(&command).expect("a command encodes");
    assert_eq!(postcard::from_bytes::<Command>(&encoded), Ok(command));

    let deeper = TxnRequest {
        success: vec![TxnOp::Txn(txn)],
        ..Default::default()
    };
    assert_eq!(deeper.check(DEFAULT_MAX_TXN_OPS), Err(Error::TooManyOps));
    let encoded = postcard::to_allocvec(&Command::Txn(deeper)).expect("a command encodes");
    assert!(postcard::from_bytes::<Command>(&encoded).is_err());
}
