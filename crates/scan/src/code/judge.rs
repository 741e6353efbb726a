//! Answers the questions that rules ask about values.

use testudo_package::program::{MethodId, Program, TypeId, Value, Values};

use super::condition::{Kind, Test};
use super::pattern::{Member, TypeName, Word};
use super::words;

/// How deep a value is looked into.
const MAX_DEPTH: u32 = 8;
/// How many values are looked at for one question.
const MAX_LOOKS: u32 = 2_000;

/// Answers about the values of a program.
#[derive(Clone, Copy)]
pub(super) struct Judge<'p, 'a> {
    pub(super) program: &'p Program<'a>,
}

impl Judge<'_, '_> {
    /// Whether a test holds of what a register can hold.
    pub(super) fn holds(self, test: &Test, values: &Values) -> bool {
        let mut any = values.iter();
        let found = if test.every {
            !values.traced().is_empty() && any.all(|value| self.one(test, value))
        } else {
            any.any(|value| self.one(test, value))
        };
        found != test.not
    }

    /// Whether a test holds of one value.
    fn one(self, test: &Test, value: &Value) -> bool {
        let texts = if test.text.is_empty() && test.other_than.is_empty() { Vec::new() } else { texts(value) };
        let fits = |text: &String| {
            (test.text.is_empty() || test.text.iter().any(|glob| glob.fits(text)))
                && !test.other_than.iter().any(|glob| glob.fits(text))
        };
        (test.text.is_empty() && test.other_than.is_empty() || texts.iter().any(fits))
            && (test.named.is_empty() || self.is_named(value, &test.named, 0))
            && test.number.as_ref().is_none_or(|asked| number(value).is_some_and(|number| asked.holds(number)))
            && test.length.as_ref().is_none_or(|asked| length(value).is_some_and(|length| asked.holds(length)))
            && (test.is.is_empty() || test.is.iter().any(|kind| is_of_kind(value, *kind)))
            && (test.new.is_empty() || self.is_new(value, &test.new))
            && (test.call.is_empty() || self.is_call(value, &test.call))
            && (test.from.is_empty() || self.is_from(value, &test.from, 0, &mut MAX_LOOKS.clone()))
            && (test.given.is_empty() || self.is_given(value, &test.given))
    }

    /// Whether a method is one of these, or runs on a class below one of theirs.
    pub(super) fn is_one_of(self, method: MethodId, members: &[Member]) -> bool {
        let key = self.program.method(method);
        members.iter().any(|member| {
            self.program.string(key.name).as_bytes() == member.name.as_bytes()
                && if &*member.name == "<init>" {
                    self.program.descriptor(key.class).as_bytes() == member.class.as_str().as_bytes()
                } else {
                    self.is_below(key.class, &member.class)
                }
                && self.fits_prototype(method, member)
        })
    }

    /// Whether a call that was found by class and name is of the overload that a rule names. A constructor is its class's own.
    pub(super) fn is_overload(self, method: MethodId, member: &Member) -> bool {
        let own = || self.program.descriptor(self.program.method(method).class);
        (&*member.name != "<init>" || own().as_bytes() == member.class.as_str().as_bytes())
            && self.fits_prototype(method, member)
    }

    /// Whether a method has the prototype that a rule names, if it names one.
    pub(super) fn fits_prototype(self, method: MethodId, member: &Member) -> bool {
        member.prototype.as_deref().is_none_or(|prototype| {
            let signature = self.program.signature(method);
            signature.find('(').and_then(|at| signature.get(at..)).is_some_and(|own| own.starts_with(prototype))
        })
    }

    fn is_below(self, of: TypeId, above: &TypeName) -> bool {
        let descriptor = self.program.descriptor(of);
        descriptor.as_bytes() == above.as_str().as_bytes()
            || self.program.find_type(above.as_str()).is_some_and(|above| self.program.is_subtype(of, above))
    }

    fn is_new(self, value: &Value, classes: &[TypeName]) -> bool {
        matches!(value, Value::New { of, .. } if classes.iter().any(|class| self.is_below(*of, class)))
    }

    fn is_call(self, value: &Value, members: &[Member]) -> bool {
        matches!(value, Value::Call { method, .. } if self.is_one_of(*method, members))
    }

