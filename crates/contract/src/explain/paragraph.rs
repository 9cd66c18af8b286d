//! The statement that belongs at the top of a design document.

use super::ContractStatus;
use crate::contract::Contract;
use crate::duration;
use crate::failure::{FailureModel, FaultCount};
use crate::links::LinkModel;
use crate::storage::StorageModel;
use crate::timing::{Stabilization, Timing};

/// What is defended against, on what, by what, and what is not.
pub(super) fn paragraph(contract: &Contract, standing: &ContractStatus) -> String {
    let mut sentences = vec![
        defended(contract),
        relied_on(contract),
        kept_by(contract, standing),
    ];
    sentences.push(not_defended(contract));
    sentences.join(" ")
}

fn defended(contract: &Contract) -> String {
    let (model, n, f) = (
        contract.failures.model,
        contract.replicas(),
        contract.tolerate(),
    );
    let replicas = if n == 1 { "replica" } else { "replicas" };
    match f {
        0 => format!("We design for {n} {replicas} of which none ever fails."),
        _ if contract.failures.crash_only > 0 => format!(
            "We design for crashes and lies, counted apart: of {n} {replicas}, at most {} may crash and \
             {} may lie, ever.",
            contract.failures.crash_only,
            contract.failures.liars(),
        ),
        _ => format!(
            "We design under the {model} failure model: of {n} {replicas}, at most {f} {} \
             faulty{}.",
            if f == 1 { "is" } else { "are" },
            match contract.failures.counted {
                FaultCount::InTotal => ", ever",
                FaultCount::AtATime => " at any time",
                FaultCount::Moving => " at any time, another one each moment",
            }
        ),
    }
}

fn relied_on(contract: &Contract) -> String {
    let time = match &contract.timing {
        Timing::Synchronous(bounds) => format!(
            "on messages that always arrive within {} and steps that take at most {}",
            duration::format(bounds.delta),
            duration::format(bounds.phi)
        ),
        Timing::PartiallySynchronous(Stabilization::Unknown) => {
            "on timing for progress only, never for safety".to_owned()
        }
        Timing::PartiallySynchronous(Stabilization::Gst(bounds)) => format!(
            "on timing for progress only (messages within {} once the network is stable), never \
             for safety",
            duration::format(bounds.delta)
        ),
        Timing::Asynchronous => "on no bound on time at all".to_owned(),
    };
    let links = match (contract.links.model, contract.links.signatures) {
        (LinkModel::FairLoss, false) => {
            "on links that may lose, repeat and reorder messages but never invent them"
        }
        (LinkModel::FairLoss, true) => {
            "on links that may lose, repeat and reorder messages, all of which are signed"
        }
        (LinkModel::Reliable, false) => "on links that deliver every message once",
        (LinkModel::Reliable, true) => "on links that deliver every message once, signed",
        (LinkModel::Authenticated, false) => {
            "on links that deliver every message once and name its sender truly"
        }
        (LinkModel::Authenticated, true) => {
            "on authenticated links and on signatures that no faulty replica can forge"
        }
    };
    let disk = match contract.storage.model {
        StorageModel::Durable if contract.storage.may_lie_about_sync => {
            "on disks that may lose even what was synced"
        }
        StorageModel::Durable if contract.storage.may_corrupt => {
            "on disks that keep what was synced, or give it back changed in a way that a checksum \
             shows"
        }
        StorageModel::Durable => "on disks that keep what was synced",
        StorageModel::Amnesiac => "on no disk: a replica that restarts remembers nothing",
    };
    format!("We rely {time}; {links}; and {disk}.")
}

fn kept_by(contract: &Contract, standing: &ContractStatus) -> String {
    let quorum = contract.quorum();
    match standing {
        ContractStatus::Runnable { protocol } => {
            let beyond = match contract.failures.model {
                FailureModel::Byzantine => "nothing is promised",
                FailureModel::CrashStop => "it stops for good",
                _ => "it stops until they are back, and still loses nothing that is on its disks",
            };
            format!(
                "{} keeps these promises with quorums of {} of {}: with up to {} faulty nothing \
                 acknowledged is lost and the service goes on; with more {beyond}.",
                title(protocol.name()),
                quorum.size,
                quorum.replicas,
                quorum.faults,
            )
        }
        ContractStatus::NotServed { protocols } => format!(
            "A protocol such as {} keeps these promises.",
            protocols.first().map_or("none", |p| p.name())
        ),
        ContractStatus::NothingHere { known } => match known.first() {
            Some(known) => format!(
                "No protocol of quorate keeps these promises; {} does ({}).",
                known.what, known.citation
            ),
            None => {
                "Nothing forbids these promises, and no protocol of quorate keeps them.".to_owned()
            }
        },
        ContractStatus::Contradictory { findings } => format!(
            "No protocol keeps these promises ({}), so this is not a design yet.",
            findings
                .iter()
                .map(|f| f.rule.name())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

fn title(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + chars.as_str()
    })
}

fn not_defended(contract: &Contract) -> String {
    let mut not = Vec::new();
    if contract.failures.model.is_honest() {
        not.push("replicas that lie");
    } else {
        not.push("more liars than that");
    }
    let storage = &contract.storage;
    if storage.model == StorageModel::Durable && contract.failures.model.is_honest() {
        if !storage.may_corrupt {
            not.push("disks that change what they keep");
        }
        if !storage.may_lie_about_sync {
            not.push("disks that report a sync which did not happen");
        }
    }
    if matches!(contract.timing, Timing::Synchronous(_)) {
        not.push("messages, steps or clocks outside their bounds");
    }
    let last = not.pop().unwrap_or_default();
    let list = if not.is_empty() {
        last.to_owned()
    } else {
        format!("{} or {last}", not.join(", "))
    };
    format!(
        "We do not defend against {list}: if one is seen, this contract is broken and promises nothing."
    )
}
