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
        seed 1: 1527 events, hash 638069c21e685a4f
        seed 2: 2515 events, hash 4e0d100446813071
        seed 3: 5747 events, hash 234c860ef8df8365
        seed 195: 3711 events, hash edd5fcb45e0b0a1d
        seed 1070: 1015 events, hash bf14cae722336721
        seeds 0 to 39: 244291 events, hash 4cc3468958cce52c
    "#]]
    .assert_eq(&text);
}
