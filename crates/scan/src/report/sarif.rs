//! The report as SARIF 2.1.0 (OASIS, errata 01), in the form and within the limits of GitHub's code scanning.
//!
//! GitHub takes at most 25,000 results and 25,000 rules a run, shows ten tags a rule, cuts texts at 1,024 characters, and
//! reads the severity of a rule from `security-severity`
//! (<https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>).

mod location;
mod model;
mod rules;

use testudo_core::Severity;

use super::exit::{FailOn, judge};
use super::text::{clean, count, counted, grouped};
use super::{Finding, Level, Report, Status};
use crate::rule::Rule;
use model::{
    Artifact, AutomationDetails, Driver, Fingerprints, Hashes, Invocation, Log, Message, Notification, Reference,
    ResultProperties, Run, RunProperties, SarifResult, Suppression, Tool, Uri,
};

/// The most results that GitHub takes in a run.
pub const MAX_RESULTS: usize = 25_000;
/// The most UTF-16 units of a text.
const MAX_TEXT: usize = 1_024;

/// How it is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Where the sources of the app's classes lie in the repository, such as `app/src/main/java`: it is put before the
    /// paths that are made of packages and source files, so that GitHub shows the line itself.
    pub source_root: Option<String>,
    /// What fails the scan, for the exit code.
    pub fail_on: FailOn,
    /// The most results, the worst first; not over [`MAX_RESULTS`].
    pub results: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { source_root: None, fail_on: FailOn(None), results: MAX_RESULTS }
    }
}

/// Writes a report.
pub fn write(report: &Report, options: &Options) -> String {
    let scan = report.scan();
    let most = options.results.min(MAX_RESULTS);
    let taxonomies = rules::Taxonomies::of(&scan.rules);
    let any_suppressed = scan.findings.iter().any(|finding| matches!(finding.status, Status::Suppressed { .. }));
    let results: Vec<SarifResult> = scan
        .findings
        .iter()
        .take(most)
        .filter_map(|finding| result(report, finding, options, any_suppressed))
        .collect();
    let target = Artifact {
        location: Uri { uri: location::uri(&scan.target.file) },
        length: scan.target.sha256.is_some().then_some(scan.target.size),
        roles: ["analysisTarget"],
        hashes: scan.target.sha256.as_ref().map(|sha256| Hashes { sha256: sha256.clone() }),
    };
    let app = scan.target.app.as_deref().unwrap_or("app");
    let run = Run {
        tool: Tool {
            driver: Driver {
                name: scan.tool.name.clone(),
                semantic_version: scan.tool.version.clone(),
                information_uri: env!("CARGO_PKG_REPOSITORY"),
                rules: scan.rules.iter().map(|rule| rules::descriptor(rule, &taxonomies)).collect(),
                notifications: rules::notifications(),
                supported_taxonomies: taxonomies.references(),
            },
        },
        automation_details: AutomationDetails { id: format!("testudo-scan/{}/", location::uri(app)) },
        invocations: vec![invocation(report, options, scan.findings.len().saturating_sub(most))],
        artifacts: vec![target],
        results,
        taxonomies: taxonomies.components(),
        column_kind: "unicodeCodePoints",
        properties: RunProperties { rule_pack: scan.pack.clone(), signers: scan.signature.signers.clone() },
    };
    let log = Log { schema: model::SCHEMA, version: "2.1.0", runs: vec![run] };
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

fn result(report: &Report, finding: &Finding, options: &Options, any_suppressed: bool) -> Option<SarifResult> {
    let rules = &report.scan().rules;
    let index = rules.binary_search_by(|rule| rule.id.cmp(&finding.rule)).ok()?;
    let rule = rules.get(index)?;
    let root = options.source_root.as_deref();
    let suppression = match &finding.status {
        Status::Suppressed { reason, until } => {
            let justification = format!("{} (until {until})", clean(reason));
            vec![Suppression { kind: "external", status: "accepted", justification }]
        }
        _ => Vec::new(),
    };
    let fingerprint = finding.fingerprint.to_string();
    Some(SarifResult {
        rule_id: finding.rule.to_string(),
        rule_index: index,
        level: level(finding.severity),
        message: Message { text: message(rule, finding) },
        locations: vec![location::of(&finding.place, root, None)],
        partial_fingerprints: Fingerprints { line: fingerprint.clone(), finding: fingerprint },
        code_flows: location::flow(&finding.flow, root),
        // Either all results have it or none (3.27.23).
        suppressions: any_suppressed.then_some(suppression),
        baseline_state: match finding.status {
            Status::New => Some("new"),
            Status::Known { .. } => Some("unchanged"),
            Status::Open | Status::Suppressed { .. } => None,
        },
        properties: ResultProperties {
            severity: finding.severity,
            confidence: finding.confidence,
            origin: finding.origin.clone(),
            reach: finding.reach,
        },
    })
}

/// What is wrong, where, and what shows it.
fn message(rule: &Rule, finding: &Finding) -> String {
    let title = finding.title.as_deref().unwrap_or(&rule.title);
    let shown = finding.evidence.as_ref().map(|evidence| format!(" {}", clean(evidence.as_str())));
    let text = format!("{}: {}.{}", clean(title), clean(&finding.place.label()), shown.unwrap_or_default());
    cut(&escape(&text))
}

/// Escapes what would be a placeholder (3.11.5) or a link (3.11.6).
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '{' | '}' => out.extend([character, character]),
            '[' | ']' | '\\' => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
    out
}

