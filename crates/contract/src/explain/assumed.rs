//! What each part of a contract means, in a sentence or two.

use super::Assumption;
use super::limits::built_from;
use crate::behaviour::Behaviour;
use crate::contract::Contract;
use crate::duration;
use crate::failure::{FailureModel, FaultCount};
use crate::links::LinkModel;
use crate::storage::StorageModel;
use crate::timing::{Bounds, DetectorClass, Stabilization, Synchrony, Timing};

pub(super) fn assumed(contract: &Contract) -> Vec<Assumption> {
    let mut parts = vec![failures(contract), timing(contract)];
    parts.extend(contract.detector.map(|class| detector(contract, class)));
    parts.push(links(contract));
    parts.push(storage(contract));
    parts
}

fn failures(contract: &Contract) -> Assumption {
    let failures = &contract.failures;
    let (model, f) = (failures.model, contract.tolerate());
    let mut meaning = match model {
        FailureModel::InitiallyDead => {
            "a faulty replica is dead from the start; one that takes a step works for good"
        }
        FailureModel::CrashStop => "a faulty replica works correctly until it stops for good",
        FailureModel::CrashRecovery => {
            "a faulty replica stops and may come back, again and again; it never says anything \
             wrong"
        }
        FailureModel::SendOmission => {
            "a faulty replica stops, comes back, or fails to send some messages; what it sends is \
             right"
        }
        FailureModel::ReceiveOmission => {
            "a faulty replica stops, comes back, or misses some messages; what it sends is right"
        }
        FailureModel::GeneralOmission => {
            "a faulty replica stops, comes back, or loses messages in either direction; what it \
             sends is right"
        }
        FailureModel::Timing => {
            "a faulty replica stops, comes back, loses messages, or answers too late; what it \
             sends is right"
        }
        FailureModel::Byzantine => {
            "a faulty replica may do anything: lie, say different things to different peers, \
             forget, conspire with the other faulty ones"
        }
    }
    .to_owned();
    if model == FailureModel::Timing && contract.timing.synchrony() != Synchrony::Synchronous {
        meaning.push_str("; where no deadline is known, late is no fault and this is omission");
    }
    let replicas = match f {
        1 => "one replica".to_owned(),
        _ => format!("{f} replicas"),
    };
    if failures.always_up > 0 {
        meaning += &format!(
            "; {} never {}, but it is not known which",
            failures.always_up,
            if failures.always_up == 1 {
                "fails"
            } else {
                "fail"
            }
        );
    }
    if failures.counts_recovering {
        meaning.push_str(
            "; one that comes back counts as faulty until the others have told it what it missed",
        );
    }
    if failures.crash_only > 0 {
        let text = format!(
            "{} crash and {} lie, {}",
            failures.crash_only,
            failures.liars(),
            counted_in_words(failures.counted)
        );
        return Assumption {
            part: "failures",
            model: format!("at most {text}"),
            meaning: format!("{meaning}; one that only crashes says nothing wrong"),
        };
    }
    let most = match (f, contract.failures.counted) {
        (0, _) => "of none".to_owned(),
        (_, counted) => format!("of {replicas} {}", counted_in_words(counted)),
    };
    Assumption {
        part: "failures",
        model: format!("{model} {most}"),
        meaning,
    }
}

fn counted_in_words(counted: FaultCount) -> &'static str {
    match counted {
        FaultCount::InTotal => "in all",
        FaultCount::AtATime => "at a time",
        FaultCount::Moving => "at a time, moving without end",
    }
}

fn timing(contract: &Contract) -> Assumption {
    let mut meaning = match &contract.timing {
        Timing::Synchronous(bounds) => format!(
            "{} always hold and everybody knows them: silence proves a crash. If they are ever \
             broken, what was decided by a deadline may be wrong",
            figures(bounds)
        ),
        Timing::PartiallySynchronous(Stabilization::Unknown) => {
            "messages and steps are bounded, but nobody knows by how much: timeouts start \
             elections and retries, they decide nothing"
                .to_owned()
        }
        Timing::PartiallySynchronous(Stabilization::Gst(bounds)) => format!(
            "{} hold from an unknown time on (GST); before it anything may be late: safe always, \
             progress after it",
            figures(bounds)
        ),
        Timing::Asynchronous => "nothing is bounded: slow and dead look alike, for ever".to_owned(),
    };
    meaning.push_str(match contract.steps {
        None => "",
        Some(Synchrony::Synchronous) => {
            "; that is of messages: steps are bounded, and the bound is known"
        }
        Some(Synchrony::PartiallySynchronous) => {
            "; that is of messages: steps are bounded only in the end, or by no known bound"
        }
        Some(Synchrony::Asynchronous) => "; that is of messages: steps may take any time",
    });
    if contract.deterministic {
        meaning.push_str("; protocols may not draw random numbers");
    }
    let model = match &contract.timing {
        Timing::PartiallySynchronous(Stabilization::Unknown) => {
            "partially-synchronous, unknown bound".to_owned()
        }
        Timing::PartiallySynchronous(Stabilization::Gst(_)) => {
            "partially-synchronous, GST".to_owned()
        }
        timing => timing.synchrony().to_string(),
    };
    Assumption {
        part: "timing",
        model,
        meaning,
    }
}

