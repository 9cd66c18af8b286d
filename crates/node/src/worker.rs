//! The thread that does what takes time with the size of the state: encoding, decoding and dropping
//! snapshots ([`quorate_replica::Job`]).

use quorate_replica::{Job, JobDone};
use std::io;
use std::mem;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Runs jobs in order. What waits is bounded by what a replica asks for: a few jobs at a time. The
/// thread ends when the worker is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    jobs: Sender<Job>,
    done: Arc<Mutex<Vec<JobDone>>>,
}

impl Worker {
    /// Starts the thread. It calls `wake` after each job.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(crate) fn start(wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (jobs, asked) = mpsc::channel::<Job>();
        let done = Arc::new(Mutex::new(vec![]));
        let results = done.clone();
        thread::Builder::new()
            .name("snapshots".to_owned())
            .spawn(move || {
                for job in asked {
                    let result = job.run();
                    lock(&results).push(result);
                    wake();
                }
            })?;
        Ok(Self { jobs, done })
    }

    /// Has jobs run.
    pub(crate) fn run(&self, jobs: impl Iterator<Item = Job>) {
        for job in jobs {
            // The thread ends only if a job panics: then snapshots stop, and the rest goes on.
            let _ = self.jobs.send(job);
        }
    }

    /// What has been done since the last call.
    pub(crate) fn take_done(&self) -> Vec<JobDone> {
        mem::take(&mut *lock(&self.done))
    }
}

fn lock(done: &Mutex<Vec<JobDone>>) -> std::sync::MutexGuard<'_, Vec<JobDone>> {
    done.lock().unwrap_or_else(PoisonError::into_inner)
}
