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
        seed 1: 2476 events, hash c576ce853890e52f
        seed 2: 2657 events, hash d0c7ea75e210d746
        seed 3: 8779 events, hash a8e0300f49220401
        seed 195: 3796 events, hash f78fe03866515466
        seed 1070: 763 events, hash 32dee4614f56b637
        seeds 0 to 39: 316367 events, hash e801f81f25cf37ae
    "#]]
    .assert_eq(&text);
}
