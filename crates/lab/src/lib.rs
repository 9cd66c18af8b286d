//! The lab: every protocol under every failure model, every timing model and every link, run and
//! measured in one simulated world.
//!
//! An [`Experiment`] says what is run: a protocol ([`Subject`]), how time behaves
//! ([`quorate_sim::Pace`]), who asks for what, and what goes wrong with nodes and links when. It is
//! data. With a stream of decisions it is one run, the same on every machine ([`run`]), and its
//! [`Outcome`] says whether every property held, whether all was decided in time, what the world
//! showed of what may go wrong, and what it cost.
//!
//! # What it never does
//! - Nothing here knows how a protocol works: [`Subject`] says how one is set up, asked and read.
//!   Adversaries live in `quorate_sim` and know bytes, nodes and time.
//! - It reads no clock, no file, and draws no random number but from the decisions.
//!
//! # Where to start reading
//! [`Experiment`], then [`run`], then [`Subject`] and one of the subjects. [`record`] makes a
//! space-time diagram of a run, and [`minimise`] a small run of a failing one.

mod clients;
mod experiment;
mod judge;
pub mod matrix;
mod minimise;
mod record;
mod run;
pub mod scenario;
mod subject;

pub use clients::{Clients, LeaderWrites, Reads, Sessions};
pub use experiment::{Ask, Experiment, Load, MAX_EVENTS, Refused};
pub use judge::{Broken, Log, show, show_one};
pub use minimise::{Control, Minimal, Wrong, minimise};
pub use record::{Framing, record};
pub use run::{Outcome, Violation, run};
pub use subject::{
    Asking, BadOption, BenOrByzantine, BenOrCrash, Bracha, Decision, DolevStrong, Facts, FloodSet,
    HotStuff, MajorityCommit, MultiPaxos, NAMES, OVER_LINKS, Options, OralMessages,
    OverAuthenticated, OverReliable, Paxos, Pbft, PrimaryBackup, Raft, Setup, SignedMessages,
    Subject, Tendermint, TwoGenerals, Visitor, facts, visit,
};
