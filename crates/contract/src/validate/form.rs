//! Forms: an object whose fields stand one by one (OpenAPI 3.1 section 4.8.14.3).

use std::convert::Infallible;
use std::sync::Arc;

use indexmap::IndexMap;
use testudo_body::form::{Limits, Reader};
use testudo_core::{Denial, Span};

use super::fields::{self, Field, Origin};
use super::place;
use super::report::{Checked, Options, Violation};
use super::rule::{Program, RuleId};
use super::run::Run;
use super::tape::{Kind, Tape};
use crate::route::Encoding;

/// The most fields of a form.
const MAX_FIELDS: usize = 1000;

/// How the fields of a form are written.
pub(super) type Encodings<'c> = Option<&'c IndexMap<Arc<str>, Encoding>>;

/// Fields by name, in the order of their first, with the text of all of them.
#[derive(Default, Debug)]
pub(super) struct Fields {
    pub source: Vec<u8>,
    pub named: IndexMap<Vec<u8>, Vec<Field>>,
    pub count: usize,
}

impl Fields {
    /// Keeps a text; gives its place.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Span {
        let start = self.source.len();
        self.source.extend_from_slice(bytes);
        Span { start, end: self.source.len() }
    }

    /// Adds a field.
    pub(super) fn add(&mut self, name: &[u8], field: Field) {
        self.count += 1;
        self.named.entry(name.to_vec()).or_default().push(field);
    }
}

/// Checks a form in the URL encoding (WHATWG URL, 5).
pub(super) fn check(
    program: &Program,
    rule: Option<RuleId>,
    encodings: Encodings<'_>,
    body: &[u8],
    options: Options,
) -> Checked {
    let mut fields = Fields::default();
    let mut wrong = None;
    let limits = Limits { fields: MAX_FIELDS, ..Limits::REQUEST };
    let mut give = |field: &testudo_body::form::Field<'_>| {
        let (name, value) = (field.name.decode(), field.value.decode());
        if name.invalid + value.invalid > 0 {
            wrong = Some("escapes of two hexadecimal digits");
        }
        if std::str::from_utf8(&name.bytes).is_err() || std::str::from_utf8(&value.bytes).is_err() {
            wrong = Some("UTF-8");
        }
        let text = fields.keep(&value.bytes);
        let origin = Some(Origin { span: field.value.span, plain: *value.bytes == *field.value.raw });
        fields.add(&name.bytes, Field { text, origin, file: false, json: false });
        Ok::<(), Infallible>(())
    };
    if Reader::new(limits).read(body, &mut give).is_err() {
        wrong = Some("a form within the limits");
    }
    match wrong {
        Some(expected) => Checked::refused(Denial::Malformed, "", "malformed", expected),
        None => object(program, rule, encodings, &mut fields, options),
    }
}

/// Checks fields as the members of an object.
pub(super) fn object(
    program: &Program,
    rule: Option<RuleId>,
    encodings: Encodings<'_>,
    fields: &mut Fields,
    options: Options,
) -> Checked {
    let names: Vec<Vec<u8>> = fields.named.keys().cloned().collect();
    let names: Vec<Span> = names.iter().map(|name| fields.keep(name)).collect();
    let mut tape = Tape::composed(&fields.source);
    let mut wrong = Vec::new();
    tape.begin(Kind::Object, Span { start: 0, end: 0 });
    for ((name, values), span) in fields.named.iter().zip(names) {
        let key = tape.len();
        tape.key(span);
        let property = rule.and_then(|rule| program.property(rule, name));
        let encoding = std::str::from_utf8(name).ok().and_then(|name| encodings?.get(name));
        let separator = encoding.and_then(|encoding| encoding.explode).filter(|explode| !explode).map(|_| ',');
        if let Err(why) = fields::add(program, &mut tape, &fields.source, property, values, separator) {
            wrong.push((key, why));
            // The member needs a value all the same.
            tape.value(Kind::File, Span { start: 0, end: 0 }, false);
        }
    }
    tape.finish(0);
    let mut run = Run::new(program, &tape, options.unknown);
    match rule {
        Some(rule) => run.check(rule, 0),
        None => run.found.free_names = true,
    }
    let mut found = run.found;
    for (key, why) in wrong {
        let (code, expected) = match why {
            "repeated" => ("repeated-field", "each field once"),
            _ => ("malformed", "JSON"),
        };
        let pointer = place::pointer(program, &tape, key);
        found.violations.retain(|violation| violation.pointer != pointer);
        found.violations.insert(0, Violation { pointer, code, expected: expected.into() });
    }
    Checked::of(found)
}
