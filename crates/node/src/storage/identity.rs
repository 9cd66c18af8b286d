//! [`Identity`]: whose directory it is, as `replica.toml` says it.
//!
//! ```toml
//! format = 2
//! state = "member"              # or "forming": the cluster is not formed yet; or "joining"
//! cluster = "quorate"           # the cluster's name
//! member = "n1"                 # the member's name
//! member_id = "63a99b4a809bc0af"
//! joined = true                 # absent for a founder
//! log = "begun"                 # absent until the first segment of the log is durable
//!
//! [founding]                    # what was decided when the cluster was formed
//! cluster_id = "896994adf6b55757"
//! [[founding.member]]
//! node = 0
//! id = "51c24b7c4b4c1f4f"
//! name = "n0"
//! peer = "127.0.0.1:2380"
//! client = "127.0.0.1:2379"
//! ```
//!
//! Ids are text, as TOML's integers are signed.

use super::DirectoryError;
use quorate_core::NodeId;
use quorate_replica::{Member, Roster};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The format of the directory as a whole; the log's own is in its segments.
pub(super) const FORMAT: u32 = 2;
/// The longest `replica.toml` that is read, in bytes: a roster of as many members as may be.
pub(super) const MAX_BYTES: u64 = 256 << 10;

/// Whose directory it is, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's name.
    pub cluster: String,
    /// The member's name.
    pub member: String,
    /// The member's id: random, never 0, drawn when the directory was made.
    pub member_id: u64,
    /// How far it is.
    pub state: State,
}

