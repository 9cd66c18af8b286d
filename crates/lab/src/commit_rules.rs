//! Which outcomes of an atomic commit are right (Gray and Lamport 2006, §2).

use crate::experiment::Experiment;
use quorate_core::NodeId;

/// What the votes and the faults of a run allow.
#[derive(Debug)]
pub(crate) struct CommitRules {
    /// Nodes that can be believed and that do not vote yes: the first of them.
    opposed: Option<NodeId>,
    /// From when on something fails, or may be late: from then on all may abort.
    disturbed_from: Option<u64>,
}

impl CommitRules {
    pub(crate) fn new(experiment: &Experiment) -> Self {
        let liars = experiment.liars();
        let votes_yes = |node: NodeId| {
            let mut votes = experiment.requests.iter().filter(|ask| !ask.second);
            votes.any(|ask| ask.node == node && ask.value == "yes")
        };
        let timing = &experiment.weather.timing;
        let told = experiment.setup.delta.as_nanos();
        // The nodes are told Δ and Φ together.
        let late = timing.gst > 0 || u128::from(timing.delta + timing.phi) > told;
        let nodes = experiment.node_faults.iter().map(|fault| fault.from);
        let links = experiment.link_faults.iter().map(|fault| fault.from);
        Self {
            opposed: NodeId::all(experiment.setup.nodes)
                .filter(|node| !liars.contains(*node))
                .find(|node| !votes_yes(*node)),
            disturbed_from: match late {
                true => Some(0),
                false => nodes.chain(links).min(),
            },
        }
    }

    /// Is this outcome right, at this moment?
    pub(crate) fn check(&self, outcome: &[u8], now: u64) -> Result<(), String> {
        match outcome {
            b"commit" => match self.opposed {
                None => Ok(()),
                Some(node) => Err(format!(
                    "{node} did not vote yes, and \"commit\" is decided"
                )),
            },
            b"abort" => {
                let disturbed = self.disturbed_from.is_some_and(|from| from <= now);
                match self.opposed.is_some() || disturbed {
                    true => Ok(()),
                    false => Err(
                        "all voted yes, nothing failed or was late, and \"abort\" is \
                                  decided"
                            .to_owned(),
                    ),
                }
            }
            other => Err(format!(
                "{:?} is decided, which is neither \"commit\" nor \"abort\"",
                String::from_utf8_lossy(other)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_for_it_commit_and_abort_needs_a_reason() {
        let rules = |opposed, disturbed_from| CommitRules {
            opposed,
            disturbed_from,
        };
        let calm = rules(None, None);
        assert!(calm.check(b"commit", 5).is_ok());
        assert!(calm.check(b"abort", 5).is_err());
        assert!(calm.check(b"yes", 5).is_err());
        let one_no = rules(Some(NodeId(1)), None);
        assert!(one_no.check(b"commit", 5).is_err());
        assert!(one_no.check(b"abort", 5).is_ok());
        let later = rules(None, Some(6));
        assert!(later.check(b"abort", 5).is_err());
        assert!(later.check(b"abort", 6).is_ok());
        assert!(later.check(b"commit", 6).is_ok());
    }
}
