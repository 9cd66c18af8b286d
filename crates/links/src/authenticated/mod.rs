//! The authenticated link: out of a wire that an adversary holds, one that only loses.

mod key;

pub use key::{KeyRing, LinkKey};

use crate::link::{Endpoints, Lane, Link, LinkOutput, Received, SendError};

use crate::missing::Missing;

use crate::refusal::LinkRefusal;
use bytes::Bytes;
use quorate_core::{Time, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// One end of an authenticated link (Cachin, Guerraoui, Rodrigues 2011, module 2.5; doc 004):
/// seals the packets of the link `L`, and drops what bears no seal of the peer's.
///
/// * *Integrity*: a packet is taken only with the bytes that were sealed.
/// * *Authenticity*: it was sealed by the node at the other end, for this one.
///
/// The adversary may still lose packets, and keep copies to bring up later. So what this makes of
/// any wire is a fair-loss one (doc 004), as long as the adversary lets something through, and
/// replay is refused by the layer inside: over [`crate::Reliable`] the seal covers the lives of
/// both ends, the number and the acknowledgements, and a copy is a duplicate or of a life that is
/// over. `Authenticated<FairLoss<M>>` knows who speaks, and may hear it twice.
///
/// The seal is BLAKE3's keyed hash of the packet's bytes, under a key of the pair for this
/// direction. It is compared in constant time, and nothing is decoded before it was found to fit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authenticated<L> {
    link: L,
    /// For what goes out, and for what comes in. Without them nothing is sent, nothing taken.
    keys: Option<(LinkKey, LinkKey)>,
    max_packet: usize,
    missing: Missing,
}

/// What is fixed for one node's authenticated links.
#[derive(Clone, Debug)]
pub struct AuthenticatedConfig<C> {
    /// The node's keys.
    pub keys: KeyRing,
    /// That of the link inside.
    pub link: C,
    /// The bytes of a packet before it is sealed; a message that does not fit is refused by the
    /// sender, a packet that does not by the receiver, before it looks at it.
    pub max_packet: usize,
    /// The mechanism to do without; [`Missing::Nothing`] in all that serves.
    pub missing: Missing,
}

/// A packet of the link inside, encoded, with the seal on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sealed {
    /// The packet, in postcard's encoding.
    pub bytes: Bytes,
    /// The seal.
    pub seal: [u8; 32],
}

impl<L> Authenticated<L> {
    /// The link inside.
    pub fn inner(&self) -> &L {
        &self.link
    }

    fn open_seal<K: DeserializeOwned>(&self, sealed: &Sealed) -> Result<K, LinkRefusal> {
        if sealed.bytes.len() > self.max_packet {
            return Err(LinkRefusal::TooLarge);
        }
        let (_, key) = self.keys.as_ref().ok_or(LinkRefusal::NoKey)?;
        let fits = key.seal(&sealed.bytes) == sealed.seal;
        if !fits && !self.missing.is(Missing::Seal) {
            return Err(LinkRefusal::BadSeal);
        }
        match postcard::take_from_bytes(&sealed.bytes) {
            Ok((packet, [])) => Ok(packet),
            _ => Err(LinkRefusal::Malformed),
        }
    }
}

impl<M, L> Link<M> for Authenticated<L>
where
    M: Value + Serialize,
    L: Link<M>,
    L::Packet: Serialize + DeserializeOwned,
{
    type Config = AuthenticatedConfig<L::Config>;
    type Packet = Sealed;
    /// The seal, and the length of what it seals.
    const OVERHEAD: usize = L::OVERHEAD + 32 + 5;

    fn open(config: &Self::Config, ends: Endpoints) -> Self {
        Self {
            link: L::open(&config.link, ends),
            keys: config.keys.get(ends.peer).map(|key| {
                if config.missing.is(Missing::Identity) {
                    return (key.clone(), key.clone());
                }
                let (me, peer) = (ends.me, ends.peer);
                (key.one_way(me, peer), key.one_way(peer, me))
            }),
            max_packet: config.max_packet,
            missing: config.missing,
        }
    }

    fn send(&mut self, now: Time, message: M, urgency: Lane) -> Result<(), SendError<M>> {
        let why = match postcard::experimental::serialized_size(&message) {
            _ if self.keys.is_none() => LinkRefusal::NoKey,
            Ok(size) if size <= self.max_packet.saturating_sub(L::OVERHEAD) => {
                return self.link.send(now, message, urgency);
            }
            Ok(_) => LinkRefusal::TooLarge,
            Err(_) => LinkRefusal::Malformed,
        };
        Err(SendError { message, why })
    }

    fn on_packet(
        &mut self,
        now: Time,
        packet: Sealed,
        inbox: &mut Vec<M>,
    ) -> Result<Received, LinkRefusal> {
        let packet = self.open_seal(&packet)?;
        self.link.on_packet(now, packet, inbox)
    }

    fn on_timer(&mut self, now: Time) {
        self.link.on_timer(now);
    }

    fn flush(&mut self, now: Time, out: &mut LinkOutput<Sealed>) {
        let mut inner = LinkOutput::default();
        self.link.flush(now, &mut inner);
        out.timer = inner.timer.or(out.timer);
        for (urgency, packet) in inner.packets {
            // A message that can't be encoded was refused above, and the rest of a packet can.
            let Ok(bytes) = postcard::to_stdvec(&packet) else {
                debug_assert!(false, "a packet that can't be encoded");
                continue;
            };
            if let Some((key, _)) = &self.keys {
                let seal = *key.seal(&bytes).as_bytes();
                let bytes = bytes.into();
                out.packets.push((urgency, Sealed { bytes, seal }));
            }
        }
    }

    fn check_invariants(&self) -> Result<(), String> {
        self.link.check_invariants()
    }
}
