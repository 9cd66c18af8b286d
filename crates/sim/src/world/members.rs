//! An operator: adds members, promotes and removes them, and replaces those that lost their directory.

use super::faults::MS;
use super::{Event, World};
use crate::fault::Fault;
use crate::observe::Broken;
use crate::serving::{Input, Simulated};
use quorate_core::NodeId;
use quorate_core::replicated::{Configuration, Role};
use quorate_replica::{Change, Request, Roster, Ticket};

/// Members that joined have ids from here on; those of founders are small.
const JOINED: u64 = 1_000;

impl<P: Simulated> World<P> {
    /// Who takes part, by the last configuration that is committed.
    pub(super) fn members(&self) -> Vec<NodeId> {
        match self.observers.members() {
            Some(configuration) => configuration.members(),
            None => NodeId::all(self.founders).collect(),
        }
    }

    /// The operator does the next thing that there is to do, as the last committed configuration has
    /// it: through any replica, and without waiting for the answer.
    pub(super) fn change_members(&mut self) {
        let founding = Configuration::founding(self.founders);
        let anonymous = Roster::anonymous(self.founders);
        let configuration = self.observers.members().unwrap_or(&founding).clone();
        let roster = match self.observers.members() {
            Some(configuration) => Roster::of(configuration).unwrap_or_default(),
            None => anonymous,
        };
        let id_of = |node: NodeId| {
            let member = roster.members.iter().find(|member| member.node == node);
            member.map(|member| member.id)
        };
        let choice = self.streams.harm.below(8);
        let asked = self.any_node();
        let lost = configuration
            .members()
            .into_iter()
            .find(|node| self.nodes[node.index()].retired);
        let spare = self.nodes.iter().any(|node| node.unborn);
        let learner = configuration.learners.first().copied();
        let voters = configuration.voters.len();
        let change = match (lost, learner) {
            _ if choice >= 6 => return self.lose_directory(&configuration, asked),
            (Some(lost), _) if voters > 1 => id_of(lost).map(|id| Change::Remove { id }),
            (_, Some(learner)) if choice > 0 => id_of(learner).map(|id| Change::Promote { id }),
            (_, Some(learner)) => id_of(learner).map(|id| Change::Remove { id }),
            (_, None) if spare && choice < 5 => {
                // An operator who asks again, as no answer came, asks for the same member: two that
                // were both added would be more than there are machines.
                let id = JOINED + u64::from(configuration.next);
                Some(Change::Add {
                    id,
                    peer_urls: vec![format!("http://{id}")],
                    learner: true,
                })
            }
            _ if voters > usize::from(self.founders) => {
                let voter = configuration.voters[choice as usize % voters];
                id_of(voter).map(|id| Change::Remove { id })
            }
            _ => None,
        };
        if let Some(change) = change {
            self.ask_change(asked, change);
        }
    }

    pub(super) fn ask_change(&mut self, at: NodeId, change: Change) {
        let node = &self.nodes[at.index()];
        if node.replica.is_none() || node.paused_until > self.now {
            return;
        }
        let deadline = node.clock.at(self.now + 5_000 * MS);
        self.trace
            .say(self.now, || format!("an operator asks {at}: {change:?}"));
        let request = Request::Change(change);
        self.step(
            at,
            Input::Client {
                ticket: Ticket(u64::MAX),
                request,
                deadline,
            },
        );
    }

