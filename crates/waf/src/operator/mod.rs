//! Operators (`@`): what a rule asks of a value, with `ModSecurity` 3's answers.
//!
//! To add one: its name in `NAMES`, a branch in [`Operator::compile`] and one in [`Operator::matches`], and its
//! function in the file of its kind. State in [`Needs`](literals::Needs) only what every match needs: the engine asks
//! an operator no further where that is missing.

mod address;
mod caches;
mod captures;
mod compile;
mod error;
mod literals;
mod number;
mod pcre;
mod phrases;
mod rx;
mod text;
mod validate;
mod verify;

#[cfg(test)]
mod tests;

use std::io;

pub use caches::Lent;
pub use captures::{Capture, Captures, MOST_GROUPS};
pub use error::{OperatorError, PatternError};
pub use literals::LiteralSet;

use address::Addresses;
use literals::Needs;
use number::Number;
use phrases::Phrases;
use rx::Pattern;
use text::Text;
use verify::Verify;

use crate::transform::ByteClasses;

/// Where operators read the files that they name.
pub trait Files {
    /// The bytes of a file, by its name in the rule.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
}

/// An operator with its parameter, ready to be asked.
#[derive(Debug)]
pub struct Operator {
    name: &'static str,
    takes_macro: bool,
    kind: Kind,
    needs: Needs,
}

#[derive(Debug)]
enum Kind {
    Never,
    Always,
    DetectSqli,
    DetectXss,
    Text(Text),
    Number(Number),
    Addresses(Addresses),
    Phrases(Phrases),
    Rx(Pattern),
    RxGlobal(Pattern),
    /// The bytes that are valid.
    ByteRange(ByteClasses),
    UrlEncoding,
    Utf8Encoding,
    Verify(Verify),
}

/// Every operator, as the reference manual writes them; the aliases follow the names that they stand for.
const NAMES: [&str; 31] = [
    "beginsWith",
    "contains",
    "containsWord",
    "detectSQLi",
    "detectXSS",
    "endsWith",
    "eq",
    "ge",
    "gt",
    "ipMatch",
    "ipMatchFromFile",
    "ipMatchF",
    "le",
    "lt",
    "noMatch",
    "pm",
    "pmFromFile",
    "pmf",
    "rx",
    "rxGlobal",
    "streq",
    "strmatch",
    "unconditionalMatch",
    "validateByteRange",
    "validateUrlEncoding",
    "validateUtf8Encoding",
    "verifyCC",
    "verifyCPF",
    "verifySSN",
    "verifySVNR",
    "within",
];

impl Operator {
    /// Every known name.
    pub const NAMES: [&'static str; NAMES.len()] = NAMES;

    /// Whether the operator matches `value`. `parameter` is the expanded one where [`Self::takes_macro`] says so, and
    /// not looked at elsewhere. `captures`, where wanted, hold the groups of the match, and none when there is none.
    pub fn matches(&self, parameter: &[u8], value: &[u8], captures: Option<&mut Captures>) -> bool {
        self.matches_with(parameter, value, captures, &mut Lent::default())
    }

    /// The same; `lent` is kept from one question to the next.
    pub fn matches_with<'a>(
        &'a self,
        parameter: &[u8],
        value: &[u8],
        mut captures: Option<&mut Captures>,
        lent: &mut Lent<'a>,
    ) -> bool {
        if let Some(captures) = &mut captures {
            captures.clear();
        }
        match &self.kind {
            Kind::Never => false,
            Kind::Always => true,
            Kind::DetectSqli => {
                let Some(fingerprint) = crate::sqli::detect(value) else { return false };
                if let Some(captures) = captures {
                    captures.set(Capture::Text(fingerprint.to_vec()));
                }
                true
            }
            Kind::DetectXss => {
                let found = crate::xss::detect(value);
                if let Some(captures) = captures.filter(|_| found) {
                    captures.set(Capture::Span(0..value.len()));
                }
                found
            }
            Kind::Text(text) => text.matches(parameter, value),
            Kind::Number(number) => number.matches(parameter, value),
            Kind::Addresses(addresses) => addresses.contains(value),
            Kind::Phrases(phrases) => phrases.matches(value, captures),
            Kind::Rx(pattern) => pattern.matches(parameter, value, captures, false, lent),
            Kind::RxGlobal(pattern) => pattern.matches(parameter, value, captures, true, lent),
            Kind::ByteRange(valid) => validate::has_other_bytes(valid, value),
            Kind::UrlEncoding => validate::is_url_encoding_broken(value),
            Kind::Utf8Encoding => validate::is_utf8_broken(value),
            Kind::Verify(verify) => verify.matches(value, captures),
        }
    }

    /// Its name, as the reference manual writes it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether [`Self::matches`] wants the parameter with its macros expanded.
    pub fn takes_macro(&self) -> bool {
        self.takes_macro
    }

    /// Literals of which at least one occurs in each value that matches, in any ASCII case; nothing when no set says
    /// enough to be worth a look.
    pub fn literals(&self) -> Option<LiteralSet> {
        self.needs.literals.clone()
    }

    /// Sets of bytes: of each at least one byte occurs in every value that matches. The rarest comes first.
    pub fn required_bytes(&self) -> &[ByteClasses] {
        &self.needs.bytes
    }

    /// How many bytes a value has at least that matches; `usize::MAX` when none does.
    pub fn min_len(&self) -> usize {
        self.needs.length
    }
}

/// Whether a macro such as `%{TX.name}` stands in a parameter; other text after `%{` is text.
pub fn has_macro(parameter: &[u8]) -> bool {
    memchr::memmem::find_iter(parameter, b"%{").any(|at| {
        let inside = parameter.get(at + 2..).unwrap_or_default();
        let name = inside.split(|byte| *byte == b'}').next().filter(|name| name.len() < inside.len());
        name.is_some_and(is_variable)
    })
}

fn is_variable(name: &[u8]) -> bool {
    let collection = name.split(|byte| matches!(byte, b'.' | b':')).next().unwrap_or_default();
    !collection.is_empty()
        && collection.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        && name.iter().all(u8::is_ascii_graphic)
}
