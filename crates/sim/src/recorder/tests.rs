//! A small story, told to the recorder as a world would.

use super::*;
use quorate_report::{FaultIntervalKind, MessageFate, OperationOutcome, Run, VerdictKind};

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const C: NodeId = NodeId(2);

fn finish(recorder: Recorder) -> Run {
    let run = recorder.finish(Ending {
        title: "a story".to_owned(),
        verdict: VerdictKind::Violated,
        end: 1000,
        ..Ending::default()
    });
    assert_eq!(run.check(), Ok(()));
    run
}

fn labels(run: &Run) -> Vec<&str> {
    run.events.iter().map(|event| &*event.label).collect()
}

/// The labels of an event and of its causes, back to the first.
fn causes<'a>(run: &'a Run, label: &str) -> Vec<&'a str> {
    let mut at = run.events.iter().position(|event| event.label == label);
    let mut chain = vec![];
    while let Some(event) = at.map(|at| &run.events[at]) {
        chain.push(&*event.label);
        at = event.cause.map(|cause| cause as usize);
    }
    chain
}

#[test]
fn an_answer_is_traced_back_to_the_timer_that_began_it() {
    let mut recorder = Recorder::new(3, RecorderLimits::default());
    recorder.restarted(0, A, "A starts");
    recorder.restarted(0, B, "B starts");
    recorder.timer_armed(A, 7);
    recorder.timer_fired(10, A, 7, "election timeout");
    recorder.state(A, "role: candidate\nterm: 1");
    recorder.sent(10, A, B, "vote?", &[3]);
    // B is disturbed meanwhile; that is not why it answers.
    recorder.fault(15, B, "its clock jumps");
    recorder.arrived(3, 20);
    recorder.wrote(B);
    recorder.sync_begun(20, B);
    recorder.remark(21, B, EventKind::Note, "something else");
    recorder.sync_done(30, B, true, "durable");
    recorder.sent(30, B, A, "vote!", &[3]);
    recorder.arrived(3, 40);
    recorder.state(A, "role: leader\nterm: 1");
    recorder.leads(40, A, 1, true, "leader, term 1");
    recorder.remark(40, A, EventKind::Role, "A leads");
    // What came out of a step is not why it goes on.
    recorder.sent(40, A, C, "I lead", &[4]);
    let run = finish(recorder);
    let chain = [
        "A leads",
        "from n1: vote!",
        "durable",
        "from n0: vote?",
        "election timeout",
        "A starts",
    ];
    assert_eq!(causes(&run, "A leads"), chain);
    let won = run.events.iter().find(|e| e.label == "from n1: vote!");
    let difference = won.map(|event| event.difference.clone());
    assert_eq!(
        difference.unwrap_or_default(),
        ["-role: candidate", "+role: leader"]
    );
    let last = run.messages.last().and_then(|message| message.send);
    assert_eq!(
        last.map(|e| labels(&run)[e as usize]),
        Some("from n1: vote!")
    );
    assert_eq!(run.messages.len(), 3);
    for message in &run.messages[..2] {
        assert_eq!(message.fate, MessageFate::Delivered);
        let received = message.receive.map(|event| &run.events[event as usize]);
        assert_eq!(received.map(|event| event.at), message.arrived);
        assert!(message.send.is_some());
    }
    let sync = &run.syncs[0];
    assert_eq!(
        (sync.node, sync.from, sync.to, sync.kept),
        (1, 20, 30, true)
    );
    assert_eq!((run.reigns[0].from, run.reigns[0].to), (40, 1000));
}

/// What waits for the sync before its own has its writer for a cause, not that sync.
#[test]
fn a_sync_is_for_whoever_wrote() {
    let mut recorder = Recorder::new(3, RecorderLimits::default());
    for (at, name) in [(1, "first"), (2, "second")] {
        recorder.event(at, A, EventKind::Request, name, None);
        recorder.wrote(A);
        if at == 1 {
            recorder.sync_begun(at, A);
        }
    }
    recorder.sync_done(3, A, true, "durable through 1");
    recorder.sync_begun(3, A);
    recorder.sync_done(4, A, true, "durable through 2");
    let run = finish(recorder);
    assert_eq!(causes(&run, "durable through 1")[1], "first");
    assert_eq!(causes(&run, "durable through 2")[1], "second");
}

