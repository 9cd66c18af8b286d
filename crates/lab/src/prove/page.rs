//! The runs of a proof that are worth a space-time page.

use super::Proof;
use super::draw::DrawnRun;
use super::scale::scaled;
use crate::experiment::Experiment;
use crate::record::PageText;
use quorate_contract::Contract;

/// One run to be drawn.
#[derive(Clone, Debug)]
pub struct Page {
    /// What it is called, as part of a file's name.
    pub name: String,
    /// What is run.
    pub experiment: Experiment,
    /// The seed of its decisions.
    pub stream: u64,
    /// What the page says besides.
    pub text: PageText,
}

/// The runs that a proof shows.
pub fn pages(contract: &Contract, proof: &Proof) -> Vec<Page> {
    let mut pages = vec![];
    for search in &proof.searches {
        let (Some(subject), Some(first)) = (search.subject, search.first) else {
            continue;
        };
        let seed = search.refuted.as_ref().map_or(first, |run| run.seed);
        let drawn = scaled(contract, search.protocol)
            .and_then(|(contract, _)| DrawnRun::draw(&contract, subject, seed));
        if let Some(run) = drawn {
            pages.push(Page {
                name: format!("{}-{seed}", search.protocol),
                stream: run.stream,
                experiment: run.experiment,
                text: PageText {
                    title: format!("{subject} under {}, run {seed}", contract.cluster.name),
                    clause: search.refuted.as_ref().map(|run| run.property.clone()),
                    ..PageText::default()
                },
            });
        }
    }
    let own = proof.theorems.iter().map(|shown| (contract, shown));
    let beyond = proof.beyond.iter();
    let beyond = beyond.flat_map(|beyond| beyond.theorems.iter().map(|it| (&beyond.contract, it)));
    for (contract, shown) in own.chain(beyond) {
        for (at, candidate) in (1..).zip(&shown.candidates) {
            let Some((experiment, stream)) = &candidate.run else {
                continue;
            };
            let (n, f) = (contract.replicas(), contract.tolerate());
            pages.push(Page {
                name: format!("{}-n{n}-f{f}-{at}", shown.rule),
                experiment: experiment.clone(),
                stream: *stream,
                text: PageText {
                    title: format!("{}: {}", shown.rule, candidate.candidate),
                    clause: shown.citation.map(str::to_owned),
                    note: Some(candidate.adversary.clone()),
                    ..PageText::default()
                },
            });
        }
    }
    pages
}
