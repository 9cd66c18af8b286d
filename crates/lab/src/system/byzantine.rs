//! Protocols that outvote liars.

use super::{Proposers, Setup, SlotDecision, SystemUnderTest, keyed, same};
use bytes::Bytes;
use quorate_byzantine::{ben_or, bracha, hotstuff, pbft, tendermint};
use quorate_core::{Coin, NodeId};

/// Protocol A: silence of a minority.
#[derive(Debug)]
pub struct BenOrCrashSystem;

/// Protocol B: lies of a fifth.
#[derive(Debug)]
pub struct BenOrByzantineSystem;

const COINS: &[(&str, &[&str])] = &[("coin", &["local", "common"])];

fn ben_or_configs(setup: &Setup, faults: ben_or::Faults) -> Vec<ben_or::Config> {
    let coin = match setup.options.is("coin", "common") {
        true => Coin::Common,
        false => Coin::Local,
    };
    let config = ben_or::Config {
        nodes: setup.nodes,
        faulty: setup.faults,
        faults,
        coin,
    };
    same(setup, config)
}

fn bit(value: &Bytes) -> bool {
    value.as_ref() == b"1"
}

fn as_value(bit: bool) -> Bytes {
    Bytes::from_static(if bit { b"1" } else { b"0" })
}

macro_rules! ben_or_subject {
    ($subject:ty, $name:literal, $faults:expr, $per_fault:literal) => {
        impl SystemUnderTest for $subject {
            type Protocol = ben_or::BenOr;
            const NAME: &'static str = $name;
            const CATALOGUE: quorate_contract::ProtocolName = ben_or::PROTOCOL;
            const PROPOSERS: Proposers = Proposers::AllNodes;
            // What is said while it is down is not said again.
            const RECOVERS: bool = false;
            const PER_FAULT: u8 = $per_fault;
            const OPTIONS: &'static [(&'static str, &'static [&'static str])] = COINS;

            fn configs(setup: &Setup) -> Result<Vec<ben_or::Config>, String> {
                Ok(ben_or_configs(setup, $faults))
            }

            fn request(value: Bytes) -> bool {
                bit(&value)
            }

            fn proposal(node: NodeId) -> Bytes {
                as_value(node.0 % 2 == 1)
            }

            fn decisions(output: &bool) -> Vec<SlotDecision> {
                SlotDecision::only(as_value(*output))
            }
        }
    };
}

ben_or_subject!(BenOrCrashSystem, "ben-or", ben_or::Faults::Crash, 2);
ben_or_subject!(
    BenOrByzantineSystem,
    "ben-or-byzantine",
    ben_or::Faults::Byzantine,
    5
);

/// Reliable broadcast.
#[derive(Debug)]
pub struct BrachaSystem;

impl SystemUnderTest for BrachaSystem {
    type Protocol = bracha::Bracha;
    const NAME: &'static str = "bracha";
    const CATALOGUE: quorate_contract::ProtocolName = bracha::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::Sender;
    // What is said while it is down is not said again.
    const RECOVERS: bool = false;
    const PER_FAULT: u8 = 3;

    fn configs(setup: &Setup) -> Result<Vec<bracha::Config>, String> {
        let config = bracha::Config {
            nodes: setup.nodes,
            faulty: setup.faults,
            sender: NodeId(0),
        };
        Ok(same(setup, config))
    }

    fn request(value: Bytes) -> Bytes {
        value
    }

    fn decisions(output: &Bytes) -> Vec<SlotDecision> {
        SlotDecision::only(output.clone())
    }
}

/// Three phases and checkpoints.
#[derive(Debug)]
pub struct PbftSystem;

impl SystemUnderTest for PbftSystem {
    type Protocol = pbft::Pbft;
    const NAME: &'static str = "pbft";
    const CATALOGUE: quorate_contract::ProtocolName = pbft::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::Clients;
    const RECOVERS: bool = true;
    const PER_FAULT: u8 = 3;

