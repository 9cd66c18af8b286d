//! One change of the members: what becomes of a configuration by it.

use crate::roster::{MAX_MEMBERS, Member, Roster};
use quorate_core::NodeId;
use quorate_core::replicated::Configuration;
use serde::{Deserialize, Serialize};

/// Learners at a time. etcd's default of `--max-learners`.
const MAX_LEARNERS: usize = 1;

/// A change of the members. The same as etcd's Cluster API has, and two more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Change {
    /// A member joins as a learner, which gets the log and does not vote.
    Add {
        /// Its id, drawn by the replica that was asked. Not 0.
        id: u64,
        /// Where its peers reach it.
        peer_urls: Vec<String>,
        /// It stays a learner until it is promoted. Otherwise it gets a vote by itself once it has
        /// caught up.
        learner: bool,
    },
    /// A learner that has caught up votes from here on.
    Promote {
        /// The learner.
        id: u64,
    },
    /// A member leaves. Its number and its id are never used again.
    Remove {
        /// The member.
        id: u64,
    },
    /// A member has other addresses.
    Update {
        /// The member.
        id: u64,
        /// Where its peers reach it.
        peer_urls: Vec<String>,
    },
    /// A member has started: its name, its addresses for clients, and the data directory that is
    /// it from now on.
    Publish {
        /// The member.
        id: u64,
        /// Its name.
        name: String,
        /// Where clients reach it.
        client_urls: Vec<String>,
        /// The id that the directory drew for itself. Not 0.
        directory: u64,
    },
    /// The cluster may use what this feature level brings. It can't be lowered again.
    RaiseLevel {
        /// The level.
        to: u16,
    },
}

/// Why a change is not made. Nothing has happened then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum ChangeRefusal {
    /// There is no such member.
    #[error("there is no member with this id")]
    NotFound,
    /// The id is taken.
    #[error("a member with this id exists already")]
    IdExists,
    /// Another member has this address for peers.
    #[error("another member has this address for peers")]
    UrlExists,
    /// Only learners can be promoted.
    #[error("the member is no learner")]
    NotLearner,
    /// The learner has not caught up.
    #[error("the learner has not caught up with the leader yet; try again later")]
    NotCaughtUp,
    /// Learners are admitted one at a time.
    #[error("there is a learner already; promote or remove it first")]
    TooManyLearners,
    /// As many members as there may be.
    #[error("a cluster has at most {MAX_MEMBERS} members")]
    TooManyMembers,
    /// Somebody must vote.
    #[error("the last voter can't be removed")]
    LastVoter,
    /// Those that are up would no longer be a majority.
    #[error("too few of the members that would be left are up and connected")]
    TooFewUp,
    /// Another directory is this member already.
    #[error("another data directory is this member already; remove the member and add a new one")]
    Claimed,
    /// A member's software does not know this level, or has not said that it does.
    #[error("not every member's software is known to support this feature level")]
    Unsupported,
    /// The level is the present one, or below.
    #[error("the feature level only rises")]
    LevelFalls,
    /// A rule of the roster or of the configuration would be broken.
    #[error("the change would break a rule of the configuration")]
    Invalid,
}

impl Change {
    /// The configuration after this change, asked for under this nonce.
    ///
    /// # Errors
    /// Why there is none.
    pub fn apply(&self, now: &Configuration, nonce: u64) -> Result<Configuration, ChangeRefusal> {
        let mut next = now.clone();
        let mut roster = Roster::of(now).map_err(|_| ChangeRefusal::Invalid)?;
        match self {
            Self::Add {
                id,
                peer_urls,
                learner,
            } => add(&mut next, &mut roster, (*id, peer_urls), *learner)?,
            Self::Promote { id } => {
                let node = node(&roster, *id)?;
                if !next.is_learner(node) {
                    return Err(ChangeRefusal::NotLearner);
                }
                next.learners.retain(|learner| *learner != node);
                insert(&mut next.voters, node);
                let member = roster.by_id_mut(*id).ok_or(ChangeRefusal::NotFound)?;
                member.promote = false;
            }
            Self::Remove { id } => {
                let node = node(&roster, *id)?;
                next.learners.retain(|other| *other != node);
                next.voters.retain(|other| *other != node);
                if next.voters.is_empty() {
                    return Err(ChangeRefusal::LastVoter);
                }
                roster.members.retain(|member| member.id != *id);
                roster.remember_removed(*id);
            }
            Self::Update { id, peer_urls } => {
                if has_url(&roster, peer_urls, Some(*id)) {
                    return Err(ChangeRefusal::UrlExists);
                }
                let member = roster.by_id_mut(*id).ok_or(ChangeRefusal::NotFound)?;
                member.peer_urls.clone_from(peer_urls);
            }
            Self::Publish {
                id,
                name,
                client_urls,
                directory,
            } => {
                let member = roster.by_id_mut(*id).ok_or(ChangeRefusal::NotFound)?;
                if *directory == 0 || ![0, *directory].contains(&member.directory) {
                    return Err(ChangeRefusal::Claimed);
                }
                member.directory = *directory;
                member.name.clone_from(name);
                member.client_urls.clone_from(client_urls);
            }
            Self::RaiseLevel { to } => {
                if *to <= next.level {
                    return Err(ChangeRefusal::LevelFalls);
                }
                next.level = *to;
            }
        }
        roster.remember_change(nonce);
        let whole = roster.check().and_then(|()| next.check());
        whole.map_err(|_| ChangeRefusal::Invalid)?;
        next.context = roster.encode().into();
        Ok(next)
    }
}

