//! What happens to a replica, and what it asks of its driver.

use crate::peer::PeerMessage;
use crate::request::{Outcome, Request, Ticket};
use crate::snapshots::{Job, JobDone};
use crate::stopped::Stopped;
use quorate_core::driver::TimerChange;
use quorate_core::replicated::{Replicated, Role};
use quorate_core::{NodeId, Time};

/// Everything that can happen to a replica.
#[derive(Debug)]
pub enum Input<P: Replicated> {
    /// It starts. Given once, before all else.
    Start,
    /// A peer's message came. The links vouch for `from`.
    Peer {
        /// The sender.
        from: NodeId,
        /// The message.
        message: PeerMessage<P::Message>,
    },
    /// A client asks. Ends as exactly one [`Outcome`] under the ticket.
    Client {
        /// The driver's name for it, never used before.
        ticket: Ticket,
        /// What is asked.
        request: Request,
        /// Until when the client waits.
        deadline: Time,
    },
    /// A timer, armed by [`Actions::timers`] and not re-armed or disarmed since, has run out.
    Timer(Timer<P::Timer>),
    /// The link to this peer has broken, as when its process dies. A hint, which may be wrong or
    /// missing.
    PeerGone(NodeId),
    /// A job of [`Actions::jobs`] was run.
    JobDone(JobDone),
    /// The disk made progress, or failed.
    Disk,
}

/// The timers of a replica, over a protocol whose own are `T`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer<T> {
    /// The protocol's.
    Protocol(T),
    /// Deadlines, repetitions, digests.
    Sweep,
}

/// What a replica asks of its driver. Reused from burst to burst; the driver empties it.
#[derive(Debug)]
pub struct Actions<P: Replicated> {
    /// Messages for peers, in order.
    pub sends: Vec<(NodeId, PeerMessage<P::Message>)>,
    /// Answers for clients.
    pub replies: Vec<(Ticket, Outcome)>,
    /// Timers to arm (to fire once, within the span from now) or to disarm.
    pub timers: Vec<TimerChange<Timer<P::Timer>>>,
    /// Work that takes time with the size of the state, to be run elsewhere or at once, in any
    /// order: each ends as [`Input::JobDone`]. A few at a time: one for the checkpoint, one for the
    /// snapshot that comes, one for each follower that gets one, and states to be dropped.
    pub jobs: Vec<Job>,
    /// Things worth a line in a log.
    pub notices: Vec<Notice>,
    /// Committed entries are left to be applied: flush again, after the inputs that wait.
    pub more: bool,
}

impl<P: Replicated> Default for Actions<P> {
    fn default() -> Self {
        Self {
            sends: vec![],
            replies: vec![],
            timers: vec![],
            jobs: vec![],
            notices: vec![],
            more: false,
        }
    }
}

/// Something worth a line in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The replica's part, or its view of the leader, changed.
    RoleChanged {
        /// The new part.
        role: Role,
        /// The term.
        term: u64,
        /// The leader, as far as it is known.
        leader: Option<NodeId>,
    },
    /// A checkpoint of the own state is in the log; what came before goes.
    CheckpointDone {
        /// The last entry that it covers.
        index: u64,
    },
    /// A snapshot from the leader replaced the state.
    SnapshotInstalled {
        /// The last entry that it covers.
        index: u64,
    },
    /// A snapshot from the leader could not be installed.
    SnapshotRejected {
        /// Why.
        reason: String,
    },
    /// A peer holds another state than a quorum does, this replica among it. It should be replaced.
    PeerDiverged {
        /// The peer.
        peer: NodeId,
        /// The figures.
        detail: String,
    },
    /// The replica has left the service; said once.
    Stopped(Stopped),
    /// Another configuration is in force: see [`Replica::roster`](crate::Replica::roster).
    Configured,
    /// The log has failed; the replica is silent from here on.
    DiskFailed {
        /// What the disk said.
        error: String,
    },
}
