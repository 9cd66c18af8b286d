//! Protocols for nodes that crash, omit and are late, and never lie.

use super::{Proposers, Setup, SlotDecision, SystemUnderTest, same};
use bytes::Bytes;
use quorate_core::NodeId;
use quorate_crash::{flood_set, majority, multi_paxos, paxos, primary_backup, raft};
use std::time::Duration;

/// Timeouts that a leader's next word beats easily, if it is told Δ.
fn patience(setup: &Setup) -> (Duration, Duration, Duration) {
    let heartbeat = setup.delta * 2;
    let election_min = election_min(setup.delta);
    (heartbeat, election_min, election_min * 2)
}

fn election_min(delta: Duration) -> Duration {
    delta * 8
}

/// How patient nodes become that are told Δ.
pub(crate) fn timeout_factor_max(timing: &quorate_contract::Timing, delta: Duration) -> u32 {
    raft::max_timeout_factor(timing, election_min(delta))
}

/// The one that serves.
#[derive(Debug)]
pub struct RaftSystem;

impl SystemUnderTest for RaftSystem {
    type Protocol = raft::Raft;
    const NAME: &'static str = "raft";
    const CATALOGUE: quorate_contract::ProtocolName = quorate_contract::ProtocolName::Raft;
    const PROPOSERS: Proposers = Proposers::Clients;
    const RECOVERS: bool = true;
    const PER_FAULT: u8 = 2;
    const ONE_LEADER_A_TERM: bool = true;

    fn configs(setup: &Setup) -> Result<Vec<raft::Config>, String> {
        let (heartbeat, election_min, election_max) = patience(setup);
        let config = raft::Config {
            founding: raft::Configuration::founding(setup.nodes).into(),
            heartbeat,
            election_min,
            election_max,
            max_timeout_factor: setup.timeout_factor_max,
            ..raft::Config::default()
        };
        config.check()?;
        Ok(same(setup, config))
    }

    fn request(value: Bytes) -> raft::Request {
        raft::Request::Propose(value)
    }

    fn decisions(output: &raft::Output) -> Vec<SlotDecision> {
        let raft::Output::Committed { first, entries } = output else {
            return vec![];
        };
        let decision = |(slot, entry): (u64, &raft::Entry)| SlotDecision {
            slot,
            values: match entry.payload.command().is_empty() {
                true => vec![],
                false => vec![Bytes::copy_from_slice(entry.payload.command())],
            },
        };
        (*first..).zip(entries.iter()).map(decision).collect()
    }

    fn leads(node: &raft::Raft) -> Option<(u64, bool)> {
        Some((node.term(), node.role() == raft::Role::Leader))
    }

    fn decided(node: &raft::Raft) -> Option<u64> {
        Some(node.commit())
    }

    fn read(id: u64) -> Option<raft::Request> {
        Some(raft::Request::Read(id))
    }

    fn read_answer(output: &raft::Output) -> Option<(u64, Option<u64>)> {
        match output {
            raft::Output::ReadReady { id, index } => Some((*id, Some(*index))),
            raft::Output::ReadFailed { id, .. } => Some((*id, None)),
            _ => None,
        }
    }

    fn crash_signal(crashed: NodeId) -> Option<raft::Request> {
        Some(raft::Request::Suspect(crashed))
    }

    fn state(node: &raft::Raft) -> String {
        let mut text = format!(
            "role: {:?}\nterm: {}\nlast index: {}\ncommit: {}\n",
            node.role(),
            node.term(),
            node.last_index(),
            node.commit()
        );
        if let Some(leader) = node.leader() {
            text += &format!("leader: {leader}\n");
        }
        text
    }
}

/// A log, one Paxos a slot.
#[derive(Debug)]
pub struct MultiPaxosSystem;

impl SystemUnderTest for MultiPaxosSystem {
    type Protocol = multi_paxos::MultiPaxos;
    const NAME: &'static str = "multi-paxos";
    const CATALOGUE: quorate_contract::ProtocolName = multi_paxos::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::Clients;
    const RECOVERS: bool = true;
    const PER_FAULT: u8 = 2;