    fn configs(setup: &Setup) -> Result<Vec<pbft::Config>, String> {
        let configs = keyed(setup, |keys| pbft::Config {
            request_timeout: setup.delta * 8,
            view_timeout: setup.delta * 16,
            ..pbft::Config::new(setup.nodes, setup.faults, keys)
        });
        configs.iter().try_for_each(pbft::Config::check)?;
        Ok(configs)
    }

    fn work(config: &pbft::Config) -> Option<quorate_crypto::Work> {
        Some(config.keys.roster().work())
    }

    fn request(value: Bytes) -> Bytes {
        value
    }

    fn decisions(output: &pbft::Output) -> Vec<SlotDecision> {
        match output {
            pbft::Output::Delivered { sequence, values } => vec![SlotDecision {
                slot: *sequence,
                values: values.clone(),
            }],
            _ => vec![],
        }
    }

    fn state(node: &pbft::Pbft) -> String {
        format!("view: {}\ndelivered: {}\n", node.view(), node.delivered())
    }
}

/// Chained HotStuff.
#[derive(Debug)]
pub struct HotStuffSystem;

impl SystemUnderTest for HotStuffSystem {
    type Protocol = hotstuff::HotStuff;
    const NAME: &'static str = "hotstuff";
    const CATALOGUE: quorate_contract::ProtocolName = hotstuff::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::Clients;
    const RECOVERS: bool = true;
    const PER_FAULT: u8 = 3;

    fn configs(setup: &Setup) -> Result<Vec<hotstuff::Config>, String> {
        let configs = keyed(setup, |keys| hotstuff::Config {
            view_timeout: setup.delta * 8,
            ..hotstuff::Config::new(setup.nodes, setup.faults, keys)
        });
        configs.iter().try_for_each(hotstuff::Config::check)?;
        Ok(configs)
    }

    fn work(config: &hotstuff::Config) -> Option<quorate_crypto::Work> {
        Some(config.keys.roster().work())
    }

    fn request(value: Bytes) -> Bytes {
        value
    }

    fn decisions(output: &hotstuff::Output) -> Vec<SlotDecision> {
        match output {
            hotstuff::Output::Delivered { height, values } => vec![SlotDecision {
                slot: *height,
                values: values.clone(),
            }],
            _ => vec![],
        }
    }

    fn state(node: &hotstuff::HotStuff) -> String {
        let (high, locked) = node.quorums();
        format!(
            "view: {}\nhighest quorum: {high}\nlocked: {locked}\ncommitted: {:?}\n",
            node.view(),
            node.committed()
        )
    }
}

/// Heights, rounds, prevotes, precommits.
#[derive(Debug)]
pub struct TendermintSystem;

impl SystemUnderTest for TendermintSystem {
    type Protocol = tendermint::Tendermint;
    const NAME: &'static str = "tendermint";
    const CATALOGUE: quorate_contract::ProtocolName = tendermint::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::Clients;
    const RECOVERS: bool = true;
    const PER_FAULT: u8 = 3;

    fn configs(setup: &Setup) -> Result<Vec<tendermint::Config>, String> {
        let configs = keyed(setup, |keys| tendermint::Config {
            timeout_propose: setup.delta * 6,
            timeout_vote: setup.delta * 3,
            timeout_delta: setup.delta * 3,
            ..tendermint::Config::new(setup.nodes, setup.faults, keys)
        });
        configs.iter().try_for_each(tendermint::Config::check)?;
        Ok(configs)
    }

    fn work(config: &tendermint::Config) -> Option<quorate_crypto::Work> {
        Some(config.keys.roster().work())
    }

    fn request(value: Bytes) -> Bytes {
        value
    }

    fn decisions(output: &tendermint::Output) -> Vec<SlotDecision> {
        match output {
            tendermint::Output::Delivered { height, values } => vec![SlotDecision {
                slot: *height,
                values: values.clone(),
            }],
            _ => vec![],
        }
    }
}
