//! What a team decided about findings: suppressions, each with a reason and an end, and a baseline of what was there
//! before.
//!
//! A suppression is written by people, names a rule and a place, and ends: on the day after its date the finding counts
//! again. A [`Baseline`] is written by the scan, knows findings by their fingerprint, and never ends.

mod baseline;
mod glob;

pub use baseline::{Baseline, BaselineError, Known};
pub use glob::{Glob, GlobError};

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use crate::report::{Finding, Level, Report, Status};
use crate::rule::{FileError, RuleId, RulePack, Source};

/// The largest file of suppressions.
const MAX_BYTES: usize = 1 << 20;
/// The most suppressions.
const MAX_ENTRIES: usize = 2_000;
/// The shortest and longest reason, in characters.
const REASON: std::ops::RangeInclusive<usize> = 10..=500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    suppress: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    rule: Spanned<String>,
    place: Spanned<String>,
    reason: Spanned<String>,
    expires: Spanned<toml::Value>,
}

/// A decision that a rule's findings at some places do not count for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suppression {
    /// The rule.
    pub rule: RuleId,
    /// The places.
    pub place: Glob,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub expires: Date,
    /// The line of the file on which it stands.
    pub line: usize,
}

/// The suppressions of a file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Suppressions {
    file: String,
    entries: Vec<Suppression>,
}

impl Suppressions {
    /// Reads a file of `[[suppress]]` tables. Its rules must be of the pack.
    pub fn read(file: &str, text: &str, rules: &RulePack) -> Result<Suppressions, FileError> {
        let source = Source { file, text };
        let raw: File = source.read(MAX_BYTES)?;
        if raw.suppress.len() > MAX_ENTRIES {
            let message = format!("there are {} suppressions, the limit is {MAX_ENTRIES}", raw.suppress.len());
            return Err(source.wrong(&(0..0), message, "use a baseline for what was there before"));
        }
        let entries = raw.suppress.iter().map(|raw| entry(&source, raw, rules)).collect::<Result<_, _>>()?;
        Ok(Suppressions { file: file.to_owned(), entries })
    }

    /// The suppressions, in the order of the file.
    pub fn entries(&self) -> &[Suppression] {
        &self.entries
    }

    /// Marks what is suppressed on this day, and notes suppressions that have expired or that suppress nothing. To be
    /// applied after a baseline.
    pub fn apply(&self, report: &mut Report, today: Date) {
        let mut used = vec![false; self.entries.len()];
        for finding in report.findings_mut() {
            for (entry, used) in self.entries.iter().zip(&mut used) {
                if !entry.covers(finding) {
                    continue;
                }
                *used = true;
                if entry.expires >= today && !matches!(finding.status, Status::Suppressed { .. }) {
                    finding.status = Status::Suppressed { reason: entry.reason.clone(), until: entry.expires };
                }
            }
        }
        for (entry, used) in self.entries.iter().zip(used) {
            let at = format!("{}:{}", self.file, entry.line);
            if !used {
                let text = format!(
                    "{at}: the suppression of `{}` at `{}` covers nothing; remove it, or correct its place",
                    entry.rule,
                    entry.place.as_str()
                );
                report.note(Level::Warning, text);
            } else if entry.expires < today {
                let text = format!(
                    "{at}: the suppression of `{}` at `{}` expired on {}, so its findings count again; mend them, or \
                     give it a new date and reason",
                    entry.rule,
                    entry.place.as_str(),
                    entry.expires
                );
                report.note(Level::Warning, text);
            }
        }
    }
}

impl Suppression {
    fn covers(&self, finding: &Finding) -> bool {
        self.rule == finding.rule
            && finding.place.names().iter().any(|(name, separator)| self.place.matches(name, *separator))
    }
}

fn entry(source: &Source<'_>, raw: &Raw, rules: &RulePack) -> Result<Suppression, FileError> {
    let id = raw.rule.get_ref();
    let Some(rule) = rules.get(id) else {
        let shown: String = id.chars().filter(|character| !character.is_control()).take(80).collect();
        let help = match rules.meant(id) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`testudo scan explain` lists the rules".to_owned(),
        };
        return Err(source.wrong(&raw.rule.span(), format!("there is no rule `{shown}`"), help));
    };
    let place = Glob::new(raw.place.get_ref())
        .map_err(|error| source.wrong(&raw.place.span(), error.to_string(), "write such as `org.example.legacy.**`"))?;
    let reason = raw.reason.get_ref().trim();
    if !REASON.contains(&reason.chars().count()) || reason.chars().any(char::is_control) {
        let message = format!("the reason is not one line of {} to {} characters", REASON.start(), REASON.end());
        return Err(source.wrong(
            &raw.reason.span(),
            message,
            "say why the finding is no risk, for who reads it next year",
        ));
    }
    let expires = date(raw.expires.get_ref()).ok_or_else(|| {
        source.wrong(&raw.expires.span(), "`expires` is no day", "write a date such as `expires = 2027-03-31`")
    })?;
    let line = source.line(raw.rule.span().start);
    Ok(Suppression { rule: rule.id.clone(), place, reason: reason.to_owned(), expires, line })
}

/// A day, as a date of TOML or as a text (RFC 3339, `full-date`).
fn date(value: &toml::Value) -> Option<Date> {
    let text = match value {
        toml::Value::Datetime(date) if date.time.is_none() && date.offset.is_none() => date.to_string(),
        toml::Value::String(text) => text.clone(),
        _ => return None,
    };
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}
