//! [`Forming`]: what a founder decides, without I/O.

use quorate_core::{NodeId, Time};
use quorate_replica::{Member, Roster};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A founder that has not repeated its offer for this long is taken to be dead: another id may be
/// offered under its name. Offers are repeated several times a second.
pub(crate) const OFFER_LASTS: Duration = Duration::from_secs(3);

/// What a founder says to another member: who it is, and under which contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The name of the cluster that is to be formed.
    pub cluster: String,
    /// The founder's name in the contract.
    pub name: String,
    /// The id that it has drawn.
    pub member_id: u64,
    /// A digest of its contract: one cluster is founded under one contract.
    pub contract: u64,
}

/// What a member answers to an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FormingAnswer {
    /// Nothing is decided; these founders have not offered themselves yet.
    Waiting {
        /// Their names.
        missing: Vec<String>,
    },
    /// The one that answers is part of a cluster.
    Formed {
        /// The cluster's id and founders.
        founding: Roster,
        /// Its members today.
        current: Roster,
    },
    /// The offer is not taken.
    Refused {
        /// Why, and what to do.
        why: String,
    },
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing, but to offer again.
    Wait,
    /// The same, and there is something that the operator should know.
    Note(String),
    /// This is the cluster: write it down.
    Adopt(Roster),
    /// This founder can't take part, for this reason.
    Refused(String),
}

/// One founder of a cluster that is being formed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Forming {
    /// The founders as the contract names them, without ids; our own id is set.
    roster: Roster,
    me: usize,
    contract: u64,
    offers: BTreeMap<usize, Offered>,
    /// The roster of the cluster; as long as it is not written, known to this process alone.
    decided: Option<Roster>,
    written: bool,
    /// Whom the collector waits for, as it last said.
    collector_waits_for: Option<(Time, Vec<String>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Offered {
    id: u64,
    at: Time,
}

/// The founder that decides.
const COLLECTOR: usize = 0;

impl Forming {
    /// A founder: the member at place `me` of `roster`, which has the names and addresses of all
    /// founders and the id that the cluster gets if this founder is the one to decide. `contract`
    /// is the contract's digest.
    pub(crate) fn new(roster: Roster, me: usize, member_id: u64, contract: u64) -> Self {
        let mut forming = Self {
            roster,
            me,
            contract,
            offers: BTreeMap::new(),
            decided: None,
            written: false,
            collector_waits_for: None,
        };
        if let Some(member) = forming.roster.members.get_mut(me) {
            (member.id, member.directory) = (member_id, member_id);
        }
        // A cluster of one waits for no offer.
        forming.decide(Time::ZERO);
        forming
    }

    /// What this founder offers to the others.
    pub(crate) fn offer(&self) -> Offer {
        let me = &self.roster.members[self.me];
        Offer {
            cluster: self.roster.cluster.clone(),
            name: me.name.clone(),
            member_id: me.id,
            contract: self.contract,
        }
    }

    /// The other founders, with their addresses.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Member> {
        let all = self.roster.members.iter().enumerate();
        all.filter(|(at, _)| *at != self.me)
            .map(|(_, member)| member)
    }

    /// The cluster, once it is decided: to be written down before anything else is done.
    pub(crate) fn decided(&self) -> Option<&Roster> {
        self.decided.as_ref()
    }

    /// The decision is durable; from here on it is told.
    pub(crate) fn on_written(&mut self) {
        self.written = self.decided.is_some();
    }

    /// Whom this founder waits for, by name.
    pub(crate) fn waits_for(&self, now: Time) -> Vec<String> {
        if self.decided.is_some() {
            return vec![];
        }
        if self.me == COLLECTOR {
            return self.missing(now);
        }
        match &self.collector_waits_for {
            Some((at, missing)) if now.since(*at) < OFFER_LASTS => missing.clone(),
            _ => vec![self.roster.members[COLLECTOR].name.clone()],
        }
    }

    /// Takes another founder's offer, and says what to answer.
    pub(crate) fn on_offer(&mut self, now: Time, offer: &Offer) -> FormingAnswer {
        let refused = |why: String| FormingAnswer::Refused { why };
        if self.written
            && let Some(founding) = &self.decided
        {
            let (founding, current) = (founding.clone(), founding.clone());
            return FormingAnswer::Formed { founding, current };
        }
        let me = &self.roster.members[self.me];
        if offer.cluster != self.roster.cluster || offer.contract != self.contract {
            return refused(format!(
                "{:?} has started under another contract than {:?}: all members found a cluster \
                 under the same contract. Compare the files with 'quorate explain --json', and \
                 start again with one of them everywhere",
                printable(&offer.name),
                me.name
            ));
        }
        let place = |member: &Member| member.name == offer.name;
        let Some(at) = self.roster.members.iter().position(place) else {
            let name = printable(&offer.name);
            return refused(format!("the contract has no member {name:?}"));
        };
        if offer.member_id == 0 {
            return refused("a member's id is never 0".to_owned());
        }
        let known = if at == self.me {
            Some(me.id)
        } else {
            let known = self.offers.get(&at);
            let counts =
                |known: &&Offered| self.decided.is_some() || now.since(known.at) < OFFER_LASTS;
            known.filter(counts).map(|known| known.id)
        };
        if let Some(known) = known.filter(|known| *known != offer.member_id) {
            return refused(format!(
                "another process has started as {:?} (id {known:016x}, this one has id {:016x}): \
                 one member is one process with one directory. Stop one of the two; if the \
                 directory was emptied, start again {} seconds after the other has ended",
                offer.name,
                offer.member_id,
                OFFER_LASTS.as_secs()
            ));
        }
        if at != self.me {
            let id = offer.member_id;
            self.offers.insert(at, Offered { id, at: now });
            self.decide(now);
        }
        FormingAnswer::Waiting {
            missing: self.missing(now),
        }
    }

    /// Takes what the founder called `from` answered to our offer.
    pub(crate) fn on_answer(&mut self, now: Time, from: &str, answer: FormingAnswer) -> Verdict {
        let is_collector = self.roster.members[COLLECTOR].name == from;
        match answer {
            FormingAnswer::Waiting { missing } => {
                if is_collector {
                    let known = |name: &String| self.roster.by_name(name).is_some();
                    let missing = missing.into_iter().filter(known).collect();
                    self.collector_waits_for = Some((now, missing));
                }
                Verdict::Wait
            }
            FormingAnswer::Formed { founding, current } => {
                let verdict = judge_formed(&self.offer(), &founding, &current);
                if let Verdict::Adopt(founding) = &verdict {
                    // The collector's decision is told only after it is written, so what a
                    // collector has decided and not written no other member can know.
                    self.decided.get_or_insert_with(|| founding.clone());
                }
                verdict
            }
            // A member with a wrong contract must not end all others: the collector's counts.
            FormingAnswer::Refused { why } if is_collector => {
                Verdict::Refused(format!("{from:?} refuses: {}", printable(&why)))
            }
            FormingAnswer::Refused { why } => {
                Verdict::Note(format!("{from:?} refuses: {}", printable(&why)))
            }
        }
    }

    fn missing(&self, now: Time) -> Vec<String> {
        let members = self.roster.members.iter().enumerate();
        let missing = members.filter(|(at, _)| {
            let offer = self.offers.get(at);
            *at != self.me && offer.is_none_or(|offer| now.since(offer.at) >= OFFER_LASTS)
        });
        missing.map(|(_, member)| member.name.clone()).collect()
    }

    /// Decides, if this founder is the collector and all others have offered themselves and live.
    fn decide(&mut self, now: Time) {
        if self.me != COLLECTOR || self.decided.is_some() || !self.missing(now).is_empty() {
            return;
        }
        let mut roster = self.roster.clone();
        for (at, offered) in &self.offers {
            let member = &mut roster.members[*at];
            (member.id, member.directory) = (offered.id, offered.id);
        }
        self.decided = Some(roster);
    }
}

