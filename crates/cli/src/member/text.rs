//! The members as values, as text and as JSON.

use crate::exit::refused;
use quorate_etcd::pb::etcdserverpb as pb;
use serde::{Serialize, Serializer};
use std::fmt;

/// The members of a cluster, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Members {
    /// The cluster's id.
    #[serde(serialize_with = "hex")]
    pub(super) cluster_id: u64,
    pub(super) members: Vec<Member>,
}

/// One member. It has no name until it has started once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Member {
    #[serde(serialize_with = "hex")]
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) peer_urls: Vec<String>,
    pub(super) client_urls: Vec<String>,
    pub(super) is_learner: bool,
}

fn hex<S: Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{id:016x}"))
}

impl Member {
    /// The id, as etcdctl writes it but for leading zeros.
    pub(super) fn id_text(&self) -> String {
        format!("{:016x}", self.id)
    }

    pub(super) fn has_started(&self) -> bool {
        !self.name.is_empty()
    }

    pub(super) fn role(&self) -> &'static str {
        if self.is_learner { "learner" } else { "voter" }
    }

    fn label(&self) -> String {
        match self.has_started() {
            true => format!("{} (id {})", self.name, self.id_text()),
            false => format!("id {} (not started)", self.id_text()),
        }
    }
}

impl Members {
    pub(super) fn of(header: Option<pb::ResponseHeader>, members: Vec<pb::Member>) -> Self {
        let member = |member: pb::Member| Member {
            id: member.id,
            name: member.name,
            peer_urls: member.peer_ur_ls,
            client_urls: member.client_ur_ls,
            is_learner: member.is_learner,
        };
        Self {
            cluster_id: header.map_or(0, |header| header.cluster_id),
            members: members.into_iter().map(member).collect(),
        }
    }

    pub(super) fn by_id(&self, id: u64) -> anyhow::Result<&Member> {
        let found = self.members.iter().find(|member| member.id == id);
        found.ok_or_else(|| {
            refused(format_args!(
                "the cluster has no member with id {id:016x} any more; it has {}",
                self.labels()
            ))
        })
    }

    /// The member that peers reach at one of these addresses.
    pub(super) fn at(&self, peer_urls: &[String]) -> Option<&Member> {
        let there = |member: &&Member| member.peer_urls.iter().any(|u| peer_urls.contains(u));
        self.members.iter().find(there)
    }

    /// The member of this name, or with this id in hexadecimal.
    pub(super) fn resolve(&self, text: &str) -> anyhow::Result<&Member> {
        let named = self.members.iter().filter(|member| member.has_started());
        let named: Vec<_> = named.filter(|member| member.name == text).collect();
        match named[..] {
            [member] => return Ok(member),
            [] => {}
            _ => {
                return Err(refused(format_args!(
                    "{} members are called {text}: {}; say which one by its id",
                    named.len(),
                    labels(&named)
                )));
            }
        }
        let id = u64::from_str_radix(text.trim_start_matches("0x"), 16).ok();
        let found = self.members.iter().find(|member| Some(member.id) == id);
        found.ok_or_else(|| {
            refused(format_args!(
                "no member has the name or the id {text}; the cluster has {}",
                self.labels()
            ))
        })
    }

    pub(super) fn labels(&self) -> String {
        labels(&self.members.iter().collect::<Vec<_>>())
    }
}

fn labels(members: &[&Member]) -> String {
    let labels: Vec<_> = members.iter().map(|member| member.label()).collect();
    labels.join(", ")
}

impl fmt::Display for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cluster {:016x}", self.cluster_id)?;
        let names = self.members.iter().map(|member| member.name.len());
        let width = names.max().unwrap_or(0).max("(not started)".len());
        for member in &self.members {
            let name = match member.has_started() {
                true => &member.name,
                false => "(not started)",
            };
            let role = member.role();
            write!(f, "{}  {name:width$}  {role:7}", member.id_text())?;
            write!(f, "  peers {}", member.peer_urls.join(","))?;
            if !member.client_urls.is_empty() {
                write!(f, "  clients {}", member.client_urls.join(","))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u64, name: &str) -> Member {
        Member {
            id,
            name: name.into(),
            peer_urls: vec![format!("http://10.0.0.{id}:2380")],
            ..Member::default()
        }
    }

    fn members(members: &[Member]) -> Members {
        Members {
            cluster_id: 0xc,
            members: members.to_vec(),
        }
    }

    #[test]
    fn a_member_is_found_by_name_before_it_is_by_id() {
        let members = members(&[member(0xa, "n0"), member(0xb, "a"), member(0xc, "")]);
        let id = |text: &str| members.resolve(text).map(|member| member.id);
        assert_eq!(id("n0").expect("by name"), 0xa);
        assert_eq!(id("a").expect("the name, not the id"), 0xb);
        for text in ["c", "0xc", "000000000000000c"] {
            assert_eq!(id(text).expect("by id"), 0xc);
        }
        let error = id("n9").expect_err("there is none").to_string();
        assert!(error.contains("n0 (id 000000000000000a), a"), "{error}");
        assert!(
            error.contains("id 000000000000000c (not started)"),
            "{error}"
        );
        // Not even a member without a name is called nothing.
        assert_eq!(id("").expect_err("no name").to_string().lines().count(), 1);
    }

    #[test]
    fn of_two_members_with_one_name_neither_is_meant() {
        let members = members(&[member(1, "n0"), member(2, "n0")]);
        let error = members.resolve("n0").expect_err("ambiguous").to_string();
        assert!(error.contains("say which one by its id"), "{error}");
        assert_eq!(members.resolve("2").expect("by id").id, 2);
    }

    #[test]
    fn the_list_reads_as_a_table() {
        let mut learner = member(2, "");
        learner.is_learner = true;
        let mut voter = member(1, "n0");
        voter.client_urls = vec!["http://10.0.0.1:2379".into()];
        let text = members(&[voter, learner]).to_string();
        assert_eq!(
            text,
            "cluster 000000000000000c\n\
             0000000000000001  n0             voter    peers http://10.0.0.1:2380  clients http://10.0.0.1:2379\n\
             0000000000000002  (not started)  learner  peers http://10.0.0.2:2380\n"
        );
    }
}
