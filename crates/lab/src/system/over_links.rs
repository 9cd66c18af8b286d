//! Protocols over links that are made, not assumed: retransmission and duplicate suppression under
//! what only loses, seals under what anybody may write to.
//!
//! The wire stays as the world has it. What the layers make of it is what the protocol sees, so a
//! protocol that needs reliable links can be run over fair-loss ones with the layer, and without it
//! to show what it is there for.

use super::{
    BenOrByzantineSystem, BenOrCrashSystem, BrachaSystem, HotStuffSystem, MajorityCommitSystem,
    OralMessagesSystem, PbftSystem, Proposers, Setup, SlotDecision, TendermintSystem,
};
use super::{SystemUnderTest, TwoGeneralsSystem};
use bytes::Bytes;
use quorate_core::{NodeId, Protocol};
use quorate_links::{
    Authenticated, Delivery, KeyRing, Linked, LinkedConfig, LinkedFrame, Missing, Reliable,
    authenticated, reliable,
};
use std::marker::PhantomData;
use std::time::Duration;

type MessageOf<S> = <<S as SystemUnderTest>::Protocol as Protocol>::Message;
type OutputOf<S> = <<S as SystemUnderTest>::Protocol as Protocol>::Output;

/// A subject over links that lose nothing and say nothing twice.
#[derive(Debug)]
pub struct OverReliable<S>(PhantomData<S>);

/// A subject over links that besides know who speaks.
#[derive(Debug)]
pub struct OverAuthenticated<S>(PhantomData<S>);

/// A subject whose links are made.
trait Layered {
    const NAME: &'static str;
}

/// Retransmits within what a round leaves room for.
fn retransmission(setup: &Setup) -> reliable::Config {
    let least = (setup.delta / 8).max(Duration::from_micros(10));
    reliable::Config {
        first_timeout: setup.delta / 2,
        min_timeout: least,
        max_timeout: setup.delta * 8,
        ..reliable::Config::default()
    }
}

/// The largest packet: far more than a protocol of the lab says at once.
const MAX_PACKET: usize = 16 << 20;

fn seals(setup: &Setup, me: NodeId) -> authenticated::AuthenticatedConfig<reliable::Config> {
    authenticated::AuthenticatedConfig {
        keys: KeyRing::deal(&[7; 32], me, setup.nodes),
        link: retransmission(setup),
        max_packet: MAX_PACKET,
        missing: Missing::Nothing,
    }
}

fn inner<O, M>(news: &Delivery<O, M>) -> Option<&O> {
    match news {
        Delivery::Inner(output) => Some(output),
        Delivery::Unsent(..) | Delivery::Refused(..) | Delivery::PeerRestarted(_) => None,
    }
}

macro_rules! over_links {
    ($over:ident, $link:ty, $config:expr) => {
        impl<S: SystemUnderTest> SystemUnderTest for $over<S>
        where
            $over<S>: Layered,
            MessageOf<S>: quorate_sim::WireMessage,
        {
            type Protocol = Linked<S::Protocol, $link>;
            const NAME: &'static str = <Self as Layered>::NAME;
            const CATALOGUE: quorate_contract::ProtocolName = S::CATALOGUE;
            const PROPOSERS: Proposers = S::PROPOSERS;
            const RECOVERS: bool = S::RECOVERS;
            const PER_FAULT: u8 = S::PER_FAULT;
            const OPTIONS: &'static [(&'static str, &'static [&'static str])] = S::OPTIONS;
            const DEFAULT: Option<&'static [u8]> = S::DEFAULT;
            const ONE_LEADER_A_TERM: bool = S::ONE_LEADER_A_TERM;

            fn configs(setup: &Setup) -> Result<Vec<<Self::Protocol as Protocol>::Config>, String> {
                let config = |(me, protocol)| LinkedConfig {
                    protocol,
                    link: $config(setup, me),
                    nodes: setup.nodes,
                };
                let inner = S::configs(setup)?;
                Ok(NodeId::all(setup.nodes).zip(inner).map(config).collect())
            }

            fn request(value: Bytes) -> <S::Protocol as Protocol>::Request {
                S::request(value)
            }

            fn proposal(node: NodeId) -> Bytes {
                S::proposal(node)
            }

            fn rival(node: NodeId) -> Bytes {
                S::rival(node)
            }

            fn decisions(output: &Delivery<OutputOf<S>, MessageOf<S>>) -> Vec<SlotDecision> {
                inner(output).map_or(vec![], S::decisions)
            }

            fn leads(node: &Self::Protocol) -> Option<(u64, bool)> {
                S::leads(node.protocol())
            }

            fn decided(node: &Self::Protocol) -> Option<u64> {
                S::decided(node.protocol())
            }

            fn crash_signal(crashed: NodeId) -> Option<<S::Protocol as Protocol>::Request> {
                S::crash_signal(crashed)
            }

            fn describe(message: &<Self::Protocol as Protocol>::Message) -> String {
                match message {
                    LinkedFrame::Own(message) => S::describe(message),
                    other => format!("{other:?}"),
                }
            }

            fn state(node: &Self::Protocol) -> String {
                S::state(node.protocol())
            }

            fn facts(output: &Delivery<OutputOf<S>, MessageOf<S>>) -> Vec<(&'static str, String)> {
                inner(output).map_or(vec![], S::facts)
            }
        }
    };
}

over_links!(OverReliable, Reliable<MessageOf<S>>, |setup, _me| {
    retransmission(setup)
});
over_links!(
    OverAuthenticated,
    Authenticated<Reliable<MessageOf<S>>>,
    seals
);

macro_rules! layered {
    ($($over:ident, $subject:ty, $name:literal;)*) => {
        $(impl Layered for $over<$subject> {
            const NAME: &'static str = $name;
        })*
    };
}

layered! {
    OverReliable, MajorityCommitSystem, "majority-commit+reliable";
    OverReliable, TwoGeneralsSystem, "two-generals+reliable";
    OverReliable, BrachaSystem, "bracha+reliable";
    OverReliable, BenOrCrashSystem, "ben-or+reliable";
    OverReliable, BenOrByzantineSystem, "ben-or-byzantine+reliable";
    OverReliable, PbftSystem, "pbft+reliable";
    OverReliable, HotStuffSystem, "hotstuff+reliable";
    OverReliable, TendermintSystem, "tendermint+reliable";
    OverAuthenticated, OralMessagesSystem, "oral-messages+authenticated";
    OverAuthenticated, PbftSystem, "pbft+authenticated";
}
