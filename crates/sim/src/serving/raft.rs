//! Raft, as the simulated world runs and watches it.

use super::Simulated;
use crate::decisions::Decisions;
use crate::observe::raft::{LogChange, RaftObserver};
use crate::swarm::size;
use quorate_contract::Contract;
use quorate_core::replicated::Configuration;
use quorate_core::{Mutant, NodeId};
use quorate_crash::raft::{self, Body, Claim, Message, Notice, Raft, Record};
use quorate_replica::Roster;
use std::fmt::Write;
use std::time::Duration;

impl Simulated for Raft {
    type Setup = raft::Config;
    type Change = LogChange;
    type Observer = RaftObserver;

    const RECONFIGURES: bool = true;
    const LEAVES_WHEN_STALLED: bool = true;

    fn draw(contract: &Contract, mutant: Mutant, decisions: &mut Decisions) -> raft::Config {
        let election = decisions.within(100, 400);
        let election_min = Duration::from_millis(election);
        raft::Config {
            founding: Roster::anonymous(crate::world::members(contract))
                .founding()
                .into(),
            election_min,
            election_max: raft::election_max(election_min),
            max_timeout_factor: raft::max_timeout_factor(&contract.timing, election_min),
            heartbeat: Duration::from_millis(election / 5),
            max_batch_bytes: size(decisions, 200, 1 << 20),
            max_inflight: decisions.within(1, 64) as usize,
            max_uncommitted_bytes: size(decisions, 2_000, 64 << 20),
            max_reads: size(decisions, 2, 65_536),
            trailing_entries: size(decisions, 1, 10_000) as u64,
            trailing_bytes: size(decisions, 100, 16 << 20),
            chunk_timeout: Duration::from_millis(decisions.within(50, 1_000)),
            mutant,
            ..raft::Config::default()
        }
    }

    fn make_unrest(config: &mut raft::Config) {
        config.max_batch_bytes = 1;
        config.election_min = Duration::from_millis(60);
        config.election_max = Duration::from_millis(120);
        config.heartbeat = Duration::from_millis(20);
    }

    fn make_forgetful(config: &mut raft::Config) {
        config.trailing_entries = config.trailing_entries.min(50);
        config.trailing_bytes = config.trailing_bytes.min(10_000);
    }

    fn set_promotion_lag(config: &mut raft::Config, lag: u64) {
        config.max_promotion_lag = lag;
    }

    fn promotion_lag(config: &raft::Config) -> Option<u64> {
        Some(config.max_promotion_lag)
    }

    fn config(config: &raft::Config, me: NodeId) -> raft::Config {
        let mut config = config.clone();
        if !config.founding.is_member(me) {
            config.founding = Configuration::default().into();
        }
        config
    }

    fn change(record: &Record) -> Option<LogChange> {
        match record {
            Record::Append { at, entries } => Some(LogChange::Append {
                at: *at,
                entries: entries.clone(),
            }),
            Record::SnapshotEnd { base, .. } => Some(LogChange::Begin { base: *base }),
            _ => None,
        }
    }

    /// A piece ends where the snapshot ends if it is the last, and before if not. The receiver gives a
    /// snapshot up whose pieces do not, and begins again; so nothing else shows that one was left out.
    fn misfit(message: &Message) -> Option<String> {
        let Body::Notice(Notice::Snapshot {
            meta,
            offset,
            data,
            last,
            ..
        }) = &message.body
        else {
            return None;
        };
        let end = offset + data.len() as u64;
        let fits = end <= meta.size && (end == meta.size) == *last;
        let (index, size) = (meta.at.index, meta.size);
        (!fits).then(|| {
            format!(
                "bytes {offset} to {end} of the {size} of snapshot {index}, the last piece: {last}"
            )
        })
    }

    fn message_text(message: &Message) -> String {
        let what = match &message.body {
            Body::Claim(claim) => self::claim(claim),
            Body::Notice(notice) => self::notice(notice),
        };
        format!("term {}, {what}", message.term)
    }

    fn show(&self) -> String {
        let node = |id: Option<NodeId>| id.map_or("nobody".to_owned(), |id| id.to_string());
        let (log, hard) = (self.log(), self.hard());
        let role = format!("{:?}", self.role()).to_lowercase();
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(text, "role: {role}");
        let _ = writeln!(text, "term: {}", self.term());
        let _ = writeln!(text, "vote: {}", node(hard.vote));
        let _ = writeln!(text, "leader: {}", node(self.leader()));
        let (base, last) = (log.base(), log.last());
        let _ = writeln!(text, "log begins after: {}", base.index);
        let _ = writeln!(text, "log ends at: {} of term {}", last.index, last.term);
        let _ = writeln!(text, "commit: {}", self.commit());
        for progress in self.progress() {
            let id = progress.node;
            let _ = writeln!(text, "{id} has through: {}", progress.matched);
        }
        text
    }
}

fn claim(claim: &Claim) -> String {
    match claim {
        Claim::Vote { granted: true } => "votes for it".to_owned(),
        Claim::Vote { granted: false } => "does not vote for it".to_owned(),
        Claim::RequestVote { last, transfer } => {
            let by = if *transfer {
                ", at the leader's wish"
            } else {
                ""
            };
            format!(
                "asks for a vote, its log ends at {} of term {}{by}",
                last.index, last.term
            )
        }
        Claim::Appended { matched } => format!("has the log through {matched}"),
        Claim::Rejected { prev, hint } => format!("lacks {prev}, try {}", hint.index),
        other => format!("{other:?}"),
    }
}

fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Append {
            prev,
            entries,
            commit,
        } => match entries.len() as u64 {
            0 => format!("probes after {}, commit {commit}", prev.index),
            n => format!(
                "entries {} to {}, commit {commit}",
                prev.index + 1,
                prev.index + n
            ),
        },
        Notice::Snapshot {
            meta,
            offset,
            data,
            last,
            ..
        } => format!(
            "snapshot at {}, bytes {offset} to {}{}",
            meta.at.index,
            offset + data.len() as u64,
            if *last { ", the last" } else { "" }
        ),
        other => format!("{other:?}"),
    }
}
