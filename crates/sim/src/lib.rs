//! One seed, one world: the replicas that serve, over the real log, in a world that owns time,
//! network, disks, clocks, processes and an operator that changes the members. The world runs any
//! protocol that is [`Simulated`]; Raft is the one that serves.
//!
//! A run is what its decisions make it ([`Streams`]); the seed only generates them. Everything else
//! follows, byte for byte, on every machine; [`Rolling`] says so in one number. A
//! [contract](quorate_contract::Contract) decides which [faults](Fault) a world may show, each seed
//! draws its own mix of them ([`Swarm`]), and [observers](observe) that see the whole cluster check
//! after every event what the protocol promises. A fault is counted when it has an effect;
//! [`Fault`] lists what a world can show, and what is not in it is not shown. At the end the faults
//! stop: the cluster must settle, serve and agree within a stated time, and what the clients saw
//! must be linearizable.
//!
//! This crate never reads a clock, a file or a random number, and has no second implementation of
//! anything that serves: it runs [`Replica`](quorate_replica::Replica) and
//! [`Wal`](quorate_wal::Wal) themselves.
//!
//! What happened can be recorded for a report ([`recorder`]), and a failing run made small
//! ([`minimise`]).
//!
//! Start reading at [`simulate`], then `world`.

mod bare;
mod client;
mod clock;
pub mod decisions;
pub mod disk;
mod fault;
mod in_order;
mod milestone;
pub mod minimise;
mod network;
pub mod observe;
mod queue;
pub mod recorder;
mod report;
mod rolling;
mod run;
mod run_limits;
mod serving;
mod slab;
pub mod streams;
mod swarm;
mod tally;
mod timers;
mod trace;
mod world;

pub use bare::{
    Bare, BareEvent, Costs, LinkFault, MessageFilter, Mutation, NetworkProfile, NodeFault,
    NodeOutput, Observations, Occurrences, Renderer, ScheduledLinkFault, ScheduledNodeFault,
    TimingProfile, WireMessage, encoded_size,
};
pub use client::OperationCounts;
pub use clock::Clock;
pub use decisions::Decisions;
pub use fault::{Fault, FaultCounts};
pub use in_order::in_order;
pub use milestone::{Milestone, MilestoneCounts};
pub use network::{Delay, InFlight, LinkProfile, Network, SendOutcome, Traffic, format_time};
pub use queue::Queue;
pub use recorder::Recorder;
pub use report::{InvariantViolation, RunReport, RunVerdict};
pub use rolling::Rolling;
pub use run::{record, replay, simulate, simulate_protocol, watch};
pub use run_limits::RunLimits;
pub use serving::Simulated;
pub use slab::Slab;
pub use streams::{Choices, Streams};
pub use swarm::{Load, Swarm};
pub use tally::RunTotals;
pub use timers::{Due, Timers};
pub use world::Options;
