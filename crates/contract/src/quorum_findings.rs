//! What a contract asks of its quorums, and what is wrong with those that it chooses.

use crate::contract::Contract;
use crate::elsewhere::KnownElsewhere;
use crate::finding::{Finding, Rule};
use crate::problem::Problem;
use crate::protocol::ProtocolName;
use crate::quorum::{
    self, QuorumCounterexample, QuorumKind, QuorumNeeds, QuorumPhase, QuorumSystem,
};
use crate::timing::Synchrony;

/// The most replicas that a sentence names one by one.
const MAX_NAMED: usize = 16;

impl Contract {
    /// Are quorums what the protocols here count: any so many replicas as the contract calls for?
    pub fn has_usual_quorums(&self) -> bool {
        let size = self.quorum().size;
        let usual = |quorums: &QuorumSystem| quorums.is_any(size);
        self.quorums.as_ref().is_none_or(usual)
    }

    /// Who takes quorums such as the contract chooses, where no protocol here does.
    pub(crate) fn known_with_quorums(&self, quorums: &QuorumSystem) -> Vec<KnownElsewhere> {
        let counting = Contract {
            quorums: None,
            ..self.clone()
        };
        let counting = counting.fitting();
        let mut known = vec![];
        if counting.is_empty() {
            return known;
        }
        if self.problem() == Problem::Register {
            known.push(KnownElsewhere {
                what: "a register that is read from and written to such quorums",
                citation: quorums.kind().citation(),
            });
        }
        if self.failures.has_liars() {
            return known;
        }
        if !quorums.witnesses().is_empty() {
            known.push(KnownElsewhere {
                what: "voting with witnesses, which keep the version and not the data",
                citation: "Pâris, ICDCS 1986",
            });
        } else if counting.contains(&ProtocolName::Paxos) {
            known.push(KnownElsewhere {
                what: "Paxos over quorums of which those of its two phases meet (Flexible Paxos)",
                citation: "Howard, Malkhi, Spiegelman, OPODIS 2016",
            });
        }
        known
    }

    /// What the contract asks of quorums such as these.
    pub fn quorum_needs(&self, quorums: &QuorumSystem) -> QuorumNeeds {
        let liars = self.failures.liars();
        let failures = &self.failures;
        QuorumNeeds {
            shared: match quorums.kind() {
                QuorumKind::Masking { .. } => 2 * liars + 1,
                _ => self.quorum().intersection_needed,
            },
            among_writes: liars > 0,
            faults: self.tolerate(),
            reaches_all: self.effective_synchrony() == Synchrony::Synchronous
                && (failures.is_lasting() || failures.counts_recovering),
        }
    }

    /// What is wrong with the quorums that the contract chooses, with a counterexample for each.
    pub fn quorum_findings(&self) -> Vec<Finding> {
        let Some(quorums) = &self.quorums else {
            return vec![];
        };
        let needs = self.quorum_needs(quorums);
        let found = quorums.counterexamples(&needs);
        if found.is_empty() {
            return vec![];
        }
        let remedy = self.nearest_quorums(quorums, &needs);
        let finding = |one: QuorumCounterexample| Finding {
            rule: match one {
                QuorumCounterexample::Apart { .. } => Rule::QuorumIntersection,
                QuorumCounterexample::NoneLeft { .. } | QuorumCounterexample::CopiesLost { .. } => {
                    Rule::QuorumAvailability
                }
            },
            because: self.tell(&one),
            remedy: remedy.clone(),
        };
        found.into_iter().map(finding).collect()
    }

    /// A counterexample as a sentence, with the replicas by name.
    pub fn tell(&self, counterexample: &QuorumCounterexample) -> String {
        match counterexample {
            QuorumCounterexample::Apart {
                phase,
                overlap,
                needed,
            } => {
                let shared = match overlap.shared.len() {
                    0 => "no replica".to_owned(),
                    _ => format!("{} alone", self.names_of(&overlap.shared)),
                };
                let why = match needed {
                    1 => "what one has seen the other never hears of",
                    _ if needed % 2 == 1 && *needed > self.quorum().intersection_needed => {
                        "the honest among them have to outnumber the liars"
                    }
                    _ => "all of them may be liars",
                };
                format!(
                    "the {} quorum {} and the write quorum {} share {shared}, and {needed} {} needed: \
                     {why}",
                    phase.name(),
                    self.names_of(&overlap.first),
                    self.names_of(&overlap.second),
                    if *needed == 1 { "is" } else { "are" },
                )
            }
            QuorumCounterexample::NoneLeft { phase, faulty } if faulty.is_empty() => {
                format!("all voters together make no {} quorum", phase.name())
            }
            QuorumCounterexample::NoneLeft { phase, faulty } => {
                let silent = match phase {
                    QuorumPhase::Read => "no quorum to read, or to elect a leader, is left",
                    QuorumPhase::Write => "no quorum to write is left",
                };
                format!(
                    "f = {} may be faulty; with {} silent {silent}",
                    self.tolerate(),
                    self.names_of(faulty)
                )
            }
            QuorumCounterexample::CopiesLost { write, faulty } => format!(
                "{} make a write quorum; with {} silent no copy of that write is left, for a witness \
                 knows that there was one and not what it was",
                self.names_of(write),
                self.names_of(faulty)
            ),
        }
    }

    /// Replicas by name, as `{n0, n1}`; of many, the first and the last.
    pub fn names_of(&self, ids: &[u8]) -> String {
        let name = |id: &u8| match self.cluster.member(*id) {
            Some(member) => member.name.clone(),
            None => id.to_string(),
        };
        match ids {
            [first, second, .., last] if ids.len() > MAX_NAMED => format!(
                "{{{}, {}, …, {}: {} replicas}}",
                name(first),
                name(second),
                name(last),
                ids.len()
            ),
            _ => format!(
                "{{{}}}",
                ids.iter().map(name).collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// The nearest quorums that meet the needs, as a remedy.
    pub fn nearest_quorums(&self, quorums: &QuorumSystem, needs: &QuorumNeeds) -> String {
        let liars = self.failures.liars();
        let nearest = quorums.nearest(needs, liars);
        if let Some(nearest) = nearest {
            return format!("the nearest that hold: {nearest}");
        }
        let (f, n) = (self.tolerate(), quorums.voters().len());
        let (formula, least) = match quorums.kind() {
            QuorumKind::Masking { .. } => ("4f + 1", quorum::replicas_for_masking(f)),
            _ if needs.shared > 1 && f == liars => ("3f + 1", quorum::replicas_for_liars(f)),
            _ if needs.shared > 1 => ("2c + 3b + 1", quorum::replicas_for_mixed(f - liars, liars)),
            _ => ("2f + 1", quorum::replicas_for_crashes(f)),
        };
        format!("no quorums of {n} voters hold; let {formula} = {least} vote, or lower f")
    }
}
