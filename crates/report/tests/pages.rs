//! Pages: what must be in them whatever the data, and what must not.

use quorate_report::*;
use serde_json::Value;

#[allow(dead_code, reason = "no test uses every sample")]
mod samples;

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'&<!--\u{202e}\u{1b}[2J";

fn page(run: &Run) -> String {
    let mut bytes = Vec::new();
    html::run(run, &mut bytes).expect("the run holds together");
    String::from_utf8(bytes).expect("a page is text")
}

fn table(matrix: &Matrix) -> String {
    let mut bytes = Vec::new();
    html::matrix(matrix, &mut bytes).expect("the table holds together");
    String::from_utf8(bytes).expect("a page is text")
}

fn knob(detectors: &Detectors) -> String {
    let mut bytes = Vec::new();
    html::detectors(detectors, &mut bytes).expect("the curves hold together");
    String::from_utf8(bytes).expect("a page is text")
}

fn quorums(comparison: &QuorumComparison) -> String {
    let mut bytes = Vec::new();
    html::quorums(comparison, &mut bytes).expect("a vector takes all");
    String::from_utf8(bytes).expect("a page is text")
}

#[test]
fn quorums_are_drawn_with_what_refutes_them() {
    let page = quorums(&samples::quorums());
    assert!(page.contains("DOES NOT HOLD"));
    assert!(page.contains("{n0, n1} and {n2, n3} share no replica"));
    assert_eq!(page.matches("<circle").count(), 2 * 4);
    // Half a circle for each replica of each quorum: colour is not all that tells them apart.
    assert_eq!(page.matches("<path").count(), 2 * 4);
    assert_eq!(page.matches(">1</text>").count(), 2 * 2);
    assert_eq!(page.matches("<th scope=\"row\">").count(), 2);
    let mut hostile = samples::quorums();
    hostile.title = HOSTILE.to_owned();
    hostile.systems[0].rows[0].replicas[0].name = HOSTILE.to_owned();
    hostile.systems[0].rows[0].replicas[0].role = HOSTILE.to_owned();
    hostile.systems[0].refuted = vec![HOSTILE.to_owned()];
    hostile.systems[0].cells[0] = HOSTILE.to_owned();
    let page = quorums(&hostile);
    assert!(!page.contains("<img"));
    assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'));
    assert_eq!(page.matches("</script>").count(), 2);
}

/// The data of a page, as its scripts read them.
fn data(page: &str) -> Value {
    let start = "<script type=\"application/json\" id=\"data\">";
    let from = page.find(start).expect("a page has data") + start.len();
    let to = from + page[from..].find("</script>").expect("the data end");
    serde_json::from_str(&page[from..to]).expect("the data are JSON")
}

