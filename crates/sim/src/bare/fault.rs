//! What a faulty node does, and what a faulty link does, as data.
//!
//! An adversary here knows no protocol. It knows that messages are bytes from one node to another,
//! that a disk holds records, and that a node is a value that can be copied: that is enough for
//! every failure model of docs 000 and 003, equivocation included.

use crate::network::Delay;
use quorate_contract::{Behaviour, Behaviours};
use quorate_core::{NodeId, NodeSet};
use serde::{Deserialize, Serialize};

/// A node that misbehaves, from one moment to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScheduledNodeFault {
    /// Which node.
    pub node: NodeId,
    /// What it does.
    pub fault: NodeFault,
    /// From when, in nanoseconds of the world. Before, it is honest.
    pub from: u64,
    /// Until when; `None`: to the end of the run.
    pub until: Option<u64>,
}

/// What a faulty node does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeFault {
    /// It is down, and comes back at the end, if there is one, with what its disk kept.
    Crash,
    /// It goes down in the middle of what it sends next to others: only these nodes get that. What
    /// it would have told itself and the layer above in the same step comes after, so it does not
    /// come. It comes back at the end, if there is one, with what its disk kept.
    CrashSending(NodeSet),
    /// It is down, and comes back at the end with an empty disk: amnesia.
    Forget,
    /// It does nothing, and does not know it: a long collection of garbage. What arrives waits.
    Pause,
    /// It does not send some of what it should.
    OmitSend(MessageFilter),
    /// It does not receive some of what reached it.
    OmitReceive(MessageFilter),
    /// It answers correctly, and so much later.
    Late(Delay),
    /// Its disk finishes no sync.
    DiskStall,
    /// Its disk says that a sync is done, and does nothing. What it lost shows at the next crash.
    LieAboutSync,
    /// Its clock is off by so many millionths.
    Drift(i64),
    /// Its clock jumps ahead by so many nanoseconds.
    ClockJump(u64),
    /// There are two of it, each honest by itself: a second copy, made at the beginning, talks with
    /// these nodes, and the first with the others (Bano et al.: Twins, 2021). So it equivocates
    /// with valid signatures. Twins of several nodes know each other: firsts talk with firsts.
    Twins(NodeSet),
    /// It answers from the state in which it was at the beginning, as if nothing had happened since.
    Stale,
    /// It says again, with these chances in a million, what it said earlier, to anybody.
    Replay(u32),
    /// It changes, with these chances in a million, what it says to others.
    TamperSend(u32, Mutation),
    /// Its memory changes, with these chances in a million, what it was told.
    TamperReceive(u32, Mutation),
    /// It says, with these chances in a million, what it was told by others, changed like this, in
    /// the name of this node. (The name comes first.)
    Forge(NodeId, u32, Mutation),
    /// What it hears from this node it says to those, changed, in that node's name: doc 000's liar,
    /// who tells two followers another value than the leader did.
    Impersonate(NodeId, NodeSet, Mutation),
}

/// Which messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageFilter {
    /// Each with these chances in a million; 1,000,000 for all of them.
    Random(u32),
    /// Every n-th.
    EveryNth(u32),
    /// Those of more than so many bytes.
    Larger(u32),
    /// Those to, or from, these nodes.
    Peers(NodeSet),
}

impl MessageFilter {
    /// All messages.
    pub const ALL: Self = Self::Random(1_000_000);
}

/// How content changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mutation {
    /// A bit flips, somewhere, such that what comes out can still be read.
    Flip,
    /// A value in it is replaced by another.
    Replace {
        /// The value.
        value: Vec<u8>,
        /// What stands in its place.
        by: Vec<u8>,
    },
}

