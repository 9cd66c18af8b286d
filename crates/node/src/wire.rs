//! How the replica's messages travel.

use crate::peers::Wire;
use quorate_crash::raft::{Body, Notice};
use quorate_replica::PeerMessage;

/// What any message weighs.
const OVERHEAD: usize = 64;

impl Wire for PeerMessage {
    fn is_bulk(&self) -> bool {
        match self {
            PeerMessage::Forward(_) => true,
            PeerMessage::Digest { .. } => false,
            PeerMessage::Raft(message) => matches!(
                message.body,
                Body::Notice(Notice::Append { .. } | Notice::Snapshot { .. })
            ),
        }
    }

    fn weight(&self) -> usize {
        let data = match self {
            PeerMessage::Forward(payloads) => {
                payloads.iter().map(|payload| payload.len() + 16).sum()
            }
            PeerMessage::Digest { .. } => 0,
            PeerMessage::Raft(message) => match &message.body {
                Body::Notice(Notice::Append { entries, .. }) => entries.bytes(),
                Body::Notice(Notice::Snapshot { data, .. }) => data.len(),
                _ => 0,
            },
        };
        data + OVERHEAD
    }
}
