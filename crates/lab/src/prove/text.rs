//! A proof in words.

use super::{Candidate, Demonstration, Loss, Possibility, Proof, Search};
use std::fmt;

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.standing {
            Possibility::PossibleHere => {
                for search in &self.searches {
                    write!(f, "{search}")?;
                }
            }
            Possibility::PossibleElsewhere => {
                writeln!(f, "  possible elsewhere: there is nothing here to run")?;
                for known in &self.elsewhere {
                    writeln!(f, "    {} ({})", known.what, known.citation)?;
                }
            }
            Possibility::Impossible => {
                for shown in &self.theorems {
                    write!(f, "{shown}")?;
                }
            }
        }
        let Some(beyond) = &self.beyond else {
            return Ok(());
        };
        let (n, tolerate) = (beyond.replicas, beyond.tolerate);
        writeln!(f, "  one step beyond, n = {n} and f = {tolerate}:")?;
        for shown in &beyond.theorems {
            write!(f, "{shown}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(subject) = self.subject else {
            return writeln!(
                f,
                "  {}: fits, and there is no code here to run it as the contract asks",
                self.protocol
            );
        };
        write!(f, "  {subject}")?;
        if let Some(scaled) = self.scaled {
            let (n, tolerate) = (scaled.replicas, scaled.tolerate);
            write!(f, " (scaled to n = {n}, f = {tolerate})")?;
        }
        match (&self.refuted, &self.breach) {
            (Some(run), _) => writeln!(
                f,
                ": REFUTED by run {}: {}: {}",
                run.seed, run.property, run.detail
            )?,
            (None, Some((seed, why))) => writeln!(
                f,
                ": run {seed} left the contract, which is a defect of the generator: {why}"
            )?,
            (None, None) => writeln!(f, ": not refuted in {} runs", self.runs)?,
        }
        write!(f, "    {} decided all", self.decided)?;
        match self.concedes {
            Some(why) => writeln!(
                f,
                ", {} had not by the end, which is conceded: {why}",
                self.undecided
            )?,
            None => writeln!(f, ", {} had not", self.undecided)?,
        }
        if self.cut_off > 0 {
            writeln!(
                f,
                "    {} were cut off by their number of events",
                self.cut_off
            )?;
        }
        for note in &self.notes {
            writeln!(f, "    {note}")?;
        }
        let shown: Vec<String> = self
            .shown
            .iter()
            .map(|(name, shown)| format!("{name} {} times in {} runs", shown.times, shown.runs))
            .collect();
        let shown = match shown.is_empty() {
            true => "nothing".to_owned(),
            false => shown.join(", "),
        };
        writeln!(f, "    had an effect: {shown}; {} events", self.events)
    }
}

impl fmt::Display for Demonstration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let citation = self.citation.unwrap_or("the protocol's own entry");
        writeln!(f, "  {} ({citation})", self.rule)?;
        if let Some(why) = &self.by_definition {
            writeln!(f, "    nothing to run: {why}")?;
        }
        for candidate in &self.candidates {
            write!(f, "{candidate}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    {}", self.candidate)?;
        writeln!(f, "      adversary: {}", self.adversary)?;
        match &self.loss {
            None => write!(f, "      NOT BROKEN in {} runs", self.tried)?,
            Some(Loss::Violation {
                property,
                detail,
                at,
            }) => write!(f, "      loses {property} at {at:.3} s: {detail}")?,
            Some(Loss::Undecided {
                until,
                lacks,
                never,
            }) => write!(
                f,
                "      undecided until the horizon of {until:.1} s ({lacks}); and after it: {never}"
            )?,
            Some(Loss::Alike { detail }) => write!(f, "      {detail}")?,
        }
        match &self.outside {
            None => writeln!(f, " (seed {}, run {} of its kind)", self.seed, self.tried),
            Some(why) => writeln!(f, "; BUT the run is outside the contract: {why}"),
        }
    }
}
