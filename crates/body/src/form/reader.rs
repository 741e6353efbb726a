//! The reader: looks for separators, and copies only fields that continue in the next chunk.

use memchr::{memchr, memchr2};
use testudo_core::Span;

use super::{Limits, Text};

/// One `name=value`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    /// What stands before the first `=`.
    pub name: Text<'a>,
    /// What stands after it; empty where there is none.
    pub value: Text<'a>,
    /// Whether there is a `=`.
    pub assigned: bool,
}

/// What stands between fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Separators {
    /// `&`
    #[default]
    Ampersand,
    /// `&` and `;`, as HTML 4 asked servers to take.
    AmpersandOrSemicolon,
    /// Another one alone.
    Only(u8),
}

/// Why a [`Reader`] refuses, without the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormErrorKind {
    /// A limit is exceeded.
    #[error("more than {most} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        most: u64,
    },
}

/// A form that was refused, with the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("byte {offset}: {kind}")]
pub struct FormError {
    /// Why.
    pub kind: FormErrorKind,
    /// The offset in the input.
    pub offset: usize,
}

/// Why reading stopped.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Halt<E> {
    /// The input is not what the reader takes.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The visitor stopped it.
    #[error("{0}")]
    Visitor(E),
}

/// Reads a form that comes in chunks.
#[derive(Clone, Debug)]
pub struct Reader {
    limits: Limits,
    separators: (u8, u8),
    /// What came of a field that goes on in the next chunk.
    held: Vec<u8>,
    /// Where the `=` stands in what is held.
    equals: Option<usize>,
    /// Where the field begins.
    start: usize,
    /// The offset of the chunk's first byte.
    base: usize,
    fields: usize,
    failed: Option<FormError>,
}

impl Reader {
    /// A reader of fields that `&` separates.
    pub fn new(limits: Limits) -> Reader {
        Reader {
            limits,
            separators: (b'&', b'&'),
            held: Vec::new(),
            equals: None,
            start: 0,
            base: 0,
            fields: 0,
            failed: None,
        }
    }

    /// Sets what stands between fields.
    #[must_use]
    pub fn separators(mut self, separators: Separators) -> Reader {
        self.separators = match separators {
            Separators::Ampersand => (b'&', b'&'),
            Separators::AmpersandOrSemicolon => (b'&', b';'),
            Separators::Only(byte) => (byte, byte),
        };
        self
    }

    /// The next bytes, cut anywhere. After an error, every later call gives the same error.
    pub fn push<E>(&mut self, chunk: &[u8], give: &mut impl FnMut(&Field<'_>) -> Result<(), E>) -> Result<(), Halt<E>> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        let room = usize::try_from(self.limits.total).unwrap_or(usize::MAX).saturating_sub(self.base);
        let within = chunk.get(..room).unwrap_or(chunk);
        self.run(within, give)?;
        if within.len() < chunk.len() {
            return Err(self.fail("bytes", self.limits.total, self.base).into());
        }
        Ok(())
    }

    /// The input has ended. An empty field at the end is none.
    pub fn finish<E>(&mut self, give: &mut impl FnMut(&Field<'_>) -> Result<(), E>) -> Result<(), Halt<E>> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        let held = std::mem::take(&mut self.held);
        if held.is_empty() { Ok(()) } else { self.complete(&held, give) }
    }

    /// The fields of a whole input.
    pub fn read<E>(mut self, input: &[u8], give: &mut impl FnMut(&Field<'_>) -> Result<(), E>) -> Result<(), Halt<E>> {
        self.push(input, give)?;
        self.finish(give)
    }

    fn run<E>(&mut self, chunk: &[u8], give: &mut impl FnMut(&Field<'_>) -> Result<(), E>) -> Result<(), Halt<E>> {
        let mut rest = chunk;
        while let Some((field, after)) = self.split(rest) {
            if self.held.is_empty() {
                self.complete(field, give)?;
            } else {
                self.held.extend_from_slice(field);
                let mut held = std::mem::take(&mut self.held);
                self.complete(&held, give)?;
                held.clear();
                self.held = held;
            }
            rest = after;
        }
        if !rest.is_empty() {
            self.hold(rest)?;
        }
        self.base += chunk.len();
        Ok(())
    }

    fn split<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let at = memchr2(self.separators.0, self.separators.1, bytes)?;
        Some((bytes.get(..at)?, bytes.get(at + 1..)?))
    }

    /// Keeps the beginning of a field, as long as it may become one.
    fn hold(&mut self, part: &[u8]) -> Result<(), FormError> {
        if self.equals.is_none() {
            self.equals = memchr(b'=', part).map(|at| self.held.len() + at);
        }
        self.check(self.held.len() + part.len(), self.equals)?;
        self.held.extend_from_slice(part);
        Ok(())
    }

    fn complete<E>(&mut self, raw: &[u8], give: &mut impl FnMut(&Field<'_>) -> Result<(), E>) -> Result<(), Halt<E>> {
        let equals = self.equals.take().or_else(|| memchr(b'=', raw));
        self.check(raw.len(), equals)?;
        if self.fields >= self.limits.fields {
            return Err(self.fail("fields", self.limits.fields as u64, self.start).into());
        }
        let name = equals.unwrap_or(raw.len());
        let value = raw.len().min(name + 1);
        let text = |start: usize, end: usize| Text {
            span: Span { start: self.start + start, end: self.start + end },
            raw: raw.get(start..end).unwrap_or_default(),
        };
        let field = Field { name: text(0, name), value: text(value, raw.len()), assigned: equals.is_some() };
        self.fields += 1;
        self.start += raw.len() + 1;
        give(&field).map_err(Halt::Visitor)
    }

    /// Refuses a field of this length, or its beginning, whose name or value is too long.
    fn check(&mut self, len: usize, equals: Option<usize>) -> Result<(), FormError> {
        let name = equals.unwrap_or(len);
        let value = len.saturating_sub(name + 1);
        if name > self.limits.name {
            return Err(self.fail("bytes in a name", self.limits.name as u64, self.start + self.limits.name));
        }
        if value > self.limits.value {
            let offset = self.start + name + 1 + self.limits.value;
            return Err(self.fail("bytes in a value", self.limits.value as u64, offset));
        }
        Ok(())
    }

    #[cold]
    fn fail(&mut self, what: &'static str, most: u64, offset: usize) -> FormError {
        let error = FormError { kind: FormErrorKind::Limit { what, most }, offset };
        self.held = Vec::new();
        *self.failed.insert(error)
    }
}
