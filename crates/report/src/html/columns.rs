//! A run as it travels in a page: a column for each field, every text once. A run of 100,000 events
//! is a third of the size that it has as rows, and opens faster.

use crate::run::{
    EventKind, FaultIntervalKind, MessageFate, OperationOutcome, Run, RunNode, VerdictKind,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Nothing, where an index or a time would stand.
const NONE: i64 = -1;

#[derive(Serialize)]
pub(super) struct Columns<'a> {
    end: u64,
    nodes: &'a [RunNode],
    verdict: VerdictKind,
    verdict_event: i64,
    /// The names of the codes.
    kinds: Vec<&'static str>,
    fates: Vec<&'static str>,
    band_kinds: Vec<&'static str>,
    outcomes: Vec<&'static str>,
    events: Events,
    messages: Messages,
    syncs: Vec<(u32, u64, u64, bool)>,
    bands: Vec<(usize, u64, u64, &'a [u32], usize)>,
    reigns: Vec<(u32, u64, u64, u64, bool, usize)>,
    commits: Vec<(u32, u64, u64)>,
    operations: Vec<(usize, u64, i64, usize, usize, i64)>,
    texts: Vec<&'a str>,
}

#[derive(Default, Serialize)]
struct Events {
    at: Vec<u64>,
    node: Vec<u32>,
    kind: Vec<usize>,
    label: Vec<usize>,
    cause: Vec<i64>,
    /// Event and lines, for the events that have any.
    differences: Vec<(usize, Vec<usize>)>,
}

/// In the order in which they were sent.
#[derive(Default, Serialize)]
struct Messages {
    from: Vec<u32>,
    to: Vec<u32>,
    sent: Vec<u64>,
    arrived: Vec<i64>,
    fate: Vec<usize>,
    label: Vec<usize>,
    send: Vec<i64>,
    receive: Vec<i64>,
}

#[derive(Default)]
struct Texts<'a> {
    list: Vec<&'a str>,
    index: BTreeMap<&'a str, usize>,
}

impl<'a> Texts<'a> {
    fn add(&mut self, text: &'a str) -> usize {
        *self.index.entry(text).or_insert_with(|| {
            self.list.push(text);
            self.list.len() - 1
        })
    }
}

/// The columns of a run that has been checked.
pub(super) fn of(run: &Run) -> Columns<'_> {
    let mut texts = Texts::default();
    let events = events(run, &mut texts);
    let messages = messages(run, &mut texts);
    let syncs = run.syncs.iter();
    let mut syncs: Vec<_> = syncs.map(|s| (s.node, s.from, s.to, s.kept)).collect();
    syncs.sort_by_key(|sync| sync.1);
    let bands = run.bands.iter().map(|band| {
        let kind = code(&FaultIntervalKind::ALL, &band.kind);
        (
            kind,
            band.from,
            band.to,
            &*band.nodes,
            texts.add(&band.label),
        )
    });
    let bands = bands.collect();
    let reigns = run.reigns.iter().map(|r| {
        let label = texts.add(&r.label);
        (r.node, r.from, r.to, r.number, r.leads, label)
    });
    let mut reigns: Vec<_> = reigns.collect();
    reigns.sort_by_key(|reign| (reign.1, reign.0));
    let commits = run.commits.iter();
    let mut commits: Vec<_> = commits.map(|c| (c.node, c.at, c.index)).collect();
    commits.sort_by_key(|commit| commit.1);
    let operations = run.operations.iter().map(|o| {
        let (client, label) = (texts.add(&o.client), texts.add(&o.label));
        let outcome = code(&OperationOutcome::ALL, &o.outcome);
        let returned = o.returned.map_or(NONE, time);
        (client, o.invoked, returned, label, outcome, index(o.event))
    });
    let mut operations: Vec<_> = operations.collect();
    operations.sort_by_key(|operation| operation.1);
    Columns {
        end: run.end,
        nodes: &run.nodes,
        verdict: run.verdict.kind,
        verdict_event: index(run.verdict.event),
        kinds: EventKind::ALL.iter().map(|kind| kind.name()).collect(),
        fates: MessageFate::ALL.iter().map(|fate| fate.name()).collect(),
        band_kinds: FaultIntervalKind::ALL
            .iter()
            .map(|kind| kind.name())
            .collect(),
        outcomes: OperationOutcome::ALL.iter().map(|end| end.name()).collect(),
        events,
        messages,
        syncs,
        bands,
        reigns,
        commits,
        operations,
        texts: texts.list,
    }
}

fn events<'a>(run: &'a Run, texts: &mut Texts<'a>) -> Events {
    let mut columns = Events::default();
    for (i, event) in run.events.iter().enumerate() {
        columns.at.push(event.at);
        columns.node.push(event.node);
        columns.kind.push(code(&EventKind::ALL, &event.kind));
        columns.label.push(texts.add(&event.label));
        columns.cause.push(index(event.cause));
        if !event.difference.is_empty() {
            let lines = event.difference.iter().map(|line| texts.add(line));
            columns.differences.push((i, lines.collect()));
        }
    }
    columns
}

fn messages<'a>(run: &'a Run, texts: &mut Texts<'a>) -> Messages {
    let mut sorted: Vec<_> = run.messages.iter().collect();
    sorted.sort_by_key(|message| message.sent);
    let mut columns = Messages::default();
    for message in sorted {
        columns.from.push(message.from);
        columns.to.push(message.to);
        columns.sent.push(message.sent);
        columns.arrived.push(message.arrived.map_or(NONE, time));
        columns.fate.push(code(&MessageFate::ALL, &message.fate));
        columns.label.push(texts.add(&message.label));
        columns.send.push(index(message.send));
        columns.receive.push(index(message.receive));
    }
    columns
}

/// The place of a value among all of its kind, which is its code in the page.
fn code<T: PartialEq>(all: &[T], value: &T) -> usize {
    all.iter()
        .position(|candidate| candidate == value)
        .expect("the list holds every value of its type")
}

fn index(event: Option<u32>) -> i64 {
    event.map_or(NONE, i64::from)
}

fn time(at: u64) -> i64 {
    i64::try_from(at).expect("a checked run ends before 2^53")
}
