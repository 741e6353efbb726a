//! One line a finding, in the form that compilers have and that editors and CI know: `file:line: severity: what`.

use std::fmt::Write as _;

use super::text::clean;
use super::{Place, Report};

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
        // What the path says already is not said twice.
        let more = label.strip_prefix(path.as_str()).map_or(label.as_str(), |rest| rest.trim_start_matches([':', ' ']));
        let said = matches!(finding.place, Place::Line { .. }) || more.is_empty();
        let at = if said { String::new() } else { format!(" at {}", clean(more)) };
        // A line that began with `::` or `##[` would be a command to some CI servers.
        let plain = path.starts_with(|first: char| first.is_alphanumeric() || "._-/".contains(first));
        let path = if plain { clean(&path) } else { format!("./{}", clean(&path)) };
        let severity = finding.severity;
        let short = finding.fingerprint.short();
        let _ = writeln!(out, "{path}{line}: {severity}: {title}{at} [{}] {short}", finding.rule);
    }
    out
}
