//! The protocols under test: how each is set up, asked and read.
//!
//! Everything that a world needs to know about a protocol is here, and nothing that an adversary
//! could use: adversaries know bytes, nodes and time (`quorate_sim`).

mod byzantine;
mod candidates;
mod commit;
mod crash;
mod generals;
mod options;
mod over_links;
mod register;

pub use options::{BadOption, ProtocolOptions};

use bytes::Bytes;
use quorate_contract::Problem;
use quorate_core::{NodeId, Protocol};
use quorate_crypto::{Instance, Keychain, Scheme, deal};
use quorate_sim::WireMessage;
use std::time::Duration;

pub use byzantine::{
    BenOrByzantineSystem, BenOrCrashSystem, BrachaSystem, HotStuffSystem, PbftSystem,
    TendermintSystem,
};
pub use candidates::CollectSystem;
pub use commit::{PaxosCommitSystem, ThreePhaseCommitSystem, TwoPhaseCommitSystem};
pub(crate) use crash::timeout_factor_max;
pub use crash::{
    FloodSetSystem, MajorityCommitSystem, MultiPaxosSystem, PaxosSystem, PrimaryBackupSystem,
    RaftSystem,
};
pub use over_links::{OverAuthenticated, OverReliable};
pub use register::AbdSystem;

pub use generals::{
    DolevStrongSystem, OralMessagesSystem, SignedMessagesSystem, TwoGeneralsSystem,
};

/// What every protocol is set up with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// `n`.
    pub nodes: u8,
    /// `f`: what the protocol is told to survive.
    pub faults: u8,
    /// Δ and Φ together, as the nodes are told: rounds and timeouts follow from it.
    pub delta: Duration,
    /// How many times its first election timeout a node comes to wait, where it can learn: 1 where
    /// Δ is no guess.
    pub timeout_factor_max: u32,
    /// The protocol's own choices.
    pub options: ProtocolOptions,
    /// How signatures are made.
    pub scheme: Scheme,
}

impl Setup {
    /// The keys of the cluster.
    pub fn keys(&self) -> Vec<Keychain> {
        deal(self.scheme, Instance(1), self.nodes, 1)
    }
}

/// How a protocol is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposers {
    /// Clients ask any node, again and again: a log.
    Clients,
    /// Every node begins with a value of its own.
    AllNodes,
    /// Node 0 has a value for all.
    Sender,
}

/// Something decided: a place and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotDecision {
    /// The place in the log; 1 where there is only one decision.
    pub slot: u64,
    /// What stands there; none for a no-op, or for "do nothing".
    pub values: Vec<Bytes>,
}

impl SlotDecision {
    fn only(value: Bytes) -> Vec<Self> {
        vec![Self {
            slot: 1,
            values: vec![value],
        }]
    }
}