/// What it means to the one that made the offer that a member is part of a cluster.
pub(crate) fn judge_formed(offer: &Offer, founding: &Roster, current: &Roster) -> Verdict {
    let Offer {
        cluster,
        name,
        member_id,
        ..
    } = offer;
    let refused = |why: String| Verdict::Refused(why);
    let sound = founding.check().and_then(|()| current.check());
    if let Err(error) = sound {
        return Verdict::Note(format!("an answer makes no sense: {error}"));
    }
    let id = founding.cluster_id;
    if current.cluster_id != id {
        return Verdict::Note("an answer names two clusters".to_owned());
    }
    if founding.cluster != *cluster {
        return refused(format!(
            "the other members belong to cluster {:?} ({id:016x}), and the contract names \
             {cluster:?}; are the addresses in the contract right?",
            founding.cluster
        ));
    }
    let is_me = |member: &&Member| member.name == *name;
    let founder = founding.by_id(*member_id).filter(is_me);
    match (
        founder,
        current.by_id(*member_id).filter(is_me),
        current.by_name(name),
    ) {
        (Some(_), Some(_), _) => Verdict::Adopt(founding.clone()),
        (Some(_), None, _) => refused(format!(
            "member {name:?} (id {member_id:016x}) was removed from cluster {id:016x}; empty its \
             directory only if it is to join again as a new member"
        )),
        (None, _, Some(owner)) => refused(format!(
            "this directory is empty, but member {name:?} (id {:016x}) is already part of cluster \
             {id:016x}: replace it with 'quorate member replace {name}'",
            owner.id
        )),
        (None, _, None) => refused(format!(
            "this directory is empty, and cluster {id:016x} is formed and has no member {name:?}: \
             add it with 'quorate member add {name}'"
        )),
    }
}

/// The founders of a cluster as its contract names them, without ids of members.
pub(crate) fn founders(cluster: &quorate_contract::Cluster, cluster_id: u64) -> Roster {
    let member = |member: &quorate_contract::Member| {
        let (peer, client) = (member.peer.to_string(), member.client.to_string());
        Member::founder(NodeId(member.id.into()), 0, &member.name, &peer, &client)
    };
    Roster {
        cluster_id,
        cluster: cluster.name.clone(),
        members: cluster.members.iter().map(member).collect(),
        ..Roster::default()
    }
}

/// What another process sent, fit for a message.
fn printable(text: &str) -> String {
    let fit = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(fit).take(1000).collect()
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
