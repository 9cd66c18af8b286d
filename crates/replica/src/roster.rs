//! The roster: who the members are, by name and address.
//!
//! It lies in [`Configuration::context`], so that it changes with the configuration, in one entry
//! of the log. Ids are random and depend on no name: two clusters that were made from the same
//! contract are told apart, and so are two lives of one name.

use quorate_core::NodeId;
use quorate_core::replicated::Configuration;
use serde::{Deserialize, Serialize};

/// The most members of a cluster, learners included.
pub const MAX_MEMBERS: usize = 31;
/// The most addresses of a member, of each kind.
const MAX_URLS: usize = 8;
/// The longest name or address, in bytes.
const MAX_TEXT: usize = 512;
/// How many of the latest changes are remembered by their nonce.
const MAX_RECENT: usize = 64;
/// How many of the members that were removed last are remembered.
const MAX_REMOVED: usize = 256;

/// One member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Member {
    /// Its number in the log's configuration. Never given twice.
    pub node: NodeId,
    /// Its id: random, never 0.
    pub id: u64,
    /// Its name, for people. Empty until it has started.
    pub name: String,
    /// Where its peers reach it: `http://HOST:PORT`.
    pub peer_urls: Vec<String>,
    /// Where clients reach it. Empty until it has started.
    pub client_urls: Vec<String>,
    /// The id that its data directory drew for itself when it joined; 0 until then. A second
    /// directory can't claim the member: it would vote without what the first has acknowledged.
    pub directory: u64,
    /// It is a learner only until it has caught up; then the leader gives it a vote.
    pub promote: bool,
}

impl Member {
    /// A founder, by the addresses that its contract has for it: `HOST:PORT`. Its directory is the
    /// member from the start.
    pub fn founder(node: NodeId, id: u64, name: &str, peer: &str, client: &str) -> Self {
        Self {
            node,
            id,
            name: name.to_owned(),
            peer_urls: vec![format!("http://{peer}")],
            client_urls: vec![format!("http://{client}")],
            directory: id,
            promote: false,
        }
    }

    /// Where its peers reach it, as `HOST:PORT`: the first of its addresses. Empty if it has none.
    pub fn peer_address(&self) -> &str {
        address(&self.peer_urls)
    }

    /// Where clients reach it, as `HOST:PORT`: the first of its addresses. Empty if it has none.
    pub fn client_address(&self) -> &str {
        address(&self.client_urls)
    }
}

fn address(urls: &[String]) -> &str {
    let first = urls.first().map_or("", |url| url);
    first
        .split_once("://")
        .map_or(first, |(_, address)| address)
}

/// All members of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Roster {
    /// The cluster's id: random, never 0.
    pub cluster_id: u64,
    /// The cluster's name, for people.
    pub cluster: String,
    /// How often the roster or the configuration was changed: etcd's `config_version`.
    pub version: u64,
    /// In the order of their numbers.
    pub members: Vec<Member>,
    /// The ids of the members that were removed last, oldest first.
    pub removed: Vec<u64>,
    /// The nonces of the latest changes, oldest first: a change that is asked for again is not
    /// made again.
    pub recent: Vec<u64>,
}

/// Why a context is not a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// A newer version wrote it.
    #[error("the roster has format {0}, this version reads format {FORMAT}")]
    Format(u8),
    /// It can't be decoded.
    #[error("the roster can't be decoded")]
    Damaged,
    /// A bound is exceeded or a rule broken.
    #[error("the roster breaks a rule: {0}")]
    Rule(&'static str),
}

const FORMAT: u8 = 1;

impl Roster {
    /// The roster of founders that have no names: for simulations and tests.
    pub fn anonymous(founders: u8) -> Self {
        let member = |node: NodeId| Member {
            node,
            id: u64::from(node.0) + 1,
            directory: u64::from(node.0) + 1,
            name: node.to_string(),
            ..Member::default()
        };
        Self {
            cluster_id: 1,
            version: 1,
            members: NodeId::all(founders).map(member).collect(),
            ..Self::default()
        }
    }

    /// The configuration in which a cluster with this roster begins: all its members vote.
    pub fn founding(&self) -> Configuration {
        let last = self.members.last().map_or(0, |member| member.node.0 + 1);
        Configuration {
            voters: self.members.iter().map(|member| member.node).collect(),
            next: last,
            level: 1,
            context: self.encode().into(),
            ..Configuration::default()
        }
    }

