//! Who takes part, and where they are found.

use serde::{Serialize, Serializer};
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The most members that a cluster can have: what the protocols' replica sets hold.
pub const MAX_MEMBERS: usize = 128;

/// The longest cluster or member name, in bytes.
pub const MAX_NAME: usize = 64;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// A host name, an IPv4 address or an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// An address on this machine.
    ///
    /// # Panics
    /// If the port is 0, which is nowhere.
    pub fn loopback(port: u16) -> Address {
        assert_ne!(port, 0, "port 0 is nowhere");
        Address {
            host: "127.0.0.1".to_owned(),
            port,
        }
    }
}

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no `:port` at the end.
    #[error("there is no port")]
    NoPort,
    /// The port is not a number between 1 and 65535.
    #[error("the port is not a number between 1 and 65535")]
    BadPort,
    /// The host is neither a name nor an IP address.
    #[error("the host is neither a name nor an IP address")]
    BadHost,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return Err(AddressError::BadPort);
        }
        let port: u16 = port.parse().map_err(|_| AddressError::BadPort)?;
        if port == 0 {
            return Err(AddressError::BadPort);
        }
        let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(v6) if v6.parse::<Ipv6Addr>().is_ok() => v6,
            None if is_host_name(host) => host,
            _ => return Err(AddressError::BadHost),
        };
        Ok(Address {
            host: host.to_owned(),
            port,
        })
    }
}

/// Labels of letters, digits and inner hyphens or underscores, joined by dots (RFC 1123).
fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        label.len() <= 63
            && edge(label.bytes().next())
            && edge(label.bytes().last())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 253 && text.split('.').all(label)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One replica of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Member {
    /// Its place among the replicas, `0..n`. Written down, so that it survives a reordered file.
    pub id: u8,
    /// What people call it.
    pub name: String,
    /// Where the other replicas reach it.
    pub peer: Address,
    /// Where clients reach it.
    pub client: Address,
}

/// A cluster by name and by members.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Cluster {
    /// Keeps the data and the messages of two clusters apart.
    pub name: String,
    /// The members in the order of their ids.
    pub members: Vec<Member>,
}

impl Cluster {
    /// `n` replicas on this machine: clients at 2379, 2389, 2399…, peers at the port above.
    ///
    /// # Panics
    /// If `n` is over [`MAX_MEMBERS`].
    pub fn loopback(name: &str, n: usize) -> Cluster {
        assert!(
            n <= MAX_MEMBERS,
            "a cluster has at most {MAX_MEMBERS} members"
        );
        let member = |id: u8| {
            let client = 2379 + 10 * u16::from(id);
            Member {
                id,
                name: format!("n{id}"),
                peer: Address::loopback(client + 1),
                client: Address::loopback(client),
            }
        };
        Cluster {
            name: name.to_owned(),
            members: (0..n).map(|id| member(id as u8)).collect(),
        }
    }

    /// How many replicas there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Is it empty? Never so for a cluster that was read from a file.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The member with this id.
    pub fn member(&self, id: u8) -> Option<&Member> {
        self.members.iter().find(|m| m.id == id)
    }

    /// The member with this name.
    pub fn member_named(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.name == name)
    }
}

/// Is the text a name: letters, digits, `.`, `_`, `-`, not empty, at most [`MAX_NAME`] long?
pub(crate) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_back() {
        for text in [
            "127.0.0.1:2379",
            "db-1.example.org:1",
            "[::1]:65535",
            "replica_2:2380",
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
        let v6: Address = "[fe80::1]:7".parse().expect("an IPv6 address");
        assert_eq!((v6.host(), v6.port()), ("fe80::1", 7));
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        use AddressError::{BadHost, BadPort, NoPort};
        for (text, why) in [
            ("", NoPort),
            ("localhost", NoPort),
            ("localhost:", BadPort),
            ("localhost:0", BadPort),
            ("localhost:65536", BadPort),
            ("localhost:+1", BadPort),
            (":2379", BadHost),
            ("::1:2379", BadHost),
            ("[::1:2379", BadHost),
            ("[no]:2379", BadHost),
            ("http://localhost:2379", BadHost),
            ("-a:1", BadHost),
            ("a..b:1", BadHost),
        ] {
            assert_eq!(text.parse::<Address>(), Err(why), "{text:?}");
        }
    }

    #[test]
    fn loopback_members_never_share_an_address() {
        let cluster = Cluster::loopback("test", MAX_MEMBERS);
        let mut all: Vec<_> = cluster
            .members
            .iter()
            .flat_map(|m| [m.peer.clone(), m.client.clone()])
            .collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 2 * MAX_MEMBERS);
    }
}
