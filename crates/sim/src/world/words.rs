//! Events in words, short enough for one line.

use crate::serving::PeerMessage;
use quorate_crash::raft::{Body, Claim, Notice as Said};
use quorate_kv::Command;
use quorate_replica::{Notice, Outcome, Reply, Request};

pub(super) fn message(message: &PeerMessage) -> String {
    match message {
        PeerMessage::Protocol(message) => {
            let what = match &message.body {
                Body::Claim(claim) => self::claim(claim),
                Body::Notice(notice) => said(notice),
            };
            format!("term {}, {what}", message.term)
        }
        PeerMessage::Forward(payloads) => format!("forwards {} writes", payloads.len()),
        PeerMessage::Change { nonce, .. } => format!("asks for change {nonce:x}"),
        PeerMessage::ChangeRefused { why, .. } => format!("refuses a change: {why}"),
        PeerMessage::Digest { index, digest, .. } => format!("digest {digest:016x} at {index}"),
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

fn said(notice: &Said) -> String {
    match notice {
        Said::Append {
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
        Said::Snapshot {
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

pub(super) fn request(request: &Request) -> String {
    match request {
        Request::Write { command, id } => {
            let name = id.map_or(String::new(), |id| {
                format!(" (session {}, write {})", id.session.0, id.seq)
            });
            let what = match command {
                Command::Put(put) => format!("put {} = {}", head(&put.key), head(&put.value)),
                Command::DeleteRange(delete) => format!("delete {}", head(&delete.key)),
                Command::Txn(_) => "transaction".to_owned(),
                Command::Compact(compact) => format!("compact at {}", compact.revision),
            };
            what + &name
        }
        Request::Range {
            request,
            serializable,
        } => {
            let kind = if *serializable {
                "serializable get"
            } else {
                "get"
            };
            format!("{kind} {}", head(&request.key))
        }
        Request::OpenSession => "open a session".to_owned(),
        other => format!("{other:?}"),
    }
}

fn head(value: &[u8]) -> String {
    let end = value
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

pub(super) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done(header, Reply::Range(found)) => {
            let last = found.kvs.last();
            let what = last.map_or("nothing".to_owned(), |pair| {
                format!("{} = {}", head(&pair.key), head(&pair.value))
            });
            format!("revision {}, {} keys, {what}", header.revision, found.count)
        }
        Outcome::Done(header, Reply::Session(session)) => {
            format!("session {}, revision {}", session.0, header.revision)
        }
        Outcome::Done(header, _) => format!("done, revision {}", header.revision),
        Outcome::Refused(why) => format!("refused, {why}"),
        Outcome::Unknown(why) => format!("unknown, {why}"),
    }
}

pub(super) fn notice(notice: &Notice) -> String {
    match notice {
        Notice::RoleChanged { role, term, leader } => {
            let leader = leader.map_or("no leader".to_owned(), |leader| format!("leader {leader}"));
            format!("is {role:?} in term {term}, {leader}")
        }
        Notice::DiskFailed { error } => format!("its log has failed: {error}"),
        other => format!("{other:?}"),
    }
}
