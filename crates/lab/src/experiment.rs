//! What is run: a protocol, a world, who asks for what, and what goes wrong when. All of it data.

use crate::clients::Clients;

use crate::system::{Proposers, Setup, SystemFacts, SystemUnderTest, Visitor, facts, visit};
use bytes::Bytes;
use quorate_core::{NodeId, NodeSet};
use quorate_sim::{NetworkProfile, ScheduledLinkFault, ScheduledNodeFault};

/// One experiment. With a stream of decisions it is one run, the same on every machine.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The protocol, by its name in the lab.
    pub subject: String,
    /// How it is set up.
    pub setup: Setup,
    /// Where it runs.
    pub weather: NetworkProfile,
    /// Values asked for at one place, once.
    pub requests: Vec<ScheduledRequest>,
    /// Values that clients request from node after node until they are decided.
    pub load: Option<ClientLoad>,
    /// What clients do besides.
    pub clients: Clients,
    /// What goes wrong with nodes.
    pub node_faults: Vec<ScheduledNodeFault>,
    /// What goes wrong with links.
    pub link_faults: Vec<ScheduledLinkFault>,
    /// Fail-signal: the others hear of a crash after so many nanoseconds, where their protocol
    /// listens. Else they have to find out.
    pub crash_signal: Option<u64>,
    /// Nodes whose messages and decisions do not count, besides those that lie.
    pub distrusted: NodeSet,
    /// How many different decisions at one place are in order: 1, but for k-set agreement.
    pub distinct: u8,
    /// When the run ends at the latest, in nanoseconds. What is not decided by then counts as
    /// stalled.
    pub end: u64,
}

/// A value asked for at one node, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledRequest {
    /// When.
    pub at: u64,
    /// Whom.
    pub node: NodeId,
    /// The second of twins, if there are two of it.
    pub second: bool,
    /// For what.
    pub value: Bytes,
}

/// Values that clients request: from one node after the other, until a node has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLoad {
    /// How many values.
    pub values: u32,
    /// When the first one is asked for.
    pub from: u64,
    /// How long after it the next one.
    pub every: u64,
    /// How long until the next node is asked.
    pub retry_after: u64,
    /// How many more values are asked for once all that ends has ended: they show that the cluster
    /// lives.
    pub probes: u32,
}

impl ClientLoad {
    /// The n-th value.
    pub fn value(n: u32) -> Bytes {
        Bytes::from(format!("v{n}"))
    }

    /// The n-th value at the next try, where each write needs a value of its own.
    pub fn value_of_try(n: u32, tries: u32) -> Bytes {
        match tries {
            0 => Self::value(n),
            tries => Bytes::from(format!("v{n}.{tries}")),
        }
    }

    /// The value that is asked for, whichever try this is.
    pub(crate) fn without_try(value: &Bytes) -> Bytes {
        let end = value.iter().position(|byte| *byte == b'.');
        value.slice(..end.unwrap_or(value.len()))
    }

    /// What the second of twins is asked for instead.
    pub fn rival(n: u32) -> Bytes {
        Bytes::from(format!("w{n}"))
    }
}

/// No run has more events; one that does has lost its way.
pub const MAX_EVENTS: u64 = 300_000;

/// An experiment that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExperimentError {
    /// No such protocol.
    #[error("there is no protocol {name:?} in the lab; there are: {}, and over links: {}", crate::system::NAMES.join(", "), crate::system::OVER_LINKS.join(", "))]
    UnknownProtocol {
        /// What was asked.
        name: String,
    },
    /// A choice that the protocol does not have.
    #[error(transparent)]
    Option(#[from] crate::system::BadOption),
    /// A setup that the protocol refuses.
    #[error("{subject}: {why}")]
    Setup {
        /// The protocol.
        subject: String,
        /// Why, and what would work.
        why: String,
    },
    /// A fault or a request at a node that is not there.
    #[error("{what} is at {node}, and there are {nodes} nodes: n0 to n{last}", last = nodes - 1)]
    NoSuchNode {
        /// What.
        what: &'static str,
        /// Where.
        node: NodeId,
        /// How many there are.
        nodes: u8,
    },
}

