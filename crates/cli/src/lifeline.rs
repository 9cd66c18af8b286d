//! Between `quorate up` and the replicas that it starts: a child ends when its standard input ends,
//! which it does however the parent dies; and it reports on its standard output, an event a line.

use quorate_node::Node;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// What a child reports, as one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub(crate) enum Event {
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

/// Reports for ever.
pub(crate) async fn report(node: &Node) {
    let mut every = tokio::time::interval(REPORT_EVERY);
    loop {
        every.tick().await;
        Event::status(node).tell();
    }
}

/// Resolves when standard input ends; never, if there is no parent to watch.
pub(crate) async fn cut(watch: bool) {
    let (end, ended) = oneshot::channel::<()>();
    if watch {
        // A thread of its own: nothing else can wait for a standard input that may be anything.
        thread::spawn(move || {
            let mut buffer = [0; 64];
            while matches!(io::stdin().read(&mut buffer), Ok(1..)) {}
            drop(end);
        });
        let _ = ended.await;
    } else {
        std::future::pending().await
    }
}
