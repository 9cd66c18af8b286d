//! For drivers only: recovering hard state, and the gate that holds messages behind the disk.
//!
//! Protocol crates are banned from this module by their `clippy.toml`.

use crate::effects::Effects;

use crate::id::To;

use crate::journal::{Hard, Journaled};

use crate::protocol::{Coin, Protocol};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::time::Duration;
use std::{io, mem};

/// A position in a node's log: the number of records written up to and including it.
pub type Lsn = u64;

/// Hard state as the fold of the records that a log holds.
pub fn replay<'r, H: Hard + 'r>(records: impl IntoIterator<Item = &'r H::Record>) -> Journaled<H> {
    let mut hard = H::default();
    records.into_iter().for_each(|record| hard.apply(record));
    Journaled(hard)
}

/// Hard state that a driver has folded already.
pub fn restored<H: Hard>(hard: H) -> Journaled<H> {
    Journaled(hard)
}

/// An append-only device of records.
pub trait Disk<R> {
    /// Takes the records over, in order, leaving `records` empty; returns the position of the last
    /// record ever appended.
    fn append(&mut self, records: &mut Vec<R>) -> Lsn;

    /// The position through which everything is durable.
    ///
    /// # Errors
    /// Once a write or a sync has failed, and from then on: what a failed sync leaves on the medium is
    /// unknown, and a later success says nothing about it.
    fn durable(&self) -> io::Result<Lsn>;
}

/// The part of a burst that happens at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prompt<P: Protocol> {
    pub(crate) messages: Vec<(To, P::Eager)>,
    pub(crate) outputs: Vec<P::EagerOutput>,
    pub(crate) timers: Vec<TimerChange<P::Timer>>,
    pub(crate) coins: Vec<(Coin, u64)>,
}

/// `Some((min, max))` arms the timer, `None` disarms it.
pub type TimerChange<T> = (T, Option<(Duration, Duration)>);

impl<P: Protocol> Default for Prompt<P> {
    fn default() -> Self {
        Self {
            messages: vec![],
            outputs: vec![],
            timers: vec![],
            coins: vec![],
        }
    }
}

impl<P: Protocol> Prompt<P> {
    /// Takes out the messages that need not wait.
    pub fn messages(&mut self) -> impl Iterator<Item = Released<P::Message>> {
        self.messages.drain(..).map(|(to, eager)| Released {
            to,
            message: eager.into(),
        })
    }

    /// Takes out the outputs that need not wait.
    pub fn outputs(&mut self) -> impl Iterator<Item = P::Output> {
        self.outputs.drain(..).map(Into::into)
    }

    /// Takes out the changes of timers, in the order in which they were asked for.
    pub fn timers(&mut self) -> impl Iterator<Item = TimerChange<P::Timer>> {
        self.timers.drain(..)
    }

    /// Takes out the coins to flip, each with its tag.
    pub fn coins(&mut self) -> impl Iterator<Item = (Coin, u64)> {
        self.coins.drain(..)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.coins.is_empty()
            && self.messages.is_empty()
            && self.outputs.is_empty()
            && self.timers.is_empty()
    }
}

/// A message that may leave. Having one is the proof that what it claims is on disk.
///
/// ```compile_fail,E0451
/// use quorate_core::{To, driver::Released};
/// fn forge<M>(message: M) -> Released<M> {
///     Released { to: To::All, message }
/// }
/// ```
#[derive(Debug)]
pub struct Released<M> {
    to: To,
    message: M,
}

impl<M> Released<M> {
    /// The addressee and the message, for the wire.
    pub fn into_parts(self) -> (To, M) {
        (self.to, self.message)
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Held<P: Protocol> {
    lsn: Lsn,
    messages: Vec<(To, P::Message)>,
    outputs: Vec<P::Output>,
}

/// The log gate: the only way from a protocol's messages to the wire.
///
/// A burst's records go to the disk, its gated messages wait here until those records, and all
/// that were written before them, are durable. After a failed sync nothing is ever released again:
/// a node that cannot keep its word stays silent (doc 000, "write to disk MUST be durable before
/// sending"; DESIGN rule 2).
///
/// What waits is bounded by what the driver lets in: it stops feeding requests when
/// [`Gate::waiting`] says that the disk does not keep up.
///
/// A value: it compares and hashes by what waits, not by the memory that it keeps for later bursts.
pub struct Gate<P: Protocol> {
    held: VecDeque<Held<P>>,
    spare: Vec<Held<P>>,
    failed: bool,
}

impl<P: Protocol> Clone for Gate<P> {
    fn clone(&self) -> Self {
        Self {
            held: self.held.clone(),
            spare: vec![],
            failed: self.failed,
        }
    }
}

impl<P: Protocol> PartialEq for Gate<P> {
    fn eq(&self, other: &Self) -> bool {
        self.held == other.held && self.failed == other.failed
    }
}

impl<P: Protocol> Eq for Gate<P> {}

impl<P: Protocol> Hash for Gate<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.held.hash(state);
        self.failed.hash(state);
    }
}

