//! Which protocols fit a contract, and which contracts contradict themselves.

use crate::behaviour::{Behaviour, Behaviours};
use crate::contract::Contract;
use crate::elsewhere::KnownElsewhere;
use crate::failure::FaultCount;
use crate::finding::{Finding, Rule};
use crate::impossibility::Impossibility;
use crate::problem::Problem;
use crate::protocol::{Declaration, ProtocolName, Tolerance};
use crate::timing::{DetectorClass, Synchrony};
use serde::Serialize;
use std::fmt;

/// Does a protocol keep its promises under a contract?
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Admissibility {
    /// It does; the caveats say what is worth knowing.
    Admissible {
        /// True of this protocol under this contract.
        caveats: Vec<&'static str>,
    },
    /// It does not.
    NotAdmissible {
        /// Every assumption of the protocol that the contract does not grant.
        reasons: Vec<Reason>,
    },
}

impl Admissibility {
    /// Does the protocol keep its promises?
    pub const fn is_admissible(&self) -> bool {
        matches!(self, Admissibility::Admissible { .. })
    }
}

/// An assumption of a protocol that a contract does not grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What is missing.
    pub text: String,
    /// The theorem by which no other protocol would do better, if there is one.
    #[serde(serialize_with = "rule_name")]
    pub rule: Option<Impossibility>,
}

fn rule_name<S: serde::Serializer>(
    rule: &Option<Impossibility>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    rule.map(Impossibility::name).serialize(serializer)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.rule {
            Some(rule) => write!(f, " [{}]", rule.name()),
            None => Ok(()),
        }
    }
}

/// Does the protocol keep its promises under the contract?
pub fn admissible(contract: &Contract, protocol: ProtocolName) -> Admissibility {
    let verdict = judged(contract, protocol);
    if verdict.is_admissible() {
        return verdict;
    }
    let lasting = contract
        .in_total()
        .map(|lasting| judged(&lasting, protocol));
    lasting
        .filter(Admissibility::is_admissible)
        .unwrap_or(verdict)
}

fn judged(contract: &Contract, protocol: ProtocolName) -> Admissibility {
    let declared = protocol.declaration();
    let mut reasons = Vec::new();
    let mut refuse =
        |text: String, rule: Option<Impossibility>| reasons.push(Reason { text, rule });

    match tolerance(contract, declared) {
        Err(text) => refuse(text, None),
        Ok(tolerance) => {
            let (n, f) = (contract.replicas(), contract.tolerate());
            if !tolerance.replicas.suffices(n, f) {
                let text = format!(
                    "needs {}, here {} for f = {f}; there are {n}",
                    tolerance.replicas,
                    tolerance.replicas.least(f),
                );
                refuse(text, in_the_way(contract, declared.solves, &OF_NUMBERS));
            }
            let counted = contract.failures.counted;
            let liars = contract.failures.has_liars();
            let most = if liars {
                FaultCount::InTotal
            } else {
                declared.counted.min(tolerance.counted)
            };
            if f > 0 && counted > most {
                let text = match most {
                    FaultCount::InTotal if liars => {
                        "takes who has lied once for a liar for good; here liars are cured and \
                         others fall"
                    }
                    FaultCount::InTotal => {
                        "counts every replica that ever fails, for it goes on without one that \
                         missed a round; here others may fail each time"
                    }
                    _ => "needs faults that stay where they are for a while; here they never do",
                };
                let moving = [Impossibility::MovingFaults];
                refuse(
                    text.to_owned(),
                    in_the_way(contract, declared.solves, &moving),
                );
            }
            if liars && !contract.authenticates() {
                let text = "needs to know who sent a message, which these links do not tell";
                refuse(text.to_owned(), Some(Impossibility::Impersonation));
            }
        }
    }
    if !contract.has_usual_quorums() {
        let text = "does not take the quorums that the contract chooses";
        refuse(text.to_owned(), None);
    }
    if let Some((text, rule)) = timing_gap(contract, declared) {
        refuse(text, rule);
    }
    // Without liars, a message needs no proof.
    let liars = contract.failures.has_liars();
    if liars && declared.signatures && !contract.links.signatures {
        refuse(
            "needs signatures, to show others what a replica said".to_owned(),
            None,
        );
    }
    if declared.randomized && contract.deterministic {
        refuse(
            "draws random numbers, and the contract wants determinism".to_owned(),
            None,
        );
    }
    for (behaviour, text, rule) in [
        (
            Behaviour::Forget,
            "a restarted replica has forgotten its votes",
            Impossibility::Amnesia,
        ),
        (
            Behaviour::LieAboutSync,
            "a restarted replica may have lost votes that its disk said were safe",
            Impossibility::LyingSync,
        ),
    ] {
        let of_all = contract.storage.behaviours().contains(behaviour);
        if contract.failures.model.is_honest() && of_all && contract.allows(behaviour) {
            refuse(text.to_owned(), rule.finding(contract).map(|_| rule));
        }
    }
    if reasons.is_empty() {
        let apply = declared
            .caveats
            .iter()
            .filter(|caveat| (caveat.when)(contract));
        Admissibility::Admissible {
            caveats: apply.map(|caveat| caveat.text).collect(),
        }
    } else {
        Admissibility::NotAdmissible { reasons }
    }
}