#[test]
fn a_page_loads_nothing() {
    for page in [
        page(&samples::run(5, 200)),
        table(&samples::matrix()),
        knob(&samples::detectors()),
        quorums(&samples::quorums()),
    ] {
        for loading in [
            "http:", "https:", "src=", "@import", "url(", "<link", "fetch(", "import(",
        ] {
            assert!(!page.contains(loading), "{loading}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}

#[test]
fn the_data_of_a_page_are_the_runs() {
    let run = samples::run(5, 200);
    let data = data(&page(&run));
    assert_eq!(data["events"]["at"].as_array().map(Vec::len), Some(200));
    let sent = data["messages"]["sent"].as_array().expect("a column");
    assert_eq!(sent.len(), run.messages.len());
    assert!(
        sent.windows(2)
            .all(|pair| pair[0].as_u64() <= pair[1].as_u64())
    );
    for (i, event) in run.events.iter().enumerate() {
        let label = data["events"]["label"][i].as_u64().expect("an index");
        assert_eq!(data["texts"][label as usize], event.label.as_str());
        let kind = data["events"]["kind"][i].as_u64().expect("a code");
        assert_eq!(data["kinds"][kind as usize], event.kind.name());
        let cause = event.cause.map_or(-1, i64::from);
        assert_eq!(data["events"]["cause"][i].as_i64(), Some(cause));
    }
}

#[test]
fn what_everyone_must_see_needs_no_scripts() {
    let page = page(&samples::run(5, 200));
    let before_data = &page[..page.find("<script").expect("it has scripts")];
    for part in [
        "VIOLATED",
        "State machine safety does not hold",
        "at most 2 replicas crash",
        "quorate simulate --contract five.toml --seed 7",
        "4211 timer events left out",
        "kept are the last 60 s",
    ] {
        assert!(before_data.contains(part), "{part}");
    }
}

#[test]
fn labels_are_text_wherever_they_go() {
    let mut run = samples::run(5, 50);
    let clean = page(&run);
    run.title = HOSTILE.to_owned();
    run.verdict.sentence = HOSTILE.to_owned();
    run.clause = Some(HOSTILE.to_owned());
    run.replay = Some(HOSTILE.to_owned());
    run.nodes[0].name = HOSTILE.to_owned();
    run.events[3].label = HOSTILE.to_owned();
    run.events[3].difference = vec![HOSTILE.to_owned()];
    run.messages[0].label = HOSTILE.to_owned();
    run.operations[0].client = HOSTILE.to_owned();
    run.bands[0].label = HOSTILE.to_owned();
    run.totals[0].name = HOSTILE.to_owned();
    run.cuts[0].why = HOSTILE.to_owned();
    let hostile = page(&run);
    for markup in ["<script", "</script", "<img", "<!--"] {
        let count = |page: &str| page.matches(markup).count();
        assert_eq!(count(&hostile), count(&clean), "{markup}");
    }
    assert!(!hostile.contains('\u{1b}'));
    assert_eq!(data(&hostile)["nodes"][0]["name"], HOSTILE);

    let mut matrix = samples::matrix();
    let clean = table(&matrix);
    matrix.protocols[3] = HOSTILE.to_owned();
    matrix.failures[0] = HOSTILE.to_owned();
    matrix.cells[0].note = HOSTILE.to_owned();
    matrix.detectors[0].name = HOSTILE.to_owned();
    let hostile = table(&matrix);
    for markup in ["<script", "</script", "<img", "<!--"] {
        let count = |page: &str| page.matches(markup).count();
        assert_eq!(count(&hostile), count(&clean), "{markup}");
    }
}

#[test]
fn detectors_have_a_page_with_every_figure() {
    let mut detectors = samples::detectors();
    let clean = knob(&detectors);
    assert!(clean.contains("<span class=\"word\">MEASURED</span> With under one mistake"));
    assert_eq!(clean.matches("<tr><th scope=\"row\">").count(), 16);
    assert_eq!(clean.matches("<title>").count() - 1, 14);
    assert!(clean.contains("<title>phi accrual, 8 × RTT: 0 at 0.40</title>"));
    assert_eq!(data(&clean)[1]["points"][7]["detection_p99"], 800_000_000);
    detectors.curves[0].name = HOSTILE.to_owned();
    detectors.curves[0].points[3].setting = HOSTILE.to_owned();
    detectors.notes[0] = HOSTILE.to_owned();
    let hostile = knob(&detectors);
    for markup in ["<script", "</script", "<img", "<!--"] {
        let count = |page: &str| page.matches(markup).count();
        assert_eq!(count(&hostile), count(&clean), "{markup}");
    }
}

#[test]
fn an_empty_run_has_a_page() {
    let page = page(&Run::default());
    assert!(page.contains("UNDECIDED"));
    assert!(table(&Matrix::default()).contains("AS CLAIMED"));
    assert!(knob(&Detectors::default()).contains("MEASURED"));
}

#[test]
fn a_disagreement_is_the_first_thing_said() {
    let mut matrix = samples::matrix();
    assert_eq!(matrix.disagreements(), 1);
    assert!(table(&matrix).contains("<span class=\"word\">1 CELL DISAGREES</span>"));
    matrix.cells.retain(|cell| !cell.disagrees());
    assert!(table(&matrix).contains("<span class=\"word\">AS CLAIMED</span>"));
}

#[test]
fn charts_show_every_point_also_zero() {
    let page = table(&samples::matrix());
    // Two settings noticed no crash, and have no place.
    let points = samples::matrix().costs.len() * 5 + 2 * 8 - 2;
    assert_eq!(page.matches("<title>").count() - 1, points);
    // Raft signs nothing, and the longest deadline is never wrong: two axes have a zero.
    assert_eq!(page.matches("text-anchor=\"end\">0</text>").count(), 2);
    assert!(!page.contains("NaN") && !page.contains("inf,") && !page.contains(",inf"));
}

#[test]
fn a_page_is_the_same_every_time() {
    assert_eq!(page(&samples::run(5, 200)), page(&samples::run(5, 200)));
}

#[test]
fn json_goes_there_and_back() {
    let run = samples::run(5, 200);
    let json = serde_json::to_string(&run).expect("it is data");
    assert_eq!(
        serde_json::from_str::<Run>(&json).expect("it was written here"),
        run
    );
    let matrix = samples::matrix();
    let json = serde_json::to_string(&matrix).expect("it is data");
    assert_eq!(
        serde_json::from_str::<Matrix>(&json).expect("it was written here"),
        matrix
    );
}
