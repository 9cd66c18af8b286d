//! Random schedules against the global properties: messages lost, repeated and reordered, nodes
//! that crash between write and sync, timers that fire whenever they like.

use crate::cluster::Cluster;
use crate::completeness::Completeness;
use bytes::Bytes;
use quorate_core::{Input, Mutant, NodeId};
use quorate_crash::raft::*;
use quorate_testbed::Dice;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// What is known of the whole cluster, and must never be contradicted.
#[derive(Default)]
struct Truth {
    leaders: BTreeMap<u64, usize>,
    committed: Vec<Entry>,
    completeness: Completeness,
    /// For each read: what was committed anywhere when it was asked.
    reads: BTreeMap<u64, u64>,
    proposals: u64,
    served: u64,
    refused: u64,
    installs: u64,
    checkpoints: u64,
    elections: u64,
    /// Configurations that were committed, joint ones included, and nodes that learned that they
    /// were removed.
    changes: u64,
    removed: u64,
    gone: Vec<NodeId>,
}

impl Truth {
    fn observe(&mut self, cluster: &mut Cluster) {
        cluster.check();
        cluster.story.clear();
        for event in cluster.events.drain(..) {
            self.completeness.observe(event);
        }
        for node in 0..cluster.nodes.len() {
            if cluster.up(node) {
                self.check_configuration(cluster, node);
            }
            for output in std::mem::take(&mut cluster.nodes[node].outputs) {
                self.on_output(cluster, node, output);
            }
        }
        let last = self.configuration_at(cluster, self.committed.len() as u64);
        for node in self.gone.drain(..) {
            assert!(last.has_removed(node), "{node} is told that it was removed");
        }
    }

    /// The configuration as of an index, by what is committed anywhere.
    fn configuration_at(&self, cluster: &Cluster, index: u64) -> Arc<Configuration> {
        let committed = self.committed[..index as usize].iter().rev();
        let mut configurations = committed.filter_map(|entry| match &entry.payload {
            Payload::Configuration(configuration) => Some(configuration.clone()),
            _ => None,
        });
        let last = configurations.next();
        last.unwrap_or_else(|| cluster.config.founding.clone())
    }

    /// A node knows the configuration of what it has committed, wherever it has it from.
    fn check_configuration(&self, cluster: &Cluster, node: usize) {
        let raft = cluster.raft(node);
        let commit = raft.commit().min(self.committed.len() as u64);
        if commit == 0 || commit < raft.log().base().index {
            return; // nothing is known yet, or not to `self`
        }
        let founding = Some(&raft.config().founding);
        let known = raft.log().configuration_at(commit).or(founding);
        if known.is_some_and(|known| known.voters.is_empty()) {
            return; // it joined later, and has no entry yet that says one
        }
        let right = self.configuration_at(cluster, commit);
        assert_eq!(known, Some(&right), "the configuration at {commit}");
    }

    /// A learner that becomes a voter has nearly all of the log.
    fn check_promotion(&self, cluster: &Cluster, leader: usize) {
        let raft = cluster.raft(leader);
        let now = raft.configuration();
        let new = now.voters.iter().filter(|n| !now.outgoing.contains(n));
        for node in new.filter(|_| now.is_joint() && raft.role() == Role::Leader) {
            let up = cluster
                .nodes
                .get(node.index())
                .and_then(|n| n.state.as_ref());
            if let Some(learner) = up.filter(|learner| learner.term() == raft.term()) {
                let lag = raft.config().max_promotion_lag + 1;
                let enough = learner.last_index() + lag >= raft.log().configured_at();
                assert!(enough, "{node} is promoted and not caught up");
            }
        }
    }

