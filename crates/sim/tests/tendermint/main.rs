//! The replica is not Raft in disguise: Tendermint serves through the same replica, journal, recovery
//! and simulated world, under the same faults, and is held to the same properties.

#![allow(
    clippy::print_stdout,
    reason = "the seeds to find each defect are a figure to report"
)]

mod ordered;
mod world;

use ordered::{Defect, Ordered};
use quorate_contract::{Cluster, Contract};
use quorate_core::{Mutant, NodeId};
use quorate_sim::{Fault, FaultCounts, Options, RunVerdict, simulate_protocol};
use world::DEFECT;

fn contract() -> Contract {
    Contract {
        cluster: Cluster::loopback("quorate", 4),
        ..Contract::default()
    }
}

/// Runs seeds that must hold; returns what they showed, and how many writes were answered.
fn hold(defect: Defect, seeds: std::ops::Range<u64>) -> (FaultCounts, u64) {
    DEFECT.set(defect);
    let (mut coverage, mut writes) = (FaultCounts::default(), 0);
    for seed in seeds {
        let report = simulate_protocol::<Ordered>(&contract(), seed, &Options::default());
        if let RunVerdict::Violation(violation) = &report.verdict {
            let events = report.last_events.join("\n");
            panic!("seed {seed}: {violation}\n{events}");
        }
        assert!(!report.undecided || report.operations.unknown > 0);
        coverage.merge(&report.coverage);
        writes += report.operations.writes;
    }
    (coverage, writes)
}

fn find(defect: Defect, mutant: Mutant, bound: u64) -> String {
    DEFECT.set(defect);
    let options = Options {
        mutant,
        ..Options::default()
    };
    let found = (0..bound).find_map(|seed| {
        let report = simulate_protocol::<Ordered>(&contract(), seed, &options);
        let violation = report.verdict.violation()?;
        println!("{defect:?}, {mutant:?}: {} seeds, {violation}", seed + 1);
        Some(violation.property.clone())
    });
    found.unwrap_or_else(|| panic!("{defect:?}, {mutant:?}: not in {bound} seeds"))
}

#[test]
fn tendermint_serves_through_crashes_power_losses_partitions_and_loss() {
    let (coverage, writes) = hold(Defect::None, 0..200);
    for fault in [
        Fault::Loss,
        Fault::Duplication,
        Fault::Partition,
        Fault::Isolation,
        Fault::Kill,
        Fault::PowerLoss,
        Fault::ClusterPowerLoss,
        Fault::TornSector,
        Fault::DiskError,
    ] {
        assert!(coverage.of(fault) > 0, "{}", fault.name());
    }
    assert!(writes > 5_000, "{writes} writes were answered");
}

#[test]
fn a_member_that_lies_changes_nothing() {
    // One honest node alone decided a height, by the liar's vote; the others went from round to round
    // with the liar's help, and never asked.
    let (coverage, writes) = hold(Defect::Equivocation(NodeId(3)), 0..120);
    assert!(coverage.of(Fault::Loss) > 0);
    assert!(writes > 1_000, "{writes} writes were answered");
}

#[test]
fn a_lock_that_is_not_persisted_is_found() {
    let property = find(Defect::LockNotPersisted, Mutant::None, 800);
    let expected = [
        "agreement",
        "equal states at equal index",
        "linearizability",
    ];
    assert!(expected.contains(&property.as_str()), "{property}");
}

#[test]
fn a_read_that_does_not_wait_for_its_marker_is_found() {
    let property = find(Defect::ReadsWithoutMarker, Mutant::None, 300);
    assert_eq!(property, "linearizability");
}

#[test]
fn no_sync_before_acknowledgement_is_found() {
    find(Defect::None, Mutant::NoSyncBeforeAck, 1500);
}
