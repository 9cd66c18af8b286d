//! Drives a founder: carries its offer to the others, answers theirs, writes the decision down.

use crate::error::StartError;
use crate::forming::{Forming, Verdict};
use crate::peers::handshake::{self, HandshakeError, Intent, RejectReason};
use crate::peers::{listen, offers};
use quorate_core::Time;
use quorate_replica::Roster;
use quorate_wal::Progress;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};
use tracing::{debug, info, warn};

/// How far a node that starts is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starting {
    /// The cluster is being formed. Told when something changes, and at least twice a second.
    Forming {
        /// The founders that have not started yet, by name.
        waiting_for: Vec<String>,
        /// What the operator should know, if anything.
        note: Option<String>,
    },
    /// The directory waits to become a member that was added. Told about twice a second.
    Joining {
        /// What it waits for, and what to do.
        note: String,
    },
    /// The log is being read.
    Recovering(Progress),
}

/// How often an offer is repeated. It lasts ten times as long.
const OFFER_EVERY: Duration = Duration::from_millis(200);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(500);

struct Shared {
    forming: Mutex<Forming>,
    /// Since when times are counted.
    start: Instant,
    /// Something has changed.
    changed: Notify,
    said: Mutex<Remarks>,
}

/// What others said about us.
#[derive(Default)]
struct Remarks {
    note: Option<String>,
    refused: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn now(&self) -> Time {
        Time::ZERO + self.start.elapsed()
    }
}

/// Takes part in the forming of a cluster until it is formed, and returns its founders. `write`
/// makes them durable; they are told to no one before. Others reach us at `listener`.
///
/// # Errors
/// If this founder is refused, the founders can't be written down, or `progress` says to stop.
pub(crate) async fn found(
    forming: Forming,
    listener: &TcpListener,
    write: impl FnOnce(&Roster) -> Result<(), StartError>,
    progress: &mut (dyn FnMut(Starting) -> ControlFlow<()> + Send),
) -> Result<Roster, StartError> {
    let others: Vec<_> = forming
        .others()
        .map(|member| (member.name.clone(), member.peer_address().to_owned()))
        .collect();
    let shared = Arc::new(Shared {
        forming: Mutex::new(forming),
        start: Instant::now(),
        changed: Notify::new(),
        said: Mutex::default(),
    });
    // Ends with this function.
    let mut callers = JoinSet::new();
    for (name, address) in others {
        callers.spawn(offer_to(shared.clone(), name, address));
    }
    let answering = shared.clone();
    let answers = listen(listener, move |stream, _, call| {
        answer(answering.clone(), stream, call)
    });
    let decided = decide(&shared, progress);
    let roster = tokio::select! {
        decided = decided => decided?,
        () = answers => return Err(StartError::Stopped),
    };
    write(&roster)?;
    lock(&shared.forming).on_written();
    info!(
        cluster = roster.cluster,
        id = format!("{:016x}", roster.cluster_id),
        members = roster.members.len(),
        "the cluster is formed"
    );
    Ok(roster)
}

/// Waits until the founders are decided, or this one is refused.
async fn decide(
    shared: &Shared,
    progress: &mut (dyn FnMut(Starting) -> ControlFlow<()> + Send),
) -> Result<Roster, StartError> {
    let mut every = interval(TELL_EVERY);
    let mut told = None;
    loop {
        let is_due = tokio::select! {
            () = shared.changed.notified() => false,
            _ = every.tick() => true,
        };
        let said = std::mem::take(&mut lock(&shared.said).refused);
        if let Some(why) = said {
            return Err(StartError::Founding(why));
        }
        let (decided, waiting_for) = {
            let forming = lock(&shared.forming);
            let decided = forming.decided().cloned();
            (decided, forming.waits_for(shared.now()))
        };
        if let Some(roster) = decided {
            return Ok(roster);
        }
        let note = lock(&shared.said).note.clone();
        let now = Starting::Forming { waiting_for, note };
        if is_due || told.as_ref() != Some(&now) {
            if progress(now.clone()).is_break() {
                return Err(StartError::Stopped);
            }
            told = Some(now);
        }
    }
}

/// Offers us to another founder again and again, one offer at a time.
async fn offer_to(shared: Arc<Shared>, name: String, address: String) {
    loop {
        let offer = lock(&shared.forming).offer();
        match offers::ask(&address, &Intent::Form(offer)).await {
            Ok(answer) => {
                let now = shared.now();
                let verdict = lock(&shared.forming).on_answer(now, &name, answer);
                match verdict {
                    Verdict::Wait | Verdict::Adopt(_) => {}
                    Verdict::Note(note) => shared.note(note),
                    Verdict::Refused(why) => lock(&shared.said).refused = Some(why),
                }
                shared.changed.notify_one();
            }
            // It has not started, most likely, and is named among those that are waited for.
            Err(HandshakeError::Io(error)) => {
                debug!(peer = name, %address, "no answer to our offer: {error}");
            }
            Err(error) => shared.note(format!("{name:?} at {address}: {error}")),
        }
        sleep(OFFER_EVERY.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
    }
}

impl Shared {
    /// Tells the operator, once.
    fn note(&self, note: String) {
        let mut said = lock(&self.said);
        if said.note.as_ref() != Some(&note) {
            warn!("forming the cluster: {note}");
            said.note = Some(note);
        }
    }
}

async fn answer(
    shared: Arc<Shared>,
    mut stream: TcpStream,
    call: handshake::HandshakeCall,
) -> Result<(), HandshakeError> {
    let Intent::Form(offer) = &call.intent else {
        let why = "this member does not belong to a cluster yet".to_owned();
        return Err(handshake::refuse(&mut stream, RejectReason::NotFormed, why).await);
    };
    let now = shared.now();
    let answer = lock(&shared.forming).on_offer(now, offer);
    if let crate::forming::FormingAnswer::Refused { why } = &answer {
        shared.note(format!("an offer is refused: {why}"));
    }
    shared.changed.notify_one();
    offers::answer(&mut stream, &call, &answer).await
}