    fn on_output(&mut self, cluster: &Cluster, node: usize, output: Output) {
        match output {
            Output::RoleChanged {
                role: Role::Leader,
                term,
                ..
            } => {
                self.elections += 1;
                let other = *self.leaders.entry(term).or_insert(node);
                assert_eq!(other, node, "election safety in term {term}");
            }
            Output::Committed { first, entries } => {
                for (index, entry) in (first..).zip(entries.iter()) {
                    match self.committed.get(index as usize - 1) {
                        Some(known) => assert_eq!(known, entry, "state machine safety at {index}"),
                        None => {
                            let changes = matches!(entry.payload, Payload::Configuration(_));
                            self.changes += u64::from(changes);
                            self.committed.push(entry.clone());
                        }
                    }
                    assert!(self.committed.len() as u64 >= index, "a gap before {index}");
                }
            }
            Output::ReadReady { id, index } => {
                self.served += 1;
                let asked = self.reads[&id];
                assert!(index >= asked, "a read at {index} misses {asked}");
            }
            Output::ProposeRefused { .. } | Output::ReadFailed { .. } => self.refused += 1,
            Output::Configured => self.check_promotion(cluster, node),
            Output::Removed => {
                self.removed += 1;
                self.gone.push(NodeId(node as u32));
            }
            Output::Install(Install::End { .. }) => self.installs += 1,
            Output::CheckpointEnded { .. } => self.checkpoints += 1,
            _ => {}
        }
    }

    /// Log matching: where two logs agree on a term they agree on all before.
    fn compare_logs(&self, cluster: &Cluster) {
        let logs: Vec<&Log> = (0..cluster.nodes.len())
            .filter(|node| cluster.up(*node))
            .map(|node| cluster.raft(node).log())
            .collect();
        for (at, one) in logs.iter().enumerate() {
            for other in &logs[..at] {
                let from = one.base().index.max(other.base().index) + 1;
                let to = one.last().index.min(other.last().index);
                let mut agreed = false;
                for index in (from..=to).rev() {
                    let same = one.term_at(index) == other.term_at(index);
                    assert!(same || !agreed, "log matching at {index}");
                    if same {
                        assert_eq!(one.entry(index), other.entry(index), "at {index}");
                    }
                    agreed |= same;
                }
            }
        }
    }
}

/// How rough a schedule is; each seed draws its own (swarm testing).
struct Weather {
    loss: u64,
    repeat: u64,
    crash: u64,
    timer: u64,
    slow_disk: bool,
    /// Messages come several at a time.
    bursts: bool,
    /// Leaders come and go.
    restless: bool,
    /// Members come and go.
    churn: bool,
    cut: Option<usize>,
}

fn run(seed: u64, steps: usize, mutant: Mutant, lying_disk: bool) -> Truth {
    let mut dice = Dice(seed);
    // Figure 8 needs two changes of leader at the right moments, and messages of one entry.
    let figure_8 = mutant == Mutant::OldTermCommit;
    let nodes = [3, 3, 3, 5, 2, 1][dice.index(if figure_8 { 4 } else { 6 })];
    let config = Config {
        founding: Configuration::founding(nodes).into(),
        max_batch_bytes: [30, 100, 10_000][dice.index(if figure_8 { 1 } else { 3 })],
        max_inflight: 1 + dice.index(4),
        max_uncommitted_bytes: 400,
        max_reads: 5,
        trailing_entries: dice.index(6) as u64,
        trailing_bytes: [60, 10_000][dice.index(2)],
        chunk_timeout: Duration::from_millis(100),
        max_snapshot_inflight: 1 + dice.index(3),
        max_retained_entries: [0, 10, 1000][dice.index(3)],
        max_retained_bytes: [200, 1 << 20][dice.index(2)],
        max_promotion_lag: dice.index(6) as u64,
        mutant,
        ..Config::default()
    };
    let mut weather = Weather {
        loss: dice.below(3) * 8,
        repeat: dice.below(3) * 8,
        crash: dice.below(3),
        timer: 1 + dice.below(10),
        slow_disk: dice.percent(60),
        bursts: dice.percent(50) && !figure_8,
        restless: dice.percent(30) || figure_8,
        churn: dice.percent(50) && !figure_8,
        cut: None,
    };
    let mut cluster = Cluster::new(config);
    cluster.piece = 16;
    let keeps = dice.percent(70);
    for node in &mut cluster.nodes {
        node.quick = !weather.slow_disk || lying_disk;
        node.disk.lies = lying_disk;
        node.keeps = keeps;
    }
    let mut truth = Truth::default();
    for step in 0..steps {
        act(&mut cluster, &mut truth, &mut dice, &mut weather);
        truth.observe(&mut cluster);
        if step % 50 == 0 {
            truth.compare_logs(&cluster);
            for node in 0..cluster.nodes.len() {
                if cluster.up(node) {
                    cluster.check_fold(node);
                }
            }
        }
    }
    recover(&mut cluster, &mut truth);
    truth
}

