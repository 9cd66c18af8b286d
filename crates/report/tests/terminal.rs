//! The same for a terminal.

use quorate_report::*;

#[allow(dead_code, reason = "no test uses every sample")]
mod samples;

#[test]
fn a_table_for_a_terminal() {
    let text = terminal::matrix(&samples::matrix());
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[0],
        "matrix: 7 protocols, 7 failure models, 3 timing models"
    );
    let raft = lines
        .iter()
        .find(|line| line.starts_with("Raft"))
        .expect("a row");
    assert!(raft.contains('✓') && raft.contains("✗*") && raft.ends_with("goes wrong"));
    let found = lines.iter().position(|line| {
        line.starts_with(
            "! primary-backup, crash-recovery, partially synchronous: UNSAFE: two primaries",
        )
    });
    let command = lines[found.expect("the disagreement is told") + 1];
    assert_eq!(
        command,
        "  quorate simulate --protocol 1 --failure 2 --timing 1 --seed 12"
    );
    assert!(text.contains("not the whole: 7 cells left out"));
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("Dolev–Strong") && line.contains('·'))
    );
}

#[test]
fn columns_stand_under_each_other() {
    let text = terminal::costs(&samples::matrix());
    let widths: Vec<_> = text.lines().map(|line| line.chars().count()).collect();
    assert_eq!(widths.len(), 1 + samples::matrix().costs.len());
    assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
}

#[test]
fn detectors_have_a_plot_with_every_point_in_its_place() {
    let text = terminal::detectors(&samples::detectors());
    let rows: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once(" |"))
        .collect();
    // 14 points have a detection time; those without a mistake stand in a row of their own, both
    // at 400 ms.
    let (_, none) = rows
        .iter()
        .find(|(label, _)| label.trim() == "none")
        .expect("the last row");
    assert_eq!(none.trim(), "*");
    let letters = |letter: char| {
        rows.iter()
            .map(|(_, row)| row.matches(letter).count())
            .sum::<usize>()
    };
    assert_eq!(
        (letters('a'), letters('b'), letters('*')),
        (6, 6, 1),
        "{text}"
    );
    // Upwards is worse, to the right is slower.
    let places: Vec<_> = rows.iter().filter_map(|(_, row)| row.find('a')).collect();
    assert!(
        places.is_sorted() && places.first() < places.last(),
        "{text}"
    );
    let row = text
        .lines()
        .find(|line| line.contains("8 × RTT"))
        .expect("a row of the table");
    let cells: Vec<_> = row.split_whitespace().collect();
    let expected = ["400", "800", "1200", "0", "0", "0", "-", "-"];
    assert_eq!(cells[5..13], expected, "{row}");
    assert!(text.contains("a fixed deadline  b phi accrual"));
}

#[test]
fn detectors_without_a_point_have_no_plot() {
    let mut detectors = samples::detectors();
    for curve in &mut detectors.curves {
        curve.points.retain(|point| point.detection.is_none());
    }
    let text = terminal::detectors(&detectors);
    assert!(text.contains("1 × RTT") && !text.contains(" |"), "{text}");
    detectors.curves.clear();
    assert!(terminal::detectors(&detectors).contains("under one mistake an hour"));
}

#[test]
fn a_run_for_a_terminal_ends_with_the_event_of_its_verdict() {
    let text = terminal::run(&samples::run(5, 100), 10);
    assert!(text.contains("VIOLATED: State machine safety"));
    let events: Vec<_> = text.lines().filter(|line| line.contains("  e")).collect();
    assert_eq!(events.len(), 10);
    assert!(events[9].contains("e75") && events[9].contains("violation: StateMachineSafety"));
}

#[test]
fn nothing_in_a_label_steers_the_terminal() {
    let mut run = samples::run(5, 100);
    run.events[75].label = "\u{1b}[2J\u{202e}\n\rgone\u{9b}".to_owned();
    run.verdict.sentence = "\u{1b}]0;title\u{7}".to_owned();
    let text = terminal::run(&run, 10);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    assert!(!text.contains('\u{202e}'));
    assert!(text.contains("gone"));
}

#[test]
fn quorums_are_drawn_in_a_hundred_columns() {
    let text = terminal::quorums(&samples::quorums());
    assert!(
        text.contains("voters  [n0 1·]  [n1 1·]  [n2 ·2]  [n3 ·2 witness]"),
        "{text}"
    );
    assert!(text.contains("DOES NOT HOLD: {n0, n1} and {n2, n3} share no replica"));
    assert!(text.contains("→ 3 to read, 2 to write"));
    let row = text
        .lines()
        .find(|line| line.starts_with("majority: 3 of 4"));
    assert!(row.is_some_and(|row| row.contains("<survives>")), "{text}");
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(110), "{text}");
    let mut hostile = samples::quorums();
    hostile.systems[0].rows[0].replicas[0].name = "\u{1b}[2J\u{202e}\n".to_owned();
    hostile.systems[0].refuted = vec!["\u{9b}\r".to_owned()];
    let text = terminal::quorums(&hostile);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    assert!(!text.contains('\u{202e}'));
}
