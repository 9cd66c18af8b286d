//! From a [`Contract`] to TOML that reads as a document and parses to the same contract.

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
        writeln!(out, "# {}", FAILURE_MODELS)?;
        writeln!(out, "model = \"{}\"", self.failures.model)?;
        writeln!(out, "# How many replicas may be faulty.")?;
        writeln!(out, "tolerate = {}", self.failures.tolerate)?;
        if self.failures.counted != self.failures.model.counted() {
            writeln!(out, "# in-total | at-a-time | moving")?;
            writeln!(out, "counted = \"{}\"", self.failures.counted)?;
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
        if let Some(detector) = self.detector {
            writeln!(out, "# eventual-leader | eventually-perfect | perfect")?;
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

const FAILURE_MODELS: &str = "crash-stop | crash-recovery | send-omission | receive-omission |\n\
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
