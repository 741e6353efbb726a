//! The difference as JSON.

use serde::Serialize;

use super::Comparison;
use crate::report::{Fact, Finding, Report, Unit};

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    old: Side<'a>,
    new: Side<'a>,
    signer_changed: bool,
    added: &'a [&'a Finding],
    fixed: &'a [&'a Finding],
    unproven: &'a [&'a Finding],
    unchanged: usize,
    facts: Vec<Section<'a>>,
}

#[derive(Serialize)]
struct Side<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    size: u64,
    complete: bool,
    pack: &'a str,
}

#[derive(Serialize)]
struct Section<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<Unit>,
    added: &'a [&'a Fact],
    removed: &'a [&'a Fact],
    changed: Vec<Change<'a>>,
}

#[derive(Serialize)]
struct Change<'a> {
    before: &'a Fact,
    after: &'a Fact,
}

pub(super) fn write(comparison: &Comparison<'_>) -> String {
    let facts = comparison.facts.iter().map(|section| Section {
        name: section.name,
        unit: section.unit,
        added: &section.added,
        removed: &section.removed,
        changed: section.changed.iter().map(|(before, after)| Change { before, after }).collect(),
    });
    let written = Written {
        version: 1,
        old: side(comparison.old),
        new: side(comparison.new),
        signer_changed: comparison.signer_changed(),
        added: &comparison.added,
        fixed: &comparison.fixed,
        unproven: &comparison.unproven,
        unchanged: comparison.unchanged,
        facts: facts.collect(),
    };
    let mut text = serde_json::to_string_pretty(&written).unwrap_or_default();
    text.push('\n');
    text
}

fn side(report: &Report) -> Side<'_> {
    let target = &report.scan().target;
    Side {
        file: &target.file,
        app: target.app.as_deref(),
        version: target.version.as_deref(),
        build: target.build.as_deref(),
        sha256: target.sha256.as_deref(),
        size: target.size,
        complete: report.complete(),
        pack: &report.scan().pack,
    }
}
