//! Events in words, short enough for one line.

use crate::serving::{PeerMessage, Simulated};
use quorate_kv::Command;
use quorate_replica::{self as replica, Notice, Outcome, Reply, Request};

pub(super) fn message<P: Simulated>(message: &PeerMessage<P>) -> String {
    match message {
        replica::PeerMessage::Protocol(message) => P::message_text(message),
        replica::PeerMessage::Forward(payloads) => format!("forwards {} writes", payloads.len()),
        replica::PeerMessage::Change { nonce, .. } => format!("asks for change {nonce:x}"),
        replica::PeerMessage::ChangeRefused { why, .. } => format!("refuses a change: {why}"),
        replica::PeerMessage::Digest { index, digest, .. } => {
            format!("digest {digest:016x} at {index}")
        }
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
