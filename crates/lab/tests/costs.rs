//! What `explain` says that a decision costs is what running code costs, as formulas of n and f.

use quorate_contract::ProtocolCost;
use quorate_crypto::Scheme;
use quorate_lab::matrix::{Measured, SIZES, cost};
use quorate_lab::{NAMES, facts};

/// Who proposes takes turns, so most requests are passed on first: one delay more, and a message to
/// each.
const TURNS: [&str; 2] = ["hotstuff", "tendermint"];
/// Time is counted in rounds, and a round is longer than a message takes.
const ROUNDS: [&str; 4] = [
    "flood-set",
    "dolev-strong",
    "oral-messages",
    "signed-messages",
];

/// How far the figures are apart, if they are.
fn apart(protocol: &str, claimed: &ProtocolCost, measured: &Measured) -> Vec<String> {
    let more = if TURNS.contains(&protocol) { 1.0 } else { 0.0 };
    let to_each = more * f64::from(measured.n - 1);
    let mut figures = vec![
        ("messages", claimed.messages, measured.messages, to_each),
        ("syncs", claimed.syncs, measured.syncs, 0.0),
    ];
    if !ROUNDS.contains(&protocol) {
        figures.push(("delays", claimed.delays, measured.rounds, more));
    }
    let off = figures.into_iter().filter(|(_, claimed, measured, more)| {
        let claimed = *claimed as f64;
        // A sync takes a moment, and is no delay of a message.
        let measured = (measured * 1e3).round() / 1e3;
        !(claimed..=claimed + more).contains(&measured)
    });
    off.map(|(figure, claimed, measured, _)| {
        format!("{protocol}: {figure} {measured:.2}, claimed {claimed}")
    })
    .collect()
}

/// `explain` said that Raft sends 2(n - 1) messages, and Ben-Or two in each direction: both send three.
#[test]
fn what_is_claimed_is_what_is_measured() {
    let mut wrong = vec![];
    let mut measured_ones = 0;
    for protocol in NAMES.iter().copied() {
        for n in SIZES {
            let Some(measured) = cost(protocol, n, Scheme::Ideal) else {
                continue;
            };
            let facts = facts(protocol).expect("it has a name");
            let claimed = facts.catalogue.cost(n.into(), measured.f.into());
            measured_ones += 1;
            for difference in apart(protocol, &claimed, &measured) {
                wrong.push(format!("n = {n}, f = {}: {difference}", measured.f));
            }
        }
    }
    assert!(measured_ones > 60, "{measured_ones}");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
