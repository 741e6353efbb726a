//! Fields of forms, queries, headers and cookies: texts that become the values of their schema's types.

use testudo_body::json::Limits;
use testudo_core::Span;

use super::number::is_number;
use super::rule::{Program, RuleId};
use super::tape::{Kind, Tape};
use crate::schema::{JsonType, TypeSet};

/// Where a text stands in the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The bytes there.
    pub span: Span,
    /// Whether they say what they are: they have no escapes.
    pub plain: bool,
}

/// A text for a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Its bytes in the source.
    pub text: Span,
    /// Where it stands in the request.
    pub origin: Option<Origin>,
    /// Whether it is an uploaded file.
    pub file: bool,
    /// Whether it was sent as JSON.
    pub json: bool,
}

/// Adds the value that some texts stand for. Says whether they can stand for one: several are a list.
pub(crate) fn add(
    program: &Program,
    tape: &mut Tape<'_>,
    source: &[u8],
    rule: Option<RuleId>,
    fields: &[Field],
    separator: Option<char>,
) -> Result<(), &'static str> {
    let types = rule.map(|rule| program.types(rule)).unwrap_or_default();
    let Some(first) = fields.first() else { return Ok(()) };
    if fields.len() == 1 && (first.json || !types.contains(JsonType::Array)) {
        return scalar(tape, source, types, first);
    }
    // Where nothing is said, several may be a list.
    if first.json || !(types.is_empty() || types.contains(JsonType::Array)) {
        return Err("repeated");
    }
    let items = rule.and_then(|rule| program.items(rule));
    let types = items.map(|items| program.types(items)).unwrap_or_default();
    tape.begin(Kind::Array, first.text);
    for field in fields {
        match separator {
            None => scalar(tape, source, types, field)?,
            Some(separator) => {
                for part in split(source, field, separator) {
                    scalar(tape, source, types, &part)?;
                }
            }
        }
    }
    tape.finish(first.text.end);
    Ok(())
}

fn split(source: &[u8], field: &Field, separator: char) -> Vec<Field> {
    let mut at = field.text.start;
    let parts = text(source, field).split(separator);
    parts
        .map(|part| {
            let span = Span { start: at, end: at + part.len() };
            at = span.end + separator.len_utf8();
            let origin = field.origin.filter(|origin| origin.plain).map(|origin| {
                let start = origin.span.start + (span.start - field.text.start);
                Origin { span: Span { start, end: start + part.len() }, plain: true }
            });
            Field { text: span, origin, ..*field }
        })
        .collect()
}

fn text<'s>(source: &'s [u8], field: &Field) -> &'s str {
    let bytes = source.get(field.text.start..field.text.end).unwrap_or_default();
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn scalar(tape: &mut Tape<'_>, source: &[u8], types: TypeSet, field: &Field) -> Result<(), &'static str> {
    let said = text(source, field);
    let has = |wanted| types.contains(wanted);
    let structured = has(JsonType::Object) || has(JsonType::Array);
    if !field.file && (field.json || (structured && !has(JsonType::String) && said.starts_with(['{', '[']))) {
        return tape.embed(field.text, Limits::REQUEST).map_err(|_| "malformed");
    }
    let kind = match said {
        _ if field.file => Kind::File,
        _ if types.is_empty() || has(JsonType::String) => Kind::String,
        "true" if has(JsonType::Boolean) => Kind::True,
        "false" if has(JsonType::Boolean) => Kind::False,
        "" if has(JsonType::Null) => Kind::Null,
        _ if (has(JsonType::Integer) || has(JsonType::Number)) && is_number(said.as_bytes()) => Kind::Number,
        _ => Kind::String,
    };
    tape.value(kind, field.text, false);
    if let Some(origin) = field.origin {
        tape.origin(origin);
    }
    Ok(())
}
