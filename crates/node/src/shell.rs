//! The replica's thread: takes what has gathered, steps, flushes once, and carries the actions out.

use crate::clock::{Clock, ClockWatch};
use crate::disk::QueueDisk;
use crate::inbox::{Ask, Burst, Inbox};
use crate::peers::Outbox;
use crate::published::{Ended, Published};
use crate::serving::{Actions, Input, PeerMessage, Replica, Timer};
use crate::timers::Timers;
use quorate_core::replicated::Role;
use quorate_core::{NodeId, Time};
use quorate_replica::{Notice, Outcome, Refusal, Request, Stopped, Ticket};
use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

/// Answers of one burst, on their way to those who asked.
pub(crate) type Answers = Vec<(oneshot::Sender<Outcome>, Outcome)>;

/// With no timer armed, the thread looks around this often all the same.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);
/// How long a leader that stops waits for another one to take over.
const HANDOVER: Duration = Duration::from_millis(500);
/// How often it looks whether one has.
const STOPPING_SLEEP: Duration = Duration::from_millis(5);

/// If the thread panics, nobody is left waiting for it, and the process learns of it.
struct Guard {
    inbox: Arc<Inbox>,
    published: Arc<Published>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.inbox.close();
            self.published.ended_with(Ended::Panicked);
        }
    }
}

/// Drives one replica.
pub(crate) struct Shell {
    replica: Replica<QueueDisk>,
    clock: Clock,
    watch: ClockWatch,
    inbox: Arc<Inbox>,
    timers: Timers<Timer>,
    /// Who waits for which answer. Bounded by the replica's admission control.
    waiting: HashMap<Ticket, oneshot::Sender<Outcome>>,
    next_ticket: u64,
    /// For each replica, what waits to be handed to its outbox; none for ourselves.
    peers: Vec<Option<Peer>>,
    answers: mpsc::UnboundedSender<Answers>,
    published: Arc<Published>,
    actions: Actions,
    /// What the disk said when it failed.
    failure: Option<String>,
}

struct Peer {
    outbox: Arc<Outbox<PeerMessage>>,
    burst: Vec<PeerMessage>,
}

impl Shell {
    /// A shell around a replica. `outboxes` has an element for each replica of the cluster.
    pub(crate) fn new(
        replica: Replica<QueueDisk>,
        clock: Clock,
        inbox: Arc<Inbox>,
        outboxes: &[Option<Arc<Outbox<PeerMessage>>>],
        answers: mpsc::UnboundedSender<Answers>,
        published: Arc<Published>,
    ) -> Self {
        let peer = |outbox: &Arc<Outbox<PeerMessage>>| Peer {
            outbox: outbox.clone(),
            burst: vec![],
        };
        Self {
            replica,
            watch: ClockWatch::new(clock.now(), SystemTime::now()),
            clock,
            inbox,
            timers: Timers::new(),
            waiting: HashMap::new(),
            next_ticket: 0,
            peers: outboxes
                .iter()
                .map(|outbox| outbox.as_ref().map(peer))
                .collect(),
            answers,
            published,
            actions: Actions::default(),
            failure: None,
        }
    }

    /// Runs until it is told to stop, or the disk fails.
    pub(crate) fn run(mut self) {
        let _guard = Guard {
            inbox: self.inbox.clone(),
            published: self.published.clone(),
        };
        let mut burst = Burst::default();
        let mut stopping: Option<Time> = None;
        self.replica
            .step(self.clock.now(), Input::Start, &mut self.actions);
        self.flush(self.clock.now());
        loop {
            let before = self.clock.now();
            let wait = self
                .timers
                .next()
                .map_or(LONGEST_SLEEP, |due| due.since(before));
            let wait = wait.min(if stopping.is_some() {
                STOPPING_SLEEP
            } else {
                LONGEST_SLEEP
            });
            self.inbox
                .take(&mut burst, self.replica.disk().is_behind(), wait);
            let now = self.clock.now();
            if let Some(late) = self.watch.on_return(before + wait, now) {
                warn!("paused for {} ms", late.as_millis());
            }
            self.step(now, &mut burst);
            self.flush(now);
            if self.watch.is_due(now) {
                self.look(now);
            }
            if mem::take(&mut burst.stop) {
                if !self.hand_over(now) {
                    break;
                }
                stopping.get_or_insert(now);
            }
            let handed_over = |since| !self.leads() || now.since(since) > HANDOVER;
            if self.failure.is_some() || stopping.is_some_and(handed_over) {
                break;
            }
        }
        self.end();
    }

