//! Generals: two of them, and many.

use super::{Proposers, Setup, SlotDecision, SystemUnderTest, keyed, same};
use bytes::Bytes;
use quorate_byzantine::{dolev_strong, oral_messages, signed_messages};
use quorate_core::NodeId;
use quorate_crash::two_generals;

const RETREAT: Bytes = Bytes::from_static(b"RETREAT");
const ATTACK: Bytes = Bytes::from_static(b"ATTACK");

/// Two generals and their messengers.
#[derive(Debug)]
pub struct TwoGeneralsSystem;

impl SystemUnderTest for TwoGeneralsSystem {
    type Protocol = two_generals::General;
    const NAME: &'static str = "two-generals";
    const CATALOGUE: quorate_contract::ProtocolName = two_generals::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::Sender;
    const RECOVERS: bool = false;
    const PER_FAULT: u8 = 1;
    const OPTIONS: &'static [(&'static str, &'static [&'static str])] = &[
        ("messengers", &["1", "a number"]),
        ("needed", &["1", "a number"]),
        ("legs", &["1", "a number"]),
        ("default", &["call-off", "attack"]),
    ];

    fn configs(setup: &Setup) -> Result<Vec<two_generals::Config>, String> {
        if setup.nodes != 2 {
            return Err(format!(
                "there are two generals, and nodes is {}",
                setup.nodes
            ));
        }
        let options = &setup.options;
        let small = |name| {
            let number = options.number(name, 1)?;
            u8::try_from(number).map_err(|_| format!("{name}: {number} is too many"))
        };
        let legs = small("legs")?;
        let config = two_generals::Config {
            messengers: small("messengers")?,
            needed: small("needed")?,
            legs,
            deadline: setup.delta * (u32::from(legs) + 1),
            default: match options.is("default", "attack") {
                true => two_generals::DefaultAction::Attack,
                false => two_generals::DefaultAction::CallOff,
            },
        };
        config.check()?;
        Ok(same(setup, config))
    }

    fn request(value: Bytes) -> two_generals::AttackPlan {
        two_generals::AttackPlan(value)
    }

    const DEFAULT: Option<&'static [u8]> = Some(b"RETREAT");

    fn proposal(_node: NodeId) -> Bytes {
        ATTACK
    }

    fn rival(_node: NodeId) -> Bytes {
        RETREAT
    }

    fn decisions(output: &two_generals::Output) -> Vec<SlotDecision> {
        let values = match output {
            two_generals::Output::Attack { plan } => vec![plan.clone()],
            two_generals::Output::CallOff => vec![],
            two_generals::Output::Refused => return vec![],
        };
        vec![SlotDecision { slot: 1, values }]
    }
}

/// A broadcast of node 0's order to all, with `RETREAT` where it is not heard.
macro_rules! broadcast_subject {
    ($subject:ty, $module:ident::$protocol:ident, $name:literal, $per_fault:literal, $($rest:item)*) => {
        impl SystemUnderTest for $subject {
            type Protocol = $module::$protocol;
            const NAME: &'static str = $name;
            const CATALOGUE: quorate_contract::ProtocolName = $module::PROTOCOL;
            const PROPOSERS: Proposers = Proposers::Sender;
            const RECOVERS: bool = false;
            const PER_FAULT: u8 = $per_fault;
            const DEFAULT: Option<&'static [u8]> = Some(b"RETREAT");

            fn request(value: Bytes) -> Bytes {
                value
            }

            fn proposal(_node: NodeId) -> Bytes {
                ATTACK
            }

            fn rival(_node: NodeId) -> Bytes {
                RETREAT
            }

            fn decisions(output: &Bytes) -> Vec<SlotDecision> {
                SlotDecision::only(output.clone())
            }

            $($rest)*
        }
    };
}

/// OM(m).
#[derive(Debug)]
pub struct OralMessagesSystem;

broadcast_subject! {
    OralMessagesSystem, oral_messages::OralMessages, "oral-messages", 3,
    fn configs(setup: &Setup) -> Result<Vec<oral_messages::Config>, String> {
        let config = oral_messages::Config {
            nodes: setup.nodes,
            traitors: setup.faults,
            commander: NodeId(0),
            round: setup.delta * 2,
            default: RETREAT,
        };
        config.check()?;
        Ok(same(setup, config))
    }
}

/// SM(m).
#[derive(Debug)]
pub struct SignedMessagesSystem;

broadcast_subject! {
    SignedMessagesSystem, signed_messages::SignedMessages, "signed-messages", 2,
    fn configs(setup: &Setup) -> Result<Vec<signed_messages::Config>, String> {
        Ok(keyed(setup, |keys| signed_messages::Config {
            nodes: setup.nodes,
            traitors: setup.faults,
            commander: NodeId(0),
            round: setup.delta * 2,
            default: RETREAT,
            keys,
        }))
    }

    fn work(config: &signed_messages::Config) -> Option<quorate_crypto::Work> {
        Some(config.keys.roster().work())
    }
}

/// Dolev and Strong's broadcast.
#[derive(Debug)]
pub struct DolevStrongSystem;

broadcast_subject! {
    DolevStrongSystem, dolev_strong::DolevStrong, "dolev-strong", 2,
    fn configs(setup: &Setup) -> Result<Vec<dolev_strong::Config>, String> {
        Ok(keyed(setup, |keys| dolev_strong::Config {
            nodes: setup.nodes,
            faulty: setup.faults,
            sender: NodeId(0),
            round: setup.delta * 2,
            default: RETREAT,
            keys,
        }))
    }

    fn work(config: &dolev_strong::Config) -> Option<quorate_crypto::Work> {
        Some(config.keys.roster().work())
    }
}
