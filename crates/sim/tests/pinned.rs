//! What some seeds mean, pinned: the same on every machine, core count and optimisation level.
//!
//! A change of the protocol, the log or the world changes these; a change of the machine must not.
//! After the former, `UPDATE_EXPECT=1 cargo test -p quorate-sim --test pinned`.

use expect_test::expect;
use quorate_contract::Contract;
use quorate_sim::{Options, Tally, in_order, simulate};
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
    let mut tally = Tally::default();
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
        seed 1: 1482 events, hash 4922136da2713121
        seed 2: 13434 events, hash 73ba80fa2ecfe5ba
        seed 3: 1878 events, hash 1de58e3014c17451
        seed 195: 2192 events, hash 0a2dfa6ba379acb8
        seed 1070: 1748 events, hash 534fcc60a796290d
        seeds 0 to 39: 152704 events, hash e8242a41f722d0c3
    "#]]
    .assert_eq(&text);
}
