use super::*;
use crate::machine::Machine;
use crate::sessions::{Answer, Applied};
use bytes::Bytes;
use proptest::prelude::*;
use quorate_kv as kv;
use std::sync::Arc;

fn put(key: usize, bytes: usize) -> kv::Command {
    kv::Command::Put(kv::PutRequest {
        key: format!("key/{key:04}").into(),
        value: Bytes::from(vec![key as u8; bytes]),
        prev_kv: true,
        ..kv::PutRequest::default()
    })
}

/// A machine of a few hundred kilobytes: several frames of sessions and of the store.
fn machine(keys: usize, answers: u64) -> Machine {
    let mut machine = Machine::default();
    for n in 0..keys {
        let _ = machine.store.apply(&put(n * 7 % 101, 2000 + n * 13 % 5000));
    }
    for n in 0..answers {
        let id = SessionId(1 + n % 5);
        if n < 5 {
            machine.sessions.insert(id, n, 1);
        }
        let result = machine.store.apply(&put(n as usize % 7, 300 * n as usize));
        let applied = Arc::new(Applied {
            revision: machine.store.revision(),
            result,
        });
        let answer = Answer::new(100 + n, applied, 10_000);
        machine.sessions.insert_answer(id, 1 + n, answer);
    }
    machine.applied.index = 1000;
    machine.applied.chain = 77;
    machine
}

fn stream(machine: &Machine, chunk: usize) -> Vec<u8> {
    let mut writer = MachineWriter::new(machine.clone());
    let mut all = vec![];
    while let Some(chunk) = writer.next_chunk(chunk) {
        assert!(!chunk.is_empty());
        all.extend(chunk);
    }
    assert!(writer.is_done());
    assert_eq!(writer.offset(), all.len() as u64);
    all
}

fn read(bytes: &[u8], cut: usize) -> Result<Machine, SnapshotError> {
    let mut reader = MachineReader::default();
    for chunk in bytes.chunks(cut) {
        reader.feed(chunk)?;
    }
    reader.finish()
}

/// What an entry came to depended on the bounds with which the process was started, so two replicas
/// of one cluster could part. The bounds travel with the state.
fn under_other_settings() -> Machine {
    let settings = crate::Settings {
        sessions: 3,
        session_window: 5,
        answer_bytes: 7,
        session_bytes: 11,
        answers_bytes: 13,
    };
    Machine {
        settings,
        ..machine(3, 2)
    }
}

#[test]
fn a_machine_read_back_is_the_same_and_has_the_same_bytes() {
    for machine in [
        under_other_settings(),
        Machine::default(),
        machine(3, 0),
        machine(0, 2),
        machine(80, 60),
    ] {
        let bytes = stream(&machine, 1 << 20);
        let copy = read(&bytes, 1000).expect("its own stream");
        assert_eq!(copy, machine);
        assert_eq!(copy.settings, machine.settings);
        assert_eq!(copy.sessions.sum(), machine.sessions.sum());
        assert_eq!(stream(&copy, 70_000), bytes, "however it came about");
        assert_eq!(stream(&machine, 999), bytes, "however it is cut");
    }
}

/// The head, sessions and store are cut into frames of a bounded size.
#[test]
fn no_frame_is_larger_than_the_bound_and_one_item() {
    let bytes = stream(&machine(80, 60), 1 << 20);
    let (mut at, mut frames, mut sessions) = (0, 0, 0);
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        assert!(length < FRAME_BYTES + 20_000, "{length}");
        sessions += usize::from(bytes[at + FRAME_HEADER] == SESSIONS);
        frames += 1;
        at += FRAME_HEADER + length;
    }
    assert!(sessions > 1, "{sessions} of {frames}");
    assert!(frames - sessions > 4, "{frames} in all");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// A writer that begins at any offset, with any marks, goes on with the same bytes.
    #[test]
    fn a_writer_resumes_at_any_offset(
        keys in 0..60usize,
        answers in 0..40u64,
        chunk in 1..100_000usize,
        marked in any::<prop::sample::Index>(),
        offset in any::<prop::sample::Index>(),
        cut in 1..100_000usize,
    ) {
        let machine = machine(keys, answers);
        let all = stream(&machine, chunk);
        let mut marks = Marks::default();
        let mut first = MachineWriter::new(machine.clone());
        let marked = marked.index(all.len()) as u64;
        while first.offset() < marked {
            first.next_chunk(chunk);
            marks.learn(first.take_marks());
        }
        let offset = offset.index(all.len());
        let mut writer = MachineWriter::resume(machine.clone(), &marks, offset as u64);
        prop_assert_eq!(writer.offset(), offset as u64);
        let mut rest = vec![];
        while let Some(chunk) = writer.next_chunk(cut) {
            rest.extend(chunk);
        }
        prop_assert!(writer.is_done());
        prop_assert!(rest == all[offset..], "from {offset}");
        prop_assert_eq!(read(&all, cut).expect("whole"), machine);
    }

    /// One byte wrong, missing or too many: refused, and nothing panics.
    #[test]
    fn a_damaged_or_short_snapshot_is_refused(
        keys in 0..40usize,
        answers in 0..30u64,
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
        cut in 1..100_000usize,
    ) {
        let mut bytes = stream(&machine(keys, answers), 1 << 20);
        let at = at.index(bytes.len());
        prop_assert!(read(&bytes[..at], cut).is_err());
        bytes[at] ^= flip;
        prop_assert!(read(&bytes, cut).is_err());
        bytes[at] ^= flip;
        bytes.push(0);
        prop_assert_eq!(read(&bytes, cut).err(), Some(SnapshotError::Short));
        bytes.pop();
        bytes.remove(at);
        prop_assert!(read(&bytes, cut).is_err());
    }

    #[test]
    fn arbitrary_frames_are_refused(
        kind in 0..5u8,
        body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let frame = frame(0, &[&[kind][..], &body].concat());
        prop_assert!(read(&frame, 7).is_err());
        let head = stream(&machine(2, 2), 1 << 20);
        let length = FRAME_HEADER + u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
        let mut bytes = head[..length].to_vec();
        bytes.extend(self::frame(length as u64, &[&[kind][..], &body].concat()));
        prop_assert!(read(&bytes, 7).is_err());
    }
}

