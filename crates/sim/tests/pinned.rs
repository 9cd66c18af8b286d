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
        seed 1: 1581 events, hash bc88cde090b41cc7
        seed 2: 2482 events, hash a123e7a3dd6337da
        seed 3: 5134 events, hash 998341730c63e7be
        seed 195: 3744 events, hash 132b0c7493503b3f
        seed 1070: 970 events, hash 3d5b92c502d2c5a8
        seeds 0 to 39: 297821 events, hash a810f6ca217c4bac
    "#]]
    .assert_eq(&text);
}
