//! Changes of the cluster's members: what is asked, what is answered, and what
//! can be refused without asking the cluster.
//!
//! The rules and texts are etcd's: `server/etcdserver/api/v3rpc/member.go` for
//! the calls, `client/pkg/types/urls.go` for the syntax of URLs,
//! `server/etcdserver/api/membership/cluster.go` for what the cluster checks.

use http::Uri;

use crate::refusal::Refusal;

/// A member of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Where its peers reach it, as URLs.
    pub peer_urls: Vec<String>,
    /// Where clients reach it, as URLs.
    pub client_urls: Vec<String>,
    /// Whether it has no vote.
    pub is_learner: bool,
}

/// Peer URLs that one member may have. etcd has no bound but the request's size;
/// the roster is replicated and kept in each snapshot, so it has one here.
pub const MAX_PEER_URLS: usize = 8;

/// The longest peer URL, in bytes: a host name has at most 253.
pub const MAX_PEER_URL_BYTES: usize = 300;

/// A change of the cluster's members. URLs have been checked and are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// Adds a member, which gets an id that was never used.
    ///
    /// Refused with [`Refusal::PeerUrlExists`], [`Refusal::TooManyLearners`],
    /// [`Refusal::NotEnoughStartedMembers`] or [`Refusal::Unhealthy`].
    Add {
        /// Where its peers will reach it, as URLs. Never empty.
        peer_urls: Vec<String>,
        /// Whether it begins without a vote.
        is_learner: bool,
    },
    /// Removes a member; its id is never used again.
    ///
    /// Refused with [`Refusal::MemberNotFound`] (also if it was removed before),
    /// [`Refusal::NotEnoughStartedMembers`] or [`Refusal::Unhealthy`].
    Remove {
        /// The member.
        id: u64,
    },
    /// Changes where the peers reach a member.
    ///
    /// Refused with [`Refusal::MemberNotFound`] or [`Refusal::PeerUrlExists`].
    Update {
        /// The member.
        id: u64,
        /// Where its peers reach it from now on, as URLs. Never empty.
        peer_urls: Vec<String>,
    },
    /// Gives a learner its vote.
    ///
    /// Refused with [`Refusal::MemberNotFound`], [`Refusal::NotALearner`],
    /// [`Refusal::LearnerNotReady`] or [`Refusal::NotEnoughStartedMembers`].
    Promote {
        /// The member.
        id: u64,
    },
}

/// What a [`MemberChange`] came to, once it is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MembersChanged {
    /// The member that was added; `None` for every other change.
    pub member: Option<Member>,
    /// All members after the change, in any order.
    pub members: Vec<Member>,
}

/// Which calls a replica answers. Cheap to know: it is asked for each call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Availability {
    /// All of them.
    #[default]
    Full,
    /// It has no vote. It answers serializable Range and Status; every other
    /// call is [`Refusal::NotSupportedForLearner`], as in etcd.
    Learner,
    /// It has left the service, as its state is known to be wrong. It answers
    /// Status, Alarm and MemberList that is not linearizable, for diagnosis;
    /// every other call is [`Refusal::Corrupt`].
    OutOfService,
}

/// A call, for [`Availability::admit`]. Status is answered always, and not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RpcKind {
    /// KV.Range that is serializable.
    SerializableRange,
    /// What an operator asks for a diagnosis: Alarm, MemberList.
    Diagnosis,
    /// Every other call.
    Other,
}

impl Availability {
    /// Whether this replica answers `call` now.
    pub(crate) fn admit(self, call: RpcKind) -> Result<(), Refusal> {
        match (self, call) {
            (Self::Full, _)
            | (Self::Learner, RpcKind::SerializableRange)
            | (Self::OutOfService, RpcKind::Diagnosis) => Ok(()),
            (Self::Learner, _) => Err(Refusal::NotSupportedForLearner),
            (Self::OutOfService, _) => Err(Refusal::Corrupt),
        }
    }
}

