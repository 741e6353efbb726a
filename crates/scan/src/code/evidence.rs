//! How code is shown in a finding: `Cipher.getInstance("AES/ECB/NoPadding")`.

use testudo_package::program::{MethodId, Program, Value, Values, names};

use super::condition::{Body, Returned};
use super::pattern::Member;
use crate::report::redact;

/// The longest text that is shown of one value, in characters.
const LONGEST: usize = 80;

/// A call with what is known of its arguments; `secret` says of which nothing but the beginning may be shown.
pub(super) fn call(program: &Program<'_>, method: MethodId, arguments: &[Option<(&Values, bool)>]) -> String {
    let key = program.method(method);
    let class = short(program, key.class);
    let name = program.string(key.name).decode();
    let shown: Vec<String> = arguments
        .iter()
        .map(|argument| argument.map_or_else(|| "…".to_owned(), |(values, secret)| any(program, values, secret)))
        .collect();
    let shown = shown.join(", ");
    if name == "<init>" { format!("new {class}({shown})") } else { format!("{class}.{name}({shown})") }
}

/// What a method that implements something was found to do.
pub(super) fn body(name: &str, body: &Body) -> Option<String> {
    let listed = |members: &[Member]| {
        let names = members.iter().map(|member| {
            let class = names::dotted(member.class.as_str());
            format!("{}.{}", class.rsplit('.').next().unwrap_or_default(), member.name)
        });
        names.collect::<Vec<_>>().join(" or ")
    };
    let mut does = Vec::new();
    if body.never_throws {
        does.push("throws nothing".to_owned());
    }
    match body.returns {
        Some(Returned::True) => does.push("always returns true".to_owned()),
        Some(Returned::False) => does.push("always returns false".to_owned()),
        None => {}
    }
    if !body.calls.is_empty() {
        does.push(format!("calls {}", listed(&body.calls)));
    }
    if !body.lacks.is_empty() {
        does.push(format!("never calls {}", listed(&body.lacks)));
    }
    (!does.is_empty()).then(|| format!("{name} {}", does.join(" and ")))
}

/// A class without its package.
pub(super) fn short(program: &Program<'_>, of: testudo_package::program::TypeId) -> String {
    let name = names::dotted(&program.descriptor(of).decode());
    name.rsplit('.').next().unwrap_or(&name).to_owned()
}

/// The values that are known, or the first.
fn any(program: &Program<'_>, values: &Values, secret: bool) -> String {
    let mut shown: Vec<String> = values.iter().take(3).map(|value| one(program, value, secret, 0)).collect();
    shown.sort();
    shown.dedup();
    shown.join(" | ")
}

pub(super) fn one(program: &Program<'_>, value: &Value, secret: bool, depth: usize) -> String {
    // Texts that stand beside a secret are labels.
    let secret = secret && !matches!(value, Value::Concat(_));
    let inner = |parts: &[Values], separator: &str| {
        let shown = parts.iter().take(8).map(|part| match part.single() {
            Some(value) if depth < 3 => one(program, value, secret, depth + 1),
            _ => "…".to_owned(),
        });
        shown.collect::<Vec<_>>().join(separator)
    };
    match value {
        Value::Null => "null".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Long(number) => number.to_string(),
        Value::Text(text) if secret => format!("\"{}\"", redact(text)),
        Value::Text(text) => format!("\"{}\"", cut(text)),
        Value::Class(of) => format!("{}.class", short(program, *of)),
        Value::Bytes(bytes) => format!("{} constant bytes", bytes.len()),
        Value::Array(elements) => format!("[{}]", inner(elements, ", ")),
        Value::Concat(parts) => inner(parts, " + "),
        Value::New { of, arguments } => format!("new {}({})", short(program, *of), inner(arguments, ", ")),
        Value::Call { method, .. } => {
            let key = program.method(*method);
            format!("{}.{}()", short(program, key.class), program.string(key.name))
        }
        Value::Field(field) => program.string(program.field(*field).name).decode().into_owned(),
        Value::This => "this".to_owned(),
        Value::Parameter(_) | Value::Exception | Value::Unknown => "…".to_owned(),
    }
}

pub(super) fn cut(text: &str) -> String {
    let mut rest = text.char_indices().skip(LONGEST);
    let end = rest.next().and_then(|(end, _)| text.get(..end));
    end.map_or_else(|| text.to_owned(), |head| format!("{head}…"))
}
