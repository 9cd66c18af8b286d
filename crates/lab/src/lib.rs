//! The lab: every protocol under every failure model, every timing model and every link, run and
//! measured in one simulated world.
//!
//! An [`Experiment`] says what is run: a protocol ([`SystemUnderTest`]), how time behaves
//! ([`quorate_sim::TimingProfile`]), who asks for what, and what goes wrong with nodes and links when. It is
//! data. With a stream of decisions it is one run, the same on every machine ([`run`]), and its
//! [`RunOutcome`] says whether every property held, whether all was decided in time, what the world
//! showed of what may go wrong, and what it cost.
//!
//! # What it never does
//! - Nothing here knows how a protocol works: [`SystemUnderTest`] says how one is set up, asked and read.
//!   Adversaries live in `quorate_sim` and know bytes, nodes and time.
//! - It reads no clock, no file, and draws no random number but from the decisions.
//!
//! # Where to start reading
//! [`Experiment`], then [`run`], then [`SystemUnderTest`] and one of the subjects. [`record`] makes a
//! space-time diagram of a run, and [`minimise`] a small run of a failing one.

mod adversary;
mod checker;
mod clients;
mod commit_rules;
mod experiment;
pub mod matrix;
mod minimise;
pub mod prove;
mod record;
mod register_history;
mod run;
pub mod scenario;
mod system;

pub use checker::{BrokenProperty, DecisionLog, format_value, format_values};
pub use clients::{ClientSessions, Clients, LeaderWrites, ReadLoad};
pub use experiment::{ClientLoad, Experiment, ExperimentError, MAX_EVENTS, ScheduledRequest};
pub use minimise::{ControlRun, Minimal, RunFailure, minimise};
pub use record::{PageText, record};
pub use run::{PropertyViolation, RunOutcome, run};
pub use system::{
    AbdSystem, BadOption, BenOrByzantineSystem, BenOrCrashSystem, BrachaSystem, CANDIDATES,
    CollectSystem, DolevStrongSystem, FloodSetSystem, HotStuffSystem, MajorityCommitSystem,
    MultiPaxosSystem, NAMES, OVER_LINKS, OralMessagesSystem, OverAuthenticated, OverReliable,
    PaxosCommitSystem, PaxosSystem, PbftSystem, PrimaryBackupSystem, Proposers, ProtocolOptions,
    RaftSystem, Setup, SignedMessagesSystem, SlotDecision, SystemFacts, SystemUnderTest,
    TendermintSystem, ThreePhaseCommitSystem, TwoGeneralsSystem, TwoPhaseCommitSystem, Visitor,
    facts, visit,
};
