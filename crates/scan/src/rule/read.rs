//! Reading `[[rule]]` tables: form, completeness and bounds of each.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{FileError, Rule, Source};
use crate::{code, facts};

/// The largest file of rules.
const MAX_BYTES: usize = 1 << 20;
/// The longest title, in characters.
const MAX_TITLE: usize = 100;
/// The longest paragraph, in characters.
const MAX_PROSE: usize = 2_000;
/// The longest example, in lines.
const MAX_EXAMPLE: usize = 30;
/// The most entries of a list.
const MAX_LIST: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<Spanned<Rule>>,
    #[serde(default)]
    fact: Vec<Spanned<facts::Condition>>,
    #[serde(default)]
    code: Vec<Spanned<code::Condition>>,
}

/// What a file of rules holds, each with its place in the text.
pub(super) struct Contents {
    pub(super) rules: Vec<(Range<usize>, Rule)>,
    pub(super) facts: Vec<(Range<usize>, facts::Condition)>,
    pub(super) code: Vec<(Range<usize>, code::Condition)>,
}

/// Reads a file of rules, in its order.
pub(super) fn read(file: &str, text: &str) -> Result<Contents, FileError> {
    let source = Source { file, text };
    let read: File = source.read(MAX_BYTES)?;
    let contents = Contents { rules: placed(read.rule), facts: placed(read.fact), code: placed(read.code) };
    for (span, rule) in &contents.rules {
        check(rule).map_err(|(message, help)| source.wrong(span, format!("rule `{}`: {message}", rule.id), help))?;
    }
    for (span, condition) in &contents.facts {
        let wrong = |(message, help)| source.wrong(span, format!("fact of `{}`: {message}", condition.rule), help);
        facts::wrong_in(condition).map_err(wrong)?;
    }
    for (span, condition) in &contents.code {
        let of = &condition.rule;
        condition.check().map_err(|(message, help)| source.wrong(span, format!("code of `{of}`: {message}"), help))?;
    }
    Ok(contents)
}

fn placed<T>(entries: Vec<Spanned<T>>) -> Vec<(Range<usize>, T)> {
    entries.into_iter().map(|entry| (entry.span(), entry.into_inner())).collect()
}

/// What is wrong, and what to do.
type Wrong = (String, String);

fn wrong(message: impl Into<String>, help: impl Into<String>) -> Result<(), Wrong> {
    Err((message.into(), help.into()))
}

fn check(rule: &Rule) -> Result<(), Wrong> {
    line("title", &rule.title, MAX_TITLE)?;
    if rule.title.ends_with('.') {
        return wrong("the title ends with a period", "take it away");
    }
    for (field, text) in [("what", &rule.what), ("why", &rule.why), ("fix.text", &rule.fix.text)] {
        prose(field, text)?;
    }
    if let Some(example) = &rule.fix.example {
        let plain = !example.language.is_empty() && example.language.bytes().all(|byte| byte.is_ascii_lowercase());
        if !plain {
            return wrong("`fix.example.language` is no name of a language", "write one such as `kotlin`");
        }
        let lines = example.code.lines().count();
        if lines == 0 || lines > MAX_EXAMPLE || example.code.chars().any(|c| c.is_control() && c != '\n') {
            let message = format!("`fix.example.code` has {lines} lines or control characters");
            return wrong(message, format!("show 1 to {MAX_EXAMPLE} lines, indented with spaces"));
        }
    }
    if rule.policy.is_none() {
        let empty =
            [("masvs", rule.masvs.is_empty()), ("maswe", rule.maswe.is_empty()), ("mastg", rule.mastg.is_empty())];
        if let Some((field, _)) = empty.into_iter().find(|(_, empty)| *empty) {
            let help = format!("write `{field} = [...]`; only a rule with a `policy` may be without");
            return wrong(format!("`{field}` is empty"), help);
        }
    }
    if let Some(clause) = &rule.policy {
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let kebab = |part: &str| part.split('-').all(word);
        if !clause.split_once('/').is_some_and(|(store, clause)| kebab(store) && kebab(clause)) {
            return wrong(
                "`policy` has another form",
                "write the store and the clause, such as `google-play/target-api`",
            );
        }
    }
    distinct("masvs", &rule.masvs)?;
    distinct("maswe", &rule.maswe)?;
    distinct("mastg", &rule.mastg)?;
    distinct("compliance", &rule.compliance)?;
    distinct("references", &rule.references)?;
    let clause = |text: &String| {
        (2..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-()".contains(&byte))
    };
    if !rule.compliance.iter().all(clause) {
        return wrong("`compliance` names a clause in another form", "write such as `GDPR-32` or `PCI-DSS-6.2.4`");
    }
    if rule.references.is_empty() || !rule.references.iter().all(|text| is_address(text)) {
        return wrong("`references` wants at least one address, all of `https`", "the first is the rule's page");
    }
    Ok(())
}

fn line(field: &str, text: &str, most: usize) -> Result<(), Wrong> {
    let length = text.chars().count();
    if text.trim() != text || length == 0 || length > most || text.chars().any(char::is_control) {
        return wrong(format!("`{field}` is not one line of 1 to {most} characters"), "shorten it or trim its spaces");
    }
    Ok(())
}

fn prose(field: &str, text: &str) -> Result<(), Wrong> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > MAX_PROSE || text.chars().any(|c| c.is_control() && c != '\n') {
        return wrong(format!("`{field}` is not a text of 1 to {MAX_PROSE} characters"), "say it in a few sentences");
    }
    if text.matches('`').count() % 2 == 1 {
        return wrong(format!("`{field}` opens a backtick and does not close it"), "close the code");
    }
    Ok(())
}

fn distinct<T: PartialEq + ToString>(field: &str, list: &[T]) -> Result<(), Wrong> {
    if list.len() > MAX_LIST {
        return wrong(format!("`{field}` has {} entries", list.len()), format!("name the {MAX_LIST} that matter"));
    }
    let twice = list.iter().enumerate().find(|(index, entry)| list.iter().take(*index).any(|other| other == *entry));
    twice.map_or(Ok(()), |(_, entry)| wrong(format!("`{field}` has `{}` twice", entry.to_string()), "take one away"))
}

/// An address that needs no escape in any format: printable ASCII without quotes, brackets and spaces.
fn is_address(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>`\\{}|^".contains(&byte);
    text.len() <= 500 && text.strip_prefix("https://").is_some_and(|rest| rest.contains('.')) && text.bytes().all(plain)
}
