//! Atomic commit by hand: the usual run as a transcript, and the cases that each paper is about.

use crate::world::*;
use expect_test::expect;
use quorate_core::Protocol;
use quorate_crash::commit_outcome::{CastVote, CommitOutcome};
use quorate_crash::{paxos_commit, three_phase_commit, two_phase_commit};
use std::collections::BTreeSet;

const YES: CastVote = CastVote { yes: true };
const NO: CastVote = CastVote { yes: false };

/// All are asked for their votes at the same moment; a node in `against` votes no.
fn begun<P>(config: P::Config, seed: u64, against: &[u8]) -> World<P>
where
    P: Protocol<Request = CastVote, Output = CommitOutcome>,
{
    let mut world = lab_world(config, 3, seed, WireProfile::CALM);
    world.print = arrivals();
    for node in 0..3 {
        world.ask(node, if against.contains(&node) { NO } else { YES });
    }
    world
}

fn outcomes<P: Protocol<Output = CommitOutcome>>(world: &World<P>) -> BTreeSet<CommitOutcome> {
    world
        .outputs
        .iter()
        .map(|(_, _, outcome)| *outcome)
        .collect()
}

#[test]
fn two_phases() {
    let mut world =
        begun::<two_phase_commit::TwoPhaseCommit>(two_phase_commit::Config::default(), 0, &[]);
    world.run_to(10 * MS);
    world.check().unwrap();
    expect![[r#"
        0.0 ms     n0 is asked CastVote { yes: true }
        0.0 ms     n1 is asked CastVote { yes: true }
        0.0 ms     n2 is asked CastVote { yes: true }
        1.0 ms     n0 → n1  Prepare
        1.0 ms     n0 → n2  Prepare
        2.0 ms     n1 → n0  Vote { yes: true }
        2.0 ms     n2 → n0  Vote { yes: true }
        2.0 ms     n0 says Commit
        3.0 ms     n0 → n1  Outcome(Commit)
        3.0 ms     n1 says Commit
        3.0 ms     n0 → n2  Outcome(Commit)
        3.0 ms     n2 says Commit
    "#]]
    .assert_eq(&world.transcript);
}

#[test]
fn three_phases() {
    let config = three_phase_commit::Config::default();
    let mut world = begun::<three_phase_commit::ThreePhaseCommit>(config, 0, &[]);
    world.run_to(10 * MS);
    world.check().unwrap();
    expect![[r#"
        0.0 ms     n0 is asked CastVote { yes: true }
        0.0 ms     n1 is asked CastVote { yes: true }
        0.0 ms     n2 is asked CastVote { yes: true }
        1.0 ms     n0 → n1  Ask
        1.0 ms     n0 → n2  Ask
        2.0 ms     n1 → n0  State(Waiting)
        2.0 ms     n2 → n0  State(Waiting)
        3.0 ms     n0 → n1  PreCommit
        3.0 ms     n0 → n2  PreCommit
        4.0 ms     n1 → n0  Ready
        4.0 ms     n2 → n0  Ready
        4.0 ms     n0 says Commit
        5.0 ms     n0 → n1  Outcome(Commit)
        5.0 ms     n1 says Commit
        5.0 ms     n0 → n2  Outcome(Commit)
        5.0 ms     n2 says Commit
    "#]]
    .assert_eq(&world.transcript);
}

#[test]
fn an_instance_of_paxos_for_each_vote() {
    let config = paxos_commit::Config::default();
    let mut world = begun::<paxos_commit::PaxosCommit>(config, 0, &[]);
    world.run_to(10 * MS);
    world.check().unwrap();
    expect![[r#"
        0.0 ms     n0 is asked CastVote { yes: true }
        0.0 ms     n1 is asked CastVote { yes: true }
        0.0 ms     n2 is asked CastVote { yes: true }
        1.0 ms     n0 → n1  Vote { yes: true }
        1.0 ms     n0 → n2  Vote { yes: true }
        1.0 ms     n1 → n0  Vote { yes: true }
        1.0 ms     n1 → n2  Vote { yes: true }
        1.0 ms     n2 → n0  Vote { yes: true }
        1.0 ms     n2 → n1  Vote { yes: true }
        2.0 ms     n2 → n0  Accepted { ballot: Ballot { round: 0, node: NodeId(0) } }
        2.0 ms     n0 says Commit
        2.0 ms     n1 → n0  Accepted { ballot: Ballot { round: 0, node: NodeId(0) } }
        3.0 ms     n0 → n1  Outcome(Commit)
        3.0 ms     n1 says Commit
        3.0 ms     n0 → n2  Outcome(Commit)
        3.0 ms     n2 says Commit
    "#]]
    .assert_eq(&world.transcript);
}

#[test]
fn one_vote_for_no_is_enough() {
    fn aborts<P: Protocol<Request = CastVote, Output = CommitOutcome>>(config: &P::Config) {
        for against in 0..3 {
            let mut world = begun::<P>(config.clone(), 0, &[against]);
            world.run_to(2000 * MS);
            world.check().unwrap();
            assert_eq!(outcomes(&world), BTreeSet::from([CommitOutcome::Abort]));
            let told: BTreeSet<_> = world.outputs.iter().map(|(_, node, _)| *node).collect();
            assert_eq!(told.len(), 3, "all are told");
        }
    }
    aborts::<two_phase_commit::TwoPhaseCommit>(&two_phase_commit::Config::default());
    aborts::<three_phase_commit::ThreePhaseCommit>(&three_phase_commit::Config::default());
    aborts::<paxos_commit::PaxosCommit>(&paxos_commit::Config::default());
}

/// The coordinator goes down when the votes are cast: two phases wait for it, the others do not.
#[test]
fn only_two_phase_commit_waits_for_its_coordinator() {
    fn after_the_crash<P: Protocol<Request = CastVote, Output = CommitOutcome>>(
        config: P::Config,
    ) -> World<P> {
        let mut world = begun::<P>(config, 0, &[]);
        world.run_to(MS * 3 / 2);
        world.crash(0);
        world.run_to(20_000 * MS);
        world.check().unwrap();
        world
    }
    let mut two =
        after_the_crash::<two_phase_commit::TwoPhaseCommit>(two_phase_commit::Config::default());
    assert!(two.outputs.is_empty(), "{:?}", two.outputs);
    assert!((1..3).all(|node| two.state(node).is_in_doubt()));
    // Back, and not asked anew: presumed abort.
    two.restart(0);
    two.run_to(40_000 * MS);
    assert_eq!(outcomes(&two), BTreeSet::from([CommitOutcome::Abort]));
    assert!((0..3).all(|node| two.state(node).outcome().is_some()));

    let three = after_the_crash::<three_phase_commit::ThreePhaseCommit>(
        three_phase_commit::Config::default(),
    );
    assert_eq!(three.outputs.len(), 2);
    assert_eq!(outcomes(&three), BTreeSet::from([CommitOutcome::Abort]));
    let paxos = after_the_crash::<paxos_commit::PaxosCommit>(paxos_commit::Config::default());
    assert_eq!(paxos.outputs.len(), 2);
    assert_eq!(outcomes(&paxos), BTreeSet::from([CommitOutcome::Commit]));
}

/// Crashes and recoveries at any moment: never two outcomes, and one in the end.
#[test]
fn whatever_crashes_and_comes_back_there_is_one_outcome() {
    fn one_outcome<P: Protocol<Request = CastVote, Output = CommitOutcome>>(config: &P::Config) {
        let mut seen = BTreeSet::new();
        for seed in 0..400 {
            let mut dice = Dice(seed);
            let mut world: World<P> = lab_world(config.clone(), 3, seed, WireProfile::CALM);
            // In some runs one of them has nothing to say yet.
            let silent = dice.index(12);
            (0..3)
                .filter(|node| *node != silent)
                .for_each(|node| world.ask(node as u8, YES));
            for _ in 0..dice.index(5) {
                world.run_to(world.now + dice.index(400) as u32 * MS / 20);
                let node = dice.index(3);
                world.crash(node);
                world.run_to(world.now + dice.index(400) as u32 * MS);
                world.restart(node);
                // It is not always asked for its vote again.
                if dice.index(2) == 0 {
                    world.ask(node as u8, YES);
                }
            }
            (0..3).for_each(|node| world.ask(node, YES));
            world.run_to(world.now + 60_000 * MS);
            world.check().unwrap();
            let ended = outcomes(&world);
            assert_eq!(ended.len(), 1, "seed {seed}: {ended:?}");
            seen.extend(ended);
        }
        assert_eq!(seen.len(), 2, "both outcomes occur");
    }
    one_outcome::<two_phase_commit::TwoPhaseCommit>(&two_phase_commit::Config::default());
    one_outcome::<paxos_commit::PaxosCommit>(&paxos_commit::Config::default());
}

#[test]
fn setups_that_cannot_work_are_refused() {
    let two = two_phase_commit::Config {
        attempts: 0,
        ..two_phase_commit::Config::default()
    };
    assert!(two.check().unwrap_err().contains("attempts"));
    let three = three_phase_commit::Config {
        round: ZERO,
        ..three_phase_commit::Config::default()
    };
    assert!(three.check().unwrap_err().contains("round"));
    let paxos = paxos_commit::Config::default();
    let paxos = paxos_commit::Config {
        retry_max: paxos.retry_min,
        ..paxos
    };
    assert!(paxos.check().unwrap_err().contains("retry_min"));
}
