//! What a member answers to a directory that asks to join.

use quorate_replica::{Member, Roster};
use serde::{Deserialize, Serialize};

/// What a directory that wants to join says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The cluster's name.
    pub cluster: String,
    /// The name of the member that it is to be.
    pub name: String,
    /// Where its peers reach it, as `HOST:PORT`: by this the member is found that was added.
    pub peer: String,
    /// Where clients reach it, as `HOST:PORT`.
    pub client: String,
    /// The id that the directory has drawn for itself; not 0.
    pub directory: u64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinAnswer {
    /// The directory is this member from now on.
    Joined {
        /// The member's id.
        member_id: u64,
        /// All members, the new one among them.
        current: Roster,
    },
    /// Not yet: ask again.
    Waiting {
        /// What is missing, and what to do.
        why: String,
    },
    /// Never.
    Refused {
        /// Why, and what to do.
        why: String,
    },
}

/// What is to be done with one that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Claim this member for the directory, by an entry in the log.
    Claim {
        /// The member's id.
        id: u64,
    },
    /// Answer this.
    Answer(JoinAnswer),
}

/// Judges one that asks, by the members as they are.
pub(crate) fn judge(request: &JoinRequest, roster: &Roster) -> Judged {
    let JoinRequest {
        cluster,
        name,
        peer,
        directory,
        ..
    } = request;
    let refused = |why| Judged::Answer(JoinAnswer::Refused { why });
    if roster.cluster != *cluster {
        return refused(format!(
            "the other members belong to cluster {:?}, and the contract names {cluster:?}; are \
             the addresses in the contract right?",
            roster.cluster
        ));
    }
    if *directory == 0 {
        return refused("the directory has no id".to_owned());
    }
    let mine = |member: &&Member| member.directory == *directory;
    if let Some(member) = roster.members.iter().find(mine) {
        return Judged::Answer(JoinAnswer::Joined {
            member_id: member.id,
            current: roster.clone(),
        });
    }
    let at_address = |member: &&Member| member.peer_address() == peer;
    match roster.members.iter().find(at_address) {
        Some(member) if member.directory == 0 => Judged::Claim { id: member.id },
        Some(member) => refused(format!(
            "the member at {peer} (id {:016x}) has started with another directory already. If \
             that one is lost, replace the member: 'quorate member replace {name}'",
            member.id
        )),
        None => Judged::Answer(JoinAnswer::Waiting {
            why: format!(
                "no member at {peer} was added to the cluster: run 'quorate member add {name} \
                 --peer-url http://{peer}', or 'quorate member replace {name}' if it was a member \
                 before"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_core::NodeId;

    fn request(peer: &str, directory: u64) -> JoinRequest {
        JoinRequest {
            cluster: "test".to_owned(),
            name: "n3".to_owned(),
            peer: peer.to_owned(),
            client: "127.0.0.1:1".to_owned(),
            directory,
        }
    }

    fn roster() -> Roster {
        let added = Member {
            node: NodeId(3),
            id: 103,
            peer_urls: vec!["http://127.0.0.1:3".to_owned()],
            ..Member::default()
        };
        Roster {
            cluster_id: 7,
            cluster: "test".to_owned(),
            members: vec![
                Member::founder(NodeId(0), 100, "n0", "127.0.0.1:0", ""),
                added,
            ],
            ..Roster::default()
        }
    }

    fn refused(request: &JoinRequest, roster: &Roster) -> String {
        match judge(request, roster) {
            Judged::Answer(JoinAnswer::Refused { why }) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_member_is_claimed_once() {
        let mut roster = roster();
        let first = request("127.0.0.1:3", 9);
        assert_eq!(judge(&first, &roster), Judged::Claim { id: 103 });
        roster.members[1].directory = 9;
        let Judged::Answer(JoinAnswer::Joined { member_id: 103, .. }) = judge(&first, &roster)
        else {
            panic!("it is the member");
        };
        let second = request("127.0.0.1:3", 10);
        let why = refused(&second, &roster);
        assert!(why.contains("quorate member replace n3"), "{why}");
    }

    /// A wiped founder that says that it joins does not get its old place.
    #[test]
    fn a_founder_whose_directory_is_lost_does_not_come_back_as_itself() {
        let why = refused(&request("127.0.0.1:0", 9), &roster());
        assert!(why.contains("another directory already"), "{why}");
    }

    #[test]
    fn one_that_was_not_added_is_told_what_to_do() {
        let Judged::Answer(JoinAnswer::Waiting { why }) =
            judge(&request("127.0.0.1:9", 9), &roster())
        else {
            panic!("it waits");
        };
        assert!(why.contains("quorate member add n3 --peer-url http://127.0.0.1:9"));
        let mut other = request("127.0.0.1:3", 9);
        other.cluster = "other".to_owned();
        let why = refused(&other, &roster());
        assert!(why.contains("belong to cluster \"test\""), "{why}");
        refused(&request("127.0.0.1:3", 0), &roster());
    }
}
