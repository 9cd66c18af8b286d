//! Data that do not hold together are refused, and nothing is written.

use quorate_report::*;

#[allow(dead_code, reason = "no test uses every sample")]
mod samples;

fn refused(change: impl FnOnce(&mut Run)) -> String {
    let mut run = samples::run(5, 100);
    run.check().expect("the sample holds together");
    change(&mut run);
    let mut bytes = Vec::new();
    let error = html::run(&run, &mut bytes).expect_err("it does not hold together");
    assert!(bytes.is_empty());
    error.to_string()
}

fn refused_matrix(change: impl FnOnce(&mut Matrix)) -> String {
    let mut matrix = samples::matrix();
    matrix.check().expect("the sample holds together");
    change(&mut matrix);
    let mut bytes = Vec::new();
    let error = html::matrix(&matrix, &mut bytes).expect_err("it does not hold together");
    assert!(bytes.is_empty());
    error.to_string()
}

#[test]
fn an_index_names_something() {
    let error = refused(|run| run.events[7].node = 5);
    assert_eq!(
        error,
        "nothing to show: event 7 names node 5, and there are 5"
    );
    let changes: [fn(&mut Run); 11] = [
        |run| run.verdict.event = Some(100),
        |run| run.events[7].cause = Some(100),
        |run| run.messages[2].from = 9,
        |run| run.messages[2].to = u32::MAX,
        |run| run.messages[2].send = Some(100),
        |run| run.messages[2].receive = Some(100),
        |run| run.syncs[0].node = 5,
        |run| run.bands[0].nodes.push(5),
        |run| run.reigns[0].node = 5,
        |run| run.commits[0].node = 5,
        |run| run.operations[0].event = Some(100),
    ];
    for change in changes {
        assert!(refused(change).contains(" names "));
    }
}

#[test]
fn time_goes_forward_and_ends() {
    let changes: [fn(&mut Run); 8] = [
        |run| run.events[7].at = 0,
        |run| run.events[99].at = run.end + 1,
        |run| run.messages[0].sent = run.end + 1,
        |run| run.syncs[0].to = run.end + 1,
        |run| run.bands[0].from = run.bands[0].to + 1,
        |run| run.reigns[0].to = run.end + 1,
        |run| run.commits[0].at = run.end + 1,
        |run| run.end = (1 << 53) + 1,
    ];
    for change in changes {
        let error = refused(change);
        assert!(
            error.contains("earlier") || error.contains("later") || error.contains("ends"),
            "{error}"
        );
    }
}

#[test]
fn a_cause_comes_first() {
    assert!(
        refused(|run| run.events[7].cause = Some(7)).contains("its cause does not come before it")
    );
}

#[test]
fn a_message_arrives_or_does_not() {
    let dropped = |run: &mut Run| run.messages[0].fate = MessageFate::Dropped;
    let lost = |run: &mut Run| run.messages[0].arrived = None;
    let first = samples::run(5, 100).messages[0].fate;
    let error = if first == MessageFate::Dropped {
        refused(|run| run.messages[0].fate = MessageFate::Delivered)
    } else {
        refused(dropped)
    };
    assert!(error.contains("time of arrival"), "{error}");
    let delivered =
        |message: &RunMessage| message.fate == MessageFate::Delivered && message.receive.is_some();
    let error = refused(|run| {
        run.messages.retain(delivered);
        lost(run);
    });
    assert!(error.contains("time of arrival"), "{error}");
    let elsewhere = refused(|run| {
        run.messages.retain(delivered);
        run.messages[0].to = (run.messages[0].to + 1) % 5;
    });
    assert!(elsewhere.contains("another node"), "{elsewhere}");
}

#[test]
fn there_is_a_bound() {
    let error = refused(|run| run.nodes = vec![RunNode::default(); 1_001]);
    assert!(error.contains("1001 nodes, and a page holds at most 1000"));
}

