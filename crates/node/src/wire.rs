//! How the replica's messages travel.

use crate::peers::Wire;
use crate::serving::PeerMessage;
use quorate_core::replicated::Replicated;
use quorate_crash::raft::Raft;

/// What any message weighs.
const OVERHEAD: usize = 64;

impl Wire for PeerMessage {
    fn is_bulk(&self) -> bool {
        match self {
            PeerMessage::Forward(_) => true,
            PeerMessage::Change { .. }
            | PeerMessage::ChangeRefused { .. }
            | PeerMessage::Digest { .. } => false,
            PeerMessage::Protocol(message) => Raft::is_bulk(message),
        }
    }

    fn weight(&self) -> usize {
        let data = match self {
            PeerMessage::Forward(payloads) => {
                payloads.iter().map(|payload| payload.len() + 16).sum()
            }
            PeerMessage::Change { .. }
            | PeerMessage::ChangeRefused { .. }
            | PeerMessage::Digest { .. } => 0,
            PeerMessage::Protocol(message) => Raft::message_bytes(message),
        };
        data + OVERHEAD
    }
}