/// Cuts a text that GitHub would cut, but not within an escape.
fn cut(text: &str) -> String {
    if text.encode_utf16().count() <= MAX_TEXT {
        return text.to_owned();
    }
    let mut units = 0;
    let kept = text.chars().take_while(|character| {
        units += character.len_utf16();
        units < MAX_TEXT
    });
    let mut kept: String = kept.collect();
    let last = kept.chars().next_back();
    let tail = kept.chars().rev().take_while(|character| Some(*character) == last).count();
    if matches!(last, Some('\\' | '{' | '}')) && tail % 2 == 1 {
        kept.pop();
    }
    kept.push('…');
    kept
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Informational => "note",
    }
}

/// How the scan went: what was not analysed, what the configuration has wrong.
fn invocation(report: &Report, options: &Options, dropped: usize) -> Invocation {
    let scan = report.scan();
    let coverage = &scan.coverage;
    let told = |id, level, text: &str| Notification {
        descriptor: Reference { id },
        level,
        message: Message { text: cut(&escape(&clean(text))) },
    };
    let analysed = format!(
        "Analysed {} of {}, {} of {}, {} of {}, {} of {}.",
        grouped(coverage.files.done),
        counted(coverage.files.of, "file"),
        grouped(coverage.classes.done),
        counted(coverage.classes.of, "class"),
        grouped(coverage.methods.done),
        counted(coverage.methods.of, "method"),
        grouped(coverage.bytes.done),
        counted(coverage.bytes.of, "byte"),
    );
    let mut executed = vec![told(rules::COVERAGE, "note", &analysed)];
    if !report.complete() && coverage.gaps.is_empty() {
        executed.push(told(rules::GAP, "error", "Not all was analysed that was to be analysed."));
    }
    for gap in coverage.gaps.iter().take(MAX_NOTIFICATIONS) {
        executed.push(told(rules::GAP, "error", &format!("Not analysed: {}: {}", gap.part, gap.why)));
    }
    if coverage.gaps.len() > MAX_NOTIFICATIONS {
        let more = count(coverage.gaps.len() - MAX_NOTIFICATIONS);
        executed.push(told(rules::GAP, "error", &format!("Not analysed: {} more", counted(more, "part"))));
    }
    if dropped > 0 {
        let text = format!("{} of the least severity were left out.", counted(count(dropped), "result"));
        executed.push(told(rules::LIMIT, "warning", &text));
    }
    let configured = scan
        .notes
        .iter()
        .map(|note| told(rules::NOTE, if note.level == Level::Warning { "warning" } else { "note" }, &note.text));
    Invocation {
        execution_successful: report.complete(),
        exit_code: judge(report, options.fail_on).0.code(),
        tool_execution_notifications: executed,
        tool_configuration_notifications: configured.take(MAX_NOTIFICATIONS).collect(),
    }
}

/// The most notifications of one kind.
const MAX_NOTIFICATIONS: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_cut() {
        assert_eq!(escape("a[b](c) {0} \\"), "a\\[b\\](c) {{0}} \\\\");
        assert_eq!(cut("short"), "short");
        for odd in ["😀", "\\[", "{{", "ab{{", "\\\\"] {
            let long = cut(&odd.repeat(2_000));
            assert!(long.encode_utf16().count() <= MAX_TEXT, "{odd}");
            let escapes = long.trim_end_matches('…');
            assert!(escapes.is_empty() || escapes.chars().rev().take_while(|c| *c == '\\').count() % 2 == 0, "{odd}");
        }
    }
}
