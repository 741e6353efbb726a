//! Values told by the name beside them: by a pattern of the vendor's, or by what passwords, keys and tokens look like.

use std::ops::Range;

use super::assignment::{self, Candidate};
use super::catalogue::{Entry, Prepared, Role};
use super::found::Match;
use super::kind::{Kind, Shape};
use super::name;
use super::scanner::Pass;
use super::token::{Via, closes};
use super::value::{self, Classes};

/// Names up to this length count only where a word begins.
const SHORT: usize = 5;

impl<'s> Pass<'s, '_> {
    /// A name stands here: looks at the values behind it.
    pub(super) fn named(&mut self, entry: &Entry, word: &Range<usize>) {
        let catalogue = &self.scanner.catalogue;
        let (Some(kind), Some(prepared)) = (catalogue.kinds.get(entry.kind), catalogue.patterns.get(entry.kind)) else {
            return;
        };
        if !is_name(self.bytes, word, kind) {
            return;
        }
        self.spend(128);
        let mut found = None;
        assignment::each(self.bytes, word, |candidate| {
            found = self.value(entry.kind, kind, prepared, word, candidate);
            found.is_some()
        });
        self.found.extend(found);
    }

    fn value(
        &self,
        index: usize,
        kind: &Kind,
        prepared: &Prepared,
        word: &Range<usize>,
        candidate: &Candidate,
    ) -> Option<Match<'s>> {
        self.spend(candidate.value.len());
        let name = self.bytes.get(candidate.name.clone())?;
        if !kind.also.is_empty() && !kind.also.iter().any(|also| name::holds(name, also)) {
            return None;
        }
        let span = if let Some(pattern) = &prepared.pattern {
            let (end, read) = pattern.end(self.bytes, candidate.value.start);
            self.spend(read);
            candidate.value.start..end.filter(|end| closes(self.bytes, *end, prepared.base64))?
        } else {
            let before = self.bytes.get(candidate.name.start..word.start)?;
            let after = self.bytes.get(word.end..candidate.value.start)?;
            let alone = candidate.enclosed || assignment::is_line(self.bytes, candidate.name.start, &candidate.value);
            if !candidate.direct || !alone || name::is_about_something_else(before, after) {
                return None;
            }
            let value = self.bytes.get(candidate.value.clone())?;
            if !has_shape(kind.shape?, value, name) {
                return None;
            }
            candidate.value.clone()
        };
        self.judge(index, &span, &Via::Name(name))
    }

    /// The piece is the value of this name.
    pub(super) fn name(&mut self, name: &[u8]) {
        let catalogue = &self.scanner.catalogue;
        let name = name.get(..name.len().min(256)).unwrap_or_default();
        let span = trimmed(self.bytes);
        let Some(whole) = self.bytes.get(span.clone()) else { return };
        if whole.len() > 4096 {
            return;
        }
        for word in catalogue.words.find_overlapping_iter(name) {
            for entry in catalogue.entries(word.pattern().as_usize()).iter().filter(|entry| entry.role == Role::Name) {
                let (Some(kind), Some(prepared)) =
                    (catalogue.kinds.get(entry.kind), catalogue.patterns.get(entry.kind))
                else {
                    continue;
                };
                let also = kind.also.is_empty() || kind.also.iter().any(|also| name::holds(name, also));
                if !also || !is_name(name, &(word.start()..word.end()), kind) {
                    continue;
                }
                let fits = match (&prepared.pattern, kind.shape) {
                    (Some(pattern), _) => {
                        let (end, read) = pattern.end(self.bytes, span.start);
                        self.spend(read);
                        end == Some(span.end)
                    }
                    (None, Some(shape)) => {
                        let before = name.get(..word.start()).unwrap_or_default();
                        let after = name.get(word.end()..).unwrap_or_default();
                        !name::is_about_something_else(before, after) && has_shape(shape, whole, name)
                    }
                    _ => false,
                };
                if fits {
                    self.found.extend(self.judge(entry.kind, &span, &Via::Name(name)));
                }
            }
        }
    }
}

fn is_name(bytes: &[u8], word: &Range<usize>, kind: &Kind) -> bool {
    let short = word.len() <= SHORT;
    (!short || name::starts_word(bytes, word.start)) && (kind.shape.is_none() || name::ends_word(bytes, word.end))
}