    /// A voter loses its machine with the disk, or files of its log, when all others are up and agree
    /// who takes part.
    fn lose_directory(&mut self, configuration: &Configuration, node: NodeId) {
        let mut members = configuration.members().into_iter();
        let all_up = members.all(|member| {
            let replica = self.nodes[member.index()].replica.as_ref();
            replica.is_some_and(|replica| {
                replica.stopped().is_none() && replica.protocol().configuration() == configuration
            })
        });
        let may = all_up && configuration.voters.len() >= 3 && configuration.is_voter(node);
        if configuration.is_joint() || !may || !self.may_crash() {
            return;
        }
        if self.streams.harm.below(2) == 1 {
            // No power failure: what a crash leaves of removed names could hide the loss.
            self.kill(node, "the process is killed, and files of its log are lost");
            let mut storage = self.nodes[node.index()].storage.get();
            let lost = storage.lose_files(&mut self.streams.harm);
            drop(storage);
            self.nodes[node.index()].lost_files = !lost.is_empty();
            return self
                .trace
                .say(self.now, || format!("{node} has lost {}", lost.join(", ")));
        }
        self.covered(Fault::DirectoryLost);
        self.trace
            .say(self.now, || format!("{node}: the machine is lost for good"));
        self.power_loss(node, "the machine is lost for good, and its disk with it");
        self.nodes[node.index()].retired = true;
    }

    /// Another configuration is in force at a node: those that join are created.
    pub(super) fn on_configured(&mut self, id: NodeId) {
        let Some(replica) = &self.nodes[id.index()].replica else {
            return;
        };
        for node in replica.protocol().configuration().members() {
            let Some(joiner) = self.nodes.get_mut(node.index()) else {
                continue;
            };
            if std::mem::take(&mut joiner.unborn) {
                let epoch = joiner.epoch;
                self.queue
                    .push(self.now + MS, Event::Restart { node, epoch });
            }
        }
        self.check_promotion(id);
        self.note_members();
        self.note_level(id);
    }

    /// A leader that gives a vote to a learner which lacks much of the log makes a quorum that may have
    /// to wait for all of it (thesis §4.2.1).
    fn check_promotion(&mut self, id: NodeId) {
        let node = &mut self.nodes[id.index()];
        let Some(replica) = &node.replica else {
            return;
        };
        let protocol = replica.protocol();
        let voters = protocol.configuration().voters.clone();
        let before = std::mem::replace(&mut node.voters, voters.clone());
        let leads = protocol.role() == Role::Leader && node.led == Some(protocol.term());
        // What its log had before this burst, which is no more than when it looked.
        let (last, lag) = (node.last_before, P::promotion_lag(&self.swarm.protocol));
        let (true, Some(lag)) = (leads, lag) else {
            return;
        };
        for voter in voters.into_iter().filter(|voter| !before.contains(voter)) {
            let new = &self.nodes[voter.index()];
            let Some(has) = new.replica.as_ref().map(|r| r.protocol().last_index()) else {
                continue;
            };
            if has.saturating_add(lag) < last && !new.tainted {
                let detail = format!(
                    "{id} leads and gives {voter} a vote, which has entries up to {has} of {last} and may \
                     lack {lag}"
                );
                return self.violated(Broken {
                    property: "a learner votes only when it has caught up",
                    detail,
                });
            }
        }
    }

    /// Counts what the last committed configuration brought.
    fn note_members(&mut self) {
        let Some(configuration) = self.observers.members() else {
            return;
        };
        let configuration = configuration.clone();
        for at in 0..self.nodes.len() {
            let id = NodeId(at as u32);
            let standing = match (configuration.is_learner(id), configuration.is_voter(id)) {
                (true, _) => MemberState::Learner,
                (_, true) => MemberState::Voter,
                _ => MemberState::None,
            };
            let before = std::mem::replace(&mut self.nodes[at].standing, standing);
            match (before, standing) {
                (MemberState::None, MemberState::Learner) => self.covered(Fault::MemberAdded),
                (MemberState::Learner, MemberState::Voter) => self.covered(Fault::MemberPromoted),
                (MemberState::Learner | MemberState::Voter, MemberState::None) => {
                    self.nodes[at].removed = true;
                    self.covered(Fault::MemberRemoved);
                }
                _ => {}
            }
        }
    }
}

/// How a node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberState {
    /// It does not, or not yet, or not any more.
    None,
    /// It gets the log and does not vote.
    Learner,
    /// It votes.
    Voter,
}