fn act(cluster: &mut Cluster, truth: &mut Truth, dice: &mut Dice, weather: &mut Weather) {
    let node = dice.index(cluster.nodes.len());
    if weather.restless && dice.percent(4) {
        return disturb(cluster, dice, node);
    }
    if weather.churn && dice.percent(3) {
        return change_members(cluster, dice);
    }
    match dice.index(100) {
        0..55 => {
            // Mostly the oldest, sometimes any.
            let far = if dice.percent(70) { 3 } else { usize::MAX };
            let at = dice.index(cluster.net.packets.len().min(far));
            let Some(packet) = cluster.net.packets.get(at).cloned() else {
                return;
            };
            if weather.bursts && dice.percent(20) {
                return deliver_burst(cluster, packet.to);
            }
            let apart = |cut| (packet.from.index() == cut) != (packet.to.index() == cut);
            let own = packet.from == packet.to;
            if own || !dice.percent(weather.repeat) {
                cluster.net.packets.remove(at);
            }
            if own || !dice.percent(weather.loss) && !weather.cut.is_some_and(apart) {
                cluster.hand(packet);
            }
        }
        55..70 => {
            let end = cluster.nodes[node].disk.end();
            let synced = cluster.nodes[node].disk.synced;
            let through = synced + dice.index((end - synced) as usize + 1) as u64;
            cluster.sync(node, through);
        }
        70..80 => {
            truth.proposals += 1;
            let payload = Bytes::from(format!("{}", truth.proposals));
            let node = leader(cluster).filter(|_| dice.percent(80)).unwrap_or(node);
            cluster.input(node, Input::Request(Request::Propose(payload)));
        }
        80..86 => {
            let id = truth.reads.len() as u64;
            truth.reads.insert(id, truth.committed.len() as u64);
            cluster.input(node, Input::Request(Request::Read(id)));
        }
        86..88 => {
            if cluster.up(node) && dice.percent(50) {
                cluster.checkpoint(node);
            }
        }
        88..90 => {
            let to = quorate_core::NodeId(dice.index(cluster.nodes.len()) as u32);
            if dice.percent(30) {
                cluster.input(node, Input::Request(Request::Transfer(to)));
            } else if dice.percent(50) {
                // Right or wrong: suspicion may cost an election, never more.
                cluster.input(node, Input::Request(Request::Suspect(to)));
            }
        }
        90..92 => {
            let torn = dice.index(4) as u64;
            if !cluster.up(node) {
                cluster.restart(node);
            } else if dice.percent(weather.crash * 40) {
                cluster.crash(node, torn);
            }
        }
        92..93 => weather.cut = dice.percent(50).then_some(node),
        _ => {
            if dice.percent(weather.timer * 10) {
                let armed: Vec<_> = cluster.nodes[node].timers.clone().into_iter().collect();
                if let Some((timer, (min, max))) = armed.get(dice.index(armed.len())) {
                    let span = if dice.percent(50) { *max } else { *min };
                    // AdaptiveTimeout differs: most of the time a leader is not deposed at once.
                    if *timer != Timer::Election || dice.percent(40) {
                        cluster.now = cluster.now + span;
                        cluster.input(node, Input::Timer(*timer));
                    }
                }
            }
        }
    }
}

