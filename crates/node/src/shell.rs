//! The replica's thread: takes what has gathered, steps, flushes once, and carries the actions out.

use crate::clock::{Clock, ClockWatch};
use crate::disk::QueueDisk;
use crate::inbox::{Ask, Burst, Inbox};
use crate::peers::{Membership, Outbox, Peers};
use crate::published::{Ended, Published};
use crate::serving::{Actions, Input, PeerMessage, Replica, Timer};
use crate::storage::quarantine;
use crate::timers::Timers;
use crate::worker::Worker;
use bytes::Bytes;
use quorate_core::replicated::{Configuration, Role};
use quorate_core::{NodeId, Time};
use quorate_replica::{Notice, Outcome, Refusal, Request, Roster, RosterError, Stopped, Ticket};
use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::path::{Path, PathBuf};
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

/// If the thread panics, no caller is left waiting for it, and the process learns of it.
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
    /// The connections to the present members.
    connections: Peers<PeerMessage>,
    /// For each other member, what waits to be handed to its outbox.
    peers: BTreeMap<NodeId, Peer>,
    /// The roster as the configuration in the log had it when it was last looked at.
    roster: Bytes,
    answers: mpsc::UnboundedSender<Answers>,
    published: Arc<Published>,
    actions: Actions,
    /// Marked if the replica's state can't be trusted any more.
    data_dir: PathBuf,
    worker: Worker,
    /// Committed entries are left to be applied.
    more: bool,
    /// Why the thread ends, if it does so by itself.
    failure: Option<Ended>,
}

struct Peer {
    outbox: Arc<Outbox<PeerMessage>>,
    burst: Vec<PeerMessage>,
}

/// What a shell is made of.
pub(crate) struct ShellParts {
    /// The replica.
    pub(crate) replica: Replica<QueueDisk>,
    /// Its clock.
    pub(crate) clock: Clock,
    /// What waits for it.
    pub(crate) inbox: Arc<Inbox>,
    /// The connections to its peers.
    pub(crate) connections: Peers<PeerMessage>,
    /// Where answers go.
    pub(crate) answers: mpsc::UnboundedSender<Answers>,
    /// What it lets others know.
    pub(crate) published: Arc<Published>,
    /// Marked if its state can't be trusted any more.
    pub(crate) data_dir: PathBuf,
    /// Does what takes long.
    pub(crate) worker: Worker,
}

impl Shell {
    /// A shell around a replica.
    pub(crate) fn new(parts: ShellParts) -> Self {
        let ShellParts {
            replica,
            clock,
            inbox,
            connections,
            answers,
            published,
            data_dir,
            worker,
        } = parts;
        let mut shell = Self {
            replica,
            watch: ClockWatch::new(clock.now(), SystemTime::now()),
            clock,
            inbox,
            timers: Timers::new(),
            waiting: HashMap::new(),
            next_ticket: 0,
            connections,
            peers: BTreeMap::new(),
            roster: Bytes::new(),
            answers,
            published,
            actions: Actions::default(),
            data_dir,
            worker,
            more: false,
            failure: None,
        };
        shell.reconnect();
        shell
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
            // What waits comes before the rest of a long log.
            let wait = if self.more { Duration::ZERO } else { wait };
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
        for done in self.worker.take_done() {
            let input = Input::JobDone(done);
            self.replica.step(now, input, &mut self.actions);
        }
        feed(burst, &mut Turn { shell: self, now });
    }

    /// Arms the timers as the replica wants them.
    fn arm(&mut self, now: Time) {
        for (timer, span) in self.actions.timers.drain(..) {
            self.timers.set(now, timer, span);
        }
    }

