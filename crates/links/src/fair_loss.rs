//! The fair-loss link: the wire as it is.

use crate::link::{Endpoints, Lane, Link, LinkOutput, Received, SendError};

use crate::refusal::LinkRefusal;
use quorate_core::{Time, Value};

/// The wire as it is: adds nothing, promises nothing beyond it.
///
/// Its definition (Cachin, Guerraoui, Rodrigues 2011, module 2.1; doc 004) is that of the
/// medium: *fair loss* (what is sent again and again arrives again and again), *finite
/// duplication* and *no creation*. See [`crate::history`] for the checkers.
///
/// There is nothing to keep but the messages of one burst, at most [`FairLoss::MAX_BURST`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FairLoss<M> {
    burst: Vec<(Lane, M)>,
}

impl<M> FairLoss<M> {
    /// How many messages one burst may hold; one more is refused.
    pub const MAX_BURST: usize = 65_536;
}

impl<M: Value> Link<M> for FairLoss<M> {
    type Config = ();
    type Packet = M;
    const OVERHEAD: usize = 0;

    fn open((): &(), _: Endpoints) -> Self {
        Self { burst: vec![] }
    }

    fn send(&mut self, _: Time, message: M, urgency: Lane) -> Result<(), SendError<M>> {
        if self.burst.len() == Self::MAX_BURST {
            let why = LinkRefusal::BufferFull;
            return Err(SendError { message, why });
        }
        self.burst.push((urgency, message));
        Ok(())
    }

    fn on_packet(
        &mut self,
        _: Time,
        packet: M,
        inbox: &mut Vec<M>,
    ) -> Result<Received, LinkRefusal> {
        inbox.push(packet);
        Ok(Received::SameSession)
    }

    fn on_timer(&mut self, _: Time) {}

    fn flush(&mut self, _: Time, out: &mut LinkOutput<M>) {
        out.packets.append(&mut self.burst);
    }
}
