//! Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use super::histogram::HistogramSnapshot;

/// A page of metrics being written.
#[derive(Default)]
pub(super) struct Exposition(String);

impl Exposition {
    pub(super) fn finish(self) -> String {
        self.0
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: impl MetricValue) {
        self.head(name, help, "counter");
        self.sample(name, &[], value);
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl MetricValue) {
        self.head(name, help, "gauge");
        self.sample(name, &[], value);
    }

    /// A counter. It is left out where it is not counted: a zero would be a claim.
    pub(super) fn counter_if(&mut self, name: &str, help: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.counter(name, help, value);
        }
    }

    /// Begins a metric; its samples have to follow at once.
    pub(super) fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl MetricValue) {
        self.name(name, labels, None);
        self.write(format_args!(" {}\n", value.render()));
    }

    /// The samples of a histogram whose head is written.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        histogram: &HistogramSnapshot,
    ) {
        for (bound, count) in histogram.cumulative() {
            let bound = bound.render();
            self.name(&format!("{name}_bucket"), labels, Some(("le", &bound)));
            self.write(format_args!(" {count}\n"));
        }
        self.sample(&format!("{name}_sum"), labels, histogram.sum());
        self.sample(&format!("{name}_count"), labels, histogram.count());
    }

    fn name(&mut self, name: &str, labels: &[(&str, &str)], last: Option<(&str, &str)>) {
        self.0.push_str(name);
        let labels = labels.iter().copied().chain(last);
        for (i, (label, value)) in labels.enumerate() {
            let open = if i == 0 { '{' } else { ',' };
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            self.write(format_args!("{open}{label}=\"{value}\""));
        }
        if self.0.ends_with('"') {
            self.0.push('}');
        }
    }

    fn write(&mut self, args: std::fmt::Arguments<'_>) {
        self.0
            .write_fmt(args)
            .expect("writing to a string succeeds");
    }
}

/// A number as the format has it.
pub(super) trait MetricValue {
    fn render(&self) -> String;
}

impl MetricValue for u64 {
    fn render(&self) -> String {
        self.to_string()
    }
}

impl MetricValue for i64 {
    fn render(&self) -> String {
        self.to_string()
    }
}

impl MetricValue for f64 {
    fn render(&self) -> String {
        if *self == f64::INFINITY {
            "+Inf".into()
        } else {
            self.to_string()
        }
    }
}

impl MetricValue for bool {
    fn render(&self) -> String {
        u64::from(*self).render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_prometheus() {
        let mut text = Exposition::default();
        text.gauge("a", "What a is.", true);
        text.head("b_total", "What b is.", "counter");
        text.sample("b_total", &[("x", "1"), ("y", "q\"\\\n")], 7_u64);
        assert_eq!(
            text.finish(),
            "# HELP a What a is.\n# TYPE a gauge\na 1\n\
             # HELP b_total What b is.\n# TYPE b_total counter\n\
             b_total{x=\"1\",y=\"q\\\"\\\\\\n\"} 7\n"
        );
    }

    #[test]
    fn a_histogram_ends_with_everything() {
        let histogram = crate::metrics::Histogram::new();
        histogram.observe(std::time::Duration::from_secs(9));
        let mut text = Exposition::default();
        text.histogram("h", &[("to", "2")], &histogram.snapshot());
        let text = text.finish();
        assert!(text.contains("h_bucket{to=\"2\",le=\"8\"} 0\n"), "{text}");
        assert!(text.ends_with(
            "h_bucket{to=\"2\",le=\"+Inf\"} 1\nh_sum{to=\"2\"} 9\nh_count{to=\"2\"} 1\n"
        ));
    }
}