    fn flush(&mut self, now: Time) {
        self.replica.flush(now, &mut self.actions);
        self.follow_roster();
        self.arm(now);
        let Actions {
            sends,
            replies,
            jobs,
            notices,
            more,
            ..
        } = &mut self.actions;
        self.worker.run(jobs.drain(..));
        self.more = mem::take(more);
        for (to, message) in sends.drain(..) {
            if !self.peers.contains_key(&to)
                && let Some(outbox) = self.connections.outbox(to)
            {
                // A member that is not in the configuration in force here, or not yet.
                let burst = vec![];
                self.peers.insert(to, Peer { outbox, burst });
            }
            if let Some(peer) = self.peers.get_mut(&to) {
                peer.burst.push(message);
            }
        }
        for peer in self
            .peers
            .values_mut()
            .filter(|peer| !peer.burst.is_empty())
        {
            peer.outbox.push(&mut peer.burst);
        }
        // A client that gets an answer and then asks for the status finds it no older.
        self.published.publish(self.replica.status(), &self.watch);
        if !replies.is_empty() {
            let waiting = &mut self.waiting;
            let answer = |(ticket, outcome)| Some((waiting.remove(&ticket)?, outcome));
            let answers = replies.drain(..).filter_map(answer).collect();
            // The receiver is gone only when the process is about to end.
            let _ = self.answers.send(answers);
        }
        for notice in notices.drain(..) {
            note(&notice, self.replica.roster());
            match notice {
                Notice::DiskFailed { error } => self.failure = Some(Ended::DiskFailed(error)),
                Notice::Stopped(why) => {
                    let ended = leave(&why, &self.published, &self.data_dir);
                    self.failure = ended.or(self.failure.take());
                }
                _ => {}
            }
        }
    }

    /// Goes over to the roster of the latest configuration in the log, if it is another one. A
    /// configuration without one, as a cluster has until its members first change, changes nothing.
    fn follow_roster(&mut self) {
        let configuration = self.replica.protocol().configuration();
        let Some(membership) = roster_change(&self.roster, configuration) else {
            return;
        };
        self.roster = configuration.context.clone();
        match membership {
            Ok(membership) => {
                if self.connections.set(membership) {
                    self.reconnect();
                }
            }
            Err(why) => error!("the roster in the log is not followed: {why}"),
        }
    }

    /// Takes the outboxes of those who are members now. What waited for others is dropped, as the
    /// protocol expects of a link.
    fn reconnect(&mut self) {
        let outboxes = self.connections.outboxes();
        self.peers = outboxes
            .into_iter()
            .map(|(node, outbox)| {
                let burst = vec![];
                (node, Peer { outbox, burst })
            })
            .collect();
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

    /// A leader that stops asks the most advanced of the others to take over, so that no client has to
    /// wait for an election timeout. Returns whether there is one to ask.
    fn hand_over(&mut self, now: Time) -> bool {
        let progress = self.replica.protocol().progress();
        let others = self
            .peers
            .iter()
            .filter_map(|(node, peer)| peer.outbox.stats().snapshot().connected.then_some(*node));
        let best =
            others.max_by_key(|node| progress.iter().find(|p| p.node == *node).map(|p| p.matched));
        let (true, Some(to)) = (self.leads(), best) else {
            return false;
        };
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let input = Input::Client {
            ticket,
            request: Request::TransferLeadership(to),
            deadline: now + HANDOVER,
        };
        self.replica.step(now, input, &mut self.actions);
        self.flush(now);
        true
    }

    /// No caller is left waiting.
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
        let ended = self.failure.take().unwrap_or(Ended::Stopped);
        self.published.ended_with(ended);
    }
}

/// What is fed with a burst.
trait Fed {
    /// Takes an input.
    fn input(&mut self, input: Input);
    /// Takes a client's request.
    fn ask(&mut self, ask: Ask);
    /// The next timer that has run out by now.
    fn due(&mut self) -> Option<Timer>;
}

/// Gives a replica what has gathered, in the order that matters: first what peers have said, or a
/// timer would run out on news that is already here, and a busy replica would depose a leader whose
/// heartbeat waits in its inbox; among that what carries no data. Then what the disk has done, then
/// timers, and clients last.
fn feed(burst: &mut Burst, to: &mut impl Fed) {
    for (from, message) in burst.urgent.drain(..).chain(burst.bulk.drain(..)) {
        to.input(Input::Peer { from, message });
    }
    // After what they said: it came before the connection broke.
    for peer in mem::take(&mut burst.gone) {
        to.input(Input::PeerGone(peer));
    }
    if mem::take(&mut burst.disk) {
        to.input(Input::Disk);
    }
    while let Some(timer) = to.due() {
        to.input(Input::Timer(timer));
    }
    for ask in burst.asks.drain(..) {
        to.ask(ask);
    }
}

