//! Each seeded defect is found, within a bounded number of seeds, by the property that it violates.

#![allow(
    clippy::print_stdout,
    reason = "the seeds to find each defect are a figure to report"
)]

use quorate_contract::Contract;
use quorate_core::Mutant;
use quorate_sim::{Fault, Options, RunLimits, RunVerdict, simulate};

/// Finds a defect; returns the seed and the property that gave it away.
fn find(mutant: Mutant, bound: u64) -> (u64, String) {
    let contract = Contract::default();
    let options = Options {
        mutant,
        ..Options::default()
    };
    let found = (0..bound).find_map(|seed| {
        let report = simulate(&contract, seed, &options);
        match report.verdict {
            RunVerdict::Ok => None,
            RunVerdict::Violation(violation) => Some((seed, violation.property)),
        }
    });
    let (seed, property) = found.unwrap_or_else(|| panic!("{mutant:?}: not in {bound} seeds"));
    println!("{mutant:?}: {} seeds, {property}", seed + 1);
    (seed, property)
}

#[test]
fn no_sync_before_acknowledgement_is_found() {
    find(Mutant::NoSyncBeforeAck, 100);
}

/// To acknowledge early does harm only where something then forgets what it had not yet written.
/// That other properties seemed to break in quiet worlds too was the observers' mistake: they saw
/// the log being cut before they saw what was committed in the same burst.
#[test]
fn no_sync_before_acknowledgement_takes_a_crash() {
    const FORGETS: [Fault; 7] = [
        Fault::PowerLoss,
        Fault::PowerLossInCall,
        Fault::ClusterPowerLoss,
        Fault::Kill,
        Fault::DiskError,
        // Other software is a restart.
        Fault::Upgraded,
        Fault::RolledBack,
    ];
    let options = Options {
        mutant: Mutant::NoSyncBeforeAck,
        // To be left behind kills a process too, and is counted only if the others' logs were cut
        // meanwhile. A leader whose disk hangs can't tell, and stays.
        caps: RunLimits::default().and_without(&[Fault::LeftBehind, Fault::DiskStall]),
        ..Options::default()
    };
    let mut found = 0;
    for seed in 0..100 {
        let report = simulate(&Contract::default(), seed, &options);
        if let RunVerdict::Violation(violation) = &report.verdict {
            let forgot = FORGETS.iter().any(|fault| report.coverage.of(*fault) > 0);
            assert!(forgot, "seed {seed}: {violation}");
            found += 1;
        }
    }
    assert!(found > 0);
}

#[test]
fn a_vote_that_is_not_persisted_is_found() {
    let (_, property) = find(Mutant::VoteNotPersisted, 500);
    assert!(
        ["election safety", "log matching"].contains(&property.as_str()),
        "{property}"
    );
}

/// Raft, figure 8. The rarest: it takes two leaders in turn who fail at the wrong moments.
#[test]
fn an_old_entry_committed_by_counting_is_found() {
    let (_, property) = find(Mutant::OldTermCommit, 4000);
    let expected = ["leader completeness", "state-machine safety"];
    assert!(expected.contains(&property.as_str()), "{property}");
}

#[test]
fn a_read_without_read_index_is_found() {
    let (_, property) = find(Mutant::ReadWithoutReadIndex, 500);
    assert_eq!(property, "linearizability");
}

#[test]
fn a_torn_tail_taken_for_whole_is_found() {
    find(Mutant::TornTailAccepted, 500);
}

#[test]
fn a_duplicate_that_is_applied_is_found() {
    let (_, property) = find(Mutant::DuplicateApplied, 100);
    let expected = ["integrity", "linearizability"];
    assert!(expected.contains(&property.as_str()), "{property}");
}

/// A member that was removed takes part in elections all the same.
#[test]
fn a_removed_node_that_votes_is_found() {
    let (_, property) = find(Mutant::RemovedNodeVotes, 400);
    let expected = ["leader completeness", "election safety", "log matching"];
    assert!(expected.contains(&property.as_str()), "{property}");
}

#[test]
fn a_configuration_that_a_snapshot_drops_is_found() {
    find(Mutant::ConfigurationDroppedBySnapshot, 400);
}

#[test]
fn session_answers_that_a_snapshot_loses_are_found() {
    find(Mutant::SessionAnswersLostInASnapshot, 100);
}

/// Such a replica goes on with a state that is not the others'. The world sees it apply what it can't
/// read; the observers see another digest, if they look first.
#[test]
fn a_newer_entry_that_is_skipped_is_found() {
    let (_, property) = find(Mutant::NewerEntrySkipped, 400);
    let expected = [
        "a replica applies nothing above its software's level",
        "equal states at equal index",
    ];
    assert!(expected.contains(&property.as_str()), "{property}");
}

#[test]
fn a_level_that_is_raised_too_early_is_found() {
    let (_, property) = find(Mutant::LevelRaisedTooEarly, 400);
    assert_eq!(
        property,
        "the level is raised only when every member can follow"
    );
}

/// It commits by its followers' disks, so that only its long leadership gives it away.
#[test]
fn a_stalled_leader_that_goes_on_leading_is_found() {
    let (_, property) = find(Mutant::StalledLeaderLeads, 400);
    assert_eq!(property, "a leader whose disk hangs does not go on leading");
}

#[test]
fn a_learner_that_is_promoted_before_it_has_caught_up_is_found() {
    let (_, property) = find(Mutant::PromotedBeforeCaughtUp, 1000);
    assert_eq!(property, "a learner votes only when it has caught up");
}

/// The receiver gives such a snapshot up and begins again; what the sender sends gives it away.
#[test]
fn a_chunk_that_is_lost_when_a_transfer_resumes_is_found() {
    let (_, property) = find(Mutant::ChunkLostInResume, 200);
    assert_eq!(property, "a snapshot's pieces fit together");
}

/// Votes and acknowledgements count by a configuration that is over.
#[test]
fn a_stale_configuration_that_counts_is_found() {
    let (_, property) = find(Mutant::StaleConfigurationCounted, 1000);
    let expected = [
        "nothing acknowledged is lost",
        "liveness after stabilization",
    ];
    assert!(expected.contains(&property.as_str()), "{property}");
}

/// An acknowledged write was lost without a word, when a member with an empty directory came back
/// while others were down.
#[test]
fn a_wiped_member_that_votes_is_found() {
    find(Mutant::WipedMemberVotes, 2000);
}