    fn step(&mut self, now: Time, burst: &mut Burst) {
        while let Some(timer) = self.timers.take_due(now) {
            self.replica
                .step(now, Input::Timer(timer), &mut self.actions);
        }
        for (from, message) in burst.peers.drain(..) {
            self.replica
                .step(now, Input::Peer { from, message }, &mut self.actions);
        }
        // After what they said: it came before the connection broke.
        for peer in mem::take(&mut burst.gone).iter() {
            self.replica
                .step(now, Input::PeerGone(peer), &mut self.actions);
        }
        for Ask {
            request,
            deadline,
            reply,
        } in burst.asks.drain(..)
        {
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            self.waiting.insert(ticket, reply);
            let input = Input::Client {
                ticket,
                request,
                deadline,
            };
            self.replica.step(now, input, &mut self.actions);
        }
        if mem::take(&mut burst.disk) {
            self.replica.step(now, Input::Disk, &mut self.actions);
        }
    }

    fn flush(&mut self, now: Time) {
        self.replica.flush(now, &mut self.actions);
        let Actions {
            sends,
            replies,
            timers,
            notices,
        } = &mut self.actions;
        for (timer, span) in timers.drain(..) {
            self.timers.set(now, timer, span);
        }
        for (to, message) in sends.drain(..) {
            if let Some(Some(peer)) = self.peers.get_mut(to.index()) {
                peer.burst.push(message);
            }
        }
        for peer in self
            .peers
            .iter_mut()
            .flatten()
            .filter(|peer| !peer.burst.is_empty())
        {
            peer.outbox.push(&mut peer.burst);
        }
        // Whoever gets an answer and then asks for the status finds it no older.
        self.published.publish(self.replica.status(), &self.watch);
        if !replies.is_empty() {
            let waiting = &mut self.waiting;
            let answer = |(ticket, outcome)| Some((waiting.remove(&ticket)?, outcome));
            let answers = replies.drain(..).filter_map(answer).collect();
            // Nobody listens any more only when the process is about to end.
            let _ = self.answers.send(answers);
        }
        for notice in notices.drain(..) {
            note(&notice, &self.published);
            if let Notice::DiskFailed { error } = notice {
                self.failure = Some(error);
            }
        }
    }

    fn look(&mut self, now: Time) {
        if let Some(off) = self.watch.on_look(now, SystemTime::now()) {
            warn!(
                "the wall clock jumped by {} ms; nothing here depends on it",
                off.as_millis()
            );
        }
    }

    fn leads(&self) -> bool {
        self.replica.protocol().role() == Role::Leader
    }

    /// A leader that stops asks the most advanced of the others to take over, so that nobody has to
    /// wait for an election timeout. Returns whether there is one to ask.
    fn hand_over(&mut self, now: Time) -> bool {
        let progress = self.replica.protocol().progress();
        let others = self.peers.iter().enumerate().filter_map(|(id, peer)| {
            peer.as_ref()?
                .outbox
                .stats()
                .snapshot()
                .connected
                .then_some(id)
        });
        let best = others.max_by_key(|id| progress.get(*id).map_or(0, |peer| peer.matched));
        let (true, Some(to)) = (self.leads(), best) else {
            return false;
        };
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let input = Input::Client {
            ticket,
            request: Request::TransferLeadership(NodeId(to as u32)),
            deadline: now + HANDOVER,
        };
        self.replica.step(now, input, &mut self.actions);
        self.flush(now);
        true
    }

    /// Nobody is left waiting.
    fn end(mut self) {
        let rest = self.inbox.close();
        let mut answers: Answers = vec![];
        for ask in rest.asks {
            answers.push((ask.reply, Outcome::Refused(Refusal::DiskFailed)));
        }
        // Those whose request is under way are told that the server has stopped by the closing of
        // their channel: the outcome is unknown.
        self.waiting.clear();
        let _ = self.answers.send(answers);
        let failure = self.failure.take();
        self.published
            .ended_with(failure.map_or(Ended::Stopped, Ended::DiskFailed));
    }
}

fn note(notice: &Notice, published: &Published) {
    match notice {
        Notice::RoleChanged { role, term, leader } => {
            let leader = leader.map_or("none known".to_owned(), |leader| leader.to_string());
            info!(term, leader, "{role:?}");
        }
        Notice::CheckpointDone { index } => info!(index, "checkpoint written"),
        Notice::SnapshotInstalled { index } => info!(index, "snapshot from the leader installed"),
        Notice::SnapshotRejected { reason } => warn!("snapshot from the leader rejected: {reason}"),
        Notice::Stopped(why) => {
            if let Stopped::Violation { property, .. } = why {
                published.count_violation(property);
            }
            error!("{why}");
        }
        Notice::Configured => {}
        Notice::PeerDiverged { peer, detail } => {
            error!("{peer} holds another state than a quorum does ({detail}): replace it");
        }
        Notice::DiskFailed { error } => {
            error!("the log has failed: {error}");
        }
    }
}