fn add(
    next: &mut Configuration,
    roster: &mut Roster,
    (id, peer_urls): (u64, &[String]),
    learner: bool,
) -> Result<(), ChangeRefusal> {
    if id == 0 || roster.by_id(id).is_some() || roster.was_removed(id) {
        return Err(ChangeRefusal::IdExists);
    }
    if has_url(roster, peer_urls, None) {
        return Err(ChangeRefusal::UrlExists);
    }
    let explicit = roster
        .members
        .iter()
        .filter(|m| !m.promote && next.is_learner(m.node));
    if learner && explicit.count() >= MAX_LEARNERS {
        return Err(ChangeRefusal::TooManyLearners);
    }
    if roster.members.len() >= MAX_MEMBERS || next.next == u32::MAX {
        return Err(ChangeRefusal::TooManyMembers);
    }
    let node = NodeId(next.next);
    next.next += 1;
    // A voter too gets the log first: one that has nothing would be in the way of every decision
    // (Raft thesis, 4.2.1).
    insert(&mut next.learners, node);
    roster.members.push(Member {
        node,
        id,
        peer_urls: peer_urls.to_vec(),
        promote: !learner,
        ..Member::default()
    });
    Ok(())
}

fn node(roster: &Roster, id: u64) -> Result<NodeId, ChangeRefusal> {
    let member = roster.by_id(id).ok_or(ChangeRefusal::NotFound)?;
    Ok(member.node)
}

fn insert(nodes: &mut Vec<NodeId>, node: NodeId) {
    nodes.push(node);
    nodes.sort_unstable();
}

/// Does another member have one of these addresses?
fn has_url(roster: &Roster, urls: &[String], except: Option<u64>) -> bool {
    let others = roster.members.iter().filter(|m| Some(m.id) != except);
    others
        .flat_map(|member| &member.peer_urls)
        .any(|url| urls.contains(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(port: u16) -> Vec<String> {
        vec![format!("http://127.0.0.1:{port}")]
    }

    fn add(id: u64, port: u16, learner: bool) -> Change {
        let peer_urls = urls(port);
        Change::Add {
            id,
            peer_urls,
            learner,
        }
    }

    fn publish(id: u64, directory: u64) -> Change {
        Change::Publish {
            id,
            name: "new".to_owned(),
            client_urls: urls(1),
            directory,
        }
    }

    #[test]
    fn a_member_is_replaced_in_steps_and_keeps_no_number() {
        let mut now = Roster::anonymous(3).founding();
        for (nonce, change) in [
            Change::Remove { id: 3 },
            add(77, 5, true),
            publish(77, 9),
            Change::Promote { id: 77 },
        ]
        .into_iter()
        .enumerate()
        {
            now = change.apply(&now, nonce as u64).expect("allowed");
        }
        assert_eq!(now.voters, [NodeId(0), NodeId(1), NodeId(3)]);
        assert_eq!((now.learners.len(), now.next), (0, 4));
        let roster = Roster::of(&now).expect("a roster");
        assert_eq!((roster.version, &roster.recent[..]), (5, &[0, 1, 2, 3][..]));
        let new = roster.by_id(77).expect("is in it");
        assert_eq!((new.node, new.directory, &*new.name), (NodeId(3), 9, "new"));
        assert!(roster.was_removed(3));
    }

    #[test]
    fn what_would_break_a_rule_is_refused() {
        use ChangeRefusal as No;
        let three = Roster::anonymous(3).founding();
        let one = Roster::anonymous(1).founding();
        let learner = add(77, 5, true).apply(&three, 1).expect("allowed");
        let started = publish(77, 9).apply(&learner, 2).expect("allowed");
        let removed = Change::Remove { id: 77 };
        let removed = removed.apply(&learner, 2).expect("allowed");
        for (now, change, why) in [
            (&three, Change::Remove { id: 9 }, No::NotFound),
            (&one, Change::Remove { id: 1 }, No::LastVoter),
            (&three, Change::Promote { id: 1 }, No::NotLearner),
            (&three, add(1, 5, true), No::IdExists),
            (&three, add(0, 5, true), No::IdExists),
            (&removed, add(77, 5, true), No::IdExists),
            (&learner, add(78, 5, false), No::UrlExists),
            (&learner, add(78, 6, true), No::TooManyLearners),
            (&started, publish(77, 8), No::Claimed),
            (&started, publish(77, 0), No::Claimed),
            (&three, Change::RaiseLevel { to: 1 }, No::LevelFalls),
        ] {
            assert_eq!(change.apply(now, 3), Err(why), "{change:?}");
        }
    }
}
