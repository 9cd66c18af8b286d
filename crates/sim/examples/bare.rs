//! How many events a second a bare Raft gets through: three nodes, proposals of 64 bytes.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an example is a program"
)]

use quorate_core::NodeId;
use quorate_crash::raft::{Config, Raft, Request, Role};
use quorate_sim::{Bare, Decisions, NetworkProfile};
use std::time::Instant;

fn main() {
    let events = std::env::args()
        .nth(1)
        .and_then(|arg| arg.parse().ok())
        .unwrap_or(5_000_000u64);
    let (mut total, mut simulated, began) = (0, 0, Instant::now());
    let mut seed = 0;
    while total < events {
        let mut bare = Bare::<Raft>::new(
            |_| Config::default(),
            3,
            NetworkProfile::default(),
            Decisions::from_seed(seed),
        );
        bare.start_all();
        let payload = bytes::Bytes::from_static(&[7; 64]);
        while bare.events() < 100_000 && bare.advance().is_some() {
            bare.take_outputs().for_each(drop);
            if bare.events().is_multiple_of(10) {
                let leads = |id: &NodeId| {
                    bare.node(*id)
                        .is_some_and(|raft| raft.role() == Role::Leader)
                };
                if let Some(leader) = NodeId::all(3).find(leads) {
                    bare.request(leader, Request::Propose(payload.clone()));
                }
            }
        }
        total += bare.events();
        simulated += bare.now();
        seed += 1;
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "{total} events, {:.0} events/s, {:.0} times real time",
        total as f64 / took,
        simulated as f64 / 1e9 / took
    );
}
