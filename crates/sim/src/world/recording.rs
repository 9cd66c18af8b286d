//! What the world of replicas tells a [`Recorder`]. All of it only looks.

use super::{World, text};
use crate::client::Client;
use crate::client::OperationCounts;
use crate::disk::ReplicaDisk;
use crate::fault::Fault;
use crate::network::SendOutcome;
use crate::recorder::Recorder;
use crate::recorder::{Ending, FaultIntervalId, OperationId, RecorderLimits};
use crate::report::RunReport;
use crate::serving::{Replica, Simulated};
use quorate_contract::{Contract, Timing};
use quorate_core::NodeId;
use quorate_core::driver::Lsn;
use quorate_core::replicated::Role;
use quorate_replica::Request;
use quorate_report::{
    EventKind, FaultIntervalKind, OperationOutcome as WorldEnd, Run, VerdictKind,
};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A recorder, and what the world must remember to feed it.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) recorder: Recorder,
    /// The operation that each client has under way.
    operations: BTreeMap<u8, OperationId>,
    /// What each cure ends.
    cures: BTreeMap<u32, FaultIntervalId>,
    /// Pauses and stalls: a crash or the end of all faults cuts them short.
    spells: Vec<(NodeId, FaultIntervalId)>,
    /// The node that took the last step.
    last: NodeId,
    /// How many records each node's log has been given.
    appended: BTreeMap<NodeId, Lsn>,
    /// The copies of a message that is being sent: when they arrive, and their numbers.
    pub(super) copies: Vec<(u64, u32)>,
}

impl Recording {
    pub(super) fn new(contract: &Contract, nodes: u8, limits: RecorderLimits) -> Self {
        let mut recorder = Recorder::new(nodes, limits);
        if let Timing::Synchronous(bounds) = &contract.timing {
            recorder.late_after(u64::try_from(bounds.delta.as_nanos()).unwrap_or(u64::MAX));
        }
        Self {
            recorder,
            operations: BTreeMap::new(),
            cures: BTreeMap::new(),
            spells: vec![],
            last: NodeId(0),
            appended: BTreeMap::new(),
            copies: vec![],
        }
    }

    /// A message was given to the network; its copies are in `copies`.
    pub(super) fn sent(
        &mut self,
        now: u64,
        from: NodeId,
        to: NodeId,
        what: &str,
        sent: SendOutcome,
    ) {
        self.copies.sort_unstable();
        let mut numbers: Vec<u32> = self.copies.drain(..).map(|(_, number)| number).collect();
        let why = match sent {
            SendOutcome::UnderWay => "",
            SendOutcome::Held(number) => {
                numbers.push(number);
                " (held back by a cut)"
            }
            SendOutcome::Lost => " (lost)",
            SendOutcome::Cut => " (lost to a cut)",
            SendOutcome::Overflowed => " (lost: too many under way)",
        };
        let label = format!("{what}{why}");
        self.recorder.sent(now, from, to, &label, &numbers);
    }

    /// A step may have written, and a sync may have begun: for what was just written if nothing waits,
    /// else for what was written before.
    pub(super) fn wrote<P: Simulated>(
        &mut self,
        now: u64,
        id: NodeId,
        disk: &ReplicaDisk<P>,
        began: bool,
    ) {
        let appended = disk.appended();
        let wrote = self.appended.insert(id, appended) != Some(appended);
        let waits = disk.waiting() > 0;
        if wrote && !waits {
            self.recorder.wrote(id);
        }
        if began {
            self.recorder.sync_begun(now, id);
        }
        if wrote && waits {
            self.recorder.wrote(id);
        }
    }

    /// A replica has done all that came of its steps.
    pub(super) fn looked_at<P: Simulated>(&mut self, now: u64, id: NodeId, replica: &Replica<P>) {
        self.last = id;
        self.recorder.state(id, &state(replica));
        let protocol = replica.protocol();
        let (term, leads) = (protocol.term(), protocol.role() == Role::Leader);
        let label = format!("{}, term {term}", role_name(protocol.role()));
        self.recorder.leads(now, id, term, leads, &label);
        if self.recorder.commit(now, id, protocol.commit()) && leads {
            let label = format!("entries through {} are committed", protocol.commit());
            self.recorder.remark(now, id, EventKind::Decide, &label);
        }
    }

    /// A client sends a question, the first time or again.
    pub(super) fn asks(&mut self, now: u64, client: u8, request: &Request) {
        let recorder = &mut self.recorder;
        self.operations.entry(client).or_insert_with(|| {
            recorder.invoked(now, &format!("client {client}"), &text::request(request))
        });
    }

    /// A client's question arrives.
    pub(super) fn asked(&mut self, now: u64, to: NodeId, client: u8, request: &Request) {
        let label = format!("client {client}: {}", text::request(request));
        let event = self
            .recorder
            .event(now, to, EventKind::Request, &label, None);
        if let Some(op) = self.operations.get(&client) {
            self.recorder.reached(*op, event);
        }
    }

    /// A client has been told something, or has lost patience. If nothing is under way any more, its
    /// operation has ended, and the counts say how.
    pub(super) fn told(
        &mut self,
        now: u64,
        client: (u8, &Client),
        counts: (&OperationCounts, &OperationCounts),
        words: &str,
    ) {
        let (id, client) = client;
        let (before, after) = counts;
        if !client.is_idle() {
            return;
        }
        let Some(op) = self.operations.remove(&id) else {
            return;
        };
        let outcome = if after.unknown > before.unknown {
            WorldEnd::Unknown
        } else if after.refused > before.refused {
            WorldEnd::Refused
        } else {
            WorldEnd::Done
        };
        self.recorder.returned(now, op, outcome, words);
    }

