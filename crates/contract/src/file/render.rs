//! From a [`Contract`] to TOML that reads as a document and parses to the same contract.

use super::quorums::write_quorums;
use crate::contract::Contract;
use crate::duration;
use crate::problem::Problem;
use crate::timing::{Bounds, Stabilization, Timing};
use std::fmt::Write;

impl Contract {
    /// The contract as a commented TOML file. Parsed, it is the same contract again.
    pub fn to_toml(&self) -> String {
        let mut out = String::from(
            "# What may fail. Everything else follows: `quorate explain` says what.\n\n",
        );
        // Writing to a String cannot fail.
        let _ = self.write_toml(&mut out);
        out
    }

    fn write_toml(&self, out: &mut String) -> std::fmt::Result {
        if let Some(problem) = self.problem {
            writeln!(out, "# What is to be achieved.")?;
            writeln!(out, "problem = \"{}\"", problem.name())?;
            if let Problem::KSet(k) = problem {
                writeln!(out, "k = {k}")?;
            }
            writeln!(out)?;
        }
        writeln!(out, "[failures]")?;
        let failures = &self.failures;
        if failures.crash_only > 0 {
            writeln!(out, "# How many replicas may crash, and how many may lie.")?;
            writeln!(out, "crash = {}", failures.crash_only)?;
            writeln!(out, "byzantine = {}", failures.liars())?;
        } else {
            writeln!(out, "# {}", FAILURE_MODELS)?;
            writeln!(out, "model = \"{}\"", failures.model)?;
            writeln!(out, "# How many replicas may be faulty.")?;
            writeln!(out, "tolerate = {}", failures.tolerate)?;
        }
        if failures.counted != self.failures.model.counted() {
            writeln!(out, "# in-total | at-a-time | moving")?;
            writeln!(out, "counted = \"{}\"", failures.counted)?;
        }
        if failures.always_up > 0 {
            writeln!(out, "# So many never fail; it is not known which.")?;
            writeln!(out, "always_up = {}", failures.always_up)?;
        }
        if failures.counts_recovering {
            writeln!(
                out,
                "# One that comes back is faulty until it is told what it missed."
            )?;
            writeln!(out, "counts_recovering = true")?;
        }

        writeln!(out, "\n[timing]")?;
        writeln!(out, "# synchronous | partially-synchronous | asynchronous")?;
        writeln!(out, "model = \"{}\"", self.timing.synchrony())?;
        match &self.timing {
            Timing::PartiallySynchronous(Stabilization::Unknown) => {
                writeln!(out, "# Bounds exist, but the nodes do not know them.")?;
                writeln!(out, "bound = \"unknown\"")?;
            }
            Timing::PartiallySynchronous(Stabilization::Gst(bounds)) => {
                writeln!(out, "# These bounds hold from an unknown time on.")?;
                writeln!(out, "bound = \"gst\"")?;
                write_bounds(out, bounds)?;
            }
            Timing::Synchronous(bounds) => write_bounds(out, bounds)?,
            Timing::Asynchronous => {}
        }
        if let Some(steps) = self.steps {
            writeln!(out, "# Of steps, if time promises not the same of them.")?;
            writeln!(out, "steps = \"{steps}\"")?;
        }
        if let Some(detector) = self.detector {
            writeln!(out, "# {DETECTORS}")?;
            writeln!(out, "detector = \"{detector}\"")?;
        }

        writeln!(out, "\n[links]")?;
        writeln!(out, "# fair-loss | reliable | authenticated")?;
        writeln!(out, "model = \"{}\"", self.links.model)?;
        writeln!(out, "# Can a receiver prove to others what a sender said?")?;
        writeln!(out, "signatures = {}", self.links.signatures)?;

        writeln!(out, "\n[storage]")?;
        writeln!(out, "# durable | amnesiac")?;
        writeln!(out, "model = \"{}\"", self.storage.model)?;
        writeln!(out, "may_tear = {}", self.storage.may_tear)?;
        writeln!(out, "may_corrupt = {}", self.storage.may_corrupt)?;
        writeln!(
            out,
            "may_lie_about_sync = {}",
            self.storage.may_lie_about_sync
        )?;

        if self.protocol.is_some() || self.deterministic {
            writeln!(out, "\n[protocol]")?;
            if let Some(protocol) = self.protocol {
                writeln!(out, "name = \"{}\"", protocol.name())?;
            }
            if self.deterministic {
                writeln!(
                    out,
                    "# Protocols that draw random numbers to decide are ruled out."
                )?;
                writeln!(out, "deterministic = true")?;
            }
        }

        if let Some(quorums) = &self.quorums {
            write_quorums(out, quorums)?;
        }

        writeln!(out, "\n[cluster]")?;
        writeln!(out, "name = \"{}\"", self.cluster.name)?;
        for member in &self.cluster.members {
            writeln!(out, "\n[[cluster.member]]")?;
            writeln!(out, "id = {}", member.id)?;
            writeln!(out, "name = \"{}\"", member.name)?;
            writeln!(out, "peer = \"{}\"", member.peer)?;
            writeln!(out, "client = \"{}\"", member.client)?;
        }
        Ok(())
    }
}

const DETECTORS: &str = "eventual-leader | eventually-strong | eventually-perfect | perfect |\n\
                         # quorum | leader-and-quorum | trusting";

const FAILURE_MODELS: &str = "initially-dead | crash-stop | crash-recovery | send-omission | receive-omission |\n\
                              # general-omission | timing | byzantine";

fn write_bounds(out: &mut String, bounds: &Bounds) -> std::fmt::Result {
    writeln!(
        out,
        "# The longest time of a message and of a step; the error of a clock's rate."
    )?;
    writeln!(out, "delta = \"{}\"", duration::format(bounds.delta))?;
    writeln!(out, "phi = \"{}\"", duration::format(bounds.phi))?;
    writeln!(out, "drift = \"{}ppm\"", bounds.drift_ppm)
}