impl<P: Protocol> Default for Gate<P> {
    fn default() -> Self {
        Self {
            held: VecDeque::new(),
            spare: vec![],
            failed: false,
        }
    }
}

impl<P: Protocol> Debug for Gate<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("waiting", &self.held.len())
            .field("failed", &self.failed)
            .finish()
    }
}

impl<P: Protocol> Gate<P> {
    /// Takes a burst apart: records to the disk, gated messages into the queue. What is returned
    /// may happen at once; the caller empties it.
    pub fn submit<'o, D>(&mut self, out: &'o mut Effects<P>, disk: &mut D) -> &'o mut Prompt<P>
    where
        D: Disk<<P::Hard as Hard>::Record>,
    {
        let wrote = !out.records.is_empty();
        if self.failed {
            out.records.clear();
            out.gated.clear();
            out.outputs.clear();
            out.prompt.messages.clear();
            out.prompt.outputs.clear();
            return &mut out.prompt;
        }
        if wrote || !out.gated.is_empty() || !out.outputs.is_empty() {
            let lsn = disk.append(&mut out.records);
            debug_assert!(out.records.is_empty(), "a disk takes all records over");
            if !out.gated.is_empty() || !out.outputs.is_empty() {
                let mut held = self.spare.pop().unwrap_or_else(|| Held {
                    lsn,
                    messages: vec![],
                    outputs: vec![],
                });
                held.lsn = lsn;
                mem::swap(&mut held.messages, &mut out.gated);
                mem::swap(&mut held.outputs, &mut out.outputs);
                self.held.push_back(held);
            }
        }
        &mut out.prompt
    }

    /// Releases what the disk's progress allows, in order.
    ///
    /// # Errors
    /// When the disk has failed, now or earlier. Nothing is released then, or ever after.
    pub fn release<D>(
        &mut self,
        disk: &D,
        mut send: impl FnMut(Released<P::Message>),
        mut deliver: impl FnMut(P::Output),
    ) -> io::Result<()>
    where
        D: Disk<<P::Hard as Hard>::Record>,
    {
        if self.failed {
            return Err(io::Error::other(
                "the log failed earlier; this node stays silent",
            ));
        }
        if self.held.is_empty() {
            return Ok(());
        }
        let through = disk.durable().inspect_err(|_| self.fail())?;
        while self.held.front().is_some_and(|held| held.lsn <= through) {
            let Some(mut held) = self.held.pop_front() else {
                break;
            };
            held.messages
                .drain(..)
                .for_each(|(to, message)| send(Released { to, message }));
            held.outputs.drain(..).for_each(&mut deliver);
            // A burst or two is the steady state; what one slow sync piled up is given back.
            if self.spare.len() < 64 {
                self.spare.push(held);
            }
        }
        Ok(())
    }

    /// Closes the gate for good and forgets what waits.
    pub fn fail(&mut self) {
        self.failed = true;
        self.held.clear();
    }

    /// Has the log failed?
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// How many bursts wait for the disk.
    pub fn waiting(&self) -> usize {
        self.held.len()
    }
}

/// For adversaries and mutants: what a faulty node may do that the types forbid a correct one.
/// Nothing that serves uses this.
pub mod faulty {
    use super::*;

    /// Rewrites what a burst would send, eager messages included, without releasing any of it.
    pub fn rewrite<P: Protocol>(
        out: &mut Effects<P>,
        mut rewrite: impl FnMut(To, P::Message, &mut dyn FnMut(To, P::Message)),
    ) {
        let eager = mem::take(&mut out.prompt.messages);
        let gated = mem::take(&mut out.gated);
        let all = gated
            .into_iter()
            .chain(eager.into_iter().map(|(to, m)| (to, m.into())));
        for (to, message) in all {
            rewrite(to, message, &mut |to, message| {
                out.gated.push((to, message))
            });
        }
    }

    /// Forgets the records of a burst: the amnesiac's disk, and the vote that was not persisted.
    /// Keeps those for which `keep` holds.
    pub fn forget_records<P: Protocol>(
        out: &mut Effects<P>,
        keep: impl FnMut(&<P::Hard as Hard>::Record) -> bool,
    ) {
        out.records.retain(keep);
    }
}
