//! What a layer costs: messages from one end to the other in one thread, over a wire that costs
//! nothing and loses every so-many-th packet. Counted per message delivered is the work of both
//! ends, acknowledgements and retransmissions included.
//!
//! `cargo bench -p quorate-links`

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark is a driver, and reads the clock"
)]

use bytes::Bytes;
use quorate_core::{NodeId, Time};
use quorate_links::authenticated::AuthenticatedConfig;
use quorate_links::reliable::Config;
use quorate_links::{
    Authenticated, Endpoints, Epoch, FairLoss, KeyRing, Link, LinkOutput, Missing,
};
use quorate_links::{Lane, Reliable};
use std::time::{Duration, Instant};

const MESSAGES: usize = 1_000_000;

fn main() {
    println!("64-byte messages          burst 1    burst 64   burst 64, 1 in 100 lost");
    let keys = |me| AuthenticatedConfig {
        keys: KeyRing::deal(&[7; 32], NodeId(me), 2),
        link: Config::default(),
        max_packet: 4096,
        missing: Missing::Nothing,
    };
    row::<FairLoss<Bytes>>("fair-loss", [&(), &()]);
    row::<Reliable<Bytes>>("reliable", [&Config::default(), &Config::default()]);
    row::<Authenticated<Reliable<Bytes>>>("authenticated", [&keys(0), &keys(1)]);
}

fn row<L: Link<Bytes>>(name: &str, config: [&L::Config; 2]) {
    let nanos = |burst, lose| run::<L>(config, burst, lose).as_nanos() / MESSAGES as u128;
    let (one, many, lossy) = (nanos(1, 0), nanos(64, 0), nanos(64, 100));
    println!("{name:<20} {one:>8} ns {many:>8} ns {lossy:>8} ns");
}

fn run<L: Link<Bytes>>(config: [&L::Config; 2], burst: usize, lose: usize) -> Duration {
    let ends = |me: u8| Endpoints {
        me: NodeId(me.into()),
        peer: NodeId((1 - me).into()),
        epoch: Epoch(1),
    };
    let mut links = [L::open(config[0], ends(0)), L::open(config[1], ends(1))];
    let message = Bytes::from_static(&[42; 64]);
    let mut out = LinkOutput::default();
    let mut inbox = vec![];
    let (mut sent, mut delivered, mut carried) = (0, 0, 0usize);
    let mut now = Time::ZERO;
    let begin = Instant::now();
    // The raw wire does not make up for what is lost.
    while sent < MESSAGES {
        for _ in 0..burst {
            let taken = links[0].send(now, message.clone(), Lane::Eager);
            sent += usize::from(taken.is_ok());
        }
        let mut quiet = false;
        while !quiet {
            quiet = true;
            for from in 0..2 {
                now = now + Duration::from_micros(1);
                links[from].flush(now, &mut out);
                for (_, packet) in out.packets.drain(..) {
                    quiet = false;
                    carried += 1;
                    if lose == 0 || !carried.is_multiple_of(lose) {
                        let _ = links[1 - from].on_packet(now, packet, &mut inbox);
                    }
                }
                delivered += inbox.len();
                inbox.clear();
            }
        }
        if lose > 0 {
            now = now + Duration::from_secs(1);
            links.iter_mut().for_each(|link| link.on_timer(now));
        }
    }
    let spent = begin.elapsed();
    assert!(delivered + delivered / 50 >= sent, "{delivered} of {sent}");
    spent
}