impl NodeFault {
    /// What the contract calls this.
    pub fn behaviours(&self) -> Behaviours {
        use Behaviour as B;
        match self {
            Self::Crash | Self::CrashSending(_) => Behaviours::of(&[B::Stop, B::Restart]),
            Self::Forget => Behaviours::of(&[B::Stop, B::Restart, B::Forget]),
            Self::Pause => B::Pause.into(),
            Self::OmitSend(_) => B::DropSend.into(),
            Self::OmitReceive(_) => B::DropReceive.into(),
            Self::Late(_) | Self::DiskStall => B::Late.into(),
            Self::LieAboutSync => B::LieAboutSync.into(),
            Self::Drift(_) | Self::ClockJump(_) => B::Skew.into(),
            Self::Twins(_) => Behaviours::of(&[B::Lie, B::Equivocate]),
            Self::Stale | Self::Replay(_) | Self::TamperReceive(..) => B::Lie.into(),
            Self::TamperSend(..) => Behaviours::of(&[B::Lie, B::Equivocate]),
            Self::Forge(..) | Self::Impersonate(..) => Behaviours::of(&[B::Lie, B::Forge]),
        }
    }

    /// Does it make a liar of the node: may what it says or decides be believed no longer?
    pub fn lies(&self) -> bool {
        self.behaviours().contains(Behaviour::Lie)
    }

    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::CrashSending(_) => "crash-while-sending",
            Self::Forget => "amnesia",
            Self::Pause => "pause",
            Self::OmitSend(_) => "send-omission",
            Self::OmitReceive(_) => "receive-omission",
            Self::Late(_) => "late",
            Self::DiskStall => "disk-stall",
            Self::LieAboutSync => "lying-sync",
            Self::Drift(_) => "clock-drift",
            Self::ClockJump(_) => "clock-jump",
            Self::Twins(_) => "twins",
            Self::Stale => "stale",
            Self::Replay(_) => "replay",
            Self::TamperSend(..) => "tamper-send",
            Self::TamperReceive(..) => "tamper-receive",
            Self::Forge(..) => "forge",
            Self::Impersonate(..) => "impersonation",
        }
    }
}

/// Links that misbehave, from one moment to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScheduledLinkFault {
    /// Messages from these nodes
    pub from_nodes: NodeSet,
    /// to these.
    pub to_nodes: NodeSet,
    /// What happens to them.
    pub fault: LinkFault,
    /// From when, in nanoseconds of the world.
    pub from: u64,
    /// Until when; `None`: to the end of the run.
    pub until: Option<u64>,
    /// Comes and goes: so long on, as long off.
    pub flapping: Option<u64>,
}

/// What a faulty link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkFault {
    /// Nothing gets through. Links that lose nothing hold it back until the end.
    Cut,
    /// A message is lost, with these chances in a million.
    Loss(u32),
    /// A message of more than `over` bytes is lost, with these chances in a million: the packets of
    /// a small one get through where one of many does not (doc 003: 1 in 4096).
    LossOfLarge {
        /// Bytes.
        over: u32,
        /// Chances in a million.
        per_million: u32,
    },
    /// A message comes twice, with these chances in a million.
    Duplicate(u32),
    /// Messages take so long, and do not keep their order.
    Slow(Delay),
    /// A checksum shows, with these chances in a million, that the message was garbled: it is lost.
    Garble(u32),
    /// So many nanoseconds for each byte.
    Bandwidth(u64),
}

impl LinkFault {
    /// What the contract calls this. A cut of links that lose nothing is a delay.
    pub fn behaviours(&self, lossy: bool) -> Behaviours {
        use Behaviour as B;
        match self {
            Self::Cut if lossy => B::Lose.into(),
            Self::Cut => B::Delay.into(),
            Self::Loss(_) | Self::LossOfLarge { .. } => B::Lose.into(),
            Self::Duplicate(_) => B::Duplicate.into(),
            Self::Slow(_) => Behaviours::of(&[B::Delay, B::Reorder]),
            Self::Garble(_) => B::Garble.into(),
            Self::Bandwidth(_) => B::Delay.into(),
        }
    }

    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Loss(_) => "loss",
            Self::LossOfLarge { .. } => "loss-of-large",
            Self::Duplicate(_) => "duplication",
            Self::Slow(_) => "slow",
            Self::Garble(_) => "garbling",
            Self::Bandwidth(_) => "bandwidth",
        }
    }
}
