//! The replica that serves, as this crate drives it.

use crate::disk::ReplicaDisk;
use quorate_crash::raft;
use quorate_replica as replica;

pub(crate) type PeerMessage = replica::PeerMessage<raft::Message>;
pub(crate) type Timer = replica::Timer<raft::Timer>;
pub(crate) type Input = replica::Input<raft::Raft>;
pub(crate) type Actions = replica::Actions<raft::Raft>;
pub(crate) type Replica = replica::Replica<raft::Raft, ReplicaDisk>;
pub(crate) type Journal<S> = replica::Journal<raft::Raft, S>;
pub(crate) type Config = replica::Config<raft::Config>;