/// One turn of the replica.
struct Turn<'a> {
    shell: &'a mut Shell,
    now: Time,
}

impl Fed for Turn<'_> {
    fn input(&mut self, input: Input) {
        let Shell {
            replica, actions, ..
        } = &mut *self.shell;
        replica.step(self.now, input, actions);
    }

    fn ask(&mut self, ask: Ask) {
        let ticket = Ticket(self.shell.next_ticket);
        self.shell.next_ticket += 1;
        self.shell.waiting.insert(ticket, ask.reply);
        self.input(Input::Client {
            ticket,
            request: ask.request,
            deadline: ask.deadline,
        });
    }

    fn due(&mut self) -> Option<Timer> {
        // What peers have said may have set it back.
        self.shell.arm(self.now);
        self.shell.timers.take_due(self.now)
    }
}

/// The members by the context of a configuration, if that is another one than `known`.
fn roster_change(
    known: &Bytes,
    configuration: &Configuration,
) -> Option<Result<Membership, RosterError>> {
    let context = &configuration.context;
    // Nearly always the very same bytes, which costs a comparison of two pointers.
    let is_same = context.as_ptr() == known.as_ptr() && context.len() == known.len();
    if is_same || context.is_empty() || context == known {
        return None;
    }
    Some(Roster::decode(context).map(|roster| Membership {
        roster,
        next: NodeId(configuration.next),
    }))
}

/// The replica has left the service. One that saw a safety property violated goes on refusing its
/// clients in words, until an operator acts, and does not start again; the others end the process.
fn leave(why: &Stopped, published: &Published, data_dir: &Path) -> Option<Ended> {
    error!("{why}");
    published.left_service(why.to_string());
    let Stopped::Violation { property, detail } = why else {
        return Some(Ended::Refused(why.to_string()));
    };
    published.count_violation(property);
    if let Err(error) = quarantine(data_dir, &format!("{property}: {detail}")) {
        error!("the directory can't be marked as out of service: {error}");
    }
    None
}

