//! Between `quorate up` and the replicas that it starts: a child ends when its standard input ends,
//! which it does however the parent dies; and it reports on its standard output, an event a line.

use quorate_node::Node;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// What a child reports, as one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub(crate) enum Event {
    /// The cluster is being formed.
    Forming {
        /// The members that have not started yet, by name.
        waiting_for: Vec<String>,
        /// What the operator should know, if anything.
        note: Option<String>,
    },
    /// The log is being read.
    Recovering {
        /// Bytes read.
        read: u64,
        /// Bytes to read.
        total: u64,
    },
    /// It serves.
    Ready {
        /// Where clients reach it.
        clients: String,
    },
    /// How it is.
    Status {
        /// The member that leads, if it knows one.
        leader: Option<u32>,
        /// Its term.
        term: u64,
        /// Its commit index.
        commit: u64,
        /// Its applied index.
        applied: u64,
        /// The store's revision.
        revision: i64,
        /// Invariants that it has found violated.
        violations: u64,
    },
}

impl Event {
    pub(crate) fn ready(node: &Node) -> Self {
        Event::Ready {
            clients: node.client_address().to_string(),
        }
    }

    fn status(node: &Node) -> Self {
        let status = node.status();
        Event::Status {
            leader: status.leader.map(|leader| leader.0),
            term: status.term,
            commit: status.commit,
            applied: status.applied,
            revision: status.revision,
            violations: status.counters.violations,
        }
    }

    /// Tells the parent. A parent that does not listen any more is about to be noticed otherwise.
    pub(crate) fn tell(&self) {
        if let Ok(line) = serde_json::to_string(self) {
            let _ = writeln!(io::stdout(), "{line}");
        }
    }
}

/// How often a child reports.
pub(crate) const REPORT_EVERY: Duration = Duration::from_millis(500);

/// Reports until the process ends.
pub(crate) async fn report(node: &Node) {
    let mut every = tokio::time::interval(REPORT_EVERY);
    loop {
        every.tick().await;
        Event::status(node).tell();
    }
}

/// Watches over the parent from the first moment on: a start may wait for other members without
/// end, and must end with the parent all the same.
pub(crate) struct Lifeline(Option<oneshot::Receiver<()>>);

/// Whether the end of the parent ends the process at once, or is left to who waits for it.
static ENDS_AT_ONCE: AtomicBool = AtomicBool::new(true);

impl Lifeline {
    /// Watches, if there is a parent to watch. Until [`Lifeline::serving`] is called, the process
    /// ends where it stands when the parent does, as in a crash, which it survives.
    pub(crate) fn watch(watch: bool) -> Self {
        if !watch {
            return Self(None);
        }
        let (end, ended) = oneshot::channel::<()>();
        // A thread of its own: nothing else can wait for a standard input that may be anything.
        thread::spawn(move || {
            let mut buffer = [0; 64];
            while matches!(io::stdin().read(&mut buffer), Ok(1..)) {}
            if ENDS_AT_ONCE.load(Ordering::SeqCst) {
                std::process::exit(0);
            }
            drop(end);
        });
        Self(Some(ended))
    }

    /// From here on the process ends in order.
    pub(crate) fn serving(&self) {
        ENDS_AT_ONCE.store(false, Ordering::SeqCst);
    }

    /// Resolves when the parent has ended; never, if there is none.
    pub(crate) async fn cut(self) {
        match self.0 {
            Some(ended) => drop(ended.await),
            None => std::future::pending().await,
        }
    }
}
