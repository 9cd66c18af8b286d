//! Histories as JSON lines: what is written is read back, and bad input is an error that says where.

mod support;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use quorate_check::jsonl::{HistoryReadError, ReadLimits, read, write};
use quorate_check::{Action, FinalState, History, Reply, Target};
use support::{acked, b, done, got, item, put, refused, unknown};

fn stored(history: &History) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, history).expect("a vector takes everything");
    bytes
}

fn sample() -> History {
    let cas = Action::compare_and_swap(b("k"), Target::Value(b("hex:is text too")), b("\u{1}\n"));
    let reply = Reply::Txn {
        succeeded: true,
        replies: vec![Reply::Put, Reply::Deleted(2)],
    };
    let scan = Action::Scan {
        from: Bytes::new(),
        until: Some(b("z")),
        serializable: true,
    };
    History {
        operations: vec![
            acked(1, 0, 10, "k", "größe", 2),
            done(2, 5, 6, cas, 3, reply),
            got(3, 7, 9, item("k", "v", 2, 3, 1), 3),
            done(
                3,
                7,
                9,
                scan,
                3,
                Reply::Scanned(vec![item("k", "v", 2, 3, 1)]),
            ),
            unknown(4, 3, put("k", "x")),
            refused(4, 3, 4, put("k", "x")),
        ],
        finals: vec![FinalState::new(1, 3, vec![])],
    }
}

#[test]
fn a_history_survives_storage() {
    let bytes = stored(&sample());
    assert_eq!(
        read(&bytes[..], ReadLimits::default()).expect("what was written"),
        sample()
    );
    let text = String::from_utf8(bytes).expect("JSON is text");
    assert!(
        text.contains(r#""value":"größe""#),
        "text stays readable: {text}"
    );
    assert!(
        text.contains(r#""value":"hex:010a""#),
        "what is no text is hex: {text}"
    );
}

#[test]
fn a_line_that_is_no_record_is_named() {
    let mut bytes = stored(&sample());
    bytes.extend_from_slice(b"\n{\"operation\":{\"client\":1}}\n");
    let error = read(&bytes[..], ReadLimits::default()).expect_err("a record without its fields");
    assert!(
        error.to_string().starts_with("line 9: not a record"),
        "{error}"
    );
    let torn = stored(&sample());
    let error =
        read(&torn[..torn.len() - 4], ReadLimits::default()).expect_err("cut in the middle");
    assert!(
        matches!(error, HistoryReadError::Malformed { line: 7, .. }),
        "{error}"
    );
    let odd = r#"{"operation":{"client":1,"invoked":1,"action":{"delete":{"key":"hex:0"}},"#;
    let odd = format!("{odd}\"outcome\":\"unknown\"}}}}");
    let error = read(odd.as_bytes(), ReadLimits::default());
    assert!(
        error
            .expect_err("odd hex")
            .to_string()
            .contains("hex digits")
    );
}

#[test]
fn time_must_not_run_backwards() {
    let history = History {
        operations: vec![acked(1, 10, 9, "k", "v", 2)],
        finals: vec![],
    };
    let error =
        read(&stored(&history)[..], ReadLimits::default()).expect_err("returned before invoked");
    assert!(matches!(
        error,
        HistoryReadError::TimeRunsBackwards {
            line: 1,
            invoked: 10,
            returned: 9
        }
    ));
}

#[test]
fn lines_and_records_are_bounded() {
    let bytes = stored(&sample());
    let longest = bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0);
    let limits = |line_bytes, records| ReadLimits {
        line_bytes,
        records,
    };
    assert!(
        read(&bytes[..], limits(longest, 7)).is_ok(),
        "at the bounds"
    );
    let error = read(&bytes[..], limits(longest - 1, 7)).expect_err("one byte beyond");
    assert!(
        matches!(error, HistoryReadError::LineTooLong { .. }),
        "{error}"
    );
    let error = read(&bytes[..], limits(longest, 6)).expect_err("one record beyond");
    assert!(
        matches!(
            error,
            HistoryReadError::TooManyRecords { line: 7, limit: 6 }
        ),
        "{error}"
    );
    let endless = std::io::BufReader::new(std::io::repeat(b'['));
    let error = read(endless, ReadLimits::default()).expect_err("no line ends");
    assert!(
        matches!(error, HistoryReadError::LineTooLong { line: 1, .. }),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_survive_as_keys_and_values(key: Vec<u8>, value: Vec<u8>) {
        let action = Action::Put { key: key.into(), value: value.into() };
        let history = History { operations: vec![unknown(1, 0, action)], finals: vec![] };
        prop_assert_eq!(read(&stored(&history)[..], ReadLimits::default()).expect("own output"), history);
    }

    #[test]
    fn damaged_input_is_an_error_and_no_panic(at in 0usize..600, byte: u8) {
        let mut bytes = stored(&sample());
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read(&bytes[..], ReadLimits::default());
    }
}
