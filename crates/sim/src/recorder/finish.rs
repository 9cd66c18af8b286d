//! From what was recorded to a run that a report can show.

use super::Recorder;
use super::ring::Ring;
use quorate_report::{Cut, MessageFate, Run, RunNode, RunSummary, Total, VerdictKind};

/// What the world knows about a run when it is over.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// What was run: protocol, scenario, seed.
    pub title: String,
    /// What it came to.
    pub verdict: VerdictKind,
    /// The same in one sentence.
    pub sentence: String,
    /// The clause of the contract that is at stake.
    pub clause: Option<String>,
    /// The command that does this run again.
    pub replay: Option<String>,
    /// The nodes, in their order; those that are not named get their number.
    pub nodes: Vec<RunNode>,
    /// When the run ended.
    pub end: u64,
}

impl Recorder {
    /// The run: it passes [`Run::check`], unless it lasted over a hundred days.
    pub fn finish(mut self, ending: Ending) -> Run {
        let end = ending.end.max(self.now);
        for lane in 0..self.lanes.len() {
            self.end_reign(end, quorate_core::NodeId(lane as u32));
        }
        let cuts = self.cuts();
        let first = self.events.gone();
        let kept = |id: &mut Option<u32>| *id = id.and_then(|id| id.checked_sub(first));
        let mut run = Run {
            title: ending.title,
            verdict: RunSummary {
                kind: ending.verdict,
                sentence: ending.sentence,
                event: self.violation,
            },
            clause: ending.clause,
            replay: ending.replay,
            end,
            nodes: names(ending.nodes, self.lanes.len()),
            events: self.events.into_vec(),
            messages: self.messages.into_vec(),
            syncs: self.syncs.into_vec(),
            bands: self.bands.into_vec(),
            reigns: self.reigns.into_vec(),
            commits: self.commits.into_vec(),
            operations: self.operations.into_vec(),
            totals: self.totals.into_iter().map(total).collect(),
            cuts,
        };
        kept(&mut run.verdict.event);
        run.events
            .iter_mut()
            .for_each(|event| kept(&mut event.cause));
        for message in &mut run.messages {
            kept(&mut message.send);
            kept(&mut message.receive);
            // What was decided about it does not count before it arrives.
            if message.arrived.is_none() && message.fate != MessageFate::Dropped {
                message.fate = MessageFate::InFlight;
            }
        }
        for operation in &mut run.operations {
            kept(&mut operation.event);
        }
        for band in &mut run.bands {
            band.to = band.to.min(end);
        }
        run
    }

    fn cuts(&mut self) -> Vec<Cut> {
        let limits = self.limits;
        let start = match self.events.gone() {
            0 => 0,
            _ => self.events.oldest().map_or(self.now, |event| event.at),
        };
        // Arrows and syncs that end before the first event would hang in the air.
        while let Some(message) = self.messages.oldest()
            && message.arrived.unwrap_or(message.sent) < start
        {
            self.let_message_go();
        }
        while self.syncs.oldest().is_some_and(|sync| sync.to < start) {
            self.syncs.let_go();
        }
        let most = |n: usize, what: &str| format!("only the last {n} {what} are kept");
        let full = |n: usize, what: &str| {
            format!("{}, and {} MiB of words", most(n, what), limits.text >> 20)
        };
        let others = limits.others;
        let mut cuts = vec![
            cut(&self.events, "events", full(limits.events, "events")),
            cut(
                &self.messages,
                "messages",
                full(limits.messages, "messages"),
            ),
            cut(
                &self.syncs,
                "syncs",
                most(others, "syncs, those of the events,"),
            ),
            cut(&self.bands, "bands", most(others, "bands")),
            cut(&self.reigns, "reigns", most(others, "reigns")),
            cut(&self.commits, "commits", most(others, "commits")),
            cut(&self.operations, "operations", most(others, "operations")),
        ];
        cuts.retain(|cut| cut.left_out > 0);
        cuts
    }
}

fn cut<T>(ring: &Ring<T>, what: &str, why: String) -> Cut {
    Cut {
        what: what.to_owned(),
        left_out: ring.gone().into(),
        why,
    }
}

fn total((name, value): (String, String)) -> Total {
    Total { name, value }
}

fn names(mut nodes: Vec<RunNode>, lanes: usize) -> Vec<RunNode> {
    nodes.truncate(lanes);
    for lane in nodes.len()..lanes {
        nodes.push(RunNode {
            name: quorate_core::NodeId(lane as u32).to_string(),
            note: None,
        });
    }
    nodes
}
