//! A list of members that changes by etcd's rules, as if every change were
//! committed at once.

use std::collections::{BTreeMap, BTreeSet};

use quorate_etcd::{Member, MemberChange, MembersChanged, Refusal};

/// Learners that there may be at a time: etcd's default.
const MAX_LEARNERS: usize = 1;

/// The members. One without a name has not started yet.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    members: BTreeMap<u64, Member>,
    removed: BTreeSet<u64>,
    /// Learners that have caught up.
    in_sync: BTreeSet<u64>,
    /// Every change that was made, in order.
    pub(crate) changes: Vec<MemberChange>,
    /// The next change is made twice, and the second answer is given: an earlier attempt, whose answer
    /// was lost, is committed just before.
    pub(crate) twice: bool,
    last: u64,
}

#[allow(dead_code, reason = "not every user of this module tests members")]
impl Roster {
    /// Enters a founder, reached by its peers at port 2380 of localhost.
    pub(crate) fn found(&mut self, id: u64, name: &str, client_url: &str) {
        self.found_at(id, name, "http://localhost:2380", client_url);
    }

    /// Enters a founder.
    pub(crate) fn found_at(&mut self, id: u64, name: &str, peer_url: &str, client_url: &str) {
        let member = Member {
            id,
            name: name.into(),
            peer_urls: vec![peer_url.into()],
            client_urls: vec![client_url.into()],
            is_learner: false,
        };
        self.members.insert(id, member);
        self.last = self.last.max(id);
    }

    pub(crate) fn members(&self) -> Vec<Member> {
        self.members.values().cloned().collect()
    }

    /// A member that was added starts, and publishes what it is called and
    /// where clients reach it.
    pub(crate) fn start(&mut self, id: u64, name: &str, client_url: &str) {
        let member = self.members.get_mut(&id).expect("it was added");
        member.name = name.into();
        member.client_urls = vec![client_url.into()];
    }

    /// A learner has caught up.
    pub(crate) fn catch_up(&mut self, id: u64) {
        self.in_sync.insert(id);
    }

    pub(crate) fn change(&mut self, change: MemberChange) -> Result<MembersChanged, Refusal> {
        if std::mem::take(&mut self.twice) {
            self.change(change.clone())?;
        }
        let member = match &change {
            MemberChange::Add {
                peer_urls,
                is_learner,
            } => Some(self.add(peer_urls, *is_learner)?),
            MemberChange::Remove { id } => {
                self.may_remove(*id)?;
                self.members.remove(id);
                self.removed.insert(*id);
                None
            }
            MemberChange::Update { id, peer_urls } => {
                self.check_urls(*id, peer_urls)?;
                let member = self.members.get_mut(id).ok_or(Refusal::MemberNotFound)?;
                member.peer_urls.clone_from(peer_urls);
                None
            }
            MemberChange::Promote { id } => {
                self.may_promote(*id)?;
                let member = self.members.get_mut(id).expect("it may be promoted");
                member.is_learner = false;
                None
            }
        };
        self.changes.push(change);
        let members = self.members();
        Ok(MembersChanged { member, members })
    }

    fn add(&mut self, peer_urls: &[String], is_learner: bool) -> Result<Member, Refusal> {
        let (started, voters) = self.voters(None);
        let quorum = voters.div_ceil(2) + 1;
        if !is_learner && started < quorum && (started, voters) != (1, 1) {
            return Err(Refusal::NotEnoughStartedMembers);
        }
        self.check_urls(0, peer_urls)?;
        let learners = self.members.values().filter(|m| m.is_learner).count();
        if is_learner && learners >= MAX_LEARNERS {
            return Err(Refusal::TooManyLearners);
        }
        self.last += 1;
        let member = Member {
            id: self.last,
            peer_urls: peer_urls.to_vec(),
            is_learner,
            ..Member::default()
        };
        self.members.insert(member.id, member.clone());
        Ok(member)
    }

    fn check_urls(&self, id: u64, peer_urls: &[String]) -> Result<(), Refusal> {
        let others = self.members.values().filter(|member| member.id != id);
        let mut taken = others.flat_map(|member| &member.peer_urls);
        if id != 0 && !self.members.contains_key(&id) {
            return Err(Refusal::MemberNotFound);
        }
        if taken.any(|url| peer_urls.contains(url)) {
            return Err(Refusal::PeerUrlExists);
        }
        Ok(())
    }

    fn may_remove(&self, id: u64) -> Result<(), Refusal> {
        let member = self.members.get(&id);
        if member.is_some_and(|member| member.is_learner) {
            return Ok(());
        }
        let (started, voters) = self.voters(Some(id));
        if started < voters / 2 + 1 {
            return Err(Refusal::NotEnoughStartedMembers);
        }
        member.map(|_| ()).ok_or(Refusal::MemberNotFound)
    }

    fn may_promote(&self, id: u64) -> Result<(), Refusal> {
        let member = self.members.get(&id).ok_or(Refusal::MemberNotFound)?;
        if !member.is_learner {
            return Err(Refusal::NotALearner);
        }
        if !self.in_sync.contains(&id) {
            return Err(Refusal::LearnerNotReady);
        }
        Ok(())
    }

    /// How many voters have started, and how many there are, without one.
    fn voters(&self, without: Option<u64>) -> (usize, usize) {
        let voters = self.members.values();
        let voters = voters.filter(|m| !m.is_learner && Some(m.id) != without);
        let voters: Vec<_> = voters.collect();
        let started = voters.iter().filter(|member| !member.name.is_empty());
        (started.count(), voters.len())
    }
}