/// Checks the peer URLs of a member to be, and gives them trimmed and sorted, as
/// etcd does.
///
/// # Errors
/// [`Refusal::BadMemberUrls`] if there is none, or more than [`MAX_PEER_URLS`],
/// or one is not `http://HOST:PORT`. etcd also takes `https`, `unix`, an empty
/// host or port and a query; no peer of ours could be reached at any of these.
pub fn check_peer_urls(urls: &[String]) -> Result<Vec<String>, Refusal> {
    if urls.is_empty() || urls.len() > MAX_PEER_URLS {
        return Err(Refusal::BadMemberUrls);
    }
    let mut checked = vec![];
    for url in urls {
        let url = url.trim();
        if !is_peer_url(url) {
            return Err(Refusal::BadMemberUrls);
        }
        checked.push(url.to_owned());
    }
    checked.sort();
    Ok(checked)
}

fn is_peer_url(url: &str) -> bool {
    let Some(authority) = url.strip_prefix("http://") else {
        return false;
    };
    // `Uri` takes an empty path for "/"; etcd refuses the one that is written.
    if url.len() > MAX_PEER_URL_BYTES || authority.contains(['/', '?', '#', '@']) {
        return false;
    }
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let port = uri.port_u16().is_some_and(|port| port != 0);
    port && uri.host().is_some_and(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(urls: &[&str]) -> Result<Vec<String>, Refusal> {
        let urls: Vec<_> = urls.iter().map(ToString::to_string).collect();
        check_peer_urls(&urls)
    }

    #[test]
    fn peer_urls_are_trimmed_and_sorted() {
        assert_eq!(
            check(&[" http://b:2380 ", "http://127.0.0.1:1", "http://[::1]:2380"]),
            Ok(vec![
                "http://127.0.0.1:1".into(),
                "http://[::1]:2380".into(),
                "http://b:2380".into(),
            ])
        );
    }

    #[test]
    fn what_no_peer_could_be_reached_at_is_refused() {
        let long = format!("http://{}:1", "a".repeat(MAX_PEER_URL_BYTES));
        for url in [
            "",
            "node-1",
            "node-1:2380",
            "http://node-1",
            "http://:2380",
            "http://node-1:",
            "http://node-1:0",
            "http://node-1:65536",
            "http://node-1:http",
            "http://node-1:2380/",
            "http://node-1:2380/path",
            "http://node-1:2380?x",
            "http://user@node-1:2380",
            "http://a b:2380",
            "http://[::1:2380",
            "https://node-1:2380",
            "unix://node-1:2380",
            "ftp://node-1:2380",
            &long,
        ] {
            assert_eq!(check(&[url]), Err(Refusal::BadMemberUrls), "{url}");
            let one_of_two = check(&["http://node-1:2380", url]);
            assert_eq!(one_of_two, Err(Refusal::BadMemberUrls), "{url}");
        }
        assert_eq!(check(&[]), Err(Refusal::BadMemberUrls));
        let urls = ["http://a:1"; MAX_PEER_URLS + 1];
        assert_eq!(check(&urls), Err(Refusal::BadMemberUrls));
        assert!(check(&urls[1..]).is_ok());
    }

    #[test]
    fn a_learner_answers_less_and_a_replica_out_of_service_only_for_a_diagnosis() {
        let calls = [
            RpcKind::SerializableRange,
            RpcKind::Diagnosis,
            RpcKind::Other,
        ];
        let answered = |availability: Availability| calls.map(|c| availability.admit(c));
        let learner = Err(Refusal::NotSupportedForLearner);
        let corrupt = Err(Refusal::Corrupt);
        assert_eq!(answered(Availability::Full), [Ok(()); 3]);
        assert_eq!(answered(Availability::Learner), [Ok(()), learner, learner]);
        assert_eq!(
            answered(Availability::OutOfService),
            [corrupt, Ok(()), corrupt]
        );
    }
}
