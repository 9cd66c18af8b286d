//! What a protocol may ask of the world, as data.

use crate::driver::Prompt;
use crate::id::To;
use crate::journal::Hard;
use crate::protocol::{Coin, Protocol};
use std::time::Duration;

/// Everything that a burst of steps asks of the world. Filled by the protocol, taken apart by the
/// driver; reused from burst to burst, so that in the steady state nothing is allocated.
///
/// What cannot be written: taking a message out before the log has it.
///
/// ```compile_fail,E0616
/// use quorate_core::{Effects, Protocol};
/// fn send_before_durable<P: Protocol>(out: Effects<P>) {
///     for message in out.gated {}
/// }
/// ```
///
/// nor sending as eager what is not of the eager type:
///
/// ```compile_fail,E0308
/// use quorate_core::{Effects, Protocol, To};
/// fn jump_the_queue<P: Protocol>(out: &mut Effects<P>, message: P::Message) {
///     out.send_eager(To::All, message);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Effects<P: Protocol> {
    pub(crate) records: Vec<<P::Hard as Hard>::Record>,
    pub(crate) gated: Vec<(To, P::Message)>,
    pub(crate) outputs: Vec<P::Output>,
    pub(crate) prompt: Prompt<P>,
}

impl<P: Protocol> Default for Effects<P> {
    fn default() -> Self {
        Self {
            records: vec![],
            gated: vec![],
            outputs: vec![],
            prompt: Prompt::default(),
        }
    }
}

impl<P: Protocol> Effects<P> {
    /// Sends once all that was written so far is durable. To oneself too: that is how a node
    /// learns that its own write is on disk, and may count itself in a quorum.
    pub fn send(&mut self, to: To, message: impl Into<P::Message>) {
        self.gated.push((to, message.into()));
    }

    /// Sends at once.
    pub fn send_eager(&mut self, to: To, message: P::Eager) {
        self.prompt.messages.push((to, message));
    }

    /// Tells the layer above, once all that was written so far is durable.
    pub fn output(&mut self, output: impl Into<P::Output>) {
        self.outputs.push(output.into());
    }

    /// Tells the layer above at once.
    pub fn output_eager(&mut self, output: P::EagerOutput) {
        self.prompt.outputs.push(output);
    }

    /// Arms a timer (again): it fires once, at a moment within `min..=max` from now that the
    /// driver picks. The range is how randomised timeouts are said without a random number here.
    pub fn arm(&mut self, timer: P::Timer, min: Duration, max: Duration) {
        self.prompt.timers.push((timer, Some((min, max))));
    }

    /// Disarms a timer.
    pub fn disarm(&mut self, timer: P::Timer) {
        self.prompt.timers.push((timer, None));
    }

    /// Flips a coin: chance is an effect, answered by [`Input::Coin`](crate::Input::Coin) under the
    /// same tag.
    pub fn flip(&mut self, coin: Coin, tag: u64) {
        self.prompt.coins.push((coin, tag));
    }

    /// Was anything asked for?
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.gated.is_empty()
            && self.outputs.is_empty()
            && self.prompt.is_empty()
    }

    pub(crate) fn record(&mut self, record: <P::Hard as Hard>::Record) {
        self.records.push(record);
    }
}
