//! [`Roster`]: who the members of a cluster are, by number, random id, name and address.
//!
//! The protocol knows members by their number alone; the roster says which data directory a number
//! stands for and where it is reached. It is replicated as the context of a configuration
//! (`Configuration::context`), which the protocol carries and does not read.

use quorate_core::NodeId;
use serde::{Deserialize, Serialize};

/// One member of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// Its number in the protocol; never given to another member.
    pub node: NodeId,
    /// Its id: a random number, never 0, that its data directory holds. A member whose directory
    /// is lost does not get its id back: it is replaced by a member with another number and id.
    pub id: u64,
    /// What people call it; at most [`Roster::MAX_NAME`] bytes.
    pub name: String,
    /// Where the other members reach it, as `HOST:PORT`.
    pub peer: String,
    /// Where clients reach it, as `HOST:PORT`.
    pub client: String,
}

/// The members of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Roster {
    /// The cluster's id: a random number, never 0, drawn when the cluster was formed.
    pub cluster_id: u64,
    /// The cluster's name, for people; at most [`Roster::MAX_NAME`] bytes.
    pub cluster: String,
    /// The members, ordered by number.
    pub members: Vec<Member>,
}

/// Why bytes or members don't make a roster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// A newer version wrote it.
    #[error(
        "the roster has format {0}, this version reads format {VERSION}: run the version that \
         wrote it, or a newer one"
    )]
    Version(u8),
    /// It can't be decoded.
    #[error("the roster can't be decoded: {0}")]
    Encoding(#[from] postcard::Error),
    /// It contradicts itself.
    #[error("the roster contradicts itself: {0}")]
    Members(String),
}

/// The format that is written, the first byte of an encoded roster.
const VERSION: u8 = 1;

impl Roster {
    /// The longest name of a member or of a cluster, in bytes.
    pub const MAX_NAME: usize = 64;
    /// The longest address, in bytes: a host name of 253 and a port.
    pub const MAX_ADDRESS: usize = 260;
    /// The most members: what the protocols' replica sets hold.
    pub const MAX_MEMBERS: usize = 128;

    /// The roster as bytes: a version, then the fields in postcard.
    ///
    /// # Errors
    /// None that a roster which passes [`Roster::check`] can cause.
    pub fn encode(&self) -> Result<Vec<u8>, RosterError> {
        Ok(postcard::to_extend(self, vec![VERSION])?)
    }

    /// Reads a roster, and checks it.
    ///
    /// # Errors
    /// If these are not the bytes of a sound roster in a format that this version reads.
    pub fn decode(bytes: &[u8]) -> Result<Self, RosterError> {
        let (&version, rest) = bytes
            .split_first()
            .ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        if version != VERSION {
            return Err(RosterError::Version(version));
        }
        let (roster, rest) = postcard::take_from_bytes::<Self>(rest)?;
        if !rest.is_empty() {
            return Err(postcard::Error::DeserializeBadEncoding.into());
        }
        roster.check()?;
        Ok(roster)
    }

    /// Checks that ids are not 0, that numbers ascend, that no id and no name is there twice, and
    /// that nothing is longer than it may be.
    ///
    /// # Errors
    /// What contradicts what.
    pub fn check(&self) -> Result<(), RosterError> {
        let wrong = |why: String| Err(RosterError::Members(why));
        if self.cluster_id == 0 {
            return wrong("the cluster's id is 0".to_owned());
        }
        if self.cluster.len() > Self::MAX_NAME || self.members.len() > Self::MAX_MEMBERS {
            return wrong("it is larger than a roster may be".to_owned());
        }
        for (at, member) in self.members.iter().enumerate() {
            let Member { node, id, name, .. } = member;
            if *id == 0 {
                return wrong(format!("the id of {name:?} is 0"));
            }
            let long = name.len() > Self::MAX_NAME
                || member.peer.len().max(member.client.len()) > Self::MAX_ADDRESS;
            if name.is_empty() || long {
                return wrong(format!(
                    "{node} has no name, or one too long, or such an address"
                ));
            }
            let before = &self.members[..at];
            if before.iter().any(|other| other.node >= *node) {
                return wrong(format!(
                    "the number of {name:?} is not above those before it"
                ));
            }
            if before.iter().any(|o| o.id == *id || o.name == *name) {
                return wrong(format!("the id or the name of {name:?} is there twice"));
            }
        }
        Ok(())
    }

    /// The member with this number.
    pub fn node(&self, node: NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.node == node)
    }

    /// The member with this id.
    pub fn id(&self, id: u64) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// The member with this name.
    pub fn named(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> Roster {
        let member = |node: u32| Member {
            node: NodeId(node),
            id: 100 + u64::from(node),
            name: format!("n{node}"),
            peer: format!("host:{node}"),
            client: String::new(),
        };
        Roster {
            cluster_id: 7,
            cluster: "test".to_owned(),
            members: vec![member(0), member(2), member(5)],
        }
    }

    #[test]
    fn a_roster_reads_back_and_is_searched_by_each_key() {
        let roster = roster();
        let bytes = roster.encode().expect("encodes");
        assert_eq!(Roster::decode(&bytes).as_ref(), Ok(&roster));
        let found = [roster.node(NodeId(2)), roster.id(102), roster.named("n2")];
        assert!(found.iter().all(|found| *found == Some(&roster.members[1])));
        assert_eq!(roster.node(NodeId(1)), None);
    }

    #[test]
    fn bytes_are_checked_before_they_are_believed() {
        let whole = roster().encode().expect("encodes");
        for len in 0..whole.len() {
            assert!(Roster::decode(&whole[..len]).is_err(), "{len} bytes");
        }
        let longer = [&whole[..], &[0]].concat();
        assert!(Roster::decode(&longer).is_err());
        let mut newer = whole;
        newer[0] = 2;
        let error = Roster::decode(&newer).expect_err("newer").to_string();
        assert!(
            error.contains("format 2, this version reads format 1"),
            "{error}"
        );
    }

    #[test]
    fn a_roster_that_contradicts_itself_is_refused() {
        let changes: [(fn(&mut Roster), &str); 7] = [
            (|r| r.cluster_id = 0, "the cluster's id is 0"),
            (|r| r.members[1].id = 0, "the id of \"n2\" is 0"),
            (|r| r.members[1].id = 100, "\"n2\" is there twice"),
            (
                |r| r.members[1].name = "n0".to_owned(),
                "\"n0\" is there twice",
            ),
            (
                |r| r.members[1].node = NodeId(0),
                "is not above those before it",
            ),
            (
                |r| r.members[0].name = "x".repeat(65),
                "n0 has no name, or one too long",
            ),
            (
                |r| r.members[0].peer = "x".repeat(261),
                "or such an address",
            ),
        ];
        for (change, words) in changes {
            let mut roster = roster();
            change(&mut roster);
            let bytes = roster.encode().expect("encodes");
            let error = Roster::decode(&bytes).expect_err("refused").to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
