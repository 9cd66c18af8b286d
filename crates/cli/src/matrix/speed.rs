//! What the processor does: simulated events a second for each protocol, and the time that a decision
//! takes it with real signatures. Measured, so never the same twice; counted costs are elsewhere.

use quorate_crypto::Scheme;
use quorate_lab::matrix::{Cell, Column, FaultClass, TimingModel, Token, cost_of, sample};
use quorate_lab::{NAMES, ProtocolOptions};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::fmt::Write as _;

/// The cluster of the decisions.
const NODES: u8 = 4;
/// How often a decision is measured.
const ROUNDS: usize = 5;
/// A short stream and a long one: their difference is what the decisions take.
const SHORT: u32 = 20;
const LONG: u32 = 220;
/// For how long events are counted, in seconds of processor time.
const COUNTED: f64 = 0.1;

/// One protocol.
#[derive(Debug, Serialize)]
pub(super) struct Speed {
    protocol: &'static str,
    /// In its cell without faults, synchronous.
    events_per_second: f64,
    /// For the whole cluster of four, with Ed25519: least, median, most. Logs only.
    microseconds_per_decision: Option<[f64; 3]>,
}

/// The processor time of this thread, in seconds.
fn spent() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Measures the protocols for which `wanted` holds.
pub(super) fn measure(wanted: impl Fn(&str) -> bool) -> Vec<Speed> {
    let names = NAMES.iter().filter(|name| wanted(name));
    names
        .map(|protocol| Speed {
            protocol,
            events_per_second: events_per_second(protocol),
            microseconds_per_decision: microseconds_per_decision(protocol),
        })
        .collect()
}

fn events_per_second(protocol: &'static str) -> f64 {
    let place = Cell {
        protocol,
        column: Column {
            fault: FaultClass::Nothing,
            one_more: false,
        },
        timing: TimingModel::Synchronous,
    };
    let began = spent();
    let mut events = 0;
    for seed in 0.. {
        let (sample, ..) = sample(Token { cell: place, seed }, &ProtocolOptions::default());
        events += sample.events;
        if spent() - began >= COUNTED {
            break;
        }
    }
    events as f64 / (spent() - began)
}

fn microseconds_per_decision(protocol: &str) -> Option<[f64; 3]> {
    let time = |decisions| {
        let began = spent();
        let measured = cost_of(protocol, NODES, Scheme::Ed25519, decisions)?;
        // One that decides once does not know of streams.
        (measured.rounds > 0.0).then(|| spent() - began)
    };
    let declared = quorate_lab::facts(protocol)?;
    if declared.proposers != quorate_lab::Proposers::Clients {
        return None;
    }
    let mut each = vec![];
    for _ in 0..ROUNDS {
        let (short, long) = (time(SHORT)?, time(LONG)?);
        each.push((long - short).max(0.0) * 1e6 / f64::from(LONG - SHORT));
    }
    each.sort_by(f64::total_cmp);
    Some([each[0], each[ROUNDS / 2], each[ROUNDS - 1]])
}

/// As a table.
pub(super) fn in_words(speeds: &[Speed]) -> String {
    let mut text = format!(
        "what the processor does: simulated events a second and core, without faults; and the time of a\n\
         decision among {NODES} nodes together, with Ed25519 (median of {ROUNDS}, least to most)\n"
    );
    let raft = speeds.iter().find(|speed| speed.protocol == "raft");
    let raft = raft.and_then(|speed| speed.microseconds_per_decision);
    for speed in speeds {
        let _ = write!(
            text,
            "  {:16}  {:5.2} M events/s",
            speed.protocol,
            speed.events_per_second / 1e6
        );
        if let Some([least, median, most]) = speed.microseconds_per_decision {
            let _ = write!(text, "  {median:8.1} µs ({least:.1} to {most:.1})");
            if let Some([_, raft, _]) = raft {
                let _ = write!(text, ", {:.1} times Raft's", median / raft.max(1e-9));
            }
        }
        text.push('\n');
    }
    text
}
