//! [`Membership`]: who belongs to the cluster now, and whether a caller is one of them.

use super::Local;
use super::handshake::{Hello, RejectReason};
use quorate_contract::Cluster;
use quorate_core::NodeId;
use quorate_replica::Roster;

/// The members of the cluster, as this replica knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The members.
    pub roster: Roster,
    /// The number of the next member that joins: a lower number that is not in the roster is one
    /// that was removed.
    pub next: NodeId,
}

impl Membership {
    /// The founders of a cluster, none of whom has left yet.
    pub fn founding(roster: Roster) -> Self {
        let next = roster.members.last().map_or(0, |last| last.node.0 + 1);
        Self {
            roster,
            next: NodeId(next),
        }
    }

    /// The same, with the addresses of a contract for those founders whose address was never
    /// changed in the roster: a cluster that moves to other machines or ports says so in its
    /// contract, and can't agree on anything before its members find each other.
    pub fn with_addresses(mut self, founding: &Roster, cluster: &Cluster) -> Self {
        for member in &mut self.roster.members {
            if founding.by_id(member.id) == Some(member)
                && let Some(moved) = cluster.member_named(&member.name)
            {
                member.peer_urls = vec![format!("http://{}", moved.peer)];
                member.client_urls = vec![format!("http://{}", moved.client)];
            }
        }
        self
    }

    /// Is the caller one of our peers, and are we the one that it looks for?
    pub(super) fn judge(&self, local: &Local, hello: &Hello) -> Result<(), (RejectReason, String)> {
        let ours = &self.roster;
        if hello.cluster_id != ours.cluster_id {
            let theirs: String = hello.cluster.chars().take(64).collect();
            return Err((
                RejectReason::OtherCluster,
                format!(
                    "the caller belongs to cluster {theirs:?} ({:016x}), this replica to {:?} \
                     ({:016x})",
                    hello.cluster_id, ours.cluster, ours.cluster_id
                ),
            ));
        }
        if (hello.to, hello.to_id) != (local.me, local.member_id) {
            return Err((
                RejectReason::WrongAddress,
                format!(
                    "the caller looks for member {} (id {:016x}), this is {} (id {:016x}); is its \
                     address right?",
                    hello.to, hello.to_id, local.me, local.member_id
                ),
            ));
        }
        let (from, id) = (hello.from, hello.from_id);
        match ours.by_node(from) {
            Some(member) if member.id == id && from != local.me => Ok(()),
            Some(member) => Err((
                RejectReason::NotAMember,
                format!(
                    "the caller says that it is member {from} with id {id:016x}, and {from} is \
                     {:?} with id {:016x}",
                    member.name, member.id
                ),
            )),
            None if from < self.next => Err((
                RejectReason::Removed,
                format!("the caller, member {from} (id {id:016x}), was removed from the cluster"),
            )),
            // A member that came after the configuration that is in force here.
            None if from != local.me => Ok(()),
            None => Err((
                RejectReason::NotAMember,
                format!("the caller says that it is {from}, which is this replica"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{local, membership};
    use super::*;

    #[test]
    fn a_contract_moves_founders_until_the_roster_has_moved_them() {
        let founding = membership().roster;
        let contract = Cluster::loopback("test", 3);
        let mut now = Membership::founding(founding.clone());
        now.roster.members[1].peer_urls = vec!["http://elsewhere:1".to_owned()];
        now.roster.members[2].id = 77;
        let moved = now.clone().with_addresses(&founding, &contract).roster;
        assert_eq!(moved.members[0].peer_address(), "127.0.0.1:2380");
        assert_eq!(moved.members[1], now.roster.members[1], "moved in the log");
        assert_eq!(moved.members[2], now.roster.members[2], "replaced");
    }

    #[test]
    fn who_is_no_peer_is_told_why() {
        let mut membership = membership();
        membership.roster.members.remove(2);
        let hello = Hello {
            cluster_id: 7,
            cluster: "test".to_owned(),
            from: NodeId(1),
            from_id: 101,
            to: NodeId(0),
            to_id: 100,
            contract: 3,
            address: "127.0.0.1:1".to_owned(),
        };
        assert_eq!(membership.judge(&local(0), &hello), Ok(()));
        let other = Hello {
            cluster_id: 8,
            cluster: "other".to_owned(),
            ..hello.clone()
        };
        for (hello, reason, words) in [
            (
                other,
                RejectReason::OtherCluster,
                "belongs to cluster \"other\" (0000000000000008), this replica to \"test\"",
            ),
            (
                Hello {
                    to: NodeId(2),
                    ..hello.clone()
                },
                RejectReason::WrongAddress,
                "looks for member n2 (id 0000000000000064), this is n0",
            ),
            (
                Hello {
                    to_id: 5,
                    ..hello.clone()
                },
                RejectReason::WrongAddress,
                "(id 0000000000000005), this is n0 (id 0000000000000064)",
            ),
            (
                Hello {
                    from: NodeId(0),
                    from_id: 100,
                    ..hello.clone()
                },
                RejectReason::NotAMember,
                "says that it is member n0",
            ),
            (
                Hello {
                    from_id: 999,
                    ..hello.clone()
                },
                RejectReason::NotAMember,
                "n1 is \"n1\" with id 0000000000000065",
            ),
            (
                Hello {
                    from: NodeId(2),
                    from_id: 102,
                    ..hello.clone()
                },
                RejectReason::Removed,
                "member n2 (id 0000000000000066), was removed from the cluster",
            ),
        ] {
            let (found, why) = membership.judge(&local(0), &hello).expect_err("refused");
            assert_eq!(found, reason, "{why}");
            assert!(why.contains(words), "{why}");
        }
    }
}