#[test]
fn every_fate_of_a_message_is_told_apart() {
    let mut recorder = Recorder::new(3, RecorderLimits::default());
    recorder.event(1, A, EventKind::Request, "asked", None);
    recorder.sent(1, A, B, "lost", &[]);
    recorder.sent(1, A, B, "twice", &[1, 2]);
    recorder.sent(1, A, B, "late", &[3]);
    recorder.sent(1, A, B, "corrupted", &[4]);
    recorder.sent(1, A, B, "corrupted and under way", &[5]);
    recorder.sent(1, A, B, "to a dead node", &[6]);
    recorder.forged(1, C, B, "forged", 7);
    recorder.fate(4, MessageFate::Corrupted);
    recorder.fate(5, MessageFate::Corrupted);
    recorder.fate(6, MessageFate::Dropped);
    recorder.late_after(8);
    for (number, at) in [(2, 9), (1, 9), (4, 9), (7, 9), (3, 10)] {
        assert!(recorder.arrived(number, at).is_some());
    }
    assert_eq!(recorder.arrived(6, 10), None, "dropped");
    assert_eq!(recorder.arrived(1, 10), None, "arrives once");
    let run = finish(recorder);
    let fates: Vec<(&str, MessageFate)> =
        run.messages.iter().map(|m| (&*m.label, m.fate)).collect();
    let expected = [
        ("lost", MessageFate::Dropped),
        ("twice", MessageFate::Delivered),
        ("twice", MessageFate::Duplicated),
        ("late", MessageFate::Late),
        ("corrupted", MessageFate::Corrupted),
        ("corrupted and under way", MessageFate::InFlight),
        ("to a dead node", MessageFate::Dropped),
        ("forged", MessageFate::Forged),
    ];
    assert_eq!(fates, expected);
    assert!(
        run.messages
            .iter()
            .all(|m| m.send.is_some() == (m.fate != MessageFate::Forged))
    );
}

#[test]
fn a_crash_ends_what_was_under_way() {
    let mut recorder = Recorder::new(3, RecorderLimits::default());
    recorder.restarted(0, A, "A starts");
    recorder.leads(0, A, 4, true, "leader, term 4");
    recorder.leads(5, A, 4, true, "leader, term 4");
    recorder.state(A, "term: 4");
    recorder.sync_begun(5, A);
    recorder.timer_armed(A, 1);
    let partition = recorder.band_open(FaultIntervalKind::Partition, &[A, B], "cut", 6);
    let crash = recorder.crashed(10, A, "the power fails");
    recorder.restarted(20, A, "A starts again");
    recorder.state(A, "term: 4");
    recorder.timer_fired(25, A, 1, "a timer of before");
    recorder.band_close(partition, 30);
    recorder.band_close(partition, 40);
    let pause = recorder.band_open(FaultIntervalKind::Pause, &[B], "pauses", 30);
    recorder.band_close(pause, 5000);
    let stall = recorder.band_open(FaultIntervalKind::Slow, &[B], "its disk stalls", 30);
    recorder.band_close(stall, 90);
    recorder.band_close(stall, 50);
    let run = finish(recorder);
    assert_eq!(
        causes(&run, "A starts again"),
        ["A starts again", "the power fails"]
    );
    assert_eq!(
        causes(&run, "a timer of before").len(),
        1,
        "who armed it is gone"
    );
    assert!(!run.syncs[0].kept && run.syncs[0].to == 10);
    assert_eq!((run.reigns[0].from, run.reigns[0].to), (0, 10));
    let bands: Vec<_> = run.bands.iter().map(|b| (b.kind, b.from, b.to)).collect();
    let expected = [
        (FaultIntervalKind::Partition, 6, 30),
        (FaultIntervalKind::Crash, 10, 20),
        (FaultIntervalKind::Pause, 30, 1000),
        (FaultIntervalKind::Slow, 30, 50),
    ];
    assert_eq!(bands, expected);
    let again = run.events.iter().find(|e| e.label == "A starts again");
    assert_eq!(again.map(|e| e.difference.len()), Some(1), "told anew");
    assert_eq!(crash, EventId(1));
}

