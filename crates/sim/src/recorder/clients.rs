//! What clients ask for, and what they are told.

use super::difference::short;
use super::{EventId, OperationId, Recorder, bound};
use quorate_report::{OperationOutcome, OperationSpan};

impl Recorder {
    /// A client asks.
    pub fn invoked(&mut self, at: u64, client: &str, label: &str) -> OperationId {
        let invoked = self.tick(at);
        let id = self.operations.push(OperationSpan {
            client: client.to_owned(),
            invoked,
            returned: None,
            label: short(label, self.limits.width),
            outcome: OperationOutcome::Unknown,
            event: None,
        });
        bound(&mut self.operations, self.limits.others);
        OperationId(id)
    }

    /// The operation reached a node at this event. The first one counts.
    pub fn reached(&mut self, op: OperationId, event: EventId) {
        if let Some(operation) = self.operations.get_mut(op.0) {
            operation.event.get_or_insert(event.0);
        }
    }

    /// It ended: the client was answered, or gave up. `told` is added to what it asked. One that never
    /// ends is of unknown outcome.
    pub fn returned(&mut self, at: u64, op: OperationId, outcome: OperationOutcome, told: &str) {
        let (at, width) = (self.tick(at), self.limits.width);
        if let Some(operation) = self.operations.get_mut(op.0) {
            operation.outcome = outcome;
            operation.returned = Some(at);
            operation.label = short(&format!("{} → {told}", operation.label), 2 * width);
        }
    }
}
