use super::*;
use bytes::Bytes;
use quorate_kv as kv;

const WINDOW: u64 = 4;

fn settings() -> Settings {
    Settings {
        sessions: 10,
        session_window: WINDOW,
        answer_bytes: 2000,
        session_bytes: 5000,
        answers_bytes: 20_000,
    }
}

/// An answer with a previous value of so many bytes.
fn answer(revision: i64, bytes: usize) -> Arc<Applied> {
    let prev_kv = (bytes > 0).then(|| kv::KeyValue {
        value: Bytes::from(vec![7; bytes]),
        ..kv::KeyValue::default()
    });
    let result = Ok(kv::Response::Put(kv::PutResponse { revision, prev_kv }));
    Arc::new(Applied { revision, result })
}

fn applied(revision: i64) -> Arc<Applied> {
    answer(revision, 0)
}

/// The bytes and the sum are those of the contents.
fn check(sessions: &Sessions) {
    let mut again = Sessions::default();
    for (id, session) in &sessions.open {
        again.insert(*id, session.used, session.settled());
        for (seq, answer) in session.answers_from(0) {
            again.insert_answer(*id, seq, Answer::read(answer.index, answer.kept.clone()));
        }
        assert_eq!(again.open[id].bytes, session.bytes);
        assert_eq!(again.open[id].large, session.large);
    }
    assert_eq!(again.kept, sessions.kept);
}

#[test]
fn a_repetition_gets_the_first_answer_until_it_is_settled() {
    let mut sessions = Sessions::default();
    let id = sessions.open(7, &settings());
    assert_eq!(sessions.judge(8, id, 1, 1, WINDOW), Verdict::Fresh);
    sessions.keep(8, id, 1, applied(5), &settings());
    assert_eq!(
        sessions.judge(9, id, 1, 1, WINDOW),
        Verdict::Duplicate(applied(5))
    );
    assert_eq!(sessions.judge(10, id, 2, 2, WINDOW), Verdict::Fresh);
    assert_eq!(sessions.judge(11, id, 1, 1, WINDOW), Verdict::Settled);
    check(&sessions);
}

/// Requests of one session may be applied in any order: a proxy has many in flight.
#[test]
fn order_does_not_matter_within_the_window() {
    let mut sessions = Sessions::default();
    let id = sessions.open(7, &settings());
    assert_eq!(sessions.judge(8, id, 4, 1, WINDOW), Verdict::Fresh);
    sessions.keep(8, id, 4, applied(5), &settings());
    assert_eq!(sessions.judge(9, id, 5, 1, WINDOW), Verdict::OutsideWindow);
    assert_eq!(sessions.judge(10, id, 2, 1, WINDOW), Verdict::Fresh);
}

#[test]
fn the_session_used_least_recently_is_evicted_and_never_comes_back() {
    let mut sessions = Sessions::default();
    let settings = Settings {
        sessions: 2,
        ..settings()
    };
    let (a, b) = (sessions.open(1, &settings), sessions.open(2, &settings));
    assert_eq!(sessions.judge(3, a, 1, 1, WINDOW), Verdict::Fresh);
    let c = sessions.open(4, &settings);
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions.judge(5, b, 1, 1, WINDOW), Verdict::Expired);
    assert_eq!(sessions.judge(6, a, 1, 1, WINDOW), Verdict::Fresh);
    assert_eq!(sessions.judge(7, c, 1, 1, WINDOW), Verdict::Fresh);
    check(&sessions);
}

/// An answer larger than one may be is not kept; that the write was applied is.
#[test]
fn too_large_an_answer_is_forgotten_and_not_that_it_was_given() {
    let mut sessions = Sessions::default();
    let id = sessions.open(1, &settings());
    sessions.keep(2, id, 1, answer(5, 2000), &settings());
    let forgotten = Verdict::AnswerForgotten { revision: 5 };
    assert_eq!(sessions.judge(3, id, 1, 1, WINDOW), forgotten);
    sessions.keep(4, id, 2, answer(6, 1800), &settings());
    let whole = Verdict::Duplicate(answer(6, 1800));
    assert_eq!(sessions.judge(5, id, 2, 1, WINDOW), whole);
    check(&sessions);
}

