//! Atomic commit: every node begins with a vote, "yes" or "no"; the outcome is "commit" or "abort".

use super::{Proposers, Setup, SlotDecision, SystemUnderTest, same};
use bytes::Bytes;
use quorate_core::NodeId;
use quorate_crash::commit_outcome::{CastVote, CommitOutcome};
use quorate_crash::{paxos_commit, three_phase_commit, two_phase_commit};

const YES: Bytes = Bytes::from_static(b"yes");
const NO: Bytes = Bytes::from_static(b"no");

/// How every commit protocol is asked and read: by votes, and by outcomes.
macro_rules! votes_and_outcomes {
    () => {
        fn request(value: Bytes) -> CastVote {
            CastVote { yes: value == YES }
        }

        fn proposal(_node: NodeId) -> Bytes {
            YES
        }

        fn rival(_node: NodeId) -> Bytes {
            NO
        }

        fn decisions(output: &CommitOutcome) -> Vec<SlotDecision> {
            SlotDecision::only(Bytes::from_static(output.name().as_bytes()))
        }
    };
}

/// A coordinator that all wait for.
#[derive(Debug)]
pub struct TwoPhaseCommitSystem;

impl SystemUnderTest for TwoPhaseCommitSystem {
    type Protocol = two_phase_commit::TwoPhaseCommit;
    const NAME: &'static str = "two-phase-commit";
    const CATALOGUE: quorate_contract::ProtocolName = two_phase_commit::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::AllNodes;
    const RECOVERS: bool = true;
    const PER_FAULT: u8 = 1;
    const OPTIONS: &'static [(&'static str, &'static [&'static str])] =
        &[("vote", &["durable", "at-once"])];

    fn configs(setup: &Setup) -> Result<Vec<two_phase_commit::Config>, String> {
        let config = two_phase_commit::Config {
            nodes: setup.nodes,
            retry: setup.delta * 4,
            vote: match setup.options.is("vote", "at-once") {
                true => two_phase_commit::VoteRule::AtOnce,
                false => two_phase_commit::VoteRule::Durable,
            },
            ..two_phase_commit::Config::default()
        };
        config.check()?;
        Ok(same(setup, config))
    }

    votes_and_outcomes!();

    fn state(node: &two_phase_commit::TwoPhaseCommit) -> String {
        let vote = match node.hard().vote {
            Some(true) => "yes",
            Some(false) => "no",
            None => "none",
        };
        let outcome = node.outcome().map_or("unknown", CommitOutcome::name);
        format!("vote on disk: {vote}\noutcome: {outcome}\n")
    }
}

/// A phase more, and the next one when the coordinator is gone.
#[derive(Debug)]
pub struct ThreePhaseCommitSystem;

impl SystemUnderTest for ThreePhaseCommitSystem {
    type Protocol = three_phase_commit::ThreePhaseCommit;
    const NAME: &'static str = "three-phase-commit";
    const CATALOGUE: quorate_contract::ProtocolName = three_phase_commit::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::AllNodes;
    const RECOVERS: bool = false;
    const PER_FAULT: u8 = 1;

    fn configs(setup: &Setup) -> Result<Vec<three_phase_commit::Config>, String> {
        let config = three_phase_commit::Config {
            nodes: setup.nodes,
            // And what clocks may drift meanwhile.
            round: setup.delta * 5 / 4,
        };
        config.check()?;
        Ok(same(setup, config))
    }

    votes_and_outcomes!();
}

/// An instance of Paxos for each vote.
#[derive(Debug)]
pub struct PaxosCommitSystem;

impl SystemUnderTest for PaxosCommitSystem {
    type Protocol = paxos_commit::PaxosCommit;
    const NAME: &'static str = "paxos-commit";
    const CATALOGUE: quorate_contract::ProtocolName = paxos_commit::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::AllNodes;
    const RECOVERS: bool = true;
    const PER_FAULT: u8 = 2;
    const OPTIONS: &'static [(&'static str, &'static [&'static str])] =
        &[("takeover", &["asks-a-majority", "aborts-at-once"])];

    fn configs(setup: &Setup) -> Result<Vec<paxos_commit::Config>, String> {
        let config = paxos_commit::Config {
            nodes: setup.nodes,
            retry_min: setup.delta * 4,
            retry_max: setup.delta * 12,
            takeover: match setup.options.is("takeover", "aborts-at-once") {
                true => paxos_commit::TakeoverRule::AbortAtOnce,
                false => paxos_commit::TakeoverRule::AskMajority,
            },
            ..paxos_commit::Config::default()
        };
        config.check()?;
        Ok(same(setup, config))
    }

    votes_and_outcomes!();
}
