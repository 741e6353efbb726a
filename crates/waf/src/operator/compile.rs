//! From an operator's name and parameter to what can be asked.

use std::sync::Mutex;

use super::address::Addresses;
use super::error::{OperatorError, PatternError, nearest};
use super::literals::Needs;
use super::number::{Number, Relation};
use super::phrases::{self, Phrases};
use super::rx::{Pattern, Regex};
use super::text::{Comparison, Text};
use super::verify::{Scheme, Verify};
use super::{Files, Kind, NAMES, Operator, has_macro, validate};
use crate::transform::ByteClasses;

/// Operators that are left out, and what does their work.
const UNSUPPORTED: [(&str, &str); 9] = [
    ("geoLookup", "no country database is read here; use `@ipMatchFromFile` with the networks of the countries"),
    ("rbl", "rules ask no network; use `@ipMatchFromFile` with a downloaded list"),
    ("fuzzyHash", "similarity hashes are not computed; use `@pmFromFile` with signatures"),
    ("inspectFile", "rules run no programs; check uploads by content type in the contract"),
    ("gsbLookup", "the Safe Browsing tables are gone; use `@pmFromFile` with a list of hosts"),
    ("rsub", "rules do not rewrite bodies; mask fields with the privacy settings"),
    ("validateDTD", "document types are not validated; describe the body in the contract"),
    ("validateSchema", "XML schemas are not validated; describe the body in the contract"),
    ("validateHash", "links are not signed; use signed tokens"),
];

/// What an address cannot do without.
const PARTS: ByteClasses = ByteClasses::of_bytes(b".:");

impl Operator {
    /// Compiles an operator; case does not count in its name. A parameter with macros is expanded by the caller, each
    /// time, for [`Self::matches`]: see [`Self::takes_macro`].
    pub fn compile(name: &str, parameter: &[u8], files: &dyn Files) -> Result<Operator, OperatorError> {
        let Some(name) = NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return Err(unknown(name));
        };
        let expanded = has_macro(parameter);
        let fixed = Some(parameter).filter(|_| !expanded);
        let text = |comparison| (Kind::Text(Text::new(comparison, fixed)), expanded, None);
        let number = |relation| (Kind::Number(Number::new(relation, fixed)), expanded, Some(Needs::default()));
        let (kind, takes_macro, needs) = match name {
            "noMatch" => (Kind::Never, false, Some(Needs::never())),
            "unconditionalMatch" => (Kind::Always, false, None),
            "detectSQLi" => (Kind::DetectSqli, false, Some(Needs { length: 1, ..Needs::default() })),
            "detectXSS" => (Kind::DetectXss, false, Some(Needs { length: 1, ..Needs::default() })),
            "beginsWith" => text(Comparison::BeginsWith),
            "contains" | "strmatch" => text(Comparison::Contains),
            "containsWord" => text(Comparison::ContainsWord),
            "endsWith" => text(Comparison::EndsWith),
            "streq" => text(Comparison::Equals),
            "within" => text(Comparison::Within),
            "eq" => number(Relation::Equal),
            "ge" => number(Relation::GreaterOrEqual),
            "gt" => number(Relation::Greater),
            "le" => number(Relation::LessOrEqual),
            "lt" => number(Relation::Less),
            "ipMatch" | "ipMatchFromFile" | "ipMatchF" => {
                (Kind::Addresses(addresses(name, parameter, files)?), false, Some(Needs::of_bytes(PARTS)))
            }
            "pm" | "pmFromFile" | "pmf" => (Kind::Phrases(phrases(name, parameter, files)?), false, None),
            "rx" | "rxGlobal" => {
                let (pattern, needs) = match fixed {
                    Some(pattern) => {
                        let (regex, needs) = Regex::new(pattern).map_err(|source| of_pattern(name, source))?;
                        (Pattern::Fixed(regex), needs)
                    }
                    None => (Pattern::Expanded(Mutex::default()), Needs::default()),
                };
                (if name == "rx" { Kind::Rx(pattern) } else { Kind::RxGlobal(pattern) }, expanded, Some(needs))
            }
            "validateByteRange" => {
                let valid = byte_range(name, parameter)?;
                (Kind::ByteRange(valid), false, Some(Needs::of_bytes(valid.complement())))
            }
            "validateUrlEncoding" => (Kind::UrlEncoding, false, Some(Needs::of_bytes(ByteClasses::EMPTY.with(b'%')))),
            "validateUtf8Encoding" => {
                (Kind::Utf8Encoding, false, Some(Needs::of_bytes(ByteClasses::range(0x80, 0xff))))
            }
            "verifyCC" => verify(name, Scheme::Card, parameter)?,
            "verifyCPF" => verify(name, Scheme::Cpf, parameter)?,
            "verifySSN" => verify(name, Scheme::Ssn, parameter)?,
            "verifySVNR" => verify(name, Scheme::Svnr, parameter)?,
            _ => return Err(unknown(name)),
        };
        let needs = needs.unwrap_or_else(|| match &kind {
            Kind::Text(text) => text.needs(),
            Kind::Phrases(phrases) => phrases.needs(),
            _ => Needs::default(),
        });
        Ok(Operator { name, takes_macro, kind, needs })
    }
}