impl Experiment {
    /// What is known of its subject.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn facts(&self) -> Result<SystemFacts, ExperimentError> {
        facts(&self.subject).ok_or_else(|| ExperimentError::UnknownProtocol {
            name: self.subject.clone(),
        })
    }

    /// Can it be run?
    ///
    /// # Errors
    /// Why not, and what would work.
    pub fn check(&self) -> Result<(), ExperimentError> {
        self.facts()?;
        self.setup.options.check(&self.subject)?;
        let nodes = self.setup.nodes;
        if !(1..=NodeSet::MAX_NODES).contains(&nodes) {
            return Err(ExperimentError::Setup {
                subject: self.subject.clone(),
                why: format!("{nodes} nodes; there must be 1 to {}", NodeSet::MAX_NODES),
            });
        }
        let faults = self.node_faults.iter().map(|fault| ("a fault", fault.node));
        let asks = self.requests.iter().map(|ask| ("a request", ask.node));
        let reads = self.clients.reads.iter();
        let reads = reads.map(|reads| ("a read", reads.node));
        match faults
            .chain(asks)
            .chain(reads)
            .find(|(_, node)| node.0 >= nodes.into())
        {
            Some((what, node)) => Err(ExperimentError::NoSuchNode { what, node, nodes }),
            None => Ok(()),
        }
    }

    /// Asks as the subject is usually asked: everybody for its own value, the sender for its one, or
    /// by clients.
    ///
    /// # Errors
    /// If there is no such subject.
    pub fn set_default_requests(&mut self, load: ClientLoad) -> Result<(), ExperimentError> {
        struct Usual(u8);
        impl Visitor for Usual {
            type Output = Vec<ScheduledRequest>;
            fn visit<S: SystemUnderTest>(self) -> Vec<ScheduledRequest> {
                let asks = |node: NodeId| {
                    [false, true].map(|second| ScheduledRequest {
                        at: 0,
                        node,
                        second,
                        value: match second {
                            false => S::proposal(node),
                            true => S::rival(node),
                        },
                    })
                };
                match S::PROPOSERS {
                    Proposers::Clients => vec![],
                    Proposers::AllNodes => NodeId::all(self.0).flat_map(asks).collect(),
                    Proposers::Sender => asks(NodeId(0)).to_vec(),
                }
            }
        }
        let facts = self.facts()?;
        self.requests = visit(&self.subject, Usual(self.setup.nodes)).unwrap_or_default();
        self.load = (facts.proposers == Proposers::Clients).then_some(load);
        Ok(())
    }

    /// When everything that ends has ended, all was asked that is asked once, and the bounds on time
    /// hold.
    pub fn quiet_from(&self) -> u64 {
        let nodes = self
            .node_faults
            .iter()
            .map(|fault| fault.until.unwrap_or(fault.from));
        let links = self
            .link_faults
            .iter()
            .map(|fault| fault.until.unwrap_or(fault.from));
        let asks = self.requests.iter().map(|ask| ask.at);
        nodes
            .chain(links)
            .chain(asks)
            .chain([self.weather.timing.gst])
            .max()
            .unwrap_or(0)
    }

    /// Nodes that lie at some time, or are not to be believed for another reason.
    pub fn liars(&self) -> NodeSet {
        let lie = |fault: &&ScheduledNodeFault| fault.fault.lies();
        let liars = self.node_faults.iter().filter(lie).map(|fault| fault.node);
        liars.chain(self.distrusted.iter()).collect()
    }

    /// Nodes that misbehave at some time.
    pub fn faulty(&self) -> NodeSet {
        self.node_faults
            .iter()
            .map(|fault| fault.node)
            .chain(self.distrusted.iter())
            .collect()
    }
}