/// A protocol under test.
pub trait SystemUnderTest {
    /// The protocol.
    type Protocol: Protocol<Message: WireMessage>;
    /// Its name in the lab.
    const NAME: &'static str;
    /// Its entry in the catalogue, with all that it claims.
    const CATALOGUE: quorate_contract::ProtocolName;
    /// What it is to achieve, and is judged by.
    const PROBLEM: Problem = Self::CATALOGUE.declaration().solves;
    /// How it is asked.
    const PROPOSERS: Proposers;
    /// A node that comes back from a crash is expected to decide like the others.
    const RECOVERS: bool;
    /// How many nodes for how many faults, where it is at its bound.
    const PER_FAULT: u8;
    /// The options that it knows, each with the values it takes, the default first.
    const OPTIONS: &'static [(&'static str, &'static [&'static str])] = &[];

    /// Each node's configuration.
    ///
    /// # Errors
    /// What is wrong with the setup, and what would work.
    fn configs(setup: &Setup) -> Result<Vec<<Self::Protocol as Protocol>::Config>, String>;

    /// Asks for a value.
    fn request(value: Bytes) -> <Self::Protocol as Protocol>::Request;

    /// The value that a node begins with, where everybody does or a sender is asked.
    fn proposal(node: NodeId) -> Bytes {
        Bytes::from(format!("v{}", node.0))
    }

    /// Another value than [`SystemUnderTest::proposal`]'s: what the second of twins begins with.
    fn rival(node: NodeId) -> Bytes {
        Self::proposal(NodeId(node.0 + 1))
    }

    /// What is decided where the sender is not heard, although it was not proposed.
    const DEFAULT: Option<&'static [u8]> = None;

    /// What an output decides.
    fn decisions(output: &<Self::Protocol as Protocol>::Output) -> Vec<SlotDecision>;

    /// Does an output decide anything? For the scheduler that would rather it did not.
    fn decides(output: &<Self::Protocol as Protocol>::Output) -> bool {
        !Self::decisions(output).is_empty()
    }

    /// The term or view that a node is in and whether it takes itself for the leader, where there
    /// are such.
    fn leads(_node: &Self::Protocol) -> Option<(u64, bool)> {
        None
    }

    /// At most one node leads in a term, whatever happens within the contract.
    const ONE_LEADER_A_TERM: bool = false;

    /// How many places of the log a node knows to be decided, where there is a log.
    fn decided(_node: &Self::Protocol) -> Option<u64> {
        None
    }

    /// Asks a node at which place a read that begins now may be served, where the protocol can tell.
    fn read(_id: u64) -> Option<<Self::Protocol as Protocol>::Request> {
        None
    }

    /// The answer: the read's number, and the place; none if it is refused.
    fn read_answer(_output: &<Self::Protocol as Protocol>::Output) -> Option<(u64, Option<u64>)> {
        None
    }

    /// What a read of a register has found: the read's number, and the value if there is one.
    fn read_value(_output: &<Self::Protocol as Protocol>::Output) -> Option<(u64, Option<Bytes>)> {
        None
    }

    /// What tells a node that another one has crashed (fail-signal), where the protocol listens.
    fn crash_signal(_crashed: NodeId) -> Option<<Self::Protocol as Protocol>::Request> {
        None
    }

    /// A message, in a few words.
    fn describe(message: &<Self::Protocol as Protocol>::Message) -> String {
        format!("{message:?}")
    }

    /// The state of a node, a fact a line.
    fn state(node: &Self::Protocol) -> String {
        format!("{node:#?}")
    }

    /// What the keys of the configuration's cluster have done, if it has keys.
    fn work(_config: &<Self::Protocol as Protocol>::Config) -> Option<quorate_crypto::Work> {
        None
    }

    /// Figures that an output tells, by name: what doc 003's table has for columns.
    fn facts(_output: &<Self::Protocol as Protocol>::Output) -> Vec<(&'static str, String)> {
        vec![]
    }
}

/// The same configuration on each node.
fn same<C: Clone>(setup: &Setup, config: C) -> Vec<C> {
    vec![config; usize::from(setup.nodes)]
}

/// One configuration for each node's keys.
fn keyed<C>(setup: &Setup, config: impl Fn(Keychain) -> C) -> Vec<C> {
    setup.keys().into_iter().map(config).collect()
}

/// Does something with a subject's type.
pub trait Visitor {
    /// What comes out.
    type Output;
    /// Does it.
    fn visit<S: SystemUnderTest>(self) -> Self::Output;
}

macro_rules! subjects {
    ($($subject:ty),* ; $($layered:ty),* ; $($candidate:ty),* $(,)?) => {
        /// The names of the subjects, in the order of the catalogue.
        pub const NAMES: &[&str] = &[$(<$subject>::NAME),*];

        /// Those of subjects over links that are made.
        pub const OVER_LINKS: &[&str] = &[$(<$layered>::NAME),*];

        /// Candidates that theorems are shown on: in no catalogue, and no part of the matrix.
        pub const CANDIDATES: &[&str] = &[$(<$candidate>::NAME),*];

        /// Does something with the subject of this name; `None` if there is none.
        pub fn visit<V: Visitor>(name: &str, visitor: V) -> Option<V::Output> {
            $(if name == <$subject>::NAME {
                return Some(visitor.visit::<$subject>());
            })*
            $(if name == <$layered>::NAME {
                return Some(visitor.visit::<$layered>());
            })*
            $(if name == <$candidate>::NAME {
                return Some(visitor.visit::<$candidate>());
            })*
            None
        }
    };
}