/// The first tolerance that covers the contract's faulty replicas, or what is not covered.
fn tolerance<'a>(contract: &Contract, declared: &'a Declaration) -> Result<&'a Tolerance, String> {
    // With f = 0 every protocol survives the allowed faults.
    let faults = match contract.tolerate() {
        0 => Behaviours::NONE,
        _ => contract.failures.model.behaviours(),
    };
    let covers = |t: &&Tolerance| faults.is_within(t.behaviours);
    declared.tolerances.iter().find(covers).ok_or_else(|| {
        let survived = declared
            .tolerances
            .iter()
            .fold(Behaviours::NONE, |all, t| all | t.behaviours);
        // Of a liar it is enough to say that it lies.
        let missing = faults - survived;
        if missing.contains(Behaviour::Lie) {
            "does not survive liars".to_owned()
        } else {
            format!("does not survive {missing}")
        }
    })
}

/// The theorems about numbers of replicas.
const OF_NUMBERS: [Impossibility; 8] = [
    Impossibility::NobodyLeft,
    Impossibility::ByzantineThird,
    Impossibility::ByzantineThirdUnsigned,
    Impossibility::ClientsOutvoted,
    Impossibility::CrashHalf,
    Impossibility::OmissionHalf,
    Impossibility::DeafThirds,
    Impossibility::UniformHalf,
];

/// The theorems about what has to be known of time.
const OF_TIME: [Impossibility; 2] = [
    Impossibility::TwoGenerals,
    Impossibility::TerminatingDetector,
];

/// The first of these theorems by which no protocol solves the problem under the contract.
fn in_the_way(
    contract: &Contract,
    problem: Problem,
    theorems: &[Impossibility],
) -> Option<Impossibility> {
    let applies = |rule: &&Impossibility| rule.forbids(problem) && rule.finding(contract).is_some();
    theorems.iter().find(applies).copied()
}

/// What the protocol needs to know about time and is not told.
fn timing_gap(
    contract: &Contract,
    declared: &Declaration,
) -> Option<(String, Option<Impossibility>)> {
    let (needed, given) = (declared.synchrony, contract.effective_synchrony());
    if given >= needed {
        return None;
    }
    // A protocol that follows a leader needs no time.
    if declared.follows_oracle && contract.oracle().is_some_and(DetectorClass::elects) {
        return None;
    }
    if contract.timing.synchrony() > given {
        let text = "needs messages that arrive in time, and these links may lose them";
        let rule = match needed {
            Synchrony::Synchronous => in_the_way(contract, declared.solves, &OF_TIME),
            _ => in_the_way(contract, declared.solves, &[Impossibility::Flp]),
        };
        return Some((text.to_owned(), rule));
    }
    Some(match needed {
        Synchrony::Synchronous if declared.solves == Problem::Log && !declared.signatures => (
            "needs to know who has crashed, so bounds that are known and always hold".to_owned(),
            Some(Impossibility::PerfectDetector),
        ),
        Synchrony::Synchronous => (
            "works in rounds, so needs bounds that are known and always hold".to_owned(),
            in_the_way(contract, declared.solves, &OF_TIME),
        ),
        _ => (
            "is deterministic and decides only once time is bounded, which here is never"
                .to_owned(),
            (contract.tolerate() > 0).then_some(Impossibility::Flp),
        ),
    })
}

/// A contract that promises what cannot be, or what its own protocol cannot do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contradiction {
    /// Everything that stands in the way; never empty.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the contract contradicts itself:")?;
        for finding in &self.findings {
            // A finding ends its last line; an error message does not.
            write!(f, "\n{}", finding.to_string().trim_end())?;
        }
        Ok(())
    }
}

