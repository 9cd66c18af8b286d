//! A run: what happened on every node, in the order in which the world did it.
//!
//! Times are nanoseconds of the world's clock. Nodes and events are named by their index.

use serde::{Deserialize, Serialize};

/// One run, whole or cut.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What was run: protocol, scenario, seed.
    pub title: String,
    /// What it came to.
    pub verdict: RunSummary,
    /// The clause of the contract that is at stake.
    #[serde(default)]
    pub clause: Option<String>,
    /// The command that does this run again, to be copied.
    #[serde(default)]
    pub replay: Option<String>,
    /// When the run ended; nothing is later.
    pub end: u64,
    /// The nodes, top lane first.
    pub nodes: Vec<RunNode>,
    /// The events, oldest first.
    #[serde(default)]
    pub events: Vec<RunEvent>,
    /// The messages, in any order.
    #[serde(default)]
    pub messages: Vec<RunMessage>,
    /// The syncs of the nodes' disks, in any order.
    #[serde(default)]
    pub syncs: Vec<Sync>,
    /// Stretches of crash, pause, partition and the like, in any order.
    #[serde(default)]
    pub bands: Vec<FaultInterval>,
    /// Who led, or which view a node was in, from when to when; in any order.
    #[serde(default)]
    pub reigns: Vec<Leadership>,
    /// How the commit index of each node moved, in any order.
    #[serde(default)]
    pub commits: Vec<CommitIndex>,
    /// What clients asked for, in any order.
    #[serde(default)]
    pub operations: Vec<OperationSpan>,
    /// Counts over the whole run, also over what was cut.
    #[serde(default)]
    pub totals: Vec<Total>,
    /// What was left out, and why. Shown at the top.
    #[serde(default)]
    pub cuts: Vec<Cut>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// In one word.
    pub kind: VerdictKind,
    /// In one sentence.
    pub sentence: String,
    /// The event that showed it.
    #[serde(default)]
    pub event: Option<u32>,
}

/// What a run came to, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// All properties held.
    Holds,
    /// Safe, but what should have happened in time did not.
    Stalls,
    /// A property did not hold.
    Violated,
    /// No property was seen to fail; not all could be decided.
    #[default]
    Undecided,
}

/// A node: one lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNode {
    /// Its short name.
    pub name: String,
    /// Its zone, role or failure class, if that matters.
    #[serde(default)]
    pub note: Option<String>,
}

/// One event on one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEvent {
    /// When.
    pub at: u64,
    /// On which node.
    pub node: u32,
    /// Of which kind.
    pub kind: EventKind,
    /// In words, on one line.
    pub label: String,
    /// The earlier event that brought it about.
    #[serde(default)]
    pub cause: Option<u32>,
    /// The difference it made to the node's state, a line each: `-old` and `+new`.
    #[serde(default)]
    pub difference: Vec<String>,
}

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A message came.
    Deliver,
    /// A timer fired.
    Timer,
    /// The disk answered.
    Disk,
    /// A client asked.
    Request,
    /// A client was answered.
    Reply,
    /// The node took or lost a role.
    Role,
    /// Something was decided.
    Decide,
    /// The world showed a fault.
    Fault,
    /// The node died.
    Crash,
    /// The node came back.
    Restart,
    /// A property did not hold.
    Violation,
    /// Anything else worth a line.
    Note,
}

impl EventKind {
    /// All of them, in the order of their codes in a page.
    pub const ALL: [Self; 12] = [
        Self::Deliver,
        Self::Timer,
        Self::Disk,
        Self::Request,
        Self::Reply,
        Self::Role,
        Self::Decide,
        Self::Fault,
        Self::Crash,
        Self::Restart,
        Self::Violation,
        Self::Note,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Timer => "timer",
            Self::Disk => "disk",
            Self::Request => "request",
            Self::Reply => "reply",
            Self::Role => "role",
            Self::Decide => "decide",
            Self::Fault => "fault",
            Self::Crash => "crash",
            Self::Restart => "restart",
            Self::Violation => "violation",
            Self::Note => "note",
        }
    }
}

