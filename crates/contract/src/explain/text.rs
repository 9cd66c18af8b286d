//! The explanation in words: the first screen, and all of it.

use super::{ContractStatus, Explanation, ProtocolCandidate};
use crate::admission::Admissibility;
use crate::behaviour::Behaviours;
use crate::duration;
use crate::finding::Rule;
use crate::problem::Problem;
use crate::protocol::{ProtocolCost, SupportLevel};
use crate::wrap::{WIDTH, write_beside};
use std::fmt;

/// Where the text beside a label begins.
const BESIDE: usize = 17;

/// The first screen: the verdict, the reason, the smallest change, and what is to be remembered.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_verdict(f)?;
        if !matches!(self.standing, ContractStatus::Contradictory { .. }) {
            self.write_quorum(f)?;
            self.write_decision(f)?;
            writeln!(f)?;
            write_beside(f, "", 2, &self.paragraph)?;
        }
        write_beside(f, "", 0, MORE)
    }
}

/// How to be told more.
const MORE: &str =
    "(--full: what is assumed, what follows in figures, every protocol and why it fits or not)";

/// All of an explanation: also what is assumed line by line, what follows, and every protocol.
#[derive(Debug)]
pub struct FullText<'a>(pub(super) &'a Explanation);

impl fmt::Display for FullText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write_full(f)
    }
}

impl Explanation {
    fn write_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cluster = &self.contract.cluster;
        let title = format!(
            "Contract of \"{}\": {} replicas",
            cluster.name,
            cluster.len()
        );
        writeln!(f, "{title}")?;
        let problem = self.contract.problem();
        if problem != Problem::Log {
            writeln!(f, "It asks for {problem}.")?;
        }
        self.write_standing(f)?;
        self.write_changes(f)
    }

    /// The smallest changes that make it possible, each of which was checked.
    fn write_changes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, ..] = &self.changes[..] else {
            return Ok(());
        };
        let title = match (self.changes.len(), first.write.len()) {
            (1, 1) => "Possible with",
            (1, _) => "Possible with both",
            (_, 1) => "Possible with any one of",
            (_, _) => "No one change is enough; possible with both of",
        };
        writeln!(f, "  {title}")?;
        self.changes.iter().try_for_each(|change| {
            let text = format!("→ {}: {}", change.write.join(" and "), change.solved_by);
            write_beside(f, "", 4, &text)
        })
    }

    fn write_full(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_verdict(f)?;
        heading(f, "What is assumed")?;
        for assumption in &self.assumed {
            let text = format!("{}: {}.", assumption.model, assumption.meaning);
            write_beside(f, &format!("  {}", assumption.part), BESIDE, &text)?;
        }
        write_beside(f, "  may happen", BESIDE, &names(self.may_happen))?;
        write_beside(f, "  excluded", BESIDE, &names(self.excluded))?;
        heading(f, "What follows")?;
        self.write_figures(f)?;
        self.write_limits(f)?;
        self.write_protocols(f)?;
        heading(f, "For the design document")?;
        write_beside(f, "", 2, &self.paragraph)
    }
}

fn heading(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let line = "─".repeat(WIDTH - text.chars().count() - 1);
    writeln!(f, "\n{text} {line}")
}

fn names(set: Behaviours) -> String {
    if set.is_empty() {
        return "nothing".to_owned();
    }
    set.names().collect::<Vec<_>>().join(", ")
}

fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn cost(cost: &ProtocolCost) -> String {
    let mut parts = vec![
        count(cost.delays, "message delay", "message delays"),
        if cost.messages == u64::MAX {
            "more messages than can be counted".to_owned()
        } else {
            count(cost.messages, "message", "messages")
        },
    ];
    if cost.syncs > 0 {
        let sequence = count(cost.syncs_in_sequence, "sync", "syncs");
        parts.push(format!("{sequence} in sequence ({} in all)", cost.syncs));
    }
    let note = if cost.note.is_empty() {
        String::new()
    } else {
        format!("; {}", cost.note)
    };
    format!("{}{note}", parts.join(", "))
}

impl Explanation {
    fn write_standing(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.standing {
            ContractStatus::Runnable { protocol } => {
                let text = format!("It holds together, and quorate serves it with {protocol}.");
                write_beside(f, "", 0, &text)
            }
            ContractStatus::NotServed { protocols } => {
                let mut text = "It holds together, but quorate does not serve it yet.".to_owned();
                for (kind, status) in [
                    ("In the lab", SupportLevel::Lab),
                    ("Not implemented", SupportLevel::NotImplemented),
                ] {
                    let names: Vec<_> = protocols
                        .iter()
                        .filter(|p| p.declaration().status == status)
                        .map(|p| p.name())
                        .collect();
                    if !names.is_empty() {
                        text += &format!(" {kind}: {}.", names.join(", "));
                    }
                }
                write_beside(f, "", 0, &text)
            }
            ContractStatus::NothingHere { known } => {
                let text = "It is possible as far as is known, but nothing here does it.";
                write_beside(f, "", 0, text)?;
                self.write_chosen_quorums(f)?;
                for known in known {
                    let text = format!("Known: {} ({}).", known.what, known.citation);
                    write_beside(f, "", 2, &text)?;
                }
                if known.is_empty() {
                    let text = "No theorem here forbids it, and nothing here or in the literature that \
                                this program knows does it: it may be open.";
                    write_beside(f, "", 2, text)?;
                }
                Ok(())
            }
            ContractStatus::Contradictory { findings } => {
                write_beside(f, "", 0, "It contradicts itself: no command will run it.")?;
                findings.iter().try_for_each(|finding| {
                    // The nearest quorums that hold are said with those that do not.
                    let of_quorums = matches!(
                        finding.rule,
                        Rule::QuorumIntersection | Rule::QuorumAvailability
                    );
                    finding.write(f, of_quorums || self.changes.is_empty())
                })
            }
        }
    }

