//! Time to judge made histories that hold: `cargo bench -p quorate-check`.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a measurement has a clock and a terminal"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::Instant;

use quorate_check::{Verdict, check};
use support::world::{Shape, made};

fn main() {
    println!("operations  keys  unknown %   best ms   ns/op  dead ends");
    for (operations, keys, unknown) in [
        (200, 3, 0),
        (200, 3, 5),
        (1_000, 5, 5),
        (2_000, 5, 0),
        (2_000, 5, 5),
        (2_000, 50, 20),
        (100_000, 3, 1),
        (100_000, 1_000, 1),
        (1_000_000, 5, 1),
    ] {
        let shape = Shape {
            operations,
            clients: 16,
            keys,
            unknown,
            exotic: 5,
        };
        // A scan of a thousand keys would measure the scan.
        let shape = if keys > 100 {
            Shape { exotic: 0, ..shape }
        } else {
            shape
        };
        let history = made(7, shape);
        let mut best = f64::MAX;
        let mut dead_ends = 0;
        for _ in 0..(200_000 / operations).clamp(3, 50) {
            let start = Instant::now();
            match check(black_box(&history), 2_000_000) {
                Verdict::Holds(summary) => dead_ends = summary.dead_ends,
                other => println!("{other}"),
            }
            best = best.min(start.elapsed().as_secs_f64());
        }
        let (ms, ns) = (best * 1e3, best * 1e9 / operations as f64);
        println!("{operations:10} {keys:5} {unknown:10} {ms:9.3} {ns:7.0} {dead_ends:10}");
    }
}