    fn configs(setup: &Setup) -> Result<Vec<multi_paxos::Config>, String> {
        let (heartbeat, election_min, election_max) = patience(setup);
        let config = multi_paxos::Config {
            nodes: setup.nodes,
            heartbeat,
            election_min,
            election_max,
            timeout_factor_max: setup.timeout_factor_max,
            ..multi_paxos::Config::default()
        };
        config.check()?;
        Ok(same(setup, config))
    }

    fn request(value: Bytes) -> multi_paxos::Propose {
        multi_paxos::Propose(value)
    }

    fn decided(node: &multi_paxos::MultiPaxos) -> Option<u64> {
        Some(node.chosen())
    }

    fn leads(node: &multi_paxos::MultiPaxos) -> Option<(u64, bool)> {
        let round = node.hard().promised.round;
        Some((round, node.leads()))
    }

    fn decisions(output: &multi_paxos::Output) -> Vec<SlotDecision> {
        match output {
            multi_paxos::Output::Chosen { slot, value } => vec![SlotDecision {
                slot: *slot,
                values: match value.is_empty() {
                    true => vec![],
                    false => vec![value.clone()],
                },
            }],
            _ => vec![],
        }
    }
}

/// One decision.
#[derive(Debug)]
pub struct PaxosSystem;

impl SystemUnderTest for PaxosSystem {
    type Protocol = paxos::Paxos;
    const NAME: &'static str = "paxos";
    const CATALOGUE: quorate_contract::ProtocolName = paxos::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::AllNodes;
    const RECOVERS: bool = true;
    const PER_FAULT: u8 = 2;

    fn configs(setup: &Setup) -> Result<Vec<paxos::Config>, String> {
        let config = paxos::Config {
            nodes: setup.nodes,
            retry_min: setup.delta * 4,
            retry_max: setup.delta * 12,
            ..paxos::Config::default()
        };
        config.check()?;
        Ok(same(setup, config))
    }

    fn request(value: Bytes) -> paxos::Propose {
        paxos::Propose(value)
    }

    fn decisions(output: &paxos::Output) -> Vec<SlotDecision> {
        match output {
            paxos::Output::Decided { value } => SlotDecision::only(value.clone()),
            paxos::Output::Busy => vec![],
        }
    }
}

/// The COMMIT of docs 000 and 003, with the lessons that can be left out.
#[derive(Debug)]
pub struct MajorityCommitSystem;

impl SystemUnderTest for MajorityCommitSystem {
    type Protocol = majority::Majority;
    const NAME: &'static str = "majority-commit";
    const CATALOGUE: quorate_contract::ProtocolName = majority::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::Sender;
    const RECOVERS: bool = false;
    const PER_FAULT: u8 = 2;
    const OPTIONS: &'static [(&'static str, &'static [&'static str])] = &[
        ("quorum", &["of-all", "of-followers"]),
        ("order", &["simple", "promise-first", "together"]),
        ("count", &["same-content", "any-content"]),
        ("acknowledge", &["durable", "at-once"]),
        ("deadline-ms", &["none", "a number"]),
    ];

    fn configs(setup: &Setup) -> Result<Vec<majority::Config>, String> {
        let options = &setup.options;
        let deadline = match options.get("deadline-ms") {
            None | Some("none") => None,
            Some(_) => Some(Duration::from_millis(options.number("deadline-ms", 0)?)),
        };
        let config = majority::Config {
            nodes: setup.nodes,
            leader: NodeId(0),
            quorum: match options.is("quorum", "of-followers") {
                true => majority::QuorumRule::OfFollowers,
                false => majority::QuorumRule::OfAll,
            },
            deadline,
            order: match options.get("order") {
                Some("promise-first") => majority::PrepareRule::PromiseFirst,
                Some("together") => majority::PrepareRule::Together,
                _ => majority::PrepareRule::Simple,
            },
            count: match options.is("count", "any-content") {
                true => majority::Count::AnyContent,
                false => majority::Count::SameContent,
            },
            acknowledge: match options.is("acknowledge", "at-once") {
                true => majority::Acknowledge::AtOnce,
                false => majority::Acknowledge::Durable,
            },
        };
        config.check()?;
        Ok(same(setup, config))
    }

    fn request(value: Bytes) -> majority::Commit {
        majority::Commit(value)
    }

    fn decisions(output: &majority::Output) -> Vec<SlotDecision> {
        match output {
            majority::Output::Committed { value } => SlotDecision::only(value.clone()),
            _ => vec![],
        }
    }

    fn facts(output: &majority::Output) -> Vec<(&'static str, String)> {
        let majority::Output::Tally(tally) = output else {
            return vec![];
        };
        let winning = tally.winning.as_ref();
        vec![
            ("acks", format!("{}/{}", tally.acks, tally.voters)),
            ("quorum", tally.quorum.to_string()),
            ("agreed", u8::from(tally.agreed).to_string()),
            ("tampered seen", u8::from(tally.tampered_seen).to_string()),
            (
                "winning data",
                winning.map_or("-".to_owned(), |value| {
                    String::from_utf8_lossy(value).into_owned()
                }),
            ),
        ]
    }
}

