//! What the replica's thread lets everybody know of itself.

use crate::clock::ClockWatch;
use quorate_core::replicated::Role;
use quorate_replica::Status;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Why a replica has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// Its log has failed, for this reason. What it acknowledged is safe; it must be started again
    /// to find out what is durable.
    DiskFailed(String),
    /// It can't be part of the cluster that it finds, for this reason; starting it again as it is
    /// won't help.
    Refused(String),
    /// Its thread has panicked: a bug. The message is on standard error.
    Panicked,
}

/// What is counted about the clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockStatus {
    /// How often the replica's thread was paused.
    pub pauses: u64,
    /// For how long at most.
    pub longest_pause: Duration,
    /// How often the wall clock jumped.
    pub jumps: u64,
}

#[derive(Debug)]
pub(crate) struct Published {
    latest: Mutex<(Status, ClockStatus)>,
    /// Read with every answer, hence by itself.
    term: AtomicU64,
    /// Likewise.
    learner: AtomicBool,
    /// Why the replica has left the service, if it has.
    out_of_service: OnceLock<String>,
    violations: Mutex<BTreeMap<&'static str, u64>>,
    ended: watch::Sender<Option<Ended>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Published {
    pub(crate) fn new(status: Status) -> Self {
        Self {
            term: status.term.into(),
            learner: AtomicBool::new(status.role == Role::Learner),
            latest: Mutex::new((status, ClockStatus::default())),
            out_of_service: OnceLock::new(),
            violations: Mutex::default(),
            ended: watch::Sender::new(None),
        }
    }

    pub(crate) fn publish(&self, status: Status, watch: &ClockWatch) {
        self.term.store(status.term, Ordering::Relaxed);
        self.learner
            .store(status.role == Role::Learner, Ordering::Relaxed);
        let ClockWatch {
            pauses,
            longest_pause,
            jumps,
            ..
        } = *watch;
        *lock(&self.latest) = (
            status,
            ClockStatus {
                pauses,
                longest_pause,
                jumps,
            },
        );
    }

    pub(crate) fn is_learner(&self) -> bool {
        self.learner.load(Ordering::Relaxed)
    }

    pub(crate) fn term(&self) -> u64 {
        self.term.load(Ordering::Relaxed)
    }

    pub(crate) fn latest(&self) -> (Status, ClockStatus) {
        lock(&self.latest).clone()
    }

    /// The replica has left the service; only the first reason counts.
    pub(crate) fn left_service(&self, why: String) {
        let _ = self.out_of_service.set(why);
    }

    pub(crate) fn out_of_service(&self) -> Option<&str> {
        self.out_of_service.get().map(|why| &**why)
    }

    pub(crate) fn count_violation(&self, property: &'static str) {
        *lock(&self.violations).entry(property).or_default() += 1;
    }

    /// Violations seen, by property.
    pub(crate) fn violations(&self) -> Vec<(&'static str, u64)> {
        lock(&self.violations)
            .iter()
            .map(|(property, count)| (*property, *count))
            .collect()
    }

    /// The thread has ended.
    pub(crate) fn ended_with(&self, ended: Ended) {
        // The first reason is the one that counts.
        self.ended.send_if_modified(|known| {
            let first = known.is_none();
            if first {
                *known = Some(ended);
            }
            first
        });
    }

    /// Waits until the thread has ended.
    pub(crate) async fn ended(&self) -> Ended {
        let mut ended = self.ended.subscribe();
        match ended
            .wait_for(Option::is_some)
            .await
            .map(|ended| ended.clone())
        {
            Ok(Some(ended)) => ended,
            // The sender lives as long as `self`.
            Ok(None) | Err(_) => Ended::Stopped,
        }
    }
}
