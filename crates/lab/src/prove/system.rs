//! Which protocol of the lab stands for an entry of the catalogue under a contract.

use crate::system::{NAMES, OVER_LINKS, facts};
use quorate_contract::{Contract, LinkModel, ProtocolName, SupportLevel};

/// The protocol of the lab, over links as it needs them; `None` if it is not implemented here.
pub(super) fn subject_for(contract: &Contract, protocol: ProtocolName) -> Option<&'static str> {
    let declared = protocol.declaration();
    if declared.status == SupportLevel::NotImplemented {
        return None;
    }
    let name = match (protocol, contract.failures.has_liars()) {
        (ProtocolName::BenOr, true) => "ben-or-byzantine",
        _ => protocol.name(),
    };
    let name = NAMES.iter().copied().find(|known| *known == name)?;
    if contract.links.model == LinkModel::FairLoss && declared.links > LinkModel::FairLoss {
        let over = format!("{name}+reliable");
        return OVER_LINKS.iter().copied().find(|known| *known == over);
    }
    Some(name)
}

/// `f` as the protocol is told: what the contract tolerates.
pub(super) fn faults_told(contract: &Contract, subject: &str) -> u8 {
    let f = u8::try_from(contract.tolerate()).unwrap_or(u8::MAX);
    match facts(subject).map(|facts| facts.catalogue) {
        // Its generals do not fail.
        Some(ProtocolName::TwoGenerals) => 0,
        _ => f,
    }
}
