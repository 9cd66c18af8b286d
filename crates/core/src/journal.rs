//! Hard state: what must survive a crash, and how it may change.

use crate::effects::Effects;

use crate::protocol::Protocol;
use std::fmt::Debug;
use std::hash::Hash;
use std::ops::Deref;

/// State that is the fold of its records, so that recovery is not a second implementation.
///
/// Doc 000: "state on disk is consistent, any message sent was backed by durable state".
pub trait Hard: Clone + Debug + Default + Eq + Hash {
    /// One change of the state, as it is written to the log.
    type Record: Clone + Debug + Eq + Hash;

    /// Changes the state by one record. Called once when the record is written, and again for
    /// each record of the log after a crash.
    fn apply(&mut self, record: &Self::Record);

    /// Gives back some memory that is no part of the state any more, and changes nothing that can be
    /// seen. For states that would otherwise free millions of things at once, and stop the node while
    /// they do.
    fn tidy(&mut self) {}
}

/// A protocol that keeps nothing across a crash.
impl Hard for () {
    type Record = crate::protocol::Never;
    fn apply(&mut self, record: &crate::protocol::Never) {
        match *record {}
    }
}

/// Hard state: readable like `&H`, writable only with a record.
///
/// What cannot be written: changing hard state and forgetting to persist it.
///
/// ```compile_fail,E0594
/// use quorate_core::Journaled;
/// # #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)] struct Ballot { term: u64 }
/// # impl quorate_core::Hard for Ballot { type Record = u64; fn apply(&mut self, t: &u64) { self.term = *t } }
/// fn forget_to_persist(hard: &mut Journaled<Ballot>) {
///     hard.term += 1;
/// }
/// ```
///
/// nor by way of a mutable borrow:
///
/// ```compile_fail,E0596
/// use quorate_core::Journaled;
/// # #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)] struct Ballot { term: u64 }
/// # impl quorate_core::Hard for Ballot { type Record = u64; fn apply(&mut self, t: &u64) { self.term = *t } }
/// fn apply_without_a_record(hard: &mut Journaled<Ballot>) {
///     quorate_core::Hard::apply(&mut **hard, &7);
/// }
/// ```
///
/// nor by making another one from thin air:
///
/// ```compile_fail,E0423
/// use quorate_core::Journaled;
/// let hard = Journaled(());
/// ```
///
/// nor by way of `Default`: only recovery makes one ([`driver`](crate::driver)), so that a node can't
/// begin with a past that its disk does not hold:
///
/// ```compile_fail,E0599
/// use quorate_core::Journaled;
/// let hard = Journaled::<()>::default();
/// ```
///
/// The same types, used as meant, do compile:
///
/// ```
/// use quorate_core::Journaled;
/// # #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)] struct Ballot { term: u64 }
/// # impl quorate_core::Hard for Ballot { type Record = u64; fn apply(&mut self, t: &u64) { self.term = *t } }
/// fn read(hard: &Journaled<Ballot>) -> u64 {
///     hard.term
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Journaled<H>(pub(crate) H);

impl<H> Deref for Journaled<H> {
    type Target = H;
    fn deref(&self) -> &H {
        &self.0
    }
}

impl<H: Hard> Journaled<H> {
    /// Changes the state by `record`, and has `record` written to the log before anything that is
    /// sent later in the same burst.
    pub fn write<P: Protocol<Hard = H>>(&mut self, record: H::Record, out: &mut Effects<P>) {
        self.0.apply(&record);
        out.record(record);
    }

    /// See [`Hard::tidy`].
    pub fn tidy(&mut self) {
        self.0.tidy();
    }
}
