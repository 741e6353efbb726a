//! Classes of personal data, and the vocabulary of `x-testudo-data`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What kind of personal data a value is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataClass {
    /// An email address.
    Email,
    /// A telephone number.
    Phone,
    /// A payment card number.
    Pan,
    /// An international bank account number.
    Iban,
    /// A person's name.
    Name,
    /// A postal address or a part of one.
    Address,
    /// A date of birth.
    BirthDate,
    /// A number that a state gave to a person.
    NationalId,
    /// Anything about health.
    Health,
    /// Text that people write, in which anything may stand.
    FreeText,
}

impl DataClass {
    /// All classes.
    pub const ALL: [DataClass; 10] = [
        DataClass::Email,
        DataClass::Phone,
        DataClass::Pan,
        DataClass::Iban,
        DataClass::Name,
        DataClass::Address,
        DataClass::BirthDate,
        DataClass::NationalId,
        DataClass::Health,
        DataClass::FreeText,
    ];

    /// Its name in contracts, policies and obligations.
    pub const fn name(self) -> &'static str {
        match self {
            DataClass::Email => "email",
            DataClass::Phone => "phone",
            DataClass::Pan => "pan",
            DataClass::Iban => "iban",
            DataClass::Name => "name",
            DataClass::Address => "address",
            DataClass::BirthDate => "birth-date",
            DataClass::NationalId => "national-id",
            DataClass::Health => "health",
            DataClass::FreeText => "free-text",
        }
    }

    /// The class with this name.
    pub fn from_name(name: &str) -> Option<DataClass> {
        DataClass::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Its place in [`DataClass::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for DataClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of classes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ClassSet(u16);

impl ClassSet {
    /// No class.
    pub const EMPTY: ClassSet = ClassSet(0);

    /// The set and this class.
    #[must_use]
    pub const fn with(self, class: DataClass) -> ClassSet {
        ClassSet(self.0 | 1 << class as u16)
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: ClassSet) -> ClassSet {
        ClassSet(self.0 | other.0)
    }

    /// Whether the class is in it.
    pub const fn has(self, class: DataClass) -> bool {
        self.0 & (1 << class as u16) != 0
    }

    /// Whether no class is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The classes in it, in the order of [`DataClass::ALL`].
    pub fn iter(self) -> impl Iterator<Item = DataClass> {
        DataClass::ALL.into_iter().filter(move |class| self.has(*class))
    }
}

impl FromIterator<DataClass> for ClassSet {
    fn from_iter<I: IntoIterator<Item = DataClass>>(classes: I) -> ClassSet {
        classes.into_iter().fold(ClassSet::EMPTY, ClassSet::with)
    }
}

/// A value of `x-testudo-data`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mark {
    /// The value, and everything within it, is of this class.
    Class(DataClass),
    /// `none`: somebody looked, and neither the value nor anything within it is personal. Detectors leave it alone;
    /// marks further down still count.
    None,
}

/// A mark that is not in the vocabulary.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "unknown data class `{0}`: use one of email, phone, pan, iban, name, address, birth-date, national-id, health, \
     free-text, or none"
)]
pub struct UnknownMark(pub String);

impl FromStr for Mark {
    type Err = UnknownMark;

    fn from_str(text: &str) -> Result<Mark, UnknownMark> {
        if text == "none" {
            return Ok(Mark::None);
        }
        DataClass::from_name(text).map(Mark::Class).ok_or_else(|| UnknownMark(text.chars().take(64).collect()))
    }
}

impl From<DataClass> for Mark {
    fn from(class: DataClass) -> Mark {
        Mark::Class(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_have_one_vocabulary() {
        for class in DataClass::ALL {
            assert_eq!(class.name().parse(), Ok(Mark::Class(class)));
            assert_eq!(DataClass::ALL.get(class.index()), Some(&class));
            let unknown = UnknownMark("x".into()).to_string();
            assert!(unknown.contains(class.name()), "the message lists {class}");
        }
        assert_eq!("none".parse(), Ok(Mark::None));
        assert_eq!("Email".parse::<Mark>(), Err(UnknownMark("Email".into())));
    }
}
