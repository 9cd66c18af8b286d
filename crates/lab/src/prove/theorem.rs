//! Each theorem, and the adversary of its proof, run against candidates.
//!
//! The match over the theorems is exhaustive: one that is added has no adversary until it is given one
//! here, and the crate does not compile before.

use super::construct::{detector, faults, liars, partition, storage};
use super::trial::{Candidate, Trial};
use quorate_contract::{Contract, Finding, Impossibility, Rule};
use serde::Serialize;

/// What a theorem's adversary did to candidates.
#[derive(Clone, Debug, Serialize)]
pub struct Demonstration {
    /// The theorem's name, or `chosen-protocol`.
    pub rule: &'static str,
    /// Where it is proved.
    pub citation: Option<&'static str>,
    /// What there is to say where nothing is run.
    pub by_definition: Option<String>,
    /// What became of each candidate.
    pub candidates: Vec<Candidate>,
    /// Is it a theorem, so that every candidate has to be broken?
    pub is_theorem: bool,
}

impl Demonstration {
    /// Was every candidate broken inside the contract, or is there none to break?
    pub fn holds(&self) -> bool {
        let broken = self.candidates.iter().all(Candidate::is_broken);
        let run = !self.candidates.is_empty() || self.by_definition.is_some();
        !self.is_theorem || (broken && run)
    }
}

/// What shows a theorem.
pub(super) enum ProofRuns {
    /// Runs of candidates.
    Trials(Vec<Trial>),
    /// Candidates that were looked at otherwise.
    Looked(Vec<Candidate>),
    /// Nothing to run: it follows from the words.
    ByDefinition(&'static str),
}

/// The adversary of a theorem under a contract to which it applies.
fn adversary(theorem: Impossibility, c: &Contract) -> ProofRuns {
    use ProofRuns::{ByDefinition, Looked, Trials};
    if c.replicas() < 2 {
        return ByDefinition("one replica alone has no other to disagree with");
    }
    let by_time = matches!(
        theorem,
        Impossibility::Flp
            | Impossibility::CrashHalf
            | Impossibility::ByzantineThird
            | Impossibility::TerminatingDetector
    );
    if by_time && c.steps.is_some_and(|steps| steps < c.timing.synchrony()) {
        return ByDefinition(
            "nothing is run: the adversary of its proof holds back steps while messages keep their bounds, \
             and the lab holds back messages",
        );
    }
    match theorem {
        Impossibility::NobodyLeft => ByDefinition(
            "all replicas may be faulty, so no run has a correct one that could keep the promise",
        ),
        Impossibility::UniformLiars => ByDefinition(
            "a liar may decide and deliver anything by itself, whatever the others do: no run of a \
             protocol can bind it",
        ),
        Impossibility::CrashHalf => Trials(partition::crash_half(c)),
        Impossibility::UniformHalf => Trials(partition::uniform_half(c)),
        Impossibility::SetAgreement => Trials(partition::set_agreement(c)),
        Impossibility::Flp => Trials(partition::flp(c)),
        Impossibility::TwoGenerals => Trials(partition::two_generals(c)),
        Impossibility::ByzantineThird => Trials(liars::third(c)),
        Impossibility::ByzantineThirdUnsigned => Trials(liars::third_unsigned(c)),
        Impossibility::Impersonation => Trials(liars::impersonation(c)),
        Impossibility::ClientsOutvoted => Looked(liars::clients_outvoted(c)),
        Impossibility::Amnesia => Trials(storage::forgotten(c, storage::PromiseLoss::Amnesia)),
        Impossibility::LyingSync => Trials(storage::forgotten(c, storage::PromiseLoss::LyingSync)),
        Impossibility::MovingFaults => Trials(faults::moving(c)),
        Impossibility::OmissionHalf => Trials(faults::omission_half(c)),
        Impossibility::DeafThirds => Trials(faults::deaf_thirds(c)),
        Impossibility::TerminatingDetector => Trials(faults::terminating(c)),
        Impossibility::PerfectDetector
        | Impossibility::EventualDetector
        | Impossibility::QuorumDetector
        | Impossibility::SilentIsNotCrashed => Looked(detector::mistaken(c, theorem)),
    }
}

/// Runs the adversary of what was found.
pub(super) fn demonstrate(c: &Contract, finding: &Finding, first: u64) -> Demonstration {
    let mut shown = Demonstration {
        rule: finding.rule.name(),
        citation: finding.rule.citation(),
        by_definition: None,
        candidates: vec![],
        is_theorem: matches!(finding.rule, Rule::Impossible(_)),
    };
    let of = match finding.rule {
        Rule::Impossible(theorem) => adversary(theorem, c),
        Rule::ChosenProtocol => ProofRuns::Trials(faults::chosen(c)),
        Rule::QuorumIntersection | Rule::QuorumAvailability => ProofRuns::Looked(vec![]),
    };
    match of {
        ProofRuns::ByDefinition(why) => shown.by_definition = Some(why.to_owned()),
        ProofRuns::Looked(candidates) => shown.candidates = candidates,
        ProofRuns::Trials(trials) => {
            shown.candidates = trials.into_iter().map(|it| it.run(c, first)).collect();
        }
    }
    if shown.candidates.is_empty() && shown.by_definition.is_none() && !shown.is_theorem {
        shown.by_definition = Some(match finding.rule {
            // The replicas by name are the counterexample.
            Rule::QuorumIntersection | Rule::QuorumAvailability => finding.because.clone(),
            _ => format!("there is no code to run; {}", finding.because),
        });
    }
    shown
}
