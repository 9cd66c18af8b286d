//! Why a replica has left the service.

/// Why a replica has left the service. It does so once, and never comes back by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stopped {
    /// A safety property is violated: a bug, or a fault that the contract does not name.
    Violation {
        /// The property's name.
        property: &'static str,
        /// The figures.
        detail: String,
    },
    /// The cluster uses a feature level, or an entry a format, that this software does not know.
    TooOld {
        /// The level that is needed.
        needed: u16,
        /// The highest that this software knows.
        known: u16,
    },
    /// The member was removed from the cluster.
    Removed,
}

/// [`Stopped`], without the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoppedKind {
    /// See [`Stopped::Violation`].
    Violation,
    /// See [`Stopped::TooOld`].
    TooOld,
    /// See [`Stopped::Removed`].
    Removed,
}

impl Stopped {
    /// The reason without the figures.
    pub fn kind(&self) -> StoppedKind {
        match self {
            Self::Violation { .. } => StoppedKind::Violation,
            Self::TooOld { .. } => StoppedKind::TooOld,
            Self::Removed => StoppedKind::Removed,
        }
    }
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Violation { property, detail } => write!(
                f,
                "this replica has left the service: the property {property:?} is violated \
                 ({detail}). Its state can't be trusted: replace the member"
            ),
            Self::TooOld { needed, known } => write!(
                f,
                "this replica has left the service: the cluster is at feature level {needed}, \
                 and this version of quorate knows levels up to {known}. Run a newer version"
            ),
            Self::Removed => f.write_str(
                "this member was removed from the cluster. Its data directory is of no further use",
            ),
        }
    }
}

impl std::fmt::Display for StoppedKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Violation => "its state can't be trusted",
            Self::TooOld => "its software is older than the cluster's feature level",
            Self::Removed => "it was removed from the cluster",
        })
    }
}
