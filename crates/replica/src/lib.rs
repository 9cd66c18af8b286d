//! Everything a node is, minus I/O.
//!
//! A [`Replica`] works over any protocol that orders entries into a log
//! ([`Replicated`](quorate_core::replicated::Replicated)); Raft is the one that serves. It owns the
//! protocol, the log gate, the state machine, the client sessions, the reads in flight, the
//! admission control, the snapshots and the [`Roster`] of the members. It takes client requests,
//! peers' messages, the disk's progress and the time; it gives records to the disk, messages to
//! peers, answers to clients and timers to arm. The simulator and the process that serves drive
//! this very code by the same two functions, [`Replica::step`] and [`Replica::flush`].
//!
//! How a write travels: the replica that got it puts it into its own client session and forwards it
//! to the leader (or proposes it, being the leader); *every* replica applies every committed entry,
//! so the first one learns the outcome by applying it, whichever node led meanwhile. Until then it
//! sends it again when the leader changes or stays silent; the session makes sure that it is
//! applied once (Raft thesis, 6.3). Doc 002: a timeout is a third outcome, so every request ends as
//! [`Outcome::Done`], [`Outcome::Refused`] or [`Outcome::Unknown`].
//!
//! Members change by [`Change`], a configuration in the log. A replica that can't be trusted leaves
//! the service once: [`Stopped`]. Work that takes time with the size of the state is a [`Job`] for
//! the driver. The bounds on which the state depends are [`Settings`], a part of it; an entry
//! carries its format, and the cluster a feature level ([`LEVEL`]).
//!
//! This crate never reads a clock, opens a socket or a file, or starts a thread. Start reading at
//! [`Replica`]; what it keeps on disk is [`Journal`]'s, how it comes back is [`Recovery`]'s.

mod audit;
mod config;
mod entry;
mod interface;
mod journal;
mod machine;
mod membership;
mod peer;
mod reads;
mod recovery;
mod replica;
mod request;
mod roster;
mod sessions;
mod settings;
mod snapshots;
mod status;
mod stopped;
mod writes;

pub use config::{Config, LEVEL, Limits};
pub use interface::{Actions, Input, Notice, Timer};
pub use journal::{Journal, JournalError};
pub use machine::Machine;
pub use membership::{Change, ChangeRefusal};
pub use peer::PeerMessage;
pub use recovery::{Recovery, RecoveryError};
pub use replica::Replica;
pub use request::{Header, Outcome, Refusal, Reply, Request, RequestId, Ticket, Uncertainty};
pub use roster::{MAX_MEMBERS, Member, Roster, RosterError};
pub use sessions::SessionId;
pub use settings::Settings;
pub use snapshots::{Job, JobDone, MachineReader, MachineWriter, SnapshotError};
pub use status::{Counters, Status};
pub use stopped::{Stopped, StoppedKind};