impl std::error::Error for Contradiction {}

/// A contract that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRunnable {
    /// No protocol could run it.
    #[error(transparent)]
    Contradictory(#[from] Contradiction),
    /// It makes sense, but quorate does not serve a protocol that fits.
    #[error(
        "the contract makes sense, but quorate serves no protocol for it yet; {} would do",
        list(protocols)
    )]
    NotServed {
        /// Protocols of the catalogue that fit.
        protocols: Vec<ProtocolName>,
    },
    /// No theorem forbids it, and no protocol of the catalogue does it.
    #[error(
        "nothing forbids what the contract asks for, but no protocol here does it{}",
        by(known)
    )]
    NothingHere {
        /// What is known from the literature to do it; perhaps nothing.
        known: Vec<KnownElsewhere>,
    },
}

fn by(known: &[KnownElsewhere]) -> String {
    known.first().map_or_else(String::new, |known| {
        format!("; {} does ({})", known.what, known.citation)
    })
}

fn list(protocols: &[ProtocolName]) -> String {
    protocols
        .iter()
        .map(|p| p.name())
        .collect::<Vec<_>>()
        .join(", ")
}

impl Contract {
    /// Refuses a contract that contradicts itself. Every command calls this first.
    ///
    /// Without a chosen problem or protocol the contract is taken to ask for a replicated log.
    ///
    /// # Errors
    /// [`Contradiction`] lists every theorem in the way, or why the chosen protocol does not fit.
    pub fn check(&self) -> Result<(), Contradiction> {
        let problem = self.problem();
        let mut findings: Vec<Finding> = Impossibility::ALL
            .into_iter()
            .filter(|rule| rule.voids() || rule.forbids(problem))
            .filter_map(|rule| rule.finding(self))
            .collect();
        findings.extend(self.quorum_findings());
        if let Some(protocol) = self.protocol {
            findings.extend(self.misfit(protocol, &findings));
        }
        if findings.is_empty() {
            Ok(())
        } else {
            Err(Contradiction { findings })
        }
    }

    /// What the chosen protocol lacks, beyond what was found already.
    fn misfit(&self, protocol: ProtocolName, found: &[Finding]) -> Option<Finding> {
        let mut reasons = match admissible(self, protocol) {
            Admissibility::NotAdmissible { reasons } => reasons,
            Admissibility::Admissible { .. } => vec![],
        };
        let solves = protocol.declaration().solves.among(&self.failures);
        if !self.is_given_by(solves) {
            let text = format!("solves {solves}, which gives no {}", self.problem());
            reasons.insert(0, Reason { text, rule: None });
        }
        let is_found = |rule| {
            found
                .iter()
                .any(|finding| finding.rule == Rule::Impossible(rule))
        };
        let reasons: Vec<String> = reasons
            .iter()
            .filter(|reason| !reason.rule.is_some_and(is_found))
            .map(Reason::to_string)
            .collect();
        if reasons.is_empty() {
            return None;
        }
        let fitting = self.fitting();
        Some(Finding {
            rule: Rule::ChosenProtocol,
            because: format!("{protocol} {}", reasons.join("; ")),
            remedy: if fitting.is_empty() {
                "change the contract; no protocol fits it as it is".to_owned()
            } else {
                format!("choose {}", list(&fitting))
            },
        })
    }

    /// The protocols that solve the contract's problem under it.
    pub fn fitting(&self) -> Vec<ProtocolName> {
        ProtocolName::ALL
            .into_iter()
            .filter(|p| self.is_given_by(p.declaration().solves))
            .filter(|&p| admissible(self, p).is_admissible())
            .collect()
    }

    /// The protocol to run: the chosen one, or the first that fits and serves.
    ///
    /// # Errors
    /// [`NotRunnable`] tells a contract that no protocol can run from one that nothing here runs, and
    /// from one that quorate does not serve yet.
    pub fn runnable(&self) -> Result<ProtocolName, NotRunnable> {
        self.check()?;
        let candidates = self.protocol.map_or_else(|| self.fitting(), |p| vec![p]);
        match candidates.iter().find(|p| p.serves()) {
            Some(protocol) => Ok(*protocol),
            None if candidates.is_empty() => Err(NotRunnable::NothingHere {
                known: self.known_elsewhere(),
            }),
            None => Err(NotRunnable::NotServed {
                protocols: candidates,
            }),
        }
    }
}
