//! The log against a vector, and what is not a log of Raft.

use bytes::Bytes;
use proptest::prelude::*;
use quorate_core::driver::{replay, restored};
use quorate_core::{Effects, Hard as _, Input, NodeId, Protocol, Time};
use quorate_crash::raft::*;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// Without a file that remembers failures: a failure becomes a test by hand.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn hash(log: &Log) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(log)
}

fn entries(terms: &[u64]) -> Entries {
    let entries = terms.iter().map(|term| Entry {
        term: *term,
        payload: Bytes::from(vec![*term as u8; (*term % 5) as usize]).into(),
    });
    Entries::new(entries.collect::<Vec<_>>()).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    /// At a distance before the end, entries whose terms grow by these steps.
    Append(usize, Vec<u64>),
    /// A share of the log in percent, and how much of it stays.
    Snapshot(usize, usize),
    /// From a leader that is far ahead.
    Install(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4usize, prop::collection::vec(0..2u64, 1..6)).prop_map(|(b, t)| Step::Append(b, t)),
        1 => (0..100usize, 0..3usize).prop_map(|(at, keep)| Step::Snapshot(at, keep)),
        1 => (1..5u64).prop_map(Step::Install),
    ]
}

/// The obvious log: all that ever was, of which the first `base` are gone.
#[derive(Default)]
struct Model {
    terms: Vec<u64>,
    base: usize,
    /// Nothing up to here is ever taken back.
    snapshot: usize,
}

impl Model {
    fn term(&self, index: usize) -> u64 {
        index.checked_sub(1).map_or(0, |at| self.terms[at])
    }
}

fn record(id: &mut u64, model: &mut Model, step: Step) -> Vec<Record> {
    let last = model.terms.len();
    match step {
        Step::Append(back, steps) => {
            let at = last.saturating_sub(back).max(model.snapshot);
            model.terms.truncate(at);
            let mut term = model.term(at);
            let terms: Vec<u64> = steps
                .iter()
                .map(|step| {
                    term += step;
                    term.max(1)
                })
                .collect();
            model.terms.extend(&terms);
            vec![Record::Append {
                at: at as u64 + 1,
                entries: entries(&terms),
            }]
        }
        Step::Snapshot(share, keep) => {
            let at = model.snapshot + (last - model.snapshot) * share / 100;
            model.snapshot = at;
            let base = at.saturating_sub(keep).max(model.base);
            model.base = base;
            end(id, position(model, at), position(model, base))
        }
        Step::Install(ahead) => {
            let term = model.term(last) + 1;
            model.terms.resize(last + ahead as usize, term);
            model.base = model.terms.len();
            model.snapshot = model.base;
            let at = position(model, model.base);
            end(id, at, at)
        }
    }
}

fn position(model: &Model, index: usize) -> Position {
    Position {
        term: model.term(index),
        index: index as u64,
    }
}

