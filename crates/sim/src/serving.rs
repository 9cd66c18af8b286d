//! The replica that serves, as this crate drives it, over any protocol that can be simulated.

mod raft;

use crate::decisions::Decisions;
use crate::disk::ReplicaDisk;
use crate::observe::ProtocolObserver;
use quorate_contract::Contract;
use quorate_core::replicated::Replicated;
use quorate_core::{Hard, Mutant, NodeId, Protocol};
use quorate_replica as replica;
use std::fmt::{Debug, Write};

pub(crate) type PeerMessage<P> = replica::PeerMessage<<P as Protocol>::Message>;
pub(crate) type Timer<P> = replica::Timer<<P as Protocol>::Timer>;
pub(crate) type Input<P> = replica::Input<P>;
pub(crate) type Actions<P> = replica::Actions<P>;
pub(crate) type Replica<P> = replica::Replica<P, ReplicaDisk<P>>;
pub(crate) type Journal<P, S> = replica::Journal<P, S>;
pub(crate) type Config<P> = replica::Config<<P as Protocol>::Config>;

/// A protocol that the simulated world can run and watch.
///
/// The world itself knows the vocabulary of a replicated log only. What is one protocol's own is
/// here: what a world draws of its configuration, what is watched beyond the replicated log, and how
/// its messages read.
pub trait Simulated: Replicated {
    /// What a world draws for all its nodes together.
    type Setup: Clone + Debug;
    /// What a record does that the protocol's own observer must know.
    type Change: Clone + Debug;
    /// Checks what this protocol promises beyond a replicated log.
    type Observer: ProtocolObserver<Self>;

    /// Can the members change while it runs?
    const RECONFIGURES: bool = false;

    /// Does a leader whose disk hangs hand over?
    const LEAVES_WHEN_STALLED: bool = false;

    /// Draws a setup that the contract permits.
    fn draw(contract: &Contract, mutant: Mutant, decisions: &mut Decisions) -> Self::Setup;

    /// Makes a setup one of a world in which leaders come and go quickly.
    fn make_unrest(setup: &mut Self::Setup);

    /// Makes a setup one in which logs are cut as early as may be.
    fn make_forgetful(setup: &mut Self::Setup);

    /// A learner is promoted only if it lacks no more entries than this.
    fn set_promotion_lag(_: &mut Self::Setup, _: u64) {}

    /// See [`Simulated::set_promotion_lag`]; `None` if the protocol has no such rule.
    fn promotion_lag(_: &Self::Setup) -> Option<u64> {
        None
    }

    /// The configuration of one node; one that joins later is not among the founders.
    fn config(setup: &Self::Setup, me: NodeId) -> Self::Config;

    /// What a record does to the log.
    fn change(record: &<Self::Hard as Hard>::Record) -> Option<Self::Change>;

    /// What is wrong with a piece of a snapshot that a correct node sends, if this is one.
    fn misfit(_: &Self::Message) -> Option<String> {
        None
    }

    /// A message in text, short enough for one line.
    fn message_text(message: &Self::Message) -> String {
        format!("{message:?}")
    }

    /// The protocol's state, one line a figure.
    fn show(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(text, "role: {:?}", self.role());
        let _ = writeln!(text, "term: {}", self.term());
        let _ = writeln!(text, "log begins at: {}", self.first_index());
        let _ = writeln!(text, "log ends at: {}", self.last_index());
        let _ = writeln!(text, "commit: {}", self.commit());
        text
    }
}