/// The bytes without white space and one pair of quotes.
fn trimmed(bytes: &[u8]) -> Range<usize> {
    let aside = |byte: &&u8| byte.is_ascii_whitespace();
    let start = bytes.iter().take_while(aside).count();
    let end = bytes.len() - bytes.get(start..).unwrap_or_default().iter().rev().take_while(aside).count();
    let inner = bytes.get(start..end).unwrap_or_default();
    let quoted = inner.len() >= 2 && inner.first() == inner.last() && matches!(inner.first(), Some(b'"' | b'\''));
    if quoted { start + 1..end - 1 } else { start..end }
}

fn has_shape(shape: Shape, value: &[u8], name: &[u8]) -> bool {
    let graphic = value.iter().all(u8::is_ascii_graphic);
    if !graphic
        || value::is_placeholder(value, false)
        || value::is_uuid(value)
        || is_code(value)
        || repeats_name(value, name)
    {
        return false;
    }
    match shape {
        Shape::Password => is_password(value),
        Shape::Secret => is_issued(value),
        Shape::Key => is_key(value),
    }
}

/// Two classes of characters, one of them digits or signs; no identifier, path, date or version.
fn is_password(value: &[u8]) -> bool {
    let classes = Classes::of(value);
    let letters = classes.lower || classes.upper;
    (6..=72).contains(&value.len()) && letters && (classes.digit || classes.sign) && !is_identifier(value)
}

/// What services issue: sixteen or more characters, letters and digits in no order.
fn is_issued(value: &[u8]) -> bool {
    let classes = Classes::of(value);
    let alphabet = value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-+/=.~".contains(byte));
    let mixed =
        classes.digit && (classes.lower || classes.upper) || value.len() >= 24 && classes.lower && classes.upper;
    (16..=512).contains(&value.len())
        && alphabet
        && mixed
        && memchr::memchr_iter(b'.', value).count() <= 2
        && !value::is_wordy(value)
        && value::entropy(value) >= value::least_entropy(value)
}

/// 16 to 64 bytes, as hex, as Base64, or as characters.
fn is_key(value: &[u8]) -> bool {
    let hex = value.iter().all(u8::is_ascii_hexdigit) && matches!(value.len(), 32 | 48 | 64 | 128);
    let decoded = data_encoding::BASE64.decode(value).map(zeroize::Zeroizing::new);
    let base64 = decoded.is_ok_and(|bytes| matches!(bytes.len(), 16 | 24 | 32 | 48 | 64));
    let classes = Classes::of(value);
    let plain = matches!(value.len(), 16 | 24 | 32) && classes.digit && (classes.lower || classes.upper);
    let padded = base64 && value.ends_with(b"=");
    (hex || padded || (base64 || plain) && !value::is_wordy(value))
        && value::entropy(value) >= value::least_entropy(value)
}

/// Two words that divide signs join, a date, a version, an address, a path.
fn is_identifier(value: &[u8]) -> bool {
    let words =
        value.split(|byte| b"_-./:@ ".contains(byte)).filter(|chunk| value::words(chunk).any(value::is_word)).count();
    let number = value.iter().all(|byte| byte.is_ascii_digit() || b"-:.TZ+,/".contains(byte));
    let version = value.first().is_some_and(u8::is_ascii_digit) && memchr::memchr_iter(b'.', value).count() >= 2;
    let address = value
        .iter()
        .position(|byte| *byte == b'@')
        .is_some_and(|at| at > 0 && value.get(at..).is_some_and(|host| host.contains(&b'.')));
    words >= 2 || number || version || address || memchr::memmem::find(value, b"://").is_some()
}

/// Code, markup or a pattern rather than a value.
fn is_code(value: &[u8]) -> bool {
    let marks: [&[u8]; 9] = [b"(?", b".*", b"[A-", b"[a-", b"\\d", b"%1$", b"{0}", b"()", b"=>"];
    value.first().is_some_and(|byte| b"^#@/{".contains(byte))
        || marks.iter().any(|mark| memchr::memmem::find(value, mark).is_some())
}

/// Whether the value only says its name again, as keys of maps and preferences do.
fn repeats_name(value: &[u8], name: &[u8]) -> bool {
    let letters = |text: &[u8]| -> Vec<u8> {
        text.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
    };
    let (value, name) = (letters(value), letters(name));
    !value.is_empty() && memchr::memmem::find(&name, &value).is_some()
}
