//! The stories that come with quorate.

use super::Scenario;
use quorate_contract::ContractError;

/// A story of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

impl Embedded {
    /// Reads it.
    ///
    /// # Errors
    /// None that our tests have not seen.
    pub fn read(&self) -> Result<Scenario, ContractError> {
        Scenario::parse(&format!("{}.toml", self.name), self.text)
    }
}

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        /// All of them, grouped by the document that tells them.
        pub const EMBEDDED: &[Embedded] = &[$(Embedded {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".toml")),
        }),*];
    };
}

embedded![
    "commit-crash-stop",
    "commit-crash-recovery",
    "commit-omission",
    "commit-byzantine",
    "unsafe-leader",
    "ack-before-fsync",
    "amnesia",
    "partitions",
    "partial-partition",
    "three-zones",
    "flp",
    "four-modes",
    "same-content",
    "dual-leader",
    "one-in-4096",
    "ack-without-log",
    "stale-replica",
    "asked-twice",
    "crash-and-one-way-partition",
    "pause-and-full-buffer",
    "liar-that-crashes",
    "fail-signal",
    "gray-failure",
    "lost-messages",
    "impersonation",
    "two-generals",
    "generals-oral",
    "generals-signed",
    "two-phase-commit-blocks",
    "three-phase-commit-splits",
    "paxos-commit-takes-over",
    "register-new-then-old",
];

/// The story of this name.
pub fn find(name: &str) -> Option<&'static Embedded> {
    EMBEDDED.iter().find(|story| story.name == name)
}