    fn is_given(self, value: &Value, tests: &[Test]) -> bool {
        let (Value::New { arguments, .. } | Value::Call { arguments, .. }) = value else { return false };
        tests.iter().all(|test| {
            let argument = test.at.and_then(|at| arguments.get(usize::from(at)));
            argument.is_some_and(|values| self.holds(test, values))
        })
    }

    fn is_from(self, value: &Value, members: &[Member], depth: u32, left: &mut u32) -> bool {
        let Some(rest) = left.checked_sub(1).filter(|_| depth < MAX_DEPTH) else { return false };
        *left = rest;
        let made = match value {
            Value::New { of, .. } => members.iter().any(|one| &*one.name == "<init>" && self.is_below(*of, &one.class)),
            _ => self.is_call(value, members),
        };
        made || parts(value).iter().flat_map(Values::iter).any(|part| self.is_from(part, members, depth + 1, left))
    }

    fn is_named(self, value: &Value, named: &[Word], depth: u32) -> bool {
        let ends = |name: &str| words::ends_with(name, named.iter().map(Word::as_str));
        match value {
            Value::Text(text) => ends(text),
            Value::Field(field) => ends(&self.program.string(self.program.field(*field).name).decode()),
            Value::Call { method, arguments } => {
                let name = self.program.string(self.program.method(*method).name).decode();
                let key = || arguments.iter().flat_map(Values::texts).any(ends);
                let inner = || {
                    let first = arguments.first().into_iter().flat_map(Values::iter);
                    is_passed_on(&name) && first.into_iter().any(|value| self.is_named(value, named, depth + 1))
                };
                depth < 4 && (ends(&name) || (name.starts_with("get") && key()) || inner())
            }
            Value::Concat(parts) => {
                let label = parts.windows(2).any(|pair| {
                    let [label, value] = pair else { return false };
                    !value.is_constant()
                        && label.single().is_some_and(|label| is_label(label) && self.is_named(label, named, 4))
                });
                let named = |value: &Value| !value.is_constant() && self.is_named(value, named, depth + 1);
                label || (depth < 2 && parts.iter().flat_map(Values::iter).any(named))
            }
            _ => false,
        }
    }
}

/// Calls that give what they are called on in another form.
fn is_passed_on(name: &str) -> bool {
    matches!(
        name,
        "toString" | "trim" | "valueOf" | "getBytes" | "toCharArray" | "encodeToString" | "intern" | "concat"
    )
}

/// Whether a text ends as a label does: with a sign that says that the value follows.
fn is_label(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.trim_end().ends_with([':', '=', '>', '"', '\'', '(', '[', '-']),
        _ => false,
    }
}

/// The texts that a value stands for: itself, those of an array, and one that is put together with `\u{fffd}` for each part
/// that is not known.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Text(text) => vec![text.to_string()],
        Value::Array(elements) => elements.iter().flat_map(Values::texts).map(str::to_owned).collect(),
        Value::Concat(parts) => {
            let part = |part: &Values| match part.single() {
                Some(Value::Text(text)) => text.to_string(),
                _ => "\u{fffd}".to_owned(),
            };
            vec![parts.iter().map(part).collect()]
        }
        _ => Vec::new(),
    }
}

/// What a value is made of.
fn parts(value: &Value) -> &[Values] {
    match value {
        Value::Array(parts) | Value::Concat(parts) => parts,
        Value::New { arguments, .. } | Value::Call { arguments, .. } => arguments,
        _ => &[],
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some((*number).into()),
        Value::Long(number) => Some(*number),
        _ => None,
    }
}

fn length(value: &Value) -> Option<i64> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(elements) => elements.len(),
        _ => return None,
    };
    i64::try_from(length).ok()
}

fn is_of_kind(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Constant => value.is_constant() && !matches!(value, Value::Null),
        Kind::Derived => value.is_derived_from_constants() && !matches!(value, Value::Null),
        Kind::Null => matches!(value, Value::Null),
        Kind::Text => matches!(value, Value::Text(_)),
        Kind::Joined => matches!(value, Value::Concat(_)),
        Kind::Call => matches!(value, Value::Call { .. }),
        Kind::New => matches!(value, Value::New { .. }),
        Kind::Bare => matches!(value, Value::New { arguments, .. } if arguments.is_empty()),
        Kind::Field => matches!(value, Value::Field(_)),
        Kind::Parameter => matches!(value, Value::Parameter(_) | Value::This),
        Kind::Unknown => matches!(value, Value::Unknown | Value::Exception),
    }
}