fn frame(offset: u64, body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as u32).to_le_bytes().to_vec();
    frame.extend(xxhash_rust::xxh3::xxh3_64_with_seed(body, offset).to_le_bytes());
    frame.extend(body);
    frame
}

/// A reader makes a place for each write of a window: one answer far ahead would take all memory.
#[test]
fn an_answer_outside_the_window_is_refused() {
    let with_answer = |seq| {
        let mut machine = machine(0, 0);
        machine.sessions.insert(SessionId(3), 3, 1);
        let result = Err(kv::Error::KeyNotFound);
        let applied = Arc::new(Applied {
            revision: 1,
            result,
        });
        let answer = Answer::new(9, applied, 100);
        machine.sessions.insert_answer(SessionId(3), seq, answer);
        read(&stream(&machine, 1 << 20), 1000).err()
    };
    let window = crate::Settings::FOUNDING.session_window;
    assert_eq!(with_answer(window), None);
    let refused = SnapshotError::Malformed("an answer outside its session's window");
    assert_eq!(with_answer(window + 1), Some(refused));

    let mut machine = machine(0, 2);
    machine.settings.session_window = u64::MAX;
    let refused = SnapshotError::Malformed("a session window without measure");
    assert_eq!(read(&stream(&machine, 1 << 20), 1000).err(), Some(refused));
}

#[test]
fn another_format_is_refused_by_its_number() {
    let error = read(&frame(0, &[HEAD, FORMAT + 1, 1, 2, 3]), 5).unwrap_err();
    assert_eq!(error, SnapshotError::Format(FORMAT + 1));
    assert!(error.to_string().contains("format 3"), "{error}");
}

#[test]
fn a_length_beyond_the_bound_is_refused_before_it_is_waited_for() {
    let error = read(&u32::MAX.to_le_bytes(), 4).unwrap_err();
    assert_eq!(error, SnapshotError::Length(u32::MAX));
}

/// Two frames that changed places have right checksums elsewhere, and not here.
#[test]
fn a_frame_in_another_place_is_refused() {
    let bytes = stream(&machine(80, 0), 1 << 20);
    let length = |at: usize| {
        FRAME_HEADER + u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    };
    let (a, b, c) = (
        length(0),
        length(length(0)),
        length(length(0) + length(length(0))),
    );
    let swapped = [
        &bytes[..a + b],
        &bytes[a + b + c..],
        &bytes[a + b..a + b + c],
    ]
    .concat();
    let error = read(&swapped, 1000).unwrap_err();
    assert_eq!(error, SnapshotError::Checksum((a + b) as u64));
}

/// Sessions whose answers are not in order would not be found again.
#[test]
fn items_out_of_order_are_refused() {
    let bytes = stream(&machine(0, 0), 1 << 20);
    let head = FRAME_HEADER + u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    let session = |id| ItemRef::Session {
        id: SessionId(id),
        used: 1,
        settled: 1,
    };
    let kept = &Kept::Forgotten { revision: 1 };
    let answer = |seq| ItemRef::Answer {
        seq,
        index: 1,
        kept,
    };
    for items in [
        vec![session(2), session(1)],
        vec![session(2), session(2)],
        vec![answer(1)],
        vec![session(1), answer(2), answer(2)],
    ] {
        let mut body = vec![SESSIONS];
        for item in &items {
            body.extend(postcard::to_stdvec(item).unwrap());
        }
        let bytes = [&bytes[..head], &frame(head as u64, &body)].concat();
        assert!(matches!(read(&bytes, 9), Err(SnapshotError::Malformed(_))));
    }
}
