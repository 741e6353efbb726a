//! Matches as `ModSecurity` writes them to the error log, with `[id "942100"]` and the rest.

use std::fmt::Write;

use crate::transaction::Match;

/// What the lines of a transaction have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) client: String,
    pub(crate) server: String,
    pub(crate) host: String,
    pub(crate) uri: String,
    pub(crate) unique_id: String,
}

/// How much of a value, of the data and of the path a line shows.
const MOST: usize = 200;

/// The line of a match, on one line whatever the values hold.
pub(crate) fn line(found: &Match, place: &Place) -> String {
    let outcome = match found.refused {
        Some(status) => format!("Access denied with code {status} (phase {}).", found.phase),
        None => "Warning.".to_owned(),
    };
    let value = shown(&found.value);
    let mut line = format!("[client {}] ModSecurity: {outcome} ", place.client);
    if !found.operator.is_empty() {
        let (operator, parameter) = (capital(found.operator), shown(found.parameter.as_bytes()));
        let _ = write!(
            line,
            "Matched \"Operator `{operator}' with parameter `{parameter}' against variable `{}' (Value: `{value}' )",
            found.variable
        );
    }
    let severity = found.severity.unwrap_or(0);
    let mut field = |name: &str, value: &str| {
        line.push_str(" [");
        line.push_str(name);
        line.push_str(" \"");
        line.push_str(value);
        line.push_str("\"]");
    };
    field("file", &found.file);
    field("line", &found.line.to_string());
    field("id", &found.id.to_string());
    field("rev", &found.rev);
    field("msg", &found.msg);
    field("data", &shown(&found.data));
    field("severity", &severity.to_string());
    field("ver", &found.ver);
    field("maturity", &found.maturity.to_string());
    field("accuracy", &found.accuracy.to_string());
    for tag in &found.tags {
        field("tag", tag);
    }
    field("hostname", if place.host.is_empty() { &place.server } else { &place.host });
    field("uri", &shown(place.uri.as_bytes()));
    field("unique_id", &place.unique_id);
    plain(&line)
}

/// Operators as `ModSecurity` writes them here.
fn capital(name: &str) -> String {
    match name {
        "streq" => "StrEq".to_owned(),
        "strmatch" => "StrMatch".to_owned(),
        _ => {
            let (first, rest) = name.split_at_checked(1).unwrap_or((name, ""));
            first.to_ascii_uppercase() + rest
        }
    }
}

/// The head of a value.
fn shown(value: &[u8]) -> String {
    match value.get(..MOST) {
        Some(head) if head.len() < value.len() => {
            format!("{} ({} characters omitted)", String::from_utf8_lossy(head), value.len() - MOST)
        }
        _ => String::from_utf8_lossy(value).into_owned(),
    }
}

/// Control characters as escapes, so that no value can begin a line of its own.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for character in line.chars() {
        if character.is_control() {
            out.extend(format!("\\x{:02x}", u32::from(character)).chars());
        } else {
            out.push(character);
        }
    }
    out
}
