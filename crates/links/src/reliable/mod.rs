//! The reliable link: out of a wire that loses, repeats and reorders, one that does not.

mod config;
mod packet;
mod receiver;
mod round_trip;
mod sender;

pub use config::{Config, DeliveryOrder};
pub use packet::{Ack, Packet};

use crate::link::{Endpoints, Epoch, Lane, Link, LinkOutput, Received, SendError};

use crate::missing::Missing;

use crate::refusal::LinkRefusal;
use quorate_core::{Time, Value};
use receiver::LinkReceiver;
use sender::LinkSender;
use std::time::Duration;

/// One end of a reliable link ("perfect link": Cachin, Guerraoui, Rodrigues 2011, module 2.3;
/// doc 004), over a fair-loss one.
///
/// * *Reliable delivery*: what it took ([`Link::send`] said `Ok`) is delivered, if this node does
///   not crash before, and the peer is up for long enough some time.
/// * *No duplication*: one life of the peer is given a message at most once. A message that the
///   peer's last life may have been given, and did not acknowledge, is given to its next one: a
///   receiver that must not act twice across a crash has to write down what it did.
/// * *No creation*: what is delivered was sent, as long as the wire creates nothing. It must drop
///   what it garbles (a checksum does); against forgery see [`crate::Authenticated`].
/// * *FIFO*, with [`DeliveryOrder::Fifo`], within a session: the pair of one life of each end.
///
/// Sessions do not end with a connection, which is doc 004's complaint about TCP; they end with
/// a life. Each packet names the lives of both ends. One that was meant for an earlier life of
/// this node, or that an earlier life of the peer sent, is refused, however late the wire delivers
/// it; and a peer that is in a new life is noticed at its first packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reliable<M> {
    config: Config,
    epoch: Epoch,
    /// The peer's latest life that was heard of.
    peer: Option<Epoch>,
    sender: LinkSender<M>,
    receiver: LinkReceiver<M>,
    /// An acknowledgement, or a word about our life, is due.
    answer: bool,
    /// A first contact is being tried, and this is the moment to try it.
    greet: bool,
    armed: bool,
    /// Start the timer afresh: news came, or it ran out.
    rearm: bool,
}

impl<M: Value> Reliable<M> {
    /// How many messages are held until they are acknowledged.
    pub fn held(&self) -> usize {
        self.sender.len()
    }

    /// The peer's life, as far as it is known.
    pub fn peer(&self) -> Option<Epoch> {
        self.peer
    }

    /// The smoothed round trip to the peer, its disk included where its answers wait for that.
    /// What a failure detector wants to know.
    pub fn round_trip(&self) -> Option<Duration> {
        self.sender.round_trip()
    }

    /// Does `from` begin a session? An older life than one that was heard of is over for good.
    fn meet(&mut self, from: Epoch) -> Result<Received, LinkRefusal> {
        match self.peer {
            _ if self.config.missing.is(Missing::Epochs) => {
                self.peer = self.peer.or(Some(from));
                return Ok(Received::SameSession);
            }
            Some(known) if from < known => return Err(LinkRefusal::StaleSender),
            Some(known) if from == known => return Ok(Received::SameSession),
            _ => {}
        }
        let before = self.peer.replace(from);
        self.sender.restart();
        self.receiver = LinkReceiver::new();
        self.rearm = true;
        Ok(match before {
            None => Received::FirstContact,
            Some(_) => Received::PeerRestarted,
        })
    }

    fn packet(&self, body: Option<(u64, M)>) -> Packet<M> {
        Packet {
            from: self.epoch,
            to: self.peer,
            ack: self.receiver.ack(),
            body,
        }
    }
}

impl<M: Value> Link<M> for Reliable<M> {
    type Config = Config;
    type Packet = Packet<M>;
    /// Two lives, a marker each for the receiver's life and the body, two numbers, 128 bits.
    const OVERHEAD: usize = 10 + 1 + 10 + 10 + 19 + 1 + 10;

    fn open(config: &Config, ends: Endpoints) -> Self {
        Self {
            config: *config,
            epoch: ends.epoch,
            peer: None,
            sender: LinkSender::new(),
            receiver: LinkReceiver::new(),
            answer: false,
            greet: true,
            armed: false,
            rearm: false,
        }
    }

    fn send(&mut self, _: Time, message: M, urgency: Lane) -> Result<(), SendError<M>> {
        self.sender.push(&self.config, message, urgency)
    }

    fn on_packet(
        &mut self,
        now: Time,
        packet: Packet<M>,
        inbox: &mut Vec<M>,
    ) -> Result<Received, LinkRefusal> {
        let received = self.meet(packet.from)?;
        if packet.to.is_none() {
            self.answer = true;
        }
        if packet.to != Some(self.epoch) && !self.config.missing.is(Missing::Epochs) {
            // The peer does not know our life, or only an earlier one: tell it. What else it says
            // was said to somebody who is no more. (Two ends that both answer such packets do not
            // go on without end: the answer names the epoch that it answers.)
            self.answer = true;
            return match packet.to {
                None if packet.body.is_none() => Ok(received),
                _ => Err(LinkRefusal::StaleReceiver),
            };
        }
        if self.sender.on_ack(now, &self.config, packet.ack)? {
            self.rearm = true;
        }
        if let Some((number, message)) = packet.body {
            // Also for a duplicate: it was sent again because the acknowledgement was lost.
            self.answer = true;
            self.receiver.take(&self.config, number, message, inbox)?;
        }
        Ok(received)
    }

    fn on_timer(&mut self, _: Time) {
        self.armed = false;
        self.greet = true;
        self.sender.on_timer(&self.config);
    }

    fn flush(&mut self, now: Time, out: &mut LinkOutput<Packet<M>>) {
        let waiting = if self.peer.is_some() {
            let mut sent = vec![];
            self.sender
                .transmit(now, &self.config, |urgency, number, message| {
                    sent.push((urgency, number, message));
                });
            if std::mem::take(&mut self.answer) && sent.is_empty() {
                out.packets.push((Lane::Eager, self.packet(None)));
            }
            for (urgency, number, message) in sent {
                let packet = self.packet(Some((number, message)));
                out.packets.push((urgency, packet));
            }
            self.sender.under_way() > 0
        } else {
            if !self.sender.is_empty() && std::mem::take(&mut self.greet) {
                out.packets.push((Lane::Eager, self.packet(None)));
            }
            !self.sender.is_empty()
        };
        if waiting && (self.rearm || !self.armed) {
            out.timer = Some(Some(self.sender.timeout(&self.config)));
            self.armed = true;
        } else if !waiting && self.armed {
            out.timer = Some(None);
            self.armed = false;
        }
        self.rearm = false;
    }

    fn check_invariants(&self) -> Result<(), String> {
        self.sender.check_invariants(&self.config)?;
        self.receiver.check_invariants(&self.config)
    }
}
