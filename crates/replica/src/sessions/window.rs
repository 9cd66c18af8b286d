//! The answers to the writes of one session that are not settled yet.

use super::Answer;
use imbl::Vector;

/// Answers by the number of their write, from the first that is not settled. A clone shares what
/// neither changes.
///
/// There is a slot for each number up to the highest answered one, so the caller bounds how far that
/// one lies ahead.
#[derive(Clone, Debug)]
pub(super) struct AnswerWindow {
    /// The lowest number that is not settled: that of the first slot.
    settled: u64,
    slots: Vector<Option<Answer>>,
}

impl AnswerWindow {
    pub(super) fn new(settled: u64) -> Self {
        Self {
            settled,
            slots: Vector::new(),
        }
    }

    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    fn slot(&self, seq: u64) -> Option<usize> {
        usize::try_from(seq.checked_sub(self.settled)?).ok()
    }

    pub(super) fn get(&self, seq: u64) -> Option<&Answer> {
        self.slots.get(self.slot(seq)?)?.as_ref()
    }

    /// Puts an answer in its slot, unless its write is settled.
    pub(super) fn insert(&mut self, seq: u64, answer: Answer) {
        let Some(slot) = self.slot(seq) else {
            return;
        };
        while self.slots.len() <= slot {
            self.slots.push_back(None);
        }
        self.slots.set(slot, Some(answer));
    }

    /// Settles the writes below `settled` one by one: takes out the next number, and its answer if
    /// there is one. `None` when all are settled.
    pub(super) fn settle(&mut self, settled: u64) -> Option<(u64, Option<Answer>)> {
        let seq = self.settled;
        if seq >= settled {
            return None;
        }
        let Some(answer) = self.slots.pop_front() else {
            self.settled = settled; // no answer is left
            return None;
        };
        self.settled += 1;
        Some((seq, answer))
    }

    /// The answers from this number on, in order.
    pub(super) fn from(&self, seq: u64) -> impl Iterator<Item = (u64, &Answer)> {
        let first = seq.max(self.settled);
        let slots = self.slots.iter().skip((first - self.settled) as usize);
        let numbered = slots.enumerate();
        numbered.filter_map(move |(n, answer)| Some((first + n as u64, answer.as_ref()?)))
    }
}