/// A primary that all follow, and the next one when it is gone.
#[derive(Debug)]
pub struct PrimaryBackupSystem;

impl SystemUnderTest for PrimaryBackupSystem {
    type Protocol = primary_backup::PrimaryBackup;
    const NAME: &'static str = "primary-backup";
    const CATALOGUE: quorate_contract::ProtocolName = primary_backup::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::Clients;
    const RECOVERS: bool = false;
    const PER_FAULT: u8 = 1;

    fn configs(setup: &Setup) -> Result<Vec<primary_backup::Config>, String> {
        let config = primary_backup::Config {
            nodes: setup.nodes,
            heartbeat: setup.delta * 4,
            // And what clocks may drift meanwhile.
            delta: setup.delta * 5 / 4,
            ..primary_backup::Config::default()
        };
        config.check()?;
        Ok(same(setup, config))
    }

    fn request(value: Bytes) -> primary_backup::UpdateRequest {
        primary_backup::UpdateRequest(value)
    }

    fn decisions(output: &primary_backup::Output) -> Vec<SlotDecision> {
        match output {
            primary_backup::Output::Applied(update) => vec![SlotDecision {
                slot: update.seq,
                values: vec![update.op.clone()],
            }],
            _ => vec![],
        }
    }

    fn leads(node: &primary_backup::PrimaryBackup) -> Option<(u64, bool)> {
        Some((u64::from(node.primary().0), node.is_primary()))
    }

    fn state(node: &primary_backup::PrimaryBackup) -> String {
        format!(
            "primary: {}\nserves: {}\napplied: {}\nknown: {}\n",
            node.primary(),
            node.is_primary(),
            node.applied(),
            node.known()
        )
    }
}

/// f + 1 rounds of everything to everybody.
#[derive(Debug)]
pub struct FloodSetSystem;

impl SystemUnderTest for FloodSetSystem {
    type Protocol = flood_set::FloodSet;
    const NAME: &'static str = "flood-set";
    const CATALOGUE: quorate_contract::ProtocolName = flood_set::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::AllNodes;
    const RECOVERS: bool = false;
    const PER_FAULT: u8 = 1;

    fn configs(setup: &Setup) -> Result<Vec<flood_set::Config>, String> {
        let config = flood_set::Config {
            nodes: setup.nodes,
            faults: setup.faults,
            round: setup.delta * 5 / 4,
        };
        config.check()?;
        Ok(same(setup, config))
    }

    fn request(value: Bytes) -> flood_set::Propose {
        flood_set::Propose(value)
    }

    fn decisions(output: &flood_set::Decided) -> Vec<SlotDecision> {
        SlotDecision::only(output.value.clone())
    }
}
