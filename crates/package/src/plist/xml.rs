//! The form in XML: `<plist>` with one value in it.

use data_encoding::BASE64;
use testudo_body::xml::{Halt, Limits, Reader, Token};

use super::{BYTES, Budget, DEPTH, Plist, PlistError, VALUES};
use crate::signature::time;

const LIMITS: Limits =
    Limits { total: BYTES as u64, depth: DEPTH + 3, elements: VALUES, attributes: 16, markup: 64 << 10 };

pub(super) fn read(bytes: &[u8]) -> Result<Plist, PlistError> {
    let mut build = Build { budget: Budget::of(bytes.len()), open: Vec::new(), root: None };
    let mut give = |token: &Token<'_>| build.token(token);
    let mut reader = Reader::new(LIMITS);
    reader.push(bytes, &mut give).and_then(|()| reader.finish(&mut give)).map_err(|halt| match halt {
        Halt::Xml(error) => PlistError::Xml { offset: error.offset },
        Halt::Visitor(error) => error,
    })?;
    build.root.ok_or(PlistError::Form)
}

/// What is being read: the elements that are open.
struct Build {
    budget: Budget,
    open: Vec<Open>,
    root: Option<Plist>,
}

struct Open {
    kind: Kind,
    offset: usize,
    /// The text in it.
    text: Vec<u8>,
    /// The values in it, with their keys in a dictionary.
    values: Vec<(String, Plist)>,
    key: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Root,
    Dictionary,
    Array,
    Key,
    Text,
    Data,
    True,
    False,
    Integer,
    Real,
    Date,
}

impl Kind {
    fn of(name: &[u8]) -> Option<Kind> {
        Some(match name {
            b"plist" => Kind::Root,
            b"dict" => Kind::Dictionary,
            b"array" => Kind::Array,
            b"key" => Kind::Key,
            b"string" => Kind::Text,
            b"data" => Kind::Data,
            b"true" => Kind::True,
            b"false" => Kind::False,
            b"integer" => Kind::Integer,
            b"real" => Kind::Real,
            b"date" => Kind::Date,
            _ => return None,
        })
    }

    fn holds_values(self) -> bool {
        matches!(self, Kind::Root | Kind::Dictionary | Kind::Array)
    }
}

impl Build {
    fn token(&mut self, token: &Token<'_>) -> Result<(), PlistError> {
        match token {
            Token::BeginElement { name, span, .. } => {
                let offset = span.start;
                let kind = Kind::of(name).ok_or(PlistError::Xml { offset })?;
                let fits = match self.open.last() {
                    None => kind == Kind::Root,
                    Some(outer) => {
                        let in_order = outer.kind != Kind::Dictionary || outer.key.is_some() != (kind == Kind::Key);
                        let at_home = kind != Kind::Key || outer.kind == Kind::Dictionary;
                        kind != Kind::Root && outer.kind.holds_values() && in_order && at_home
                    }
                };
                if !fits {
                    return Err(PlistError::Xml { offset });
                }
                self.budget.value()?;
                self.open.push(Open { kind, offset, text: Vec::new(), values: Vec::new(), key: None });
            }
            Token::Text(text) => {
                if let Some(open) = self.open.last_mut().filter(|open| !open.kind.holds_values()) {
                    let text = text.decode();
                    self.budget.bytes(text.len())?;
                    open.text.extend_from_slice(&text);
                }
            }
            Token::EndElement(_) => self.end()?,
            Token::Doctype(_) | Token::Attribute { .. } => {}
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), PlistError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let broken = PlistError::Xml { offset: open.offset };
        let text = String::from_utf8_lossy(&open.text);
        let value = match open.kind {
            Kind::Root => {
                self.root = open.values.into_iter().next().map(|(_, value)| value);
                return Ok(());
            }
            Kind::Key => {
                if let Some(outer) = self.open.last_mut() {
                    outer.key = Some(text.into_owned());
                }
                return Ok(());
            }
            Kind::Dictionary if open.key.is_some() => return Err(broken),
            Kind::Dictionary => Plist::Dictionary(open.values),
            Kind::Array => Plist::Array(open.values.into_iter().map(|(_, value)| value).collect()),
            Kind::Text => Plist::Text(text.into_owned()),
            Kind::Data => Plist::Data(base64(&open.text).ok_or(broken)?),
            Kind::True | Kind::False => Plist::Flag(open.kind == Kind::True),
            Kind::Integer => Plist::Integer(integer(text.trim()).ok_or(broken)?),
            Kind::Real => Plist::Real(text.trim().parse().map_err(|_| broken)?),
            Kind::Date => {
                let digits: String = text.trim().chars().filter(|letter| !matches!(letter, '-' | ':' | 'T')).collect();
                Plist::Date(time::generalized(&digits).ok_or(broken)?)
            }
        };
        if let Some(outer) = self.open.last_mut() {
            outer.values.push((outer.key.take().unwrap_or_default(), value));
        }
        Ok(())
    }
}

fn integer(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.iter().copied().filter(|letter| !letter.is_ascii_whitespace()).collect();
    BASE64.decode(&letters).ok()
}
