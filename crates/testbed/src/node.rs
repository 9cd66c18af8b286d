//! A protocol with what it needs to run: a gate, a disk, a buffer of effects.

use crate::disk::VecDisk;
use quorate_core::driver::{Gate, TimerChange, replay};
use quorate_core::{Coin, Effects, Hard, Input, NodeId, Protocol, Time, To};

/// What a protocol writes to its disk.
pub type RecordFor<P> = <<P as Protocol>::Hard as Hard>::Record;

/// One node. It is down until [`DrivenNode::start`].
pub struct DrivenNode<P: Protocol> {
    /// Its id.
    pub id: NodeId,
    /// What it is recovered with.
    pub config: P::Config,
    /// The protocol, if the node is up.
    pub state: Option<P>,
    /// Its disk. Nothing syncs it but the test.
    pub disk: VecDisk<RecordFor<P>>,
    gate: Gate<P>,
    out: Effects<P>,
}

/// What came of a burst of inputs, to be done by the driver; it is all that may be done so far.
pub struct NodeBurst<P: Protocol> {
    /// Timers to arm and disarm, in this order.
    pub timers: Vec<TimerChange<P::Timer>>,
    /// Coins to flip, each with its tag.
    pub coins: Vec<(Coin, u64)>,
    /// Messages that may leave.
    pub messages: Vec<(To, P::Message)>,
    /// What the layer above is told.
    pub outputs: Vec<P::Output>,
    /// How many records were written.
    pub written: usize,
}

/// What the disk's progress allows, in order.
pub struct Ready<P: Protocol> {
    /// Messages that may leave.
    pub messages: Vec<(To, P::Message)>,
    /// What the layer above is told.
    pub outputs: Vec<P::Output>,
}

impl<P: Protocol> DrivenNode<P> {
    /// A node that is down, with an empty disk.
    pub fn new(id: NodeId, config: P::Config) -> Self {
        Self {
            id,
            config,
            state: None,
            disk: VecDisk::default(),
            gate: Gate::default(),
            out: Effects::default(),
        }
    }

    /// The protocol.
    ///
    /// # Panics
    /// If the node is down.
    #[track_caller]
    pub fn state(&self) -> &P {
        self.state.as_ref().expect("the node is up")
    }

    /// Recovers the protocol from its records. The caller gives it [`Input::Start`].
    pub fn start(&mut self) {
        let hard = replay(&self.disk.records);
        self.state = Some(P::recover(&self.config, self.id, hard));
    }

    /// Stops the node; of its records that are not durable the first `torn` survive.
    pub fn crash(&mut self, torn: u64) {
        self.state = None;
        self.gate = Gate::default();
        self.out = Effects::default();
        self.disk.crash(torn);
    }

    /// Gives the inputs to the protocol, then flushes it once. `change` may be unfaithful with the
    /// effects ([`quorate_core::driver::faulty`]) before the gate takes them. What waits for the
    /// disk comes out of [`DrivenNode::release`]. `None` if the node is down.
    pub fn burst(
        &mut self,
        now: Time,
        inputs: impl IntoIterator<Item = Input<P>>,
        change: impl FnOnce(&mut Effects<P>),
    ) -> Option<NodeBurst<P>> {
        let state = self.state.as_mut()?;
        for input in inputs {
            state.step(now, input, &mut self.out);
        }
        state.flush(now, &mut self.out);
        change(&mut self.out);
        let before = self.disk.records.len();
        let prompt = self.gate.submit(&mut self.out, &mut self.disk);
        Some(NodeBurst {
            timers: prompt.timers().collect(),
            coins: prompt.coins().collect(),
            messages: prompt.messages().map(|m| m.into_parts()).collect(),
            outputs: prompt.outputs().collect(),
            written: self.disk.records.len() - before,
        })
    }

    /// Takes what waited for records that are durable now.
    pub fn release(&mut self) -> Ready<P> {
        let (mut messages, mut outputs) = (vec![], vec![]);
        let send = |m: quorate_core::driver::Released<_>| messages.push(m.into_parts());
        let released = self.gate.release(&self.disk, send, |o| outputs.push(o));
        released.expect("this disk does not fail");
        Ready { messages, outputs }
    }
}
