//! A register: any node writes, any node reads.

use super::{Proposers, Setup, SlotDecision, SystemUnderTest, same};
use bytes::Bytes;
use quorate_crash::abd;

/// The memories of a majority.
#[derive(Debug)]
pub struct AbdSystem;

impl SystemUnderTest for AbdSystem {
    type Protocol = abd::Abd;
    const NAME: &'static str = "abd";
    const CATALOGUE: quorate_contract::ProtocolName = abd::PROTOCOL;
    const PROPOSERS: Proposers = Proposers::Clients;
    const RECOVERS: bool = true;
    const PER_FAULT: u8 = 2;
    const OPTIONS: &'static [(&'static str, &'static [&'static str])] =
        &[("write-back", &["yes", "no"])];

    fn configs(setup: &Setup) -> Result<Vec<abd::Config>, String> {
        let config = abd::Config {
            nodes: setup.nodes,
            retry: setup.delta * 4,
            read: match setup.options.is("write-back", "no") {
                true => abd::ReadRule::AnswerAtOnce,
                false => abd::ReadRule::WriteBack,
            },
            ..abd::Config::default()
        };
        config.check()?;
        Ok(same(setup, config))
    }

    fn request(value: Bytes) -> abd::Request {
        abd::Request::Write(value)
    }

    fn read(id: u64) -> Option<abd::Request> {
        Some(abd::Request::Read(id))
    }

    fn read_value(output: &abd::Output) -> Option<(u64, Option<Bytes>)> {
        match output {
            abd::Output::Read { id, found } => Some((*id, found.value.clone())),
            _ => None,
        }
    }

    /// A write that is acknowledged, at the place that its tag gives it.
    fn decisions(output: &abd::Output) -> Vec<SlotDecision> {
        match output {
            abd::Output::Written { value, tag } => vec![SlotDecision {
                slot: tag
                    .seq
                    .saturating_mul(256)
                    .saturating_add(tag.node.0.into()),
                values: vec![value.clone()],
            }],
            _ => vec![],
        }
    }

    fn decides(output: &abd::Output) -> bool {
        matches!(
            output,
            abd::Output::Written { .. } | abd::Output::Read { .. }
        )
    }

    fn facts(output: &abd::Output) -> Vec<(&'static str, String)> {
        match output {
            abd::Output::Read { found, .. } => {
                let value = found.value.as_ref();
                let text = |value: &Bytes| String::from_utf8_lossy(value).into_owned();
                vec![("read", value.map_or("nothing".to_owned(), text))]
            }
            _ => vec![],
        }
    }

    fn state(node: &abd::Abd) -> String {
        let stored = &node.hard().stored;
        let value = stored.value.as_ref();
        format!(
            "stored: {}\ntag: {} of {}\noperations: {}\n",
            value.map_or("nothing".to_owned(), |v| String::from_utf8_lossy(v)
                .into_owned()),
            stored.tag.seq,
            stored.tag.node,
            node.under_way()
        )
    }
}
