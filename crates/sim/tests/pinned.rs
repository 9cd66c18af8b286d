//! What some seeds mean, pinned: the same on every machine, core count and optimisation level.
//!
//! A change of the protocol, the log or the world changes these; a change of the machine must not.
//! After the former, `UPDATE_EXPECT=1 cargo test -p quorate-sim --test pinned`.

use expect_test::expect;
use quorate_contract::Contract;
use quorate_sim::{Options, RunTotals, in_order, simulate};
use std::fmt::Write;
use std::ops::ControlFlow;

#[test]
fn seeds_mean_the_same_everywhere() {
    let mut text = String::new();
    for seed in [1, 2, 3, 195, 1070] {
        let report = simulate(&Contract::default(), seed, &Options::default());
        let (events, hash) = (report.events, report.hash);
        writeln!(text, "seed {seed}: {events} events, hash {hash:016x}").expect("writes");
    }
    let mut tally = RunTotals::default();
    in_order(
        2,
        40,
        |seed| simulate(&Contract::default(), seed, &Options::default()),
        |_, report| {
            tally.add(report);
            ControlFlow::Continue(())
        },
    );
    writeln!(
        text,
        "seeds 0 to 39: {} events, hash {:016x}",
        tally.events, tally.hash
    )
    .expect("writes");
    expect![[r#"
        seed 1: 3270 events, hash f0c58d0d49db8fdc
        seed 2: 2592 events, hash 6a9d3e861cbefaba
        seed 3: 8781 events, hash 187fb1f9183478fd
        seed 195: 3711 events, hash 9b56e595bfd50d9c
        seed 1070: 771 events, hash d14242091c63cef6
        seeds 0 to 39: 318177 events, hash ab720db3e1c29f1c
    "#]]
    .assert_eq(&text);
}