fn figures(bounds: &Bounds) -> String {
    format!(
        "messages within {}, steps within {} and clocks within {} ppm",
        duration::format(bounds.delta),
        duration::format(bounds.phi),
        bounds.drift_ppm
    )
}

fn detector(contract: &Contract, detector: DetectorClass) -> Assumption {
    let mut meaning = match detector {
        DetectorClass::EventualLeader => "from some time on, all name the same correct replica",
        DetectorClass::EventuallyStrong => {
            "in the end every crashed replica is suspected, and one correct one is not"
        }
        DetectorClass::Quorum => {
            "names sets of replicas, any two of which meet, and in the end correct ones only"
        }
        DetectorClass::LeaderAndQuorum => {
            "from some time on, all name the same correct replica as leader; and it names sets of \
             replicas, any two of which meet, in the end correct ones only"
        }
        DetectorClass::Trusting => {
            "names sets of replicas that always hold a correct one, and in the end no other"
        }
        DetectorClass::EventuallyPerfect => "from some time on, exactly the crashed are suspected",
        DetectorClass::Perfect => "every crashed replica is suspected, and never anybody else",
    }
    .to_owned();
    let suspects = matches!(
        detector,
        DetectorClass::EventuallyPerfect | DetectorClass::Perfect
    );
    if suspects && contract.allows(Behaviour::Restart) {
        meaning.push_str("; one that comes back is suspected until it is heard");
    }
    if contract.oracle().is_some() {
        meaning.push_str(
            "; an oracle: timeouts cannot build it where nothing is bounded, so something else has to \
             (a fencing device, an operator)",
        );
    } else {
        meaning += &format!("; {}", built_from(detector));
    }
    Assumption {
        part: "detector",
        model: detector.to_string(),
        meaning,
    }
}

fn links(contract: &Contract) -> Assumption {
    let model = contract.links.model;
    let mut meaning = match model {
        LinkModel::FairLoss if contract.timing.synchrony() == Synchrony::PartiallySynchronous => {
            "messages are lost, repeated and reordered; what is sent again and again arrives, in the \
             end within a bound too (Dwork, Lynch, Stockmeyer 1988)"
        }
        LinkModel::FairLoss if contract.timing.synchrony() == Synchrony::Synchronous => {
            "messages are lost, repeated and reordered; what is sent again and again arrives, but by \
             no deadline: the bounds on time count for nothing"
        }
        LinkModel::FairLoss => {
            "messages are lost, repeated and reordered; what is sent again and again arrives"
        }
        LinkModel::Reliable => "what one correct replica sends to another arrives once",
        LinkModel::Authenticated => {
            "what one correct replica sends to another arrives once, unchanged, and its sender is \
             known"
        }
    }
    .to_owned();
    if contract.links.signatures {
        meaning.push_str("; signatures show anybody who said what");
    }
    let signed = if contract.links.signatures {
        ", signed messages"
    } else {
        ""
    };
    Assumption {
        part: "links",
        model: format!("{model}{signed}"),
        meaning,
    }
}

fn storage(contract: &Contract) -> Assumption {
    let storage = &contract.storage;
    let mut model = storage.model.to_string();
    for (may, name) in [
        (storage.may_tear, "may tear"),
        (storage.may_corrupt, "may corrupt"),
        (storage.may_lie_about_sync, "may lie about sync"),
    ] {
        if may {
            model.push_str(", ");
            model.push_str(name);
        }
    }
    let mut meaning = match storage.model {
        StorageModel::Durable => "what was synced survives a crash",
        StorageModel::Amnesiac => "nothing survives a crash",
    }
    .to_owned();
    if storage.may_tear {
        meaning.push_str("; a write that a crash cuts short may be there in part");
    }
    if storage.may_corrupt {
        meaning.push_str("; what was synced may come back changed");
    }
    if storage.may_lie_about_sync {
        meaning.push_str("; a sync may report success for what is not on the disk");
    }
    Assumption {
        part: "storage",
        model,
        meaning,
    }
}
