//! Why a node does not start, in words that an operator can act on.

use crate::storage::DirectoryError;
use quorate_replica::{JournalError, RecoveryError};
use std::io;

/// Why a node does not start. Nothing that was durable is touched then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The contract can't be run.
    #[error("{0}")]
    Contract(String),
    /// The contract has no such member.
    #[error("the contract has no member with id {me}; it has 0 to {last}")]
    NotAMember {
        /// The id asked for.
        me: u8,
        /// The last id.
        last: usize,
    },
    /// The timeouts contradict each other.
    #[error("the timeouts don't fit: {0}")]
    Timeouts(String),
    /// The data directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// This founder can't take part in forming the cluster, or the cluster is formed without it.
    #[error("{0}")]
    Founding(String),
    /// It was told to stop before it served.
    #[error("stopped before the cluster was formed")]
    Stopped,
    /// A port is taken.
    #[error(
        "{address}, to listen on for {whom}, is in use by another process; stop that one, or give \
         this replica another address"
    )]
    PortInUse {
        /// Clients or peers.
        whom: &'static str,
        /// The address.
        address: String,
    },
    /// It can't listen there for another reason.
    #[error("can't listen on {address} for {whom}: {error}")]
    Listen {
        /// Clients or peers.
        whom: &'static str,
        /// The address.
        address: String,
        /// What the system says.
        error: io::Error,
    },
    /// The log does not open.
    #[error("the log can't be recovered: {0}")]
    Log(#[from] quorate_wal::Error),
    /// What was durable in the log is lost or damaged.
    #[error(
        "the log can't be recovered: {error}. A member that has forgotten what it promised must \
         not vote again: restore the files of its log, or replace the member with 'quorate member \
         replace {member}'"
    )]
    LogLost {
        /// The member's name.
        member: String,
        /// What the log says.
        error: quorate_wal::Error,
    },
    /// The log opens and does not make sense.
    #[error("the log can't be recovered: {0}")]
    Recovery(#[from] RecoveryError),
    /// The log can't be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system gives no thread or no memory.
    #[error("can't start: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    /// Names the member whose log is lost, so that the remedy can be given as a command.
    pub(crate) fn of_member(self, member: &str) -> Self {
        match self {
            StartError::Log(error) if error.is_loss() => StartError::LogLost {
                member: member.to_owned(),
                error,
            },
            error => error,
        }
    }

    /// Would it be the same again, however often one tries, until somebody changes something?
    pub fn is_final(&self) -> bool {
        !matches!(self, StartError::System(_) | StartError::Listen { .. })
    }
}
