//! Candidates: what theorems are shown on, where no protocol of the catalogue can be set up. They are
//! in no catalogue and claim nothing.

use super::{Proposers, Setup, SlotDecision, SystemUnderTest, same};
use bytes::Bytes;
use quorate_crash::collect;
use std::time::Duration;

/// Waits for so many values and decides the least.
#[derive(Debug)]
pub struct CollectSystem;

impl SystemUnderTest for CollectSystem {
    type Protocol = collect::Collect;
    const NAME: &'static str = "collect";
    // It claims nothing; it is asked and judged as FloodSet is.
    const CATALOGUE: quorate_contract::ProtocolName = quorate_contract::ProtocolName::FloodSet;
    const PROPOSERS: Proposers = Proposers::AllNodes;
    const RECOVERS: bool = true;
    const PER_FAULT: u8 = 1;
    const OPTIONS: &'static [(&'static str, &'static [&'static str])] = &[
        ("wait-for", &["all", "a number"]),
        ("deadline-ms", &["none", "a number"]),
    ];

    fn configs(setup: &Setup) -> Result<Vec<collect::Config>, String> {
        let options = &setup.options;
        let wait_for = match options.get("wait-for") {
            None | Some("all") => u64::from(setup.nodes),
            Some(_) => options.number("wait-for", 0)?,
        };
        let deadline = match options.get("deadline-ms") {
            None | Some("none") => None,
            Some(_) => Some(Duration::from_millis(options.number("deadline-ms", 0)?)),
        };
        let config = collect::Config {
            nodes: setup.nodes,
            wait_for: u8::try_from(wait_for).map_err(|_| "wait-for: too many".to_owned())?,
            deadline,
            repeat: setup.delta * 4,
        };
        config.check()?;
        Ok(same(setup, config))
    }

    fn request(value: Bytes) -> collect::Propose {
        collect::Propose(value)
    }

    fn decisions(output: &collect::Decided) -> Vec<SlotDecision> {
        SlotDecision::only(output.0.clone())
    }
}
