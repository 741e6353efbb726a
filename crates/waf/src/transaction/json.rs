//! Reads JSON into arguments: each scalar under the path that `ModSecurity` gives it, such as `json.items.array_0.name`.

use testudo_body::json::{Halt, Limits, Path, Reader, Token};
use testudo_core::Span;

use super::body::fail;
use super::lanes;
use super::state::State;
use crate::ruleset::RuleSet;
use crate::seclang::Variable;

/// Reads a whole body.
pub(super) fn read(state: &mut State, set: &RuleSet, body: &[u8]) {
    match flatten(state, set, Variable::ArgsPost, b"json", body, true) {
        Ok(()) => {}
        Err(Halt::Json(error)) => fail(state, &format!("JSON parsing error: {error}")),
        Err(Halt::Visitor(TooMany)) => fail(state, "JSON parsing error: too many arguments"),
    }
}

/// Reads an argument or a cookie that holds JSON. One that does not is no error, and what it says is looked at anyway.
pub(super) fn read_within(state: &mut State, set: &RuleSet, variable: Variable, name: &[u8], value: &[u8]) {
    if value.starts_with(b"{") || value.starts_with(b"[") {
        // What stands within what is read here is not read again.
        state.json_in_arguments = false;
        let _ = flatten(state, set, variable, name, value, false);
        state.json_in_arguments = true;
    }
}

fn flatten(
    state: &mut State,
    set: &RuleSet,
    variable: Variable,
    name: &[u8],
    text: &[u8],
    places: bool,
) -> Result<(), Halt<TooMany>> {
    let limits = Limits {
        total: u64::MAX,
        depth: set.settings.json_depth,
        string: usize::MAX,
        key: usize::MAX,
        number: usize::MAX,
        members: usize::MAX,
        values: usize::MAX,
        hold: usize::MAX,
    };
    let mut flat = Flat { state, set, variable, name: name.to_vec(), open: Vec::new(), places };
    let mut reader = Reader::new(limits).without_repeats();
    let mut visit = |token: &Token<'_>, _: &Path| flat.token(token);
    reader.push(text, &mut visit)?;
    reader.finish(&mut visit)
}

/// There are more arguments than may be.
struct TooMany;

/// A container that is open.
struct Open {
    /// How long the name is without its member.
    len: usize,
    /// The number of the next element, in an array.
    element: Option<u64>,
}

/// Flattens tokens into arguments.
struct Flat<'a> {
    state: &'a mut State,
    set: &'a RuleSet,
    variable: Variable,
    /// The name of the value that comes next.
    name: Vec<u8>,
    open: Vec<Open>,
    /// Whether this is the body, in which values have their places.
    places: bool,
}

impl Flat<'_> {
    fn token(&mut self, token: &Token<'_>) -> Result<(), TooMany> {
        match token {
            Token::BeginObject(_) => self.begin(None),
            Token::BeginArray(_) => self.begin(Some(0)),
            Token::EndObject(_) | Token::EndArray(_) => {
                if let Some(open) = self.open.pop() {
                    self.name.truncate(open.len);
                }
                self.next();
            }
            Token::Key { text, .. } => {
                if let Some(open) = self.open.last() {
                    self.name.truncate(open.len);
                }
                self.name.push(b'.');
                let key = text.bytes();
                self.name.extend_from_slice(if key.is_empty() { b"empty-key" } else { &key });
            }
            Token::String(text) => self.value(&text.bytes(), text.span)?,
            Token::Number { raw, span } => self.value(raw, *span)?,
            Token::Bool { value, span } => self.value(if *value { b"true" } else { b"false" }, *span)?,
            Token::Null(span) => self.value(b"", *span)?,
            Token::Comma(_)
            | Token::BeginString(_)
            | Token::StringPart(_)
            | Token::EndString(_)
            | Token::EndDocument(_) => {}
        }
        Ok(())
    }

    fn begin(&mut self, element: Option<u64>) {
        self.open.push(Open { len: self.name.len(), element });
        self.number();
    }

    fn value(&mut self, value: &[u8], span: Span) -> Result<(), TooMany> {
        let place = lanes::place(span).filter(|_| self.places);
        if !self.state.argument(self.set, self.variable, &self.name, value, place) {
            return Err(TooMany);
        }
        self.next();
        Ok(())
    }

    /// A value is behind.
    fn next(&mut self) {
        if let Some(Open { element: Some(element), .. }) = self.open.last_mut() {
            *element += 1;
            self.number();
        }
    }

    /// Names the next element of an array.
    fn number(&mut self) {
        if let Some(Open { len, element: Some(element) }) = self.open.last() {
            self.name.truncate(*len);
            self.name.extend_from_slice(b".array_");
            push_number(&mut self.name, *element);
        }
    }
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut len = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        len += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - len..).unwrap_or_default());
}