fn end(id: &mut u64, at: Position, base: Position) -> Vec<Record> {
    *id += 1;
    let meta = SnapshotMeta {
        at,
        ..SnapshotMeta::default()
    };
    vec![
        Record::SnapshotBegin {
            id: *id,
            term: 0,
            vote: None,
            boots: 1,
            base,
            configuration: Configuration::founding(3).into(),
        },
        Record::SnapshotEnd {
            id: *id,
            meta,
            base,
            configuration: Configuration::founding(3).into(),
        },
    ]
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn a_log_is_a_vector_that_forgets_its_beginning(steps in prop::collection::vec(step(), 1..30)) {
        let (mut hard, mut model, mut id) = (Hard::default(), Model::default(), 0);
        hard.apply(&Record::Boot);
        for step in steps {
            for record in record(&mut id, &mut model, step) {
                hard.apply(&record);
            }
            prop_assert_eq!(hard.check(), Ok(()));
            // The same content, in one batch and never hashed before, is the same log.
            let mut other = Hard::default();
            other.apply(&Record::Boot);
            let (base, at) = (position(&model, model.base), hard.log.snapshot().at);
            let cut = |id, at, base| end(&mut { id }, at, base);
            if hard.configuration().is_some() {
                cut(0, base, base).iter().for_each(|record| other.apply(record));
            }
            if model.terms.len() > model.base {
                let entries = entries(&model.terms[model.base..]);
                let at = base.index + 1;
                other.apply(&Record::Append { at, entries });
            }
            if hard.configuration().is_some() {
                cut(1, at, base).iter().for_each(|record| other.apply(record));
            }
            prop_assert_eq!(other.check(), Ok(()));
            prop_assert_eq!(&hard.log, &other.log);
            prop_assert_eq!(hash(&hard.log), hash(&other.log));
            let (log, last) = (&hard.log, model.terms.len());
            prop_assert_eq!(log.base(), position(&model, model.base));
            prop_assert_eq!(log.last(), position(&model, last));
            let here: Vec<u64> = log.iter().map(|entry| entry.term).collect();
            prop_assert_eq!(&here, &model.terms[model.base..]);
            for index in 0..last + 2 {
                let known = (model.base..=last).contains(&index);
                let term = known.then(|| model.term(index));
                prop_assert_eq!(log.term_at(index as u64), term);
                let entry = log.entry(index as u64).map(|entry| entry.term);
                prop_assert_eq!(entry, term.filter(|_| index > model.base));
                for max in [1, 50, 10_000] {
                    let slice = log.slice(index as u64, max);
                    if index > model.base && index <= last {
                        let following = &model.terms[index - 1..];
                        let terms: Vec<u64> = slice.iter().map(|entry| entry.term).collect();
                        prop_assert!(following.starts_with(&terms) && !terms.is_empty());
                        prop_assert!(slice.bytes() <= max || slice.len() == 1);
                        let next = following.get(slice.len()).map(|term| 16 + (*term % 5) as usize);
                        prop_assert!(next.is_none_or(|next| slice.bytes() + next > max));
                    } else {
                        prop_assert!(slice.is_empty());
                    }
                }
                for term in 0..model.term(last) + 2 {
                    let at = index.clamp(model.base, last);
                    let found = (model.base..=at).rev().find(|i| model.term(*i) <= term);
                    let found = position(&model, found.unwrap_or(model.base));
                    prop_assert_eq!(log.last_at_most(term, index as u64), found);
                }
            }
        }
    }

    #[test]
    fn no_record_makes_a_fold_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut hard = Hard::default();
        let mut rest = &bytes[..];
        while let Ok((record, after)) = postcard::take_from_bytes::<Record>(rest) {
            hard.apply(&record);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let _ = hard.check();
    }

    #[test]
    fn no_message_makes_a_node_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), seed in 0..6u8) {
        let config = Config { trailing_entries: 1, max_batch_bytes: 30, ..Config::default() };
        let mut raft = Raft::recover(&config, NodeId(0), restored(Hard::default()));
        let mut out = Effects::default();
        raft.step(Time(1), Input::Start, &mut out);
        if seed > 2 {
            // As a leader of term 1.
            let vote = Message { term: 1, body: Body::Claim(Claim::Vote { granted: true }) };
            let pre = Notice::PreVoted { next_term: 1, granted: true };
            let pre = Message { term: 0, body: Body::Notice(pre) };
            raft.step(Time(1), Input::Timer(Timer::Election), &mut out);
            raft.step(Time(1), Input::Message(NodeId(1), pre), &mut out);
            raft.step(Time(1), Input::Message(NodeId(0), vote.clone()), &mut out);
            raft.step(Time(1), Input::Message(NodeId(1), vote), &mut out);
            assert_eq!(raft.role(), Role::Leader);
        }
        let mut rest = &bytes[..];
        while let Some((kind, after)) = rest.split_first() {
            rest = after;
            // Half of the fields at random, the frame of the message mostly right.
            let mut framed = vec![kind % 3, kind / 16 % 2, kind / 32 % 12];
            framed.extend(rest);
            let Ok((message, left)) = postcard::take_from_bytes::<Message>(&framed) else {
                continue;
            };
            rest = &rest[rest.len() - left.len().min(rest.len())..];
            for to in [NodeId((seed % 3).into()), NodeId(1), NodeId(7)] {
                raft.step(Time(2), Input::Message(to, message.clone()), &mut out);
                raft.flush(Time(2), &mut out);
            }
        }
        let _ = raft.check_invariants();
    }
}

#[test]
fn records_that_do_not_fit_are_told() {
    let boot = Record::Boot;
    let ballot = |term, vote| Record::Ballot { term, vote };
    let append = |at, terms: &[u64]| Record::Append {
        at,
        entries: entries(terms),
    };
    let told = |records: &[Record]| replay::<Hard>(records).check().err();
    assert_eq!(
        told(&[boot.clone(), append(1, &[1]), append(2, &[2])]),
        None
    );
    let gap = [boot.clone(), append(1, &[1]), append(3, &[1])];
    assert_eq!(told(&gap), Some("entries do not fit on the log"));
    let fall = [boot.clone(), append(1, &[2]), append(2, &[1])];
    assert_eq!(told(&fall), Some("entries do not fit on the log"));
    let revoked = [
        boot.clone(),
        ballot(1, Some(NodeId(1))),
        ballot(1, Some(NodeId(2))),
    ];
    assert_eq!(told(&revoked), Some("a ballot takes back a term or a vote"));
    let begin = Record::SnapshotBegin {
        id: 1,
        term: 3,
        vote: None,
        boots: 2,
        base: Position { term: 3, index: 9 },
        configuration: Configuration::founding(3).into(),
    };
    // The records before were deleted, but the snapshot has no end.
    assert_eq!(
        told(&[begin]),
        Some("the log begins after an entry that no complete snapshot covers")
    );
}

#[test]
fn entries_whose_terms_fall_are_no_entries() {
    let wrong = [2u64, 1].map(|term| Entry {
        term,
        payload: Payload::Empty,
    });
    assert_eq!(Entries::new(wrong.to_vec()), Err(TermsFall));
    let bytes = postcard::to_stdvec(&wrong.to_vec()).unwrap();
    assert!(postcard::from_bytes::<Entries>(&bytes).is_err());
    // A length that nothing stands behind allocates nothing.
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert!(postcard::from_bytes::<Entries>(&huge).is_err());
}