#[test]
fn operations_end_in_three_ways() {
    let mut recorder = Recorder::new(1, RecorderLimits::default());
    for (at, outcome) in [
        OperationOutcome::Done,
        OperationOutcome::Refused,
        OperationOutcome::Unknown,
    ]
    .into_iter()
    .enumerate()
    {
        let op = recorder.invoked(at as u64, "client 1", "put x = 1");
        let first = recorder.event(5, A, EventKind::Request, "put x = 1", None);
        recorder.reached(op, first);
        let again = recorder.event(6, A, EventKind::Request, "again", None);
        recorder.reached(op, again);
        recorder.returned(9, op, outcome, outcome.name());
    }
    recorder.invoked(9, "client 1", "get x");
    let run = finish(recorder);
    let ends: Vec<_> = run
        .operations
        .iter()
        .map(|op| (op.outcome, op.returned, op.event))
        .collect();
    let expected = [
        (OperationOutcome::Done, Some(9), Some(0)),
        (OperationOutcome::Refused, Some(9), Some(2)),
        (OperationOutcome::Unknown, Some(9), Some(4)),
        (OperationOutcome::Unknown, None, None),
    ];
    assert_eq!(ends, expected);
    assert_eq!(run.operations[0].label, "put x = 1 → done");
}

/// A ring of nodes that pass a token on.
fn long(limits: RecorderLimits) -> Run {
    let mut recorder = Recorder::new(3, limits);
    recorder.event(0, A, EventKind::Request, "begin", None);
    // Under way for so long that it is let go before it arrives.
    recorder.sent(0, A, C, "early", &[1000]);
    for turn in 0..500_u64 {
        let (from, to) = (NodeId((turn % 3) as u32), NodeId(((turn + 1) % 3) as u32));
        recorder.sent(turn, from, to, &format!("token {turn}"), &[0]);
        recorder.sync_begun(turn, to);
        recorder.arrived(0, turn + 1);
        recorder.sync_done(turn + 1, to, true, "durable");
        recorder.commit(turn + 1, to, turn);
        recorder.state(to, &format!("turn: {turn}"));
    }
    assert!(recorder.arrived(1000, 500).is_some());
    recorder.violation(501, C, "the end");
    finish(recorder)
}

#[test]
fn of_a_long_run_the_end_is_kept_and_the_cuts_say_so() {
    let whole = long(RecorderLimits::default());
    assert!(whole.cuts.is_empty());
    assert_eq!((whole.events.len(), whole.messages.len()), (1003, 501));
    let limits = RecorderLimits {
        events: 100,
        messages: 30,
        others: 200,
        ..RecorderLimits::default()
    };
    let run = long(limits);
    assert_eq!((run.events.len(), run.messages.len()), (100, 30));
    assert_eq!(
        labels(&run),
        labels(&whole)[903..]
            .iter()
            .map(|l| match *l {
                "from n0: early" => "from n0: a message of long ago",
                other => other,
            })
            .collect::<Vec<_>>()
    );
    assert_eq!(run.verdict.event, Some(99));
    let cuts: Vec<_> = run
        .cuts
        .iter()
        .map(|cut| (&*cut.what, cut.left_out))
        .collect();
    let syncs = 500 - run.syncs.len() as u64;
    assert!(syncs >= 450, "those of events that are gone");
    let expected = [
        ("events", 903),
        ("messages", 471),
        ("syncs", syncs),
        ("commits", 299),
    ];
    assert_eq!(cuts, expected);
}

#[test]
fn words_are_bounded_too() {
    let limits = RecorderLimits {
        text: 1 << 10,
        width: 12,
        ..RecorderLimits::default()
    };
    let run = long(limits);
    let words = run
        .events
        .iter()
        .map(|e| e.label.len() + e.difference.concat().len());
    let words: usize =
        words.sum::<usize>() + run.messages.iter().map(|m| m.label.len()).sum::<usize>();
    assert!((500..=1 << 10).contains(&words), "{words}");
    assert!(
        run.events
            .iter()
            .all(|event| event.label.chars().count() <= 13)
    );
    assert!(run.cuts[0].left_out > 0);
}
