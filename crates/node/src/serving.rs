//! Which protocol serves: the one place that says so.

use quorate_crash::raft;
use quorate_replica as replica;

/// The protocol.
pub(crate) type Serving = raft::Raft;
pub(crate) type Record = raft::Record;
pub(crate) type PeerMessage = replica::PeerMessage<raft::Message>;
pub(crate) type Timer = replica::Timer<raft::Timer>;
pub(crate) type Input = replica::Input<Serving>;
pub(crate) type Actions = replica::Actions<Serving>;
pub(crate) type Replica<D> = replica::Replica<Serving, D>;
pub(crate) type Journal<S> = replica::Journal<Serving, S>;