/// One message, or one copy of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMessage {
    /// The sender; of a forged one, who it claims to be from.
    pub from: u32,
    /// The receiver.
    pub to: u32,
    /// When it was sent.
    pub sent: u64,
    /// When it arrived; `None` while under way at the end, and for dropped ones.
    #[serde(default)]
    pub arrived: Option<u64>,
    /// What became of it.
    pub fate: MessageFate,
    /// In words.
    pub label: String,
    /// The event that sent it.
    #[serde(default)]
    pub send: Option<u32>,
    /// The event that it was on arrival.
    #[serde(default)]
    pub receive: Option<u32>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageFate {
    /// It arrived, in time and as it was sent.
    Delivered,
    /// It was still under way at the end.
    InFlight,
    /// It never arrived.
    Dropped,
    /// A second copy of one that arrived as well.
    Duplicated,
    /// It arrived later than the timing model allows.
    Late,
    /// It arrived with other bytes than were sent.
    Corrupted,
    /// Its claimed sender never sent it.
    Forged,
}

impl MessageFate {
    /// All of them, in the order of their codes in a page.
    pub const ALL: [Self; 7] = [
        Self::Delivered,
        Self::InFlight,
        Self::Dropped,
        Self::Duplicated,
        Self::Late,
        Self::Corrupted,
        Self::Forged,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::InFlight => "in flight",
            Self::Dropped => "dropped",
            Self::Duplicated => "duplicated",
            Self::Late => "late",
            Self::Corrupted => "corrupted",
            Self::Forged => "forged",
        }
    }
}

/// One sync of a node's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// Whose disk.
    pub node: u32,
    /// When it was asked for.
    pub from: u64,
    /// When it answered.
    pub to: u64,
    /// Whether what it claimed is so: false if it failed, and if it lied.
    pub kept: bool,
}

/// A stretch of time in which something was wrong with some nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultInterval {
    /// What.
    pub kind: FaultIntervalKind,
    /// From when.
    pub from: u64,
    /// To when.
    pub to: u64,
    /// The nodes; of a partition, one side of it.
    pub nodes: Vec<u32>,
    /// In words.
    pub label: String,
}

/// What was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultIntervalKind {
    /// The nodes were down.
    Crash,
    /// They did nothing, and did not know it.
    Pause,
    /// They were cut off from the others.
    Partition,
    /// They, their disks or their links were slow.
    Slow,
    /// They lied.
    Liar,
}

impl FaultIntervalKind {
    /// All of them, in the order of their codes in a page.
    pub const ALL: [Self; 5] = [
        Self::Crash,
        Self::Pause,
        Self::Partition,
        Self::Slow,
        Self::Liar,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Pause => "pause",
            Self::Partition => "partition",
            Self::Slow => "slow",
            Self::Liar => "liar",
        }
    }
}

/// A node in a term or view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leadership {
    /// The node.
    pub node: u32,
    /// From when.
    pub from: u64,
    /// To when.
    pub to: u64,
    /// The term or view.
    pub number: u64,
    /// Whether it took itself for the leader.
    pub leads: bool,
    /// In words, short: `leader, term 3`.
    pub label: String,
}

/// The commit index of a node, from this moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitIndex {
    /// The node.
    pub node: u32,
    /// Since when.
    pub at: u64,
    /// The commit index.
    pub index: u64,
}

/// One operation of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationSpan {
    /// The client.
    pub client: String,
    /// When it asked.
    pub invoked: u64,
    /// When it was answered, or the client gave it up; `None` while under way at the end.
    #[serde(default)]
    pub returned: Option<u64>,
    /// What it asked and what it was told.
    pub label: String,
    /// How it ended.
    pub outcome: OperationOutcome,
    /// The event at which the request arrived.
    #[serde(default)]
    pub event: Option<u32>,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationOutcome {
    /// It was done.
    Done,
    /// It was not done and never will be.
    Refused,
    /// The outcome is unknown.
    Unknown,
}

impl OperationOutcome {
    /// All of them, in the order of their codes in a page.
    pub const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Unknown];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// A count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Of what.
    pub name: String,
    /// How many, with its unit if it has one.
    pub value: String,
}

/// Something left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// What: `events`, `messages`, `cells`.
    pub what: String,
    /// How many of them.
    pub left_out: u64,
    /// Why.
    pub why: String,
}
