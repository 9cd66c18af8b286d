//! Stories: ours go as expected, and as told when the key defence is off; files that are wrong are
//! refused with the line and what would work.

use expect_test::expect;
use quorate_lab::scenario::{
    EMBEDDED, PartKind, Scenario, ScenarioPart, ScenarioRun, find, four_modes, render, run_part,
};
use quorate_sim::Decisions;

fn read(name: &str) -> Scenario {
    let story = find(name).expect("a story of ours");
    story.read().unwrap_or_else(|error| panic!("{error}"))
}

fn played(part: &ScenarioPart) -> ScenarioRun {
    run_part(part).expect("it can be run")
}

#[test]
fn every_part_of_every_story_is_as_expected_twice() {
    for story in EMBEDDED {
        let scenario = read(story.name);
        assert_eq!(scenario.name, story.name);
        assert!(scenario.source.is_some(), "{}: who tells it?", story.name);
        for part in &scenario.parts {
            let (one, other) = (played(part), played(part));
            assert!(one.holds, "{}", render(&scenario, &[(part, one)]));
            assert_eq!(one.outcome.hash, other.outcome.hash, "{}", story.name);
            assert_eq!((one.seed, one.met), (other.seed, other.met));
        }
    }
}

/// A defence that makes no difference is none.
#[test]
fn without_its_defence_no_story_goes_as_it_does_with_it() {
    let mut turned_off = 0;
    for story in EMBEDDED {
        let scenario = read(story.name);
        let without = scenario
            .parts
            .iter()
            .filter(|part| part.kind == PartKind::Without);
        for part in without {
            let is_with = |with: &&ScenarioPart| match &part.of {
                Some(of) => with.name == *of,
                None => with.kind != PartKind::Without,
            };
            let with = scenario.parts.iter().find(is_with).expect("a part with it");
            let mut hopeful = part.clone();
            hopeful.expect = with.expect.clone();
            hopeful.expect.facts.clear();
            let nodes = part.names.nodes().len();
            hopeful
                .expect
                .decided
                .retain(|(node, _)| node.index() < nodes);
            let played = played(&hopeful);
            assert!(!played.holds, "{}: without {}", story.name, part.name);
            turned_off += 1;
        }
    }
    assert!(turned_off >= 15, "{turned_off}");
}