fn note(notice: &Notice, roster: &Roster) {
    match notice {
        Notice::RoleChanged { role, term, leader } => {
            let leader = leader.map_or("none known".to_owned(), |leader| roster.label(leader));
            info!(term, leader, "{role:?}");
        }
        Notice::CheckpointDone { index } => info!(index, "checkpoint written"),
        Notice::SnapshotInstalled { index } => info!(index, "snapshot from the leader installed"),
        Notice::SnapshotRejected { reason } => warn!("snapshot from the leader rejected: {reason}"),
        Notice::Stopped(_) | Notice::Configured => {}
        Notice::PeerDiverged { peer, detail } => {
            let peer = roster.label(*peer);
            error!("{peer} holds another state than a quorum does ({detail}): replace it");
        }
        Notice::DiskFailed { error } => {
            error!("the log has failed: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_replica::{Member, PeerMessage as Message};

    /// A replica with one timer that is due until a message is heard.
    #[derive(Default)]
    struct Listener {
        heard: Vec<&'static str>,
        due: bool,
    }

    impl Fed for Listener {
        fn input(&mut self, input: Input) {
            self.heard.push(match input {
                Input::Peer { message, .. } => {
                    self.due = false;
                    match message {
                        Message::Digest { .. } => "sign of life",
                        _ => "data",
                    }
                }
                Input::PeerGone(_) => "gone",
                Input::Disk => "disk",
                Input::JobDone(_) => "job",
                Input::Timer(_) => "timer",
                Input::Start | Input::Client { .. } => "else",
            });
        }

        fn ask(&mut self, _: Ask) {
            self.heard.push("ask");
        }

        fn due(&mut self) -> Option<Timer> {
            mem::take(&mut self.due).then_some(Timer::Sweep)
        }
    }

    fn burst() -> Burst {
        let (reply, _) = oneshot::channel();
        let digest = PeerMessage::Digest {
            software: 1,
            index: 1,
            digest: 1,
        };
        Burst {
            asks: vec![Ask {
                request: Request::Barrier,
                deadline: Time::ZERO,
                reply,
            }],
            urgent: vec![(NodeId(1), digest)],
            bulk: vec![(NodeId(2), PeerMessage::Forward(vec![]))],
            gone: [NodeId(2)].into(),
            disk: true,
            stop: false,
        }
    }

    #[test]
    fn peers_come_before_the_disk_timers_and_clients() {
        let mut listener = Listener {
            due: true,
            ..Listener::default()
        };
        feed(&mut burst(), &mut listener);
        assert_eq!(
            listener.heard,
            ["sign of life", "data", "gone", "disk", "ask"],
            "and a timer does not run out on news that is here"
        );
        let mut quiet = Burst {
            asks: burst().asks,
            disk: true,
            ..Burst::default()
        };
        let mut listener = Listener {
            due: true,
            ..Listener::default()
        };
        feed(&mut quiet, &mut listener);
        assert_eq!(listener.heard, ["disk", "timer", "ask"]);
    }

    /// A violation was logged ten times a second, and a start later all was forgotten. It is told once,
    /// counted once, and stays with the directory; other reasons to leave end the process.
    #[test]
    fn a_replica_leaves_the_service_once_and_its_directory_with_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let published = Published::new(status());
        let why = |detail: &str| Stopped::Violation {
            property: "state-machine safety",
            detail: detail.to_owned(),
        };
        assert_eq!(leave(&why("two digests"), &published, dir.path()), None);
        let told = published.out_of_service().expect("it says so").to_owned();
        assert!(told.contains("two digests"), "{told}");
        assert_eq!(published.violations(), [("state-machine safety", 1)]);
        let mark = std::fs::read_to_string(dir.path().join("out-of-service")).expect("marked");
        assert_eq!(mark, "state-machine safety: two digests");

        // If the directory is gone, it leaves all the same.
        let gone = dir.path().join("gone");
        let published = Published::new(status());
        assert_eq!(leave(&why("two digests"), &published, &gone), None);
        assert!(published.out_of_service().is_some());

        // One that was removed is told so, and its process ends; nothing is wrong with what it holds.
        let published = Published::new(status());
        let Some(Ended::Refused(told)) = leave(&Stopped::Removed, &published, &gone) else {
            panic!("it ends");
        };
        assert_eq!(told, Stopped::Removed.to_string());
        assert_eq!(published.violations(), []);
        assert!(!gone.exists());
    }

    fn status() -> quorate_replica::Status {
        let (hard, machine) = quorate_replica::Recovery::<crate::serving::Serving>::default()
            .finish()
            .expect("an empty log");
        let config = quorate_replica::Config {
            protocol: quorate_crash::raft::Config::of(1),
            limits: quorate_replica::Limits::default(),
            sweep: Duration::from_millis(100),
            software: quorate_replica::LEVEL,
            nonce: 7,
            mutant: quorate_core::Mutant::None,
        };
        quorate_replica::Replica::<crate::serving::Serving, Nothing>::new(
            config,
            NodeId(0),
            hard,
            machine,
            Nothing,
        )
        .status()
    }

    /// A disk that is never asked.
    struct Nothing;

    impl quorate_core::driver::Disk<crate::serving::Record> for Nothing {
        fn append(&mut self, _: &mut Vec<crate::serving::Record>) -> u64 {
            0
        }
        fn durable(&self) -> std::io::Result<u64> {
            Ok(0)
        }
    }

    #[test]
    fn the_roster_of_a_configuration_is_followed_when_it_changes() {
        let member = |node: u32| {
            let name = format!("n{node}");
            Member::founder(NodeId(node), 1 + u64::from(node), &name, "", "")
        };
        let roster = Roster {
            cluster_id: 7,
            cluster: "test".to_owned(),
            members: vec![member(0), member(4)],
            ..Roster::default()
        };
        let mut configuration = Configuration::founding(3);
        assert!(roster_change(&Bytes::new(), &configuration).is_none());
        configuration.context = roster.encode().into();
        configuration.next = 9;
        let change = roster_change(&Bytes::new(), &configuration).expect("another");
        let change = change.expect("sound");
        assert_eq!((change.roster, change.next), (roster, NodeId(9)));
        let known = Bytes::copy_from_slice(&configuration.context);
        assert!(roster_change(&known, &configuration).is_none());
        configuration.context = Bytes::from_static(b"nonsense");
        let change = roster_change(&known, &configuration).expect("another");
        change.expect_err("not a roster");
    }
}