/// Asks the leader for another configuration: a learner more, a learner that votes, a member less,
/// or several of these at once. Right or wrong: the leader takes what is safe.
fn change_members(cluster: &mut Cluster, dice: &mut Dice) {
    const NODES: u32 = 8;
    let Some(leader) = leader(cluster) else {
        return;
    };
    let mut target = Configuration::clone(cluster.raft(leader).configuration());
    target.outgoing.clear();
    for _ in 0..1 + dice.index(3) {
        let any = |nodes: &[NodeId], dice: &mut Dice| match nodes.len() {
            0 => None,
            n => Some(nodes[dice.index(n)]),
        };
        match dice.index(4) {
            0 if target.next < NODES => {
                target.learners.push(NodeId(target.next));
                target.next += 1;
            }
            1 | 2 => {
                if let Some(node) = any(&target.learners, dice) {
                    target.learners.retain(|n| *n != node);
                    target.voters.push(node);
                    target.voters.sort_unstable();
                }
            }
            _ if target.voters.len() > 1 || !target.learners.is_empty() => {
                let node = any(&target.voters, dice).filter(|_| dice.percent(70));
                let node = node.or_else(|| any(&target.learners, dice));
                target.voters.retain(|n| Some(*n) != node);
                target.learners.retain(|n| Some(*n) != node);
            }
            _ => {}
        }
    }
    while cluster.nodes.len() < target.next as usize {
        cluster.join();
        let node = cluster.nodes.len() - 1;
        cluster.nodes[node].quick = cluster.nodes[0].quick;
        cluster.nodes[node].disk.lies = cluster.nodes[0].disk.lies;
    }
    cluster.reconfigure(leader, target);
}

/// All that is under way to a node comes at once, in the order in which it was sent.
fn deliver_burst(cluster: &mut Cluster, to: quorate_core::NodeId) {
    let come = cluster.net.take_all(|packet| packet.to == to).into_iter();
    let inputs = come.map(|packet| Input::Message(packet.from, packet.message));
    cluster.burst(to.index(), inputs.collect());
}

fn leader(cluster: &Cluster) -> Option<usize> {
    (0..cluster.nodes.len()).find(|n| cluster.up(*n) && cluster.raft(*n).role() == Role::Leader)
}

/// The leader crashes, or somebody loses patience.
fn disturb(cluster: &mut Cluster, dice: &mut Dice, node: usize) {
    match leader(cluster) {
        Some(leader) if dice.percent(60) => cluster.crash(leader, 0),
        _ if !cluster.up(node) => cluster.restart(node),
        _ if dice.percent(70) => cluster.time_out(node),
        _ => {}
    }
}