/// The six rows of doc 003, from our run. Its own sample has tampered data win in the last row,
/// though three of four equal acknowledgements are a quorum of three.
#[test]
fn the_table_of_four_modes() {
    let scenario = read("four-modes");
    let runs: Vec<_> = scenario
        .parts
        .iter()
        .map(|part| (part, played(part)))
        .collect();
    let table = four_modes(&runs).expect("a coordinator counts in each case");
    expect![[r#"
        mode         acks  quorum  agreed  tampered seen  winning data  time to detect
        healthy      4/4   3       1       0              balance=9000  -
        crash-1      3/4   3       1       0              balance=9000  200 ms
        crash-2      2/4   3       0       0              balance=9000  200 ms
        omission     3/4   3       1       0              balance=9000  200 ms
        timing       2/4   3       0       0              balance=9000  200 ms
        byzantine-1  4/4   3       1       1              balance=9000  11.58 ms
    "#]]
    .assert_eq(&table);
}

/// With a deadline beyond the slowest answer, late followers count; what is lost never does.
#[test]
fn the_deadline_is_the_knob_on_synchrony() {
    let scenario = read("four-modes");
    let with_deadline = |case: &str, deadline: &str| {
        let part = scenario.parts.iter().find(|part| part.name == case);
        let mut part = part.expect("a case").clone();
        part.experiment.setup.options.set("deadline-ms", deadline);
        let outcome = played(&part).outcome;
        let agreed = outcome
            .facts
            .iter()
            .find(|(_, _, name, _)| *name == "agreed");
        agreed.expect("counted").3 == "1"
    };
    assert!(!with_deadline("timing", "200"));
    assert!(with_deadline("timing", "1500"));
    assert!(!with_deadline("healthy", "3"));
    assert!(!with_deadline("crash-2", "1500"));
}

/// p^(legs-1) (1-p), as crash::two_generals says, is what the story expects.
#[test]
fn the_generals_part_as_often_as_the_formula_says() {
    use quorate_lab::scenario::OfSeeds;
    use quorate_sim::LinkFault;
    let scenario = read("two-generals");
    let mut compared = 0;
    for part in &scenario.parts {
        let options = &part.experiment.setup.options;
        let number = |name| {
            options
                .get(name)
                .map_or(1, |n| n.parse::<i32>().expect("a number"))
        };
        let lost = part
            .experiment
            .link_faults
            .iter()
            .find_map(|fault| match fault.fault {
                LinkFault::Loss(chance) => Some(f64::from(chance) / 1e6),
                _ => None,
            });
        let (OfSeeds::Chance(expected), Some(lost)) = (part.expect.of_seeds, lost) else {
            continue;
        };
        if options.get("default") == Some("attack") {
            continue;
        }
        let (n, needed) = (number("messengers"), number("needed"));
        let mut choose = 1.0;
        let mut p = 0.0;
        for arrived in 0..=n {
            if arrived >= needed {
                p += choose * (1.0 - lost).powi(arrived) * lost.powi(n - arrived);
            }
            choose = choose * f64::from(n - arrived) / f64::from(arrived + 1);
        }
        let formula = p.powi(number("legs") - 1) * (1.0 - p);
        let expected = f64::from(expected) / 1e6;
        assert!(
            (formula - expected).abs() < 1e-4,
            "{}: {formula}, {expected}",
            part.name
        );
        compared += 1;
    }
    assert_eq!(compared, 4);
}

#[test]
fn a_story_that_does_not_go_as_expected_says_what_differs() {
    let scenario = read("commit-crash-stop");
    let mut part = scenario.parts[0].clone();
    part.expect.inside = false;
    part.expect.within = Some(1);
    part.expect.decided[0].1 = "Y".to_owned();
    let played = played(&part);
    assert!(!played.holds);
    assert_eq!(
        played.unmet,
        [
            "it should be outside the contract, and is inside",
            "all should be decided by 1 ns, and is: 4 ms",
            "A should decide Y, and decides X",
        ]
    );
    assert!(render(&scenario, &[(&part, played)]).contains("NOT AS EXPECTED"));
}

/// What is wrong in a file, and what its error says.
#[test]
fn a_file_that_is_wrong_is_refused_with_the_line_and_what_would_work() {
    let story = find("commit-crash-stop").expect("ours").text;
    for (from, to, says) in [
        ("title =", "tilte =", "did you mean `title`?"),
        ("delay = \"1ms\"", "delay = \"1 parsec\"", "1ms..5ms"),
        (
            "delay = \"1ms\"",
            "delay = \"5ms..1ms\"",
            "the shorter one first",
        ),
        (
            "sync = \"500us\"",
            "synk = \"500us\"",
            "did you mean `sync`?",
        ),
        (
            "node = \"C\"",
            "node = \"F\"",
            "there are A, B, C, D, E, all",
        ),
        (
            "what = \"crash\"\nfrom",
            "what = \"crush\"\nfrom",
            "did you mean \"crash\"?",
        ),
        (
            "name = \"majority-commit\"",
            "name = \"raff\"",
            "did you mean \"raft\"?",
        ),
        (
            "name = \"majority-commit\"",
            "name = \"majority-commit\"\nqorum = \"of-all\"",
            "did you mean `quorum`?",
        ),
        (
            "name = \"majority-commit\"",
            "name = \"majority-commit\"\nquorum = \"half\"",
            "of-all",
        ),
        (
            "name = \"majority-commit\"",
            "name = \"two-generals\"",
            "there are two generals, and nodes is 5",
        ),
        ("tolerate = 2", "tolerate = 5", "write 4 or less"),
        ("\"D\", \"E\"]", "\"D\", \"D\"]", "each name once"),
        (
            "verdict = \"safe-and-live\"",
            "verdict = \"fine\"",
            "safe-and-live",
        ),
        (
            "verdict = \"safe-and-live\"",
            "verdict = \"unsafe\"",
            "add `property = \"agreement\"`",
        ),
        (
            "contract = \"inside\"\nwithin",
            "within",
            "add `contract = \"inside\"`",
        ),
        (
            "within = \"10ms\"",
            "within = 10",
            "a string is expected here",
        ),
        ("decided = { A", "decided = { Z", "no node is called \"Z\""),
        (
            "from = \"0s\"",
            "from = \"2m\"",
            "is after the end of the run",
        ),
        (
            "from = \"0s\"",
            "from = \"2s\"\nuntil = \"1s\"",
            "is not after `from`",
        ),
        ("from = \"0s\"", "form = \"0s\"", "did you mean `from`?"),
        ("value = \"X\"", "value = \"X\"\nat = \"2m\"", "ask earlier"),
        ("value = \"X\"", "worth = \"X\"", "add `value = \"X\"`"),
        ("[[without]]", "[[witout]]", "did you mean `without`?"),
        (
            "shows = \"A third",
            "show = \"A third",
            "did you mean `shows`?",
        ),
        (
            "[cluster]",
            "nothing-to-turn-off = \"no\"\n[cluster]",
            "remove the line",
        ),
        (
            "name = \"commit-crash-stop\"",
            "name = [",
            "this is not TOML",
        ),
    ] {
        assert!(story.contains(from), "{from}");
        let text = story.replacen(from, to, 1);
        let error = match Scenario::parse("mine.toml", &text) {
            Ok(_) => panic!("{to} is taken"),
            Err(error) => error.to_string(),
        };
        assert!(error.starts_with("mine.toml:"), "{error}");
        assert!(error.contains(says), "{to}: {error}");
    }
    // The line is the one in the file, in a case too.
    let text = story.replacen("what = \"crash\" }]", "what = \"crush\" }]", 1);
    let error = Scenario::parse("mine.toml", &text).expect_err("no such fault");
    let line = text
        .lines()
        .position(|line| line.contains("crush"))
        .expect("there");
    assert_eq!(error.line as usize, line + 1);
}

#[test]
fn mangled_files_are_refused_and_never_a_panic() {
    let mut decisions = Decisions::from_seed(1);
    let mut taken = 0;
    for round in 0..3000 {
        let story = &EMBEDDED[decisions.below(EMBEDDED.len() as u64) as usize];
        let mut bytes = story.text.as_bytes().to_vec();
        for _ in 0..=decisions.below(3) {
            let at = decisions.below(bytes.len() as u64) as usize;
            let len = decisions.below(40) as usize;
            let end = (at + len).min(bytes.len());
            match decisions.below(4) {
                0 => drop(bytes.drain(at..end)),
                1 => {
                    bytes[at] = b" \"[]{}=.,#-0123456789abcxyz\n\xff"[decisions.below(28) as usize]
                }
                2 => {
                    let piece = bytes[at..end].to_vec();
                    let to = decisions.below(bytes.len() as u64) as usize;
                    bytes.splice(to..to, piece);
                }
                _ => bytes.truncate(at.max(1)),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        match Scenario::parse("mangled.toml", &text) {
            // What is taken can be run; a few are.
            Ok(scenario) if round % 50 == 0 => {
                let mut part = scenario.parts[0].clone();
                (part.seeds, part.experiment.end) = (1, part.experiment.end.min(1_000_000_000));
                drop(run_part(&part));
                taken += 1;
            }
            Ok(_) => taken += 1,
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    // Most of a story is prose.
    assert!((200..2800).contains(&taken), "{taken}");
}

/// How a story reads.
#[test]
fn a_story_told() {
    let scenario = read("generals-oral");
    let mut runs: Vec<_> = scenario
        .parts
        .iter()
        .map(|part| (part, played(part)))
        .collect();
    runs.drain(..1);
    expect![[r#"
        generals-oral: Byzantine generals who send messengers: three cannot, four can
        (doc 004, Byzantine generals)

        A commander orders an attack; one of the generals is a traitor. Messengers always arrive, and
        nobody can prove to a third general what a second one said. With four generals the three who are
        loyal obey one order, whoever the traitor is. With three they cannot: a lieutenant who hears
        ATTACK from the commander and RETREAT from the other lieutenant cannot know which of the two
        lies (Lamport, Shostak and Pease 1982; n must exceed 3f).

        ── case: four, a traitor commander ──
          oral-messages, 4 nodes, seed 0
           0 ms  commander's twin is asked for "RETREAT"
           0 ms  commander is asked for "ATTACK"
           0 ms  commander: there are two of it; the second talks with L2
          44 ms  L1 decides "ATTACK"
          44 ms  L2 decides "ATTACK"
          44 ms  L3 decides "ATTACK"
          decided: commander (does not count); L1 L2 L3 ATTACK
          result: safe and live: every property held, and all was decided, at 44 ms
          contract: byzantine, f = 1; synchronous; authenticated links; durable storage
            reality stayed inside it: every assumption held
            agreed to, and shown: lie (commander, 0 ms), equivocate (commander, 0 ms)
          as expected

        ── case: three, a traitor commander ──
          L2 and L3 hear different orders, tell each other, and fall back on the default. What helps
          here is what breaks them when a lieutenant is the traitor, since L2 hears the same in both.
          oral-messages, 3 nodes, seed 0
           0 ms  commander's twin is asked for "RETREAT"
           0 ms  commander is asked for "ATTACK"
           0 ms  commander: there are two of it; the second talks with L3
          44 ms  L2 decides "RETREAT"
          44 ms  L3 decides "RETREAT"
          decided: commander (does not count); L2 L3 RETREAT
          result: safe and live: every property held, and all was decided, at 44 ms
          contract: byzantine, f = 1; synchronous; authenticated links; durable storage
            reality stayed inside it: every assumption held
            agreed to, and shown: lie (commander, 0 ms), equivocate (commander, 0 ms)
            oral-messages promises nothing under this contract: it needs n ≥ 3f + 1, here 4 for f = 1;
              there are 3 [byzantine-third-unsigned]
          as expected

        ── WITHOUT: the fourth general ──
          L2 hears ATTACK from the commander and RETREAT from L3, and has no majority.
          oral-messages, 3 nodes, seed 0
           0 ms  commander is asked for "ATTACK"
           0 ms  L3: lies about what it says
          44 ms  commander decides "ATTACK"
          44 ms  AGREEMENT IS VIOLATED: commander decided "ATTACK", L2 decides "RETREAT"
          decided: commander ATTACK; L2 undecided; L3 (does not count)
          result: UNSAFE: agreement is violated: commander decided "ATTACK", L2 decides "RETREAT"
          contract: byzantine, f = 1; synchronous; authenticated links; durable storage
            reality stayed inside it: every assumption held
            agreed to, and shown: lie (L3, 1.08 ms)
            oral-messages promises nothing under this contract: it needs n ≥ 3f + 1, here 4 for f = 1;
              there are 3 [byzantine-third-unsigned]
          as expected

    "#]].assert_eq(&render(&scenario, &runs));
}