subjects![
    RaftSystem,
    MultiPaxosSystem,
    PaxosSystem,
    MajorityCommitSystem,
    PrimaryBackupSystem,
    FloodSetSystem,
    TwoPhaseCommitSystem,
    ThreePhaseCommitSystem,
    PaxosCommitSystem,
    AbdSystem,
    BenOrCrashSystem,
    BenOrByzantineSystem,
    PbftSystem,
    HotStuffSystem,
    TendermintSystem,
    DolevStrongSystem,
    OralMessagesSystem,
    SignedMessagesSystem,
    BrachaSystem,
    TwoGeneralsSystem;
    OverReliable<MajorityCommitSystem>,
    OverReliable<TwoGeneralsSystem>,
    OverReliable<BrachaSystem>,
    OverReliable<BenOrCrashSystem>,
    OverReliable<BenOrByzantineSystem>,
    OverReliable<PbftSystem>,
    OverReliable<HotStuffSystem>,
    OverReliable<TendermintSystem>,
    OverAuthenticated<OralMessagesSystem>,
    OverAuthenticated<PbftSystem>;
    CollectSystem,
];

/// What is known of a subject without running it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemFacts {
    /// See [`SystemUnderTest::NAME`].
    pub name: &'static str,
    /// See [`SystemUnderTest::CATALOGUE`].
    pub catalogue: quorate_contract::ProtocolName,
    /// See [`SystemUnderTest::PROBLEM`].
    pub problem: Problem,
    /// See [`SystemUnderTest::PROPOSERS`].
    pub proposers: Proposers,
    /// See [`SystemUnderTest::RECOVERS`].
    pub recovers: bool,
    /// See [`SystemUnderTest::PER_FAULT`].
    pub per_fault: u8,
    /// See [`SystemUnderTest::OPTIONS`].
    pub options: &'static [(&'static str, &'static [&'static str])],
}

impl SystemFacts {
    /// The smallest cluster that is at the bound for `f` faults.
    pub fn nodes_for(&self, f: u8) -> u8 {
        match self.catalogue {
            quorate_contract::ProtocolName::TwoGenerals => 2,
            _ => f.saturating_mul(self.per_fault).saturating_add(1),
        }
    }
}

struct TellFacts;

impl Visitor for TellFacts {
    type Output = SystemFacts;
    fn visit<S: SystemUnderTest>(self) -> SystemFacts {
        SystemFacts {
            name: S::NAME,
            catalogue: S::CATALOGUE,
            problem: S::PROBLEM,
            proposers: S::PROPOSERS,
            recovers: S::RECOVERS,
            per_fault: S::PER_FAULT,
            options: S::OPTIONS,
        }
    }
}

/// What is known of the subject of this name.
pub fn facts(name: &str) -> Option<SystemFacts> {
    visit(name, TellFacts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_of_the_lab_is_a_subject_and_can_be_set_up_at_its_bound() {
        use quorate_contract::{ProtocolName, SupportLevel};
        for protocol in ProtocolName::ALL {
            let here = NAMES
                .iter()
                .any(|name| facts(name).is_some_and(|facts| facts.catalogue == protocol));
            let status = protocol.declaration().status;
            assert_eq!(here, status != SupportLevel::NotImplemented, "{protocol}");
        }
        struct SetUp(Setup);
        impl Visitor for SetUp {
            type Output = Result<usize, String>;
            fn visit<S: SystemUnderTest>(self) -> Self::Output {
                S::configs(&self.0).map(|configs| configs.len())
            }
        }
        for name in NAMES.iter().chain(OVER_LINKS) {
            let nodes = facts(name).map_or(0, |facts| facts.nodes_for(1));
            let setup = Setup {
                nodes,
                faults: 1,
                delta: Duration::from_millis(10),
                timeout_factor_max: 1,
                options: ProtocolOptions::default(),
                scheme: Scheme::Ideal,
            };
            let made = visit(name, SetUp(setup));
            assert_eq!(made, Some(Ok(usize::from(nodes))), "{name}");
        }
    }
}