/// A session that holds too much loses its oldest large answers; small ones stay.
#[test]
fn a_session_forgets_its_oldest_answers_first() {
    let mut sessions = Sessions::default();
    let (id, other) = (sessions.open(1, &settings()), sessions.open(2, &settings()));
    sessions.keep(3, other, 1, answer(3, 1500), &settings());
    // Numbers say nothing about age.
    sessions.keep(4, id, 4, answer(4, 1500), &settings());
    sessions.keep(5, id, 1, applied(5), &settings());
    sessions.keep(6, id, 3, answer(6, 1500), &settings());
    assert_eq!(
        sessions.judge(7, id, 4, 1, WINDOW),
        Verdict::Duplicate(answer(4, 1500))
    );
    sessions.keep(8, id, 2, answer(8, 1500), &settings());
    let verdicts = [
        Verdict::Duplicate(applied(5)),
        Verdict::Duplicate(answer(8, 1500)),
        Verdict::Duplicate(answer(6, 1500)),
        Verdict::AnswerForgotten { revision: 4 },
    ];
    for (seq, verdict) in (1..).zip(verdicts) {
        assert_eq!(sessions.judge(9, id, seq, 1, WINDOW), verdict, "{seq}");
    }
    let whole = Verdict::Duplicate(answer(3, 1500));
    assert_eq!(
        sessions.judge(10, other, 1, 1, WINDOW),
        whole,
        "not its session"
    );
    check(&sessions);
}

/// All sessions together are bounded: by the oldest large answers, and when none is left by the
/// session used least recently.
#[test]
fn answers_are_bounded_in_all() {
    let settings = Settings {
        session_window: 1 << 20,
        ..settings()
    };
    let mut sessions = Sessions::default();
    let ids: Vec<SessionId> = (1..=8).map(|n| sessions.open(n, &settings)).collect();
    let mut index = 100;
    for seq in 1..=3 {
        for id in &ids {
            index += 1;
            sessions.keep(index, *id, seq, answer(index as i64, 1500), &settings);
            assert!(sessions.bytes() <= settings.answers_bytes);
            check(&sessions);
        }
    }
    let kept = |sessions: &mut Sessions, id| {
        let verdict = sessions.judge(200, id, 1, 1, 4);
        matches!(verdict, Verdict::Duplicate(_))
    };
    assert!(!kept(&mut sessions, ids[0]), "the oldest is forgotten");
    // Notes alone reach the bound in the end.
    let mut opened = sessions.len();
    for seq in 4..150 {
        index += 1;
        sessions.keep(index, ids[7], seq, applied(1), &settings);
        assert!(sessions.bytes() <= settings.answers_bytes);
        assert!(sessions.len() <= opened);
        opened = sessions.len();
    }
    assert!(opened < 8, "sessions were evicted");
    assert_ne!(
        sessions.judge(1000, ids[7], 149, 1, 1 << 20),
        Verdict::Expired,
        "never the one in use"
    );
    check(&sessions);
}

/// Whatever one session holds differs in the sum.
#[test]
fn the_sum_tells_sessions_apart() {
    let base = || {
        let mut sessions = Sessions::default();
        let id = sessions.open(1, &settings());
        sessions.keep(2, id, 1, answer(5, 100), &settings());
        (sessions, id)
    };
    let changes: [fn(&mut Sessions, SessionId); 6] = [
        |sessions, _| sessions.insert(SessionId(9), 9, 1),
        |sessions, id| drop(sessions.judge(9, id, 2, 1, WINDOW)),
        |sessions, id| drop(sessions.judge(2, id, 2, 2, WINDOW)),
        |sessions, id| sessions.keep(2, id, 1, answer(6, 100), &settings()),
        |sessions, id| sessions.keep(2, id, 2, answer(5, 100), &settings()),
        |sessions, id| sessions.forget(id, 1),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let (mut sessions, id) = base();
        change(&mut sessions, id);
        assert_ne!(sessions.sum(), base().0.sum(), "change {n}");
        check(&sessions);
    }
}
