//! The receiving half: each number once, in order if that is promised.

use super::packet::Ack;
use super::{Config, DeliveryOrder};
use crate::missing::Missing;
use crate::refusal::LinkRefusal;
use std::collections::BTreeMap;

/// What has arrived in this session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LinkReceiver<M> {
    /// All up to here have been delivered.
    through: u64,
    /// What arrived after the first that is missing, at most a window ahead. The message is kept
    /// where order is promised, and delivered already where it is not.
    beyond: BTreeMap<u64, Option<M>>,
}

impl<M> LinkReceiver<M> {
    pub(super) fn new() -> Self {
        Self {
            through: 0,
            beyond: BTreeMap::new(),
        }
    }

    /// Takes message `number`; puts what can be delivered into `inbox`.
    ///
    /// The drop rule: what is more than a window ahead of the last in order is dropped and not
    /// acknowledged, so that the sender, which knows the window, sends it again when it fits.
    pub(super) fn take(
        &mut self,
        config: &Config,
        number: u64,
        message: M,
        inbox: &mut Vec<M>,
    ) -> Result<(), LinkRefusal> {
        if number == 0 {
            return Err(LinkRefusal::Impossible);
        }
        if number <= self.through || self.beyond.contains_key(&number) {
            if config.missing.is(Missing::DuplicateSuppression) {
                inbox.push(message);
            }
            return Err(LinkRefusal::Duplicate);
        }
        if number - self.through > u64::from(config.window) && !config.missing.is(Missing::Window) {
            return Err(LinkRefusal::BeyondWindow);
        }
        let held = match config.order {
            DeliveryOrder::Fifo if !config.missing.is(Missing::Reordering) => Some(message),
            DeliveryOrder::Any | DeliveryOrder::Fifo => {
                inbox.push(message);
                None
            }
        };
        self.beyond.insert(number, held);
        while let Some(held) = self.beyond.remove(&(self.through + 1)) {
            self.through += 1;
            inbox.extend(held);
        }
        Ok(())
    }

    pub(super) fn ack(&self) -> Ack {
        let from = self.through.saturating_add(2);
        let beyond = self
            .beyond
            .range(from..from.saturating_add(128))
            .fold(0, |bits, (number, _)| bits | 1 << (number - from));
        Ack {
            through: self.through,
            beyond,
        }
    }

    pub(super) fn check_invariants(&self, config: &Config) -> Result<(), String> {
        let held = self.beyond.len();
        if held > config.window as usize {
            return Err(format!(
                "bounded reorder window: {held} held of {}",
                config.window
            ));
        }
        Ok(())
    }
}
