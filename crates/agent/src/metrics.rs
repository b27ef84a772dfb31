//! Counts of what happened since the service began, and how the host stands, as JSON and as Prometheus' text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::operation::Status;
use crate::situation::Outcome;

/// Counts since the service began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Metrics {
    /// Looks at the channel that came to an end.
    pub checks: u64,
    /// When the last one came to a good end, in seconds since 1970.
    pub last_check: u64,
    /// Versions that were staged.
    pub stages: u64,
    /// Seconds that the last staging took.
    pub last_stage_seconds: f64,
    /// Bytes that came from servers.
    pub received_bytes: u64,
    /// Bytes of staged versions that lay in their places already.
    pub kept_bytes: u64,
    /// Bytes of staged versions that were copied from the disk.
    pub copied_bytes: u64,
    /// Bytes of staged versions that were fetched, as they lie on the disk.
    pub fetched_bytes: u64,
    /// The most memory that the service held at once, in bytes, as the kernel counts it.
    pub peak_memory_bytes: u64,
    /// Versions that proved themselves.
    pub commits: u64,
    /// Versions that did not.
    pub rejections: u64,
    /// Seconds that the last health gate took.
    pub last_gate_seconds: f64,
    /// Times that a restart was put off.
    pub held_restarts: u64,
    /// Failures by their names.
    pub failures: BTreeMap<String, u64>,
}

impl Metrics {
    /// Counts a failure.
    pub fn fail(&mut self, name: &str) {
        *self.failures.entry(name.to_owned()).or_default() += 1;
    }
}

/// The text format of Prometheus, version 0.0.4.
pub fn prometheus(metrics: &Metrics, status: Option<&Status>, healthy: Option<bool>) -> String {
    let mut text = Text(String::new());
    if let Some(status) = status {
        let labels = [
            ("image", status.image.to_string()),
            ("version", status.version.to_string()),
            ("slot", status.slot.clone()),
            ("root_hash", status.root_hash.to_string()),
        ];
        text.family("lazuli_agent_info", "gauge", "The image that runs.");
        text.sample("lazuli_agent_info", &labels, 1.0);
        text.family("lazuli_agent_condition", "gauge", "How the last boot stands: 1 for what is the case.");
        for (name, holds) in [
            ("settled", matches!(status.condition, Outcome::Settled)),
            ("trial", matches!(status.condition, Outcome::Trial { .. })),
            ("awaiting", matches!(status.condition, Outcome::Awaiting { .. })),
            ("rolled-back", matches!(status.condition, Outcome::RolledBack { .. })),
        ] {
            text.sample(
                "lazuli_agent_condition",
                &[("condition", name.to_owned())],
                f64::from(u8::from(holds)),
            );
        }
        let staged = status.staged.as_ref().filter(|staged| staged.complete);
        text.gauge(
            "lazuli_agent_staged",
            "Whether a version is staged.",
            f64::from(u8::from(staged.is_some())),
        );
        text.gauge(
            "lazuli_agent_quarantined",
            "Versions that failed here.",
            count(status.quarantine.len() as u64),
        );
    }
    if let Some(healthy) = healthy {
        text.gauge("lazuli_agent_healthy", "Whether all health checks hold.", f64::from(u8::from(healthy)));
    }
    for (name, help, value) in [
        ("checks", "Looks at the channel.", metrics.checks),
        ("stages", "Versions staged.", metrics.stages),
        ("received_bytes", "Bytes from servers.", metrics.received_bytes),
        ("kept_bytes", "Bytes of staged versions that lay in their places already.", metrics.kept_bytes),
        ("copied_bytes", "Bytes of staged versions copied from the disk.", metrics.copied_bytes),
        ("fetched_bytes", "Bytes of staged versions fetched.", metrics.fetched_bytes),
        ("commits", "Versions that proved themselves.", metrics.commits),
        ("rejections", "Versions that did not prove themselves.", metrics.rejections),
        ("held_restarts", "Times that a restart was put off.", metrics.held_restarts),
    ] {
        let name = format!("lazuli_agent_{name}_total");
        text.family(&name, "counter", help);
        text.sample(&name, &[], count(value));
    }
    text.gauge(
        "lazuli_agent_peak_memory_bytes",
        "The most memory that the service held at once.",
        count(metrics.peak_memory_bytes),
    );
    text.gauge(
        "lazuli_agent_last_check_timestamp_seconds",
        "When the channel was last looked at.",
        count(metrics.last_check),
    );
    text.gauge(
        "lazuli_agent_last_stage_seconds",
        "How long the last staging took.",
        metrics.last_stage_seconds,
    );
    text.gauge(
        "lazuli_agent_last_gate_seconds",
        "How long the last health gate took.",
        metrics.last_gate_seconds,
    );
    text.family("lazuli_agent_failures_total", "counter", "Failures by their names.");
    for (name, number) in &metrics.failures {
        text.sample("lazuli_agent_failures_total", &[("name", name.clone())], count(*number));
    }
    text.0
}

/// The most memory that this process held at once, in bytes; 0 where the kernel does not tell.
pub fn peak_memory() -> u64 {
    parse_peak(&std::fs::read_to_string("/proc/self/status").unwrap_or_default()).unwrap_or(0)
}

/// `VmHWM` of a process's status, which is in KiB.
fn parse_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
fn count(value: u64) -> f64 {
    value as f64
}

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _infallible = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, String)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _infallible = writeln!(self.0, "{name}{labels} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_memory_is_the_kernel_s() {
        assert_eq!(
            parse_peak("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t   23776 kB\nVmRSS:\t1 kB\n"),
            Some(24_346_624)
        );
        assert_eq!(parse_peak("Name:\tx\n"), None);
        assert!(peak_memory() > 1 << 20);
    }

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let mut metrics = Metrics { checks: 3, last_check: 1_800_000_000, ..Metrics::default() };
        metrics.last_stage_seconds = 1.5;
        metrics.fail("trust.expired");
        metrics.fail("trust.expired");
        metrics.fail("odd\"name\\");
        let text = prometheus(&metrics, None, Some(false));
        for line in [
            "# TYPE lazuli_agent_checks_total counter",
            "lazuli_agent_checks_total 3",
            "lazuli_agent_last_check_timestamp_seconds 1800000000",
            "lazuli_agent_last_stage_seconds 1.5",
            "lazuli_agent_healthy 0",
            "lazuli_agent_failures_total{name=\"trust.expired\"} 2",
            "lazuli_agent_failures_total{name=\"odd\\\"name\\\\\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        // Every sample belongs to a family that was announced before it.
        let mut announced = Vec::new();
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(family) => announced.push(family.split(' ').next().unwrap()),
                None if line.starts_with('#') => {}
                None => assert!(announced.contains(&line.split(['{', ' ']).next().unwrap()), "{line}"),
            }
        }
    }
}
