//! One line a finding, in the form that compilers have and that editors and CI know: `file:line: severity: what`.

use std::fmt::Write as _;

use super::Report;
use super::text::clean;

/// Writes the findings that count, the worst first.
pub fn write(report: &Report) -> String {
    let mut out = String::new();
    for finding in report.findings().iter().filter(|finding| finding.counts()) {
        let Some(rule) = report.rule(&finding.rule) else { continue };
        let path = match finding.place.artifact() {
            path if path.is_empty() => report.scan().target.file.clone(),
            path => path,
        };
        let line = finding.place.line().map(|line| format!(":{line}")).unwrap_or_default();
        let title = clean(finding.title.as_deref().unwrap_or(&rule.title));
        let label = finding.place.label();
        let at = if label == path || label == format!("{path}{line}") {
            String::new()
        } else {
            format!(" at {}", clean(&label))
        };
        let severity = finding.severity;
        let short = finding.fingerprint.short();
        let _ = writeln!(out, "{}{line}: {severity}: {title}{at} [{}] {short}", clean(&path), finding.rule);
    }
    out
}