    /// The quorums that the contract chooses, if they are not what its protocols count.
    fn write_chosen_quorums(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chosen = self.contract.quorums.as_ref();
        let Some(quorums) = chosen.filter(|_| !self.contract.has_usual_quorums()) else {
            return Ok(());
        };
        let text = format!(
            "Its quorums hold ({quorums}), and protocols here count any {} of {} replicas; `quorate \
             explain --quorums` draws them.",
            self.contract.quorum().size,
            self.contract.replicas(),
        );
        write_beside(f, "", 2, &text)
    }

    fn write_figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.follows;
        let quorum = &figures.quorum;
        let (n, faults) = (quorum.replicas, quorum.faults);
        let failures = &self.contract.failures;
        let formula = match (failures.has_liars(), failures.crash_only) {
            (true, 0) if !self.contract.outvotes_in_time() => "3f + 1",
            (true, 1..) if !self.contract.outvotes_in_time() => "2c + 3b + 1",
            _ => "2f + 1",
        };
        let fewer = if figures.least_rounds.is_some() && !figures.live {
            "; protocols that count rounds instead of votes may do with fewer"
        } else {
            ""
        };
        let replicas = format!(
            "n = {n}; quorums that survive f = {faults} need {formula} = {}{fewer}",
            figures.least_replicas
        );
        write_beside(f, "  replicas", BESIDE, &replicas)?;
        self.write_quorum(f)?;
        let survived = format!(
            "{} faulty with this n{}",
            figures.most_faults,
            if figures.live {
                String::new()
            } else {
                format!(": with f = {faults} silent, no quorum is left")
            }
        );
        write_beside(f, "  survives", BESIDE, &survived)?;
        self.write_rounds(f)?;
        self.write_decision(f)
    }

    fn write_quorum(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.follows;
        let quorum = &figures.quorum;
        let n = quorum.replicas;
        let shared = format!(
            "{} of {n}; any two share at least {}, and {} {} needed{}",
            quorum.size,
            quorum.intersection,
            quorum.intersection_needed,
            if quorum.intersection_needed == 1 {
                "is"
            } else {
                "are"
            },
            if figures.safe { "" } else { ": NOT SAFE" },
        );
        write_beside(f, "  quorum", BESIDE, &shared)
    }

    fn write_rounds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.follows;
        let faults = figures.quorum.faults;
        if let Some(rounds) = figures.least_rounds {
            let time = figures.least_rounds_time.map_or_else(String::new, |time| {
                format!(", {} with these bounds", duration::format(time))
            });
            let text = format!(
                "{} = {rounds} synchronous {} in the worst case for any deterministic protocol{time}, \
                 whether the faulty crash or lie (Fischer, Lynch 1982; Dolev, Strong 1983)",
                if rounds == faults + 1 {
                    "f + 1"
                } else {
                    "n - 1"
                },
                if rounds == 1 { "round" } else { "rounds" },
            );
            write_beside(f, "  rounds", BESIDE, &text)?;
        }
        Ok(())
    }

    fn write_decision(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(decision) = &self.follows.decision {
            let text = format!("{}: {}", decision.protocol, cost(&decision.cost));
            write_beside(f, "  one decision", BESIDE, &text)?;
        }
        Ok(())
    }

    fn write_limits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.limits.is_empty() {
            return Ok(());
        }
        heading(f, "What no protocol beats here")?;
        self.limits.iter().try_for_each(|limit| {
            let text = format!("{} ({})", limit.text, limit.citation);
            write_beside(f, &format!("  {}", limit.of), BESIDE, &text)
        })
    }

    fn write_protocols(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fit, unfit): (Vec<_>, Vec<_>) = self
            .protocols
            .iter()
            .partition(|c| c.verdict.is_admissible());
        heading(f, "Protocols that keep their promises here")?;
        if fit.is_empty() {
            writeln!(f, "  none")?;
        }
        fit.iter().try_for_each(|c| write_candidate(f, c))?;
        heading(f, "Protocols that do not, and why")?;
        if unfit.is_empty() {
            writeln!(f, "  none")?;
        }
        unfit.iter().try_for_each(|c| write_candidate(f, c))
    }
}

fn write_candidate(f: &mut fmt::Formatter<'_>, candidate: &ProtocolCandidate) -> fmt::Result {
    let head = format!("  {}", candidate.protocol);
    match &candidate.verdict {
        Admissibility::NotAdmissible { reasons } => {
            let reasons: Vec<_> = reasons.iter().map(|r| r.to_string()).collect();
            write_beside(f, &head, BESIDE + 2, &reasons.join("; "))
        }
        Admissibility::Admissible { caveats } => {
            let status = match candidate.status {
                SupportLevel::Serves => "serves",
                SupportLevel::Lab => "in the lab",
                SupportLevel::NotImplemented => "not implemented yet",
            };
            let replicas = candidate
                .replicas
                .map_or_else(String::new, |r| format!(", {r}"));
            let text = format!(
                "{} ({status}){replicas}; {}",
                candidate.solves.title(),
                cost(&candidate.cost)
            );
            write_beside(f, &head, BESIDE + 2, &text)?;
            caveats
                .iter()
                .try_for_each(|caveat| write_beside(f, "", BESIDE + 2, &format!("! {caveat}")))
        }
    }
}
