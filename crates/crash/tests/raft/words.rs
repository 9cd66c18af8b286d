//! Messages, records, outputs and states in words.

use crate::cluster::{Cluster, Packet};
use quorate_crash::raft::*;
use std::fmt::Write;

fn position(at: Position) -> String {
    format!("{}@t{}", at.index, at.term)
}

fn entries(first: u64, entries: &[Entry]) -> String {
    let words = (first..).zip(entries).map(|(index, entry)| {
        let payload = String::from_utf8_lossy(entry.payload.command());
        let payload = match &entry.payload {
            Payload::Empty => "-".into(),
            Payload::Configuration(it) => configuration(it),
            Payload::Command(_) => payload.into_owned(),
        };
        format!("{index}@t{} {payload}", entry.term)
    });
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

/// `{0 1 3; out 0 1 2; learns 4}`
fn configuration(configuration: &Configuration) -> String {
    let list = |nodes: &[quorate_core::NodeId]| {
        let numbers = nodes.iter().map(|node| node.0.to_string());
        numbers.collect::<Vec<_>>().join(" ")
    };
    let mut text = list(&configuration.voters);
    if configuration.is_joint() {
        text += "; out ";
        text += &list(&configuration.outgoing);
    }
    if !configuration.learners.is_empty() {
        text += "; learns ";
        text += &list(&configuration.learners);
    }
    format!("{{{text}}}")
}

pub fn packet(packet: &Packet) -> String {
    let Message { term, body } = &packet.message;
    let mut text = format!("{} -> {} t{term} ", packet.from, packet.to);
    match body {
        Body::Claim(claim) => text += &self::claim(claim),
        Body::Notice(notice) => text += &self::notice(notice),
    }
    text
}

fn claim(claim: &Claim) -> String {
    match claim {
        Claim::Booted => "Booted".into(),
        Claim::Synced => "Synced".into(),
        Claim::RequestVote { last, transfer } => {
            let transfer = if *transfer { " for a transfer" } else { "" };
            format!("RequestVote last {}{transfer}", position(*last))
        }
        Claim::Vote { granted: true } => "Vote granted".into(),
        Claim::Vote { granted: false } => "Vote refused".into(),
        Claim::Appended { matched } => format!("Appended {matched}"),
        Claim::Rejected { prev, hint } => {
            format!("Rejected after {prev}, hint {}", position(*hint))
        }
        Claim::SnapshotAcked { at, offset } => {
            format!("SnapshotAcked {} from {offset}", position(*at))
        }
    }
}

fn notice(notice: &Notice) -> String {
    match notice {
        Notice::PreVote { last } => format!("PreVote last {}", position(*last)),
        Notice::PreVoted { next_term, granted } => {
            let granted = if *granted { "granted" } else { "refused" };
            format!("PreVoted for t{next_term} {granted}")
        }
        Notice::Append {
            prev,
            entries,
            commit,
        } => {
            let list = self::entries(prev.index + 1, entries);
            format!("Append after {} {list} commit {commit}", position(*prev))
        }
        Notice::Commit { index } => format!("Commit {index}"),
        Notice::Heartbeat { commit, round } => format!("Heartbeat commit {commit} round {round}"),
        Notice::HeartbeatAck { round } => format!("HeartbeatAck round {round}"),
        Notice::ReadIndex { ticket } => format!("ReadIndex {}.{}", ticket.boot, ticket.round),
        Notice::ReadIndexAnswer { ticket, index } => {
            format!(
                "ReadIndexAnswer {}.{} at {index}",
                ticket.boot, ticket.round
            )
        }
        Notice::TimeoutNow => "TimeoutNow".into(),
        Notice::Removed => "Removed".into(),
        Notice::Snapshot {
            meta,
            offset,
            data,
            last,
            ..
        } => {
            let end = offset + data.len() as u64;
            let last = if *last { ", last" } else { "" };
            format!("Snapshot {} bytes {offset}..{end}{last}", position(meta.at))
        }
    }
}

pub fn record(record: &Record) -> String {
    let vote = |vote: &Option<_>| match vote {
        Some(node) => format!("{node}"),
        None => "nobody".into(),
    };
    match record {
        Record::Boot => "Boot".into(),
        Record::Ballot { term, vote: v } => format!("Ballot t{term} for {}", vote(v)),
        Record::Append { at, entries: list } => format!("Append {}", entries(*at, list)),
        Record::SnapshotBegin { id, base, .. } => {
            format!("SnapshotBegin #{id} base {}", position(*base))
        }
        Record::SnapshotTail { at, entries: list } => {
            format!("SnapshotTail {}", entries(*at, list))
        }
        Record::SnapshotChunk { id, offset, data } => {
            let end = offset + data.len() as u64;
            format!("SnapshotChunk #{id} bytes {offset}..{end}")
        }
        Record::SnapshotEnd { id, meta, base, .. } => {
            let (at, base) = (position(meta.at), position(*base));
            format!("SnapshotEnd #{id} {at} base {base}")
        }
    }
}

pub fn output(output: &Output) -> String {
    match output {
        Output::Committed {
            first,
            entries: list,
        } => {
            format!("committed {}", entries(*first, list))
        }
        Output::ReconfigureRefused { why } => format!("refuses a configuration: {why:?}"),
        Output::Configured => "is configured".to_owned(),
        Output::Removed => "is removed".to_owned(),
        Output::ProposeRefused { payload, why } => {
            format!("refuses {}: {why:?}", String::from_utf8_lossy(payload))
        }
        Output::ReadReady { id, index } => format!("read {id} may be served at {index}"),
        Output::ReadFailed { id, why } => format!("read {id} failed: {why:?}"),
        Output::RoleChanged { role, term, leader } => {
            let leader = leader.map_or("no leader".into(), |node| format!("leader {node}"));
            format!("is {role:?} in t{term}, {leader}")
        }
        Output::SnapshotWanted { to, meta, offset } => {
            format!("{to} wants snapshot {} from {offset}", position(meta.at))
        }
        Output::Install(Install::Begin { id, meta }) => {
            format!("installs #{id} {}", position(meta.at))
        }
        Output::Install(Install::Chunk { id, offset, data }) => {
            format!(
                "installs #{id} bytes {offset}..{}",
                offset + data.len() as u64
            )
        }
        Output::Install(Install::Check { id, .. }) => format!("checks #{id}"),
        Output::Install(Install::End { id, meta }) => {
            format!("has installed #{id} {}", position(meta.at))
        }
        Output::Install(Install::Abort { id }) => format!("gives up installing #{id}"),
        Output::CheckpointBegun { id } => format!("begins checkpoint #{id}"),
        Output::CheckpointEnded { id, meta } => {
            format!("has checkpoint #{id} {}", position(meta.at))
        }
        Output::CheckpointAborted => "gives up its checkpoint".into(),
    }
}

pub fn state(cluster: &Cluster, node: usize) -> String {
    if !cluster.up(node) {
        return format!("n{node} is down");
    }
    let raft = cluster.raft(node);
    let log = raft.log();
    let mut text = format!("n{node} {:?} t{}", raft.role(), raft.term());
    if let Some(vote) = raft.hard().vote {
        let _ = write!(text, " voted {vote}");
    }
    if let Some(leader) = raft.leader() {
        let _ = write!(text, " leader {leader}");
    }
    if log.snapshot().at.index > 0 {
        let _ = write!(text, " snapshot {}", position(log.snapshot().at));
    }
    let list: Vec<Entry> = log.iter().cloned().collect();
    let list = entries(log.base().index + 1, &list);
    let _ = write!(text, " log {list} commit {}", raft.commit());
    if *raft.configuration() != cluster.config.founding {
        let _ = write!(text, " {}", configuration(raft.configuration()));
    }
    for progress in raft.progress() {
        let peer = progress.node.index();
        let mode = match &progress.mode {
            Mode::Probe { sent: true } => "probing".into(),
            Mode::Probe { sent: false } => "to be probed".into(),
            Mode::Replicate { inflight } => format!("{} under way", inflight.len()),
            Mode::Snapshot(sending) => {
                let at = position(sending.meta.at);
                format!("snapshot {at} from {}", sending.acked)
            }
        };
        let (matched, next) = (progress.matched, progress.next);
        if peer != node {
            let _ = write!(text, "\n   n{peer} has {matched}, next {next}, {mode}");
        }
    }
    text
}
