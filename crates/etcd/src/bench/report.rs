//! The figures, as values, as JSON and in words.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::args::BenchArgs;
use super::tally::{LatencyTally, OpTally};
use crate::client::Endpoint;

/// Everything that one `quorate bench` measured.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// What this machine can do at best, if that was asked for.
    pub floor: Option<Floor>,
    /// What the endpoint did, unless only the floor was asked for.
    pub load: Option<BenchLoad>,
}

/// This machine's floor.
#[derive(Clone, Debug, Serialize)]
pub struct Floor {
    /// Latency of appending 4 KiB to a file and making it durable (fdatasync).
    pub sync: LatencyMillis,
    /// The same load on a server that answers puts with nothing, in this process.
    pub noop: BenchLoad,
}

/// One load on one set of endpoints.
#[derive(Clone, Debug, Serialize)]
pub struct BenchLoad {
    /// Where.
    pub endpoints: Vec<String>,
    /// Clients, each with one request under way.
    pub clients: usize,
    /// Connections that they shared.
    pub connections: usize,
    /// Size of a key in bytes.
    pub key_size: usize,
    /// Size of a value in bytes.
    pub value_size: usize,
    /// How long was measured.
    pub seconds: f64,
    /// Acknowledged requests a second, reads and writes together.
    pub throughput: f64,
    /// The longest time without an acknowledgement to any client, in milliseconds.
    pub longest_gap_ms: f64,
    /// Writes.
    pub put: OpReport,
    /// Reads.
    pub get: OpReport,
}

/// The requests of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct OpReport {
    /// Requests acknowledged.
    pub acknowledged: u64,
    /// Acknowledged requests a second.
    pub throughput: f64,
    /// Latency of acknowledged requests.
    pub latency: LatencyMillis,
    /// Requests refused or of unknown outcome, by what was said.
    pub errors: BTreeMap<String, u64>,
}

/// Percentiles of a latency, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LatencyMillis {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl LatencyMillis {
    pub(super) fn of(nanos: &Histogram<u64>) -> Self {
        let ms = |ns: u64| ns as f64 / 1e6;
        let at = |quantile| ms(nanos.value_at_quantile(quantile));
        Self {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: ms(nanos.max()),
        }
    }
}

impl fmt::Display for LatencyMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            p50,
            p95,
            p99,
            p999,
            max,
        } = self;
        write!(
            f,
            "p50 {p50:.3} ms, p95 {p95:.3} ms, p99 {p99:.3} ms, p99.9 {p999:.3} ms, max {max:.1} ms"
        )
    }
}

impl OpReport {
    fn new(tally: &OpTally, seconds: f64) -> Self {
        Self {
            acknowledged: tally.latency.len(),
            throughput: tally.latency.len() as f64 / seconds,
            latency: LatencyMillis::of(&tally.latency),
            errors: tally.errors.clone(),
        }
    }

    fn write(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.acknowledged > 0 {
            writeln!(f, "{name:<5} {:>9.0} /s  {}", self.throughput, self.latency)?;
        }
        for (text, count) in &self.errors {
            writeln!(f, "{name:<5} {count:>9} ×   {text}")?;
        }
        Ok(())
    }
}

impl BenchLoad {
    pub(super) fn new(
        args: &BenchArgs,
        endpoints: &[Endpoint],
        tally: &LatencyTally,
        took: Duration,
        longest_gap: Duration,
    ) -> Self {
        let seconds = took.as_secs_f64().max(1e-9);
        let put = OpReport::new(&tally.put, seconds);
        let get = OpReport::new(&tally.get, seconds);
        Self {
            endpoints: endpoints.iter().map(Endpoint::to_string).collect(),
            clients: args.clients,
            connections: args.connections(),
            key_size: args.key_size,
            value_size: args.value_size,
            seconds,
            throughput: put.throughput + get.throughput,
            longest_gap_ms: longest_gap.as_secs_f64() * 1e3,
            put,
            get,
        }
    }
}

impl fmt::Display for BenchLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} clients on {} connections, {} B keys, {} B values, {:.1} s",
            self.endpoints.join(","),
            self.clients,
            self.connections,
            self.key_size,
            self.value_size,
            self.seconds
        )?;
        self.put.write("put", f)?;
        self.get.write("get", f)?;
        writeln!(
            f,
            "longest gap between acknowledgements: {:.1} ms",
            self.longest_gap_ms
        )
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "sync of 4 KiB on this disk: {}", self.sync)?;
        write!(f, "a server that does nothing, at {}", self.noop)
    }
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(floor) = &self.floor {
            write!(f, "{floor}")?;
        }
        if let Some(load) = &self.load {
            write!(f, "{load}")?;
        }
        if let (Some(floor), Some(load)) = (&self.floor, &self.load)
            && floor.noop.throughput > 0.0
        {
            let share = load.throughput / floor.noop.throughput;
            writeln!(f, "throughput: {share:.2} of the server that does nothing")?;
            let median = if load.put.acknowledged > 0 {
                load.put.latency
            } else {
                load.get.latency
            };
            writeln!(
                f,
                "median latency: {:.1} syncs of this disk",
                median.p50 / floor.sync.p50
            )?;
        }
        Ok(())
    }
}