    /// The roster of a configuration; an empty one if it has none.
    ///
    /// # Errors
    /// If there is something else in its place.
    pub fn of(configuration: &Configuration) -> Result<Self, RosterError> {
        if configuration.context.is_empty() {
            return Ok(Self::default());
        }
        Self::decode(&configuration.context)
    }

    /// As bytes: a format version, then the roster in postcard.
    pub fn encode(&self) -> Vec<u8> {
        // Serialising to memory fails only for types that postcard can't express; this is not one.
        postcard::to_extend(self, vec![FORMAT]).unwrap_or_default()
    }

    /// From bytes.
    ///
    /// # Errors
    /// If they are not a roster, or not one within the bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, RosterError> {
        let (format, body) = bytes.split_first().ok_or(RosterError::Damaged)?;
        if *format != FORMAT {
            return Err(RosterError::Format(*format));
        }
        let (roster, rest) =
            postcard::take_from_bytes::<Self>(body).map_err(|_| RosterError::Damaged)?;
        if !rest.is_empty() {
            return Err(RosterError::Damaged);
        }
        roster.check().map_err(RosterError::Rule)?;
        Ok(roster)
    }

    /// Checks bounds and rules.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(&self) -> Result<(), &'static str> {
        let texts = |member: &Member| {
            let urls = member.peer_urls.iter().chain(&member.client_urls);
            urls.chain([&member.name])
                .all(|text| text.len() <= MAX_TEXT)
        };
        let few_bytes = self.cluster.len() <= MAX_TEXT;
        let few =
            |member: &Member| member.peer_urls.len().max(member.client_urls.len()) <= MAX_URLS;
        let mut ids: Vec<u64> = self.members.iter().map(|member| member.id).collect();
        ids.sort_unstable();
        let rules = [
            (self.members.len() <= MAX_MEMBERS, "it has too many members"),
            (
                few_bytes && self.members.iter().all(texts),
                "a name or an address is too long",
            ),
            (
                self.members.iter().all(few),
                "a member has too many addresses",
            ),
            (self.recent.len() <= MAX_RECENT, "too many changes are kept"),
            (
                self.removed.len() <= MAX_REMOVED,
                "too many removed members are kept",
            ),
            (
                self.members.windows(2).all(|m| m[0].node < m[1].node),
                "members are not in order",
            ),
            (
                ids.windows(2).all(|pair| pair[0] != pair[1]) && ids.first() != Some(&0),
                "an id is 0 or given twice",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(rule),
            None => Ok(()),
        }
    }

    /// What to call a node in messages for people: its member's name, or its number as long as it has
    /// none.
    pub fn label(&self, node: NodeId) -> String {
        match self.by_node(node) {
            Some(member) if !member.name.is_empty() => member.name.clone(),
            _ => node.to_string(),
        }
    }

    /// The member with this id.
    pub fn by_id(&self, id: u64) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// The member with this number.
    pub fn by_node(&self, node: NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.node == node)
    }

    /// The member with this name.
    pub fn by_name(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Was the member with this id removed, as far as it is remembered?
    pub fn was_removed(&self, id: u64) -> bool {
        self.removed.contains(&id)
    }

    pub(crate) fn by_id_mut(&mut self, id: u64) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == id)
    }

    pub(crate) fn remember_change(&mut self, nonce: u64) {
        self.version += 1;
        if self.recent.len() == MAX_RECENT {
            self.recent.remove(0);
        }
        self.recent.push(nonce);
    }

    pub(crate) fn remember_removed(&mut self, id: u64) {
        if self.removed.len() == MAX_REMOVED {
            self.removed.remove(0);
        }
        self.removed.push(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roster_is_read_back_and_what_is_none_is_refused() {
        let roster = Roster::anonymous(3);
        let bytes = roster.encode();
        assert_eq!(Roster::decode(&bytes), Ok(roster.clone()));
        assert_eq!(Roster::of(&roster.founding()), Ok(roster.clone()));
        assert_eq!(roster.founding().check(), Ok(()));
        for cut in 0..bytes.len() {
            assert!(Roster::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let newer = [&[2], &bytes[1..]].concat();
        assert_eq!(Roster::decode(&newer), Err(RosterError::Format(2)));
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Roster::decode(&longer), Err(RosterError::Damaged));
        let mut twice = roster;
        twice.members[1].id = 1;
        let twice = Roster::decode(&twice.encode());
        assert_eq!(twice, Err(RosterError::Rule("an id is 0 or given twice")));
    }
}