    /// Something is wrong with nodes until a cure.
    pub(super) fn until_cured(
        &mut self,
        now: u64,
        kind: FaultIntervalKind,
        nodes: &[NodeId],
        label: &str,
        cure: u32,
    ) {
        let band = self.recorder.band_open(kind, nodes, label, now);
        self.cures.insert(cure, band);
    }

    pub(super) fn cured(&mut self, now: u64, cure: u32) {
        if let Some(band) = self.cures.remove(&cure) {
            self.recorder.band_close(band, now);
        }
    }

    /// Something is wrong with a node until some time.
    pub(super) fn spell(
        &mut self,
        now: u64,
        kind: FaultIntervalKind,
        id: NodeId,
        label: &str,
        until: u64,
    ) {
        self.recorder.fault(now, id, label);
        let band = self.recorder.band_open(kind, &[id], label, now);
        self.recorder.band_close(band, until);
        self.spells.push((id, band));
    }

    pub(super) fn crashed(&mut self, now: u64, id: NodeId, label: &str) {
        self.recorder.crashed(now, id, label);
        self.end_spells(now, |node| node == id);
    }

    /// All faults are over.
    pub(super) fn healed(&mut self, now: u64) {
        self.end_spells(now, |_| true);
        for cure in std::mem::take(&mut self.cures).into_values() {
            self.recorder.band_close(cure, now);
        }
        let label = "all faults are over; from here the cluster must settle, serve and agree";
        self.recorder.fault(now, NodeId(0), label);
    }

    fn end_spells(&mut self, now: u64, of: impl Fn(NodeId) -> bool) {
        for (_, band) in self.spells.extract_if(.., |(node, _)| of(*node)) {
            self.recorder.band_close(band, now);
        }
    }

    pub(super) fn violated(&mut self, now: u64, label: &str) {
        self.recorder.violation(now, self.last, label);
    }

    pub(super) fn finish(mut self, contract: &Contract, report: &RunReport) -> Run {
        let seconds = report.simulated as f64 / 1e9;
        let (operations, traffic) = (&report.operations, &report.traffic);
        let reads = operations.reads + operations.serializable_reads;
        let lost = traffic.lost + traffic.cut + traffic.overflowed;
        let totals = [
            ("simulated", format!("{seconds:.3} s")),
            ("events", report.events.to_string()),
            ("messages", traffic.sent.to_string()),
            ("lost", lost.to_string()),
            ("duplicated", traffic.duplicated.to_string()),
            ("entries committed", report.committed.to_string()),
            ("writes", operations.writes.to_string()),
            ("reads", reads.to_string()),
            ("refused", operations.refused.to_string()),
            ("unknown", operations.unknown.to_string()),
            ("faults", faults(report)),
        ];
        for (name, value) in totals {
            self.recorder.total(name, value);
        }
        let (verdict, sentence) = verdict(report);
        self.recorder.finish(Ending {
            title: format!(
                "{} replicas of {}, seed {}",
                contract.replicas(),
                contract.cluster.name,
                report.seed
            ),
            verdict,
            sentence,
            clause: Some(clause(contract)),
            end: report.simulated,
            ..Ending::default()
        })
    }
}

fn verdict(report: &RunReport) -> (VerdictKind, String) {
    match report.verdict.violation() {
        Some(violation) if violation.property == super::settle::LIVENESS => {
            (VerdictKind::Stalls, violation.to_string())
        }
        Some(violation) => (VerdictKind::Violated, violation.to_string()),
        None if report.undecided => {
            let sentence = "the clients' history was too hard to judge; every other property held";
            (VerdictKind::Undecided, sentence.to_owned())
        }
        None => (VerdictKind::Holds, "every property held".to_owned()),
    }
}

fn faults(report: &RunReport) -> String {
    let shown = report.coverage.iter().filter(|(_, count)| *count > 0);
    let words: Vec<String> = shown
        .map(|(fault, count): (Fault, u64)| format!("{} {count}", fault.name()))
        .collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

/// What the run was held against.
fn clause(contract: &Contract) -> String {
    format!(
        "at most {} of {} replicas fail ({}); {} timing; {} links; {} disks",
        contract.tolerate(),
        contract.replicas(),
        contract.failures.model,
        contract.timing.synchrony(),
        contract.links.model,
        contract.storage.model
    )
}

fn role_name(role: Role) -> String {
    format!("{role:?}").to_lowercase()
}

/// A replica in lines: what a reader of its protocol would ask for first.
fn state<P: Simulated>(replica: &Replica<P>) -> String {
    let machine = replica.machine();
    let mut text = replica.protocol().show();
    // Writing to a string does not fail.
    let _ = writeln!(text, "applied: {}", machine.index());
    let _ = writeln!(text, "revision: {}", machine.store().revision());
    let _ = writeln!(text, "digest: {:016x}", machine.digest());
    let _ = writeln!(text, "sessions: {}", machine.sessions());
    let _ = writeln!(text, "requests in flight: {}", replica.in_flight());
    let _ = writeln!(text, "records durable: {}", replica.disk().synced());
    text
}

impl<P: Simulated> World<P> {
    /// Records from now on.
    pub(crate) fn watch(&mut self, limits: RecorderLimits) {
        let recording = Recording::new(&self.contract, self.n, limits);
        self.recording = Some(Box::new(recording));
    }
}