fn unknown(name: &str) -> OperatorError {
    match UNSUPPORTED.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((name, instead)) => OperatorError::Unsupported { name, instead },
        None => OperatorError::Unknown { name: name.to_owned(), nearest: nearest(name, NAMES.into_iter()) },
    }
}

fn of_pattern(name: &'static str, source: PatternError) -> OperatorError {
    OperatorError::Pattern { name, source }
}

fn utf8<'p>(name: &'static str, parameter: &'p [u8]) -> Result<&'p str, OperatorError> {
    std::str::from_utf8(parameter).map_err(|_| bad(name, &parameter.escape_ascii().to_string(), "it must be UTF-8"))
}

fn bad(name: &'static str, parameter: &str, reason: &'static str) -> OperatorError {
    OperatorError::Parameter { name, parameter: parameter.to_owned(), reason }
}

fn read(name: &'static str, file: &str, files: &dyn Files) -> Result<Vec<u8>, OperatorError> {
    if file.starts_with("https://") || file.starts_with("http://") {
        return Err(bad(name, file, "rules ask no network; download the list and name the file"));
    }
    files.read(file).map_err(|source| OperatorError::File { name, file: file.to_owned(), source })
}

fn addresses(name: &'static str, parameter: &[u8], files: &dyn Files) -> Result<Addresses, OperatorError> {
    let refused = |entry: &str| bad(name, entry, "write addresses and networks such as `10.0.0.0/8,::1`");
    let parameter = utf8(name, parameter)?.trim();
    if name == "ipMatch" {
        let addresses = Addresses::parse(parameter).map_err(refused)?;
        return if addresses.is_empty() { Err(refused(parameter)) } else { Ok(addresses) };
    }
    let bytes = read(name, parameter, files)?;
    Addresses::parse_file(utf8(name, &bytes)?).map_err(refused)
}

fn phrases(name: &'static str, parameter: &[u8], files: &dyn Files) -> Result<Phrases, OperatorError> {
    let phrases = if name == "pm" {
        let phrases = phrases::parse(parameter);
        if phrases.is_empty() {
            return Err(bad(name, "", "name at least one phrase"));
        }
        phrases
    } else {
        phrases::parse_file(&read(name, utf8(name, parameter)?.trim(), files)?)
    };
    Phrases::new(phrases).ok_or(OperatorError::TooLarge { name })
}

fn byte_range(name: &'static str, parameter: &[u8]) -> Result<ByteClasses, OperatorError> {
    let refused = |entry: &str| bad(name, entry, "write bytes and ranges such as `9,10,13,32-126`");
    validate::byte_ranges(utf8(name, parameter)?).map_err(refused)
}

fn verify(name: &'static str, scheme: Scheme, pattern: &[u8]) -> Result<(Kind, bool, Option<Needs>), OperatorError> {
    let (verify, needs) = Verify::new(scheme, pattern).map_err(|source| of_pattern(name, source))?;
    Ok((Kind::Verify(verify), false, Some(needs)))
}
