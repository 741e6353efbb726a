//! The report as JSON, with all that it knows, and back. The schema is `docs/reference/scan-report.schema.json`.

use serde::{Deserialize, Serialize};

use super::{Report, ReportError, Scan};

/// The version of the format. It grows when a reader of the version before would read it wrongly.
pub const VERSION: u32 = 1;
/// The largest report that is read.
const MAX_BYTES: usize = 256 << 20;

/// Why a text is no report.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It is too large.
    #[error("the report has {0} bytes, the limit is {MAX_BYTES}")]
    Large(usize),
    /// It does not read.
    #[error("the report does not read: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of a later version of the format.
    #[error("the report has version {0}, this program knows version {VERSION}; take a newer program")]
    Version(u32),
    /// Its parts contradict each other.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The same finding is there twice.
    #[error("the report has two findings with the fingerprint {0}")]
    Twice(super::Fingerprint),
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    complete: bool,
    #[serde(flatten)]
    scan: &'a Scan,
}

#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// Writes a report.
pub fn write(report: &Report) -> String {
    let written = Written { version: VERSION, complete: report.complete(), scan: report.scan() };
    let mut text = serde_json::to_string_pretty(&written).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads a report that [`write`] wrote. Its fingerprints stand; whether it is complete is judged anew.
pub fn read(text: &str) -> Result<Report, JsonError> {
    if text.len() > MAX_BYTES {
        return Err(JsonError::Large(text.len()));
    }
    let Head { version } = serde_json::from_str(text)?;
    if version != VERSION {
        return Err(JsonError::Version(version));
    }
    let mut whole: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)?;
    whole.remove("version");
    whole.remove("complete");
    let scan: Scan = serde_json::from_value(serde_json::Value::Object(whole))?;
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = scan.findings.iter().find(|finding| !seen.insert(finding.fingerprint)) {
        return Err(JsonError::Twice(twice.fingerprint));
    }
    Ok(Report::from_stored(scan)?)
}