#[test]
fn a_table_holds_together() {
    assert!(refused_matrix(|matrix| matrix.cells[0].failure = 7).contains("names failure model 7"));
    let twice = refused_matrix(|matrix| matrix.cells.push(matrix.cells[0].clone()));
    assert!(twice.contains("another cell has its place"));
    let wide = refused_matrix(|matrix| matrix.failures = vec![String::new(); 500]);
    assert!(wide.contains("10500 places for cells"), "{wide}");
    assert!(refused_matrix(|matrix| matrix.costs[0].rounds = f64::NAN).contains("figure"));
    assert!(refused_matrix(|matrix| matrix.costs[0].n = 0).contains("figure"));
    let rate =
        refused_matrix(|matrix| matrix.detectors[0].points[0].false_per_hour = f64::INFINITY);
    assert!(rate.contains("rate"));
    let mut detectors = samples::detectors();
    assert_eq!(detectors.check(), Ok(()));
    detectors.curves[0].points[0].accuracy = Some(f64::NAN);
    let accuracy = detectors.check().expect_err("no number").to_string();
    assert!(accuracy.contains("not a probability"), "{accuracy}");
}

#[test]
fn a_run_cut_to_its_end_holds_together_and_says_so() {
    for keep in [0, 1, 30, 99] {
        let mut run = samples::run(5, 100);
        let last = run.events.last().cloned();
        let (events, messages, cuts) = (run.events.len(), run.messages.len(), run.cuts.len());
        run.keep_last(keep);
        run.check().expect("what is left holds together");
        assert_eq!(run.events.len(), keep);
        let labels = |event: Option<&RunEvent>| event.map(|event| (event.at, event.label.clone()));
        if keep > 0 {
            assert_eq!(labels(run.events.last()), labels(last.as_ref()));
        }
        let left_out = |what| {
            let cuts = run.cuts[cuts..].iter();
            cuts.filter(|cut| cut.what == what)
                .map(|cut| cut.left_out as usize)
                .sum::<usize>()
        };
        assert_eq!(left_out("events") + keep, events);
        assert_eq!(left_out("messages") + run.messages.len(), messages);
    }
    let mut run = samples::run(5, 100);
    run.keep_last(100);
    assert_eq!(run, samples::run(5, 100));
}

#[test]
fn a_cut_run_still_names_the_same_causes() {
    let whole = samples::run(5, 100);
    let mut cut = whole.clone();
    cut.keep_last(60);
    for (old, new) in whole.events[40..].iter().zip(&cut.events) {
        let cause = |run: &Run, event: &RunEvent| {
            event
                .cause
                .map(|cause| run.events[cause as usize].label.clone())
        };
        if old.cause.is_some_and(|cause| cause >= 40) {
            assert_eq!(cause(&whole, old), cause(&cut, new));
        } else {
            assert_eq!(new.cause, None);
        }
    }
    assert!(cut.events.iter().any(|event| event.cause.is_some()));
}

#[test]
fn a_part_of_a_table_has_no_empty_rows() {
    let whole = samples::matrix();
    let mut part = whole.clone();
    part.cells
        .retain(|cell| cell.protocol % 2 == 1 && cell.failure > 1 && cell.timing == 1);
    part.costs.retain(|cost| cost.protocol % 2 == 1);
    let before = part.clone();
    part.drop_empty();
    part.check().expect("it holds together");
    assert_eq!(part.failures, whole.failures[2..]);
    assert_eq!(part.timings, whole.timings[1..2]);
    let name = |matrix: &Matrix, row: u32| matrix.protocols[row as usize].clone();
    for (then, now) in before.cells.iter().zip(&part.cells) {
        assert_eq!(name(&before, then.protocol), name(&part, now.protocol));
        assert_eq!(now.failure, then.failure - 2);
        assert_eq!(now.timing, 0);
    }
    for (then, now) in before.costs.iter().zip(&part.costs) {
        assert_eq!(name(&before, then.protocol), name(&part, now.protocol));
    }
    assert!(!before.costs.is_empty() && part.protocols.len() < whole.protocols.len());
    let mut same = whole.clone();
    same.drop_empty();
    assert_eq!(same, whole);
}
