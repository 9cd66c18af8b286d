//! The places of the table: which protocol, what fails, how time behaves.

use crate::system::NAMES;
use quorate_contract::FailureModel;
use std::fmt;

/// What goes wrong: a column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    /// What.
    pub fault: FaultClass,
    /// With one node more than the protocol is set up for.
    pub one_more: bool,
}

/// What goes wrong with nodes, disks or links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// Nothing.
    Nothing,
    /// Nodes are faulty.
    Nodes(FailureModel),
    /// Nodes crash, and come back with empty disks.
    Amnesia,
    /// Nodes crash, and what their disks called durable is gone.
    LyingSync,
    /// Links lose, double and reorder messages.
    FairLoss,
}

impl Column {
    /// All columns, in order.
    pub fn all() -> Vec<Self> {
        let nodes = FailureModel::ALL
            .into_iter()
            .flat_map(|model| [false, true].map(|one_more| (FaultClass::Nodes(model), one_more)));
        let disks_and_links = [
            FaultClass::Amnesia,
            FaultClass::LyingSync,
            FaultClass::FairLoss,
        ];
        std::iter::once((FaultClass::Nothing, false))
            .chain(nodes)
            .chain(disks_and_links.map(|what| (what, false)))
            .map(|(what, one_more)| Self {
                fault: what,
                one_more,
            })
            .collect()
    }

    /// Its name in reports and tokens.
    pub fn name(self) -> String {
        let name = match self.fault {
            FaultClass::Nothing => "none",
            FaultClass::Nodes(model) => model.name(),
            FaultClass::Amnesia => "amnesia",
            FaultClass::LyingSync => "lying-sync",
            FaultClass::FairLoss => "fair-loss",
        };
        match self.one_more {
            true => format!("{name}+1"),
            false => name.to_owned(),
        }
    }

    /// The column of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|column| column.name() == name)
    }

    /// Is it the disks that fail?
    pub(super) fn disks_fail(self) -> bool {
        matches!(self.fault, FaultClass::Amnesia | FaultClass::LyingSync)
    }

    /// How many nodes are faulty at the same time, where the protocol is set up for `faults`.
    pub fn faulty(self, faults: u8) -> u8 {
        match self.fault {
            FaultClass::Nothing | FaultClass::FairLoss => 0,
            _ => faults + u8::from(self.one_more),
        }
    }
}

/// How time behaves: a block of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimingModel {
    /// Δ, Φ and drift hold from the start, and the nodes are told.
    Synchronous,
    /// Bounds hold from the start, and are larger than the nodes are told.
    UnknownBound,
    /// The bounds that the nodes are told hold only from some moment on.
    Gst,
    /// Nothing holds. What is not decided by the horizon counts as stalled.
    Asynchronous,
}

impl TimingModel {
    /// All of them, from the kindest to the wildest.
    pub const ALL: [Self; 4] = [
        Self::Synchronous,
        Self::UnknownBound,
        Self::Gst,
        Self::Asynchronous,
    ];

    /// Its name in reports and tokens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Synchronous => "synchronous",
            Self::UnknownBound => "unknown-bound",
            Self::Gst => "gst",
            Self::Asynchronous => "asynchronous",
        }
    }

    /// The timing model of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|timing| timing.name() == name)
    }
}

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// The protocol, by its name in the lab.
    pub protocol: &'static str,
    /// What goes wrong.
    pub column: Column,
    /// How time behaves.
    pub timing: TimingModel,
}

impl Cell {
    /// All places, by protocol, then timing, then column.
    pub fn all() -> Vec<Self> {
        let columns = Column::all();
        let mut places = vec![];
        for protocol in NAMES {
            for timing in TimingModel::ALL {
                places.extend(columns.iter().map(|column| Self {
                    protocol,
                    column: *column,
                    timing,
                }));
            }
        }
        places
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (column, timing) = (self.column.name(), self.timing.name());
        write!(f, "{}:{column}:{timing}", self.protocol)
    }
}
