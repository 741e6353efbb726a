//! Counters of the data plane, one padded set per worker, merged when `/metrics` is read (Prometheus text format 0.0.4).

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use testudo_core::Control;

use crate::firewall::shortcuts::Counts;

/// Upper bounds of the latency buckets in microseconds; the last bucket is open.
const BOUNDS: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 10_000_000];
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
const CONTROLS: usize = 64;

/// What one worker counted. Only that worker writes, so that the atomics are never contended.
#[repr(align(128))]
#[derive(Debug)]
pub struct WorkerMetrics {
    by_class: [AtomicU64; CLASSES.len()],
    refused: [AtomicU64; CONTROLS],
    observed: AtomicU64,
    malformed: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Default for WorkerMetrics {
    fn default() -> WorkerMetrics {
        let zero = |_| AtomicU64::new(0);
        WorkerMetrics {
            by_class: std::array::from_fn(zero),
            refused: std::array::from_fn(zero),
            observed: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            buckets: std::array::from_fn(zero),
            micros: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
        }
    }
}

fn add(counter: Option<&AtomicU64>, n: u64) {
    if let Some(counter) = counter {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

impl WorkerMetrics {
    /// A request ended.
    pub fn request(&self, status: u16, micros: u64, bytes_in: u64, bytes_out: u64) {
        add(self.by_class.get(usize::from(status / 100)), 1);
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        add(self.buckets.get(bucket), 1);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes_in, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes_out, Ordering::Relaxed);
    }

    /// A control refused a request.
    pub fn refused(&self, control: Control) {
        add(self.refused.get(control as usize), 1);
    }

    /// A refusal was reported and not made.
    pub fn observed(&self) {
        self.observed.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes came in that are no request.
    pub fn malformed(&self) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes a metric with its help and type.
pub fn metric(text: &mut String, name: &str, kind: &str, help: &str, values: &[(String, f64)]) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in values {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

/// Writes what came of judging requests again without shortcuts.
#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point")]
pub fn shortcuts(text: &mut String, counts: &Counts) {
    for (name, help, count) in [
        ("testudo_firewall_shortcut_checks_total", "Requests judged again without shortcuts.", &counts.checked),
        ("testudo_firewall_shortcut_differences_total", "Those with another answer.", &counts.differed),
        ("testudo_firewall_shortcut_skips_total", "Requests that were due and not judged again.", &counts.skipped),
    ] {
        metric(text, name, "counter", help, &[(String::new(), count.load(Ordering::Relaxed) as f64)]);
    }
}

/// Writes the counters of all workers.
#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point")]
pub fn render(text: &mut String, workers: &[std::sync::Arc<WorkerMetrics>]) {
    let sum = |pick: &dyn Fn(&WorkerMetrics) -> u64| workers.iter().map(|worker| pick(worker)).sum::<u64>() as f64;
    let load = |counter: Option<&AtomicU64>| counter.map_or(0, |counter| counter.load(Ordering::Relaxed));
    let classes = CLASSES
        .iter()
        .enumerate()
        .map(|(index, class)| (format!("{{class=\"{class}\"}}"), sum(&|worker| load(worker.by_class.get(index)))));
    metric(text, "testudo_requests_total", "counter", "Requests by class of status.", &classes.collect::<Vec<_>>());
    let refused = Control::ALL.iter().map(|control| {
        (format!("{{control=\"{control}\"}}"), sum(&|worker| load(worker.refused.get(*control as usize))))
    });
    metric(text, "testudo_refused_total", "counter", "Refused requests by control.", &refused.collect::<Vec<_>>());
    for (name, help, value) in [
        ("testudo_observed_total", "Refusals reported and not made.", sum(&|worker| load(Some(&worker.observed)))),
        ("testudo_malformed_total", "Malformed requests.", sum(&|worker| load(Some(&worker.malformed)))),
        ("testudo_request_bytes_total", "Body bytes read from callers.", sum(&|worker| load(Some(&worker.bytes_in)))),
        ("testudo_response_bytes_total", "Body bytes sent to callers.", sum(&|worker| load(Some(&worker.bytes_out)))),
    ] {
        metric(text, name, "counter", help, &[(String::new(), value)]);
    }
    let name = "testudo_request_seconds";
    let _ = writeln!(text, "# HELP {name} From head to last byte.\n# TYPE {name} histogram");
    let mut total = 0.0;
    for (index, bound) in BOUNDS.iter().enumerate() {
        total += sum(&|worker| load(worker.buckets.get(index)));
        let _ = writeln!(text, "{name}_bucket{{le=\"{}\"}} {total}", *bound as f64 / 1e6);
    }
    total += sum(&|worker| load(worker.buckets.last()));
    let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {total}");
    let _ = writeln!(text, "{name}_sum {}\n{name}_count {total}", sum(&|worker| load(Some(&worker.micros))) / 1e6);
}