/// How far a directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The member has an id and belongs to no cluster yet. It has never voted.
    Forming,
    /// The directory has an id of its own and asks to become a member that was added. It has never
    /// voted.
    Joining,
    /// It belongs to a cluster, and may have voted.
    Member {
        /// The cluster's id and its founders, as decided when it was formed.
        founding: Roster,
        /// Whether the log was begun. From then on an empty log is a loss.
        log_begun: bool,
        /// Whether it came to a cluster that existed; `founding` then has the members of that time.
        joined: bool,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    state: FileState,
    cluster: String,
    member: String,
    member_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<Log>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    joined: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    founding: Option<Founding>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileState {
    Forming,
    Joining,
    Member,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Log {
    Begun,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Founding {
    cluster_id: String,
    member: Vec<Founder>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Founder {
    node: u32,
    id: String,
    name: String,
    peer: String,
    client: String,
}

/// The one thing that every format says.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

impl Identity {
    /// The text of `replica.toml`.
    pub(super) fn to_text(&self) -> Result<String, toml::ser::Error> {
        let (state, log, founding) = match &self.state {
            State::Forming => (FileState::Forming, None, None),
            State::Joining => (FileState::Joining, None, None),
            State::Member {
                founding,
                log_begun,
                ..
            } => {
                let founder = |member: &Member| Founder {
                    node: member.node.0,
                    id: id_text(member.id),
                    name: member.name.clone(),
                    peer: member.peer_address().to_owned(),
                    client: member.client_address().to_owned(),
                };
                let record = Founding {
                    cluster_id: id_text(founding.cluster_id),
                    member: founding.members.iter().map(founder).collect(),
                };
                let log = log_begun.then_some(Log::Begun);
                (FileState::Member, log, Some(record))
            }
        };
        let file = File {
            format: FORMAT,
            state,
            cluster: self.cluster.clone(),
            member: self.member.clone(),
            member_id: id_text(self.member_id),
            log,
            joined: matches!(self.state, State::Member { joined: true, .. }),
            founding,
        };
        let text = toml::to_string(&file)?;
        Ok(format!(
            "# Whose directory this is. Not to be edited: see `quorate serve --help`.\n{text}"
        ))
    }

    /// Reads the text of the `replica.toml` at `path`.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, DirectoryError> {
        let bad = |problem: String| DirectoryError::BadIdentity {
            path: path.to_owned(),
            problem,
        };
        let unreadable = |error: toml::de::Error| bad(error.to_string());
        let FormatOnly { format } = toml::from_str(text).map_err(unreadable)?;
        if format != FORMAT {
            let path = path.parent().unwrap_or(path).to_owned();
            return Err(if format < FORMAT {
                DirectoryError::OldFormat {
                    path,
                    found: format,
                }
            } else {
                DirectoryError::NewFormat {
                    path,
                    found: format,
                }
            });
        }
        let file: File = toml::from_str(text).map_err(unreadable)?;
        let member_id = parse_id(&file.member_id).map_err(bad)?;
        let state = match (file.state, file.founding) {
            (FileState::Forming, None) if file.log.is_none() && !file.joined => State::Forming,
            (FileState::Joining, None) if file.log.is_none() && !file.joined => State::Joining,
            (FileState::Member, Some(founding)) => {
                let founding = founding.roster(&file.cluster).map_err(bad)?;
                State::Member {
                    founding,
                    log_begun: file.log.is_some(),
                    joined: file.joined,
                }
            }
            _ => {
                return Err(bad(
                    "its state and the rest contradict each other".to_owned()
                ));
            }
        };
        Ok(Self {
            cluster: file.cluster,
            member: file.member,
            member_id,
            state,
        })
    }
}

impl Founding {
    fn roster(self, cluster: &str) -> Result<Roster, String> {
        let member = |founder: Founder| {
            let Founder {
                node,
                id,
                name,
                peer,
                client,
            } = founder;
            let (node, id) = (NodeId(node), parse_id(&id)?);
            Ok(Member::founder(node, id, &name, &peer, &client))
        };
        let members: Result<_, String> = self.member.into_iter().map(member).collect();
        let roster = Roster {
            cluster_id: parse_id(&self.cluster_id)?,
            cluster: cluster.to_owned(),
            members: members?,
            ..Roster::default()
        };
        roster.check().map_err(|error| error.to_string())?;
        Ok(roster)
    }
}

fn id_text(id: u64) -> String {
    format!("{id:016x}")
}

fn parse_id(text: &str) -> Result<u64, String> {
    match u64::from_str_radix(text, 16) {
        Ok(0) => Err("an id is never 0".to_owned()),
        Ok(id) => Ok(id),
        Err(error) => Err(format!("{text:?} is no id: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_replica::MAX_MEMBERS;

    fn founding() -> Roster {
        let member = |node: u32| {
            let (id, name) = (u64::MAX - u64::from(node), format!("n{node}"));
            let address = |port: u32| format!("127.0.0.1:{}", port + node);
            Member::founder(NodeId(node), id, &name, &address(2380), &address(2379))
        };
        Roster {
            cluster_id: 7,
            cluster: "test".to_owned(),
            members: vec![member(0), member(1)],
            ..Roster::default()
        }
    }

    #[test]
    fn each_state_reads_back() {
        let member = |log_begun, joined| State::Member {
            founding: founding(),
            log_begun,
            joined,
        };
        for state in [
            State::Forming,
            State::Joining,
            member(false, false),
            member(true, false),
            member(true, true),
        ] {
            let identity = Identity {
                cluster: "test".to_owned(),
                member: "n1".to_owned(),
                member_id: u64::MAX - 1,
                state,
            };
            let text = identity.to_text().expect("text");
            let read = Identity::parse(&text, Path::new("d/replica.toml")).expect("reads");
            assert_eq!(read, identity, "{text}");
        }
    }

    #[test]
    fn a_full_roster_fits() {
        let mut founding = founding();
        let long = "a".repeat(500);
        founding.members = (0..MAX_MEMBERS as u32)
            .map(|node| {
                let (id, name) = (1 + u64::from(node), format!("{node:0512}"));
                Member::founder(NodeId(node), id, &name, &long, &long)
            })
            .collect();
        let identity = Identity {
            cluster: "test".to_owned(),
            member: "n1".to_owned(),
            member_id: 1,
            state: State::Member {
                founding,
                log_begun: true,
                joined: false,
            },
        };
        let text = identity.to_text().expect("text");
        assert!(text.len() as u64 <= MAX_BYTES, "{} bytes", text.len());
        Identity::parse(&text, Path::new("replica.toml")).expect("reads");
    }

    #[test]
    fn what_is_damaged_old_or_new_is_refused_in_words() {
        let text = |head: &str| {
            format!("format = 2\ncluster = \"a\"\nmember = \"b\"\nmember_id = \"1\"\n{head}")
        };
        let cases = [
            ("", "missing field `format`"),
            ("format = \"x\"", "invalid type"),
            (
                "format = 3\nnew = 1",
                "directory format 3, this version knows 2",
            ),
            (
                "format = 1\ncluster = \"a\"",
                "before members had ids of their own",
            ),
            ("format = 2\ncluster = \"a\"", "missing field"),
            (&text("state = \"leaving\""), "unknown variant"),
            (&text("state = \"member\""), "contradict each other"),
            (
                &text("state = \"forming\"\nlog = \"begun\""),
                "contradict each other",
            ),
            (
                &text("state = \"member\"\n[founding]\ncluster_id = \"zz\"\nmember = []"),
                "\"zz\" is no id",
            ),
            (
                &text("state = \"member\"\n[founding]\ncluster_id = \"0\"\nmember = []"),
                "an id is never 0",
            ),
        ];
        for (text, words) in cases {
            let error = Identity::parse(text, Path::new("d/replica.toml")).expect_err("refused");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
