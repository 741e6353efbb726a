//! How rules name types, members and texts.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::str::FromStr;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest text of a pattern.
const LONGEST: usize = 256;
/// How much of a text is looked at.
const LONGEST_TEXT: usize = 4_096;

/// Why a text is no pattern.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternError {
    /// A type is written in another form.
    #[error("`{0}` is no class; write its descriptor, such as `Ljavax/crypto/Cipher;`")]
    Type(String),
    /// A member is written in another form.
    #[error(
        "`{0}` is no method or field; write such as `Ljavax/crypto/Cipher;->getInstance`, with `(I)V` for one overload"
    )]
    Member(String),
    /// A text is empty or too long.
    #[error("a text has 1 to {LONGEST} characters, not {0}")]
    Length(usize),
    /// A word is none.
    #[error("`{0}` is no word; write small letters and digits, with dashes between parts")]
    Word(String),
    /// There is no such kind of value.
    #[error("there is no kind of value `{0}`{1}")]
    Kind(String, String),
}

/// A class by its descriptor.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TypeName(Box<str>);

impl TypeName {
    /// The descriptor.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TypeName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<TypeName, PatternError> {
        let inner = text.strip_prefix('L').and_then(|rest| rest.strip_suffix(';'));
        let part = |part: &str| !part.is_empty() && part.bytes().all(is_of_name);
        if text.len() <= LONGEST && inner.is_some_and(|inner| inner.split('/').all(part)) {
            Ok(TypeName(text.into()))
        } else {
            Err(PatternError::Type(shown(text)))
        }
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A method or field: its class, its name, and for one overload the prototype or the beginning of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Member {
    pub(super) class: TypeName,
    pub(super) name: Box<str>,
    /// `(I)V`, or the beginning of it: `(I` for anything that takes an `int` first.
    pub(super) prototype: Option<Box<str>>,
}

impl FromStr for Member {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Member, PatternError> {
        let wrong = || PatternError::Member(shown(text));
        let (class, member) = text.split_once("->").filter(|_| text.len() <= LONGEST).ok_or_else(wrong)?;
        let class = class.parse()?;
        let (name, prototype) = match member.find('(') {
            Some(at) => (member.get(..at).unwrap_or_default(), member.get(at..)),
            None => (member, None),
        };
        let plain = matches!(name, "<init>" | "<clinit>") || (!name.is_empty() && name.bytes().all(is_of_name));
        let closed = prototype.is_none_or(|prototype| prototype.matches(')').count() <= 1 && !prototype.contains('.'));
        if !plain || !closed {
            return Err(wrong());
        }
        Ok(Member { class, name: name.into(), prototype: prototype.map(Into::into) })
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}->{}{}", self.class, self.name, self.prototype.as_deref().unwrap_or_default())
    }
}

/// A text in which `*` is anything and `?` one character, whatever the case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Glob(Box<str>);

impl Glob {
    /// Whether it fits a text.
    pub fn fits(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let text = text.get(..text.len().min(LONGEST_TEXT)).unwrap_or_default();
        let (mut at, mut place) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while let Some(byte) = text.get(place) {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, place));
                    at += 1;
                }
                Some(b'?') => (at, place) = (at + 1, place + 1),
                Some(one) if one.eq_ignore_ascii_case(byte) => (at, place) = (at + 1, place + 1),
                _ => match star {
                    Some((star_at, taken)) => {
                        star = Some((star_at, taken + 1));
                        (at, place) = (star_at + 1, taken + 1);
                    }
                    None => return false,
                },
            }
        }
        pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
    }

    /// What stands before the first wildcard, if that is a single `*` at the end or none at all; and whether there is one.
    pub(super) fn as_prefix(&self) -> Option<(&str, bool)> {
        let (text, open) = self.0.strip_suffix('*').map_or((&*self.0, false), |text| (text, true));
        (!text.is_empty() && !text.contains(['*', '?'])).then_some((text, open))
    }
}

impl FromStr for Glob {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Glob, PatternError> {
        match text.chars().count() {
            1..=LONGEST => Ok(Glob(text.into())),
            length => Err(PatternError::Length(length)),
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A word of a name: `password` in `userPassword`, `api-key` in `my_api_key`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Word(Box<str>);

impl Word {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Word {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Word, PatternError> {
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if text.split('-').all(plain) && (2..=32).contains(&text.len()) {
            Ok(Word(text.into()))
        } else {
            Err(PatternError::Word(shown(text)))
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One or several: in TOML a text, or a list of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed<T>(Vec<T>);

impl<T> Default for Listed<T> {
    fn default() -> Listed<T> {
        Listed(Vec::new())
    }
}

impl<T> Deref for Listed<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: fmt::Display> Serialize for Listed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Listed<T>, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for ListVisitor<T> {
    type Value = Listed<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Listed<T>, E> {
        Ok(Listed(vec![text.parse().map_err(E::custom)?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Listed<T>, A::Error> {
        /// More than a rule that a person can read names.
        const MOST: usize = 128;
        let mut found = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            if found.len() == MOST {
                return Err(de::Error::custom(format!("the list has more than {MOST} entries")));
            }
            found.push(text.parse().map_err(de::Error::custom)?);
        }
        if found.is_empty() {
            return Err(de::Error::custom("the list is empty"));
        }
        Ok(Listed(found))
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_$-".contains(&byte)
}

/// What an error shows of a text.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(80).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    #[test]
    fn texts_are_matched_with_stars() {
        let fits = |glob: &str, text: &str| glob.parse::<Glob>().unwrap().fits(text);
        assert!(fits("AES", "aes") && !fits("AES", "AES/ECB") && fits("AES/ECB/*", "aes/ecb/pkcs5padding"));
        assert!(fits("*tele*phony*", "a telephony b") && fits("?ES*", "DES") && !fits("?ES", "ES") && fits("*", ""));
        assert!(!fits(&"*a".repeat(100), &"a".repeat(90)), "and soon");
    }

    #[test]
    fn members_are_read() {
        for good in ["La/B;->c", "La/B$C;-><init>(I)V", "La/B;->c()", "La/B;->c(I"] {
            assert_eq!(good.parse::<Member>().unwrap().to_string(), good);
        }
        for bad in ["", "a.B->c", "La/B;", "La/B;->", "La/B->c", "La//B;->c", "La/B;->c d"] {
            assert!(bad.parse::<Member>().is_err(), "{bad}");
        }
    }
}