/// The faults stop: within a bounded time all nodes agree, and writes succeed.
fn recover(cluster: &mut Cluster, truth: &mut Truth) {
    for node in 0..cluster.nodes.len() {
        if !cluster.up(node) {
            cluster.restart(node);
        }
        cluster.nodes[node].quick = true;
        let end = cluster.nodes[node].disk.end();
        cluster.sync(node, end);
    }
    for round in 0..200 {
        cluster.settle();
        truth.observe(cluster);
        let leaders = (0..cluster.nodes.len())
            .filter(|node| cluster.raft(*node).role() == Role::Leader)
            .collect::<Vec<_>>();
        for leader in &leaders {
            cluster.beat(*leader);
            cluster.settle();
        }
        let newest = leaders
            .iter()
            .max_by_key(|node| cluster.raft(**node).term());
        if let Some(leader) = newest
            && cluster.raft(*leader).is_leader_with_own_term_commit()
            && cluster.raft(*leader).can_propose(10).is_ok()
            && !cluster.raft(*leader).configuration().is_joint()
        {
            let applied = cluster.nodes[*leader].machine.applied;
            let members = cluster.raft(*leader).configuration().members();
            let mut machines = members
                .iter()
                .map(|node| &cluster.nodes[node.index()].machine);
            let all = machines.all(|machine| machine.applied == applied);
            if all && applied == cluster.raft(*leader).last_index() {
                let command = format!("last {round}");
                cluster.propose(*leader, &command);
                cluster.settle();
                truth.observe(cluster);
                truth.compare_logs(cluster);
                for node in 0..cluster.nodes.len() {
                    cluster.check_fold(node);
                    if !members.contains(&NodeId(node as u32)) {
                        continue;
                    }
                    assert_eq!(
                        cluster.nodes[node].machine.commands.last().unwrap(),
                        &command
                    );
                }
                return;
            }
        }
        // No two patiences are equal: the timers fire one after the other.
        if leaders.is_empty() || round % 10 == 9 {
            cluster.time_out(round % cluster.nodes.len());
        }
    }
    let state: Vec<String> = (0..cluster.nodes.len())
        .map(|node| {
            let raft = cluster.raft(node);
            format!(
                "{node}: {:?} {} leader {:?} last {:?} base {:?} commit {} {:?}",
                raft.role(),
                raft.term(),
                raft.leader(),
                raft.log().last(),
                raft.log().base(),
                raft.commit(),
                raft.progress(),
            )
        })
        .collect();
    panic!("the cluster does not recover:\n{}", state.join("\n"));
}

#[test]
fn random_schedules_break_nothing() {
    let mut sum = Truth::default();
    for seed in 0..1500 {
        let truth = catch_unwind(|| run(seed, 1500, Mutant::None, false))
            .unwrap_or_else(|_| panic!("seed {seed}"));
        sum.committed.extend(truth.committed);
        sum.served += truth.served;
        sum.refused += truth.refused;
        sum.installs += truth.installs;
        sum.checkpoints += truth.checkpoints;
        sum.elections += truth.elections;
        sum.changes += truth.changes;
        sum.removed += truth.removed;
    }
    // A schedule in which nothing happens would break nothing either.
    let reached = [
        sum.committed.len() as u64,
        sum.served,
        sum.refused,
        sum.installs,
        sum.checkpoints,
        sum.elections,
        sum.changes,
        sum.removed,
    ];
    assert!(
        reached.iter().all(|count| *count > 200),
        "too quiet: entries, reads served, refused, installs, checkpoints, elections, changes of \
         members, removed: {reached:?}"
    );
}

fn is_found(mutant: Mutant, lying_disk: bool) {
    let found = (0..6000).find(|seed| {
        catch_unwind(AssertUnwindSafe(|| run(*seed, 1500, mutant, lying_disk))).is_err()
    });
    assert!(found.is_some(), "{mutant:?} is not found");
}

#[test]
fn a_vote_that_is_not_persisted_is_found() {
    is_found(Mutant::VoteNotPersisted, false);
}

#[test]
fn an_old_term_committed_by_counting_is_found() {
    is_found(Mutant::OldTermCommit, false);
}

#[test]
fn a_read_without_read_index_is_found() {
    is_found(Mutant::ReadWithoutReadIndex, false);
}

#[test]
fn a_disk_that_answers_before_the_sync_is_found() {
    is_found(Mutant::None, true);
}

#[test]
fn a_stale_configuration_that_is_counted_is_found() {
    is_found(Mutant::StaleConfigurationCounted, false);
}

#[test]
fn a_joint_decision_of_one_majority_is_found() {
    is_found(Mutant::JointNeedsOneMajority, false);
}

#[test]
fn a_learner_promoted_before_it_caught_up_is_found() {
    is_found(Mutant::PromotedBeforeCaughtUp, false);
}

#[test]
fn a_removed_node_that_votes_is_found() {
    is_found(Mutant::RemovedNodeVotes, false);
}

#[test]
fn a_configuration_dropped_by_a_snapshot_is_found() {
    is_found(Mutant::ConfigurationDroppedBySnapshot, false);
}
