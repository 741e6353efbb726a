//! Property lists of Apple's platforms, binary (`CFBinaryPList.c`) and in XML (`PropertyList-1.0.dtd`).
//!
//! A list is read whole into a tree of bounded size: a binary list may name one object from many places, and each place
//! counts. The older form of `NeXTSTEP` is not read; nothing that is installed has it.

mod binary;
#[cfg(test)]
mod tests;
mod xml;

/// How deep values may nest.
const DEPTH: usize = 64;
/// How many values there may be, with those that are named from several places counted each time.
const VALUES: usize = 400_000;
/// How many bytes texts and data may have in all.
const BYTES: usize = 64 << 20;

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub enum Plist {
    /// Values by key, in the list's order. Of keys that come twice the first is found.
    Dictionary(Vec<(String, Plist)>),
    /// Values in order; of a set, too.
    Array(Vec<Plist>),
    /// A text.
    Text(String),
    /// Bytes.
    Data(Vec<u8>),
    /// Yes or no.
    Flag(bool),
    /// A whole number; of larger ones the lower 64 bits.
    Integer(i64),
    /// Another number.
    Real(f64),
    /// Seconds since 1970.
    Date(i64),
    /// A reference within an archive of objects.
    Uid(u64),
}

/// Why bytes are no property list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlistError {
    /// It is neither binary nor XML.
    #[error("neither a binary property list nor one in XML")]
    Form,
    /// The binary form is broken.
    #[error("broken object at offset {offset}")]
    Object {
        /// The place.
        offset: usize,
    },
    /// The XML is broken, or is no property list.
    #[error("broken property list near offset {offset}")]
    Xml {
        /// The place.
        offset: usize,
    },
    /// Values nest too deep.
    #[error("values nest deeper than {DEPTH}")]
    Depth,
    /// There is too much of it.
    #[error("more values, or more bytes in them, than a list of this size needs")]
    Size,
}

impl Plist {
    /// Reads a list of either form.
    pub fn read(bytes: &[u8]) -> Result<Plist, PlistError> {
        if bytes.starts_with(binary::MAGIC) {
            return binary::read(bytes);
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.trim_ascii_start().starts_with(b"<") { xml::read(bytes) } else { Err(PlistError::Form) }
    }

    /// The value of a key, if this is a dictionary that has it.
    pub fn get(&self, key: &str) -> Option<&Plist> {
        self.entries().iter().find(|(own, _)| own == key).map(|(_, value)| value)
    }

    /// Keys and values; none unless this is a dictionary.
    pub fn entries(&self) -> &[(String, Plist)] {
        match self {
            Plist::Dictionary(entries) => entries,
            _ => &[],
        }
    }

    /// The values of an array; none unless this is one.
    pub fn items(&self) -> &[Plist] {
        match self {
            Plist::Array(items) => items,
            _ => &[],
        }
    }

    /// The text, if this is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Plist::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The texts of an array, or the one text that stands instead of one.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.text().into_iter().chain(self.items().iter().filter_map(Plist::text))
    }

    /// Yes or no, as Foundation's `boolValue` takes it: numbers but 0, and texts that begin like `YES`, `true` or a number.
    pub fn flag(&self) -> Option<bool> {
        match self {
            Plist::Flag(flag) => Some(*flag),
            Plist::Integer(number) => Some(*number != 0),
            Plist::Real(number) => Some(*number != 0.0),
            Plist::Text(text) => {
                let first = text.trim_start().trim_start_matches(['+', '-', '0']).chars().next();
                Some(first.is_some_and(|first| matches!(first, 'Y' | 'y' | 'T' | 't' | '1'..='9')))
            }
            _ => None,
        }
    }

    /// The whole number, if this is one.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Plist::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes, if this is data.
    pub fn data(&self) -> Option<&[u8]> {
        match self {
            Plist::Data(data) => Some(data),
            _ => None,
        }
    }

    /// Seconds since 1970, if this is a date.
    pub fn date(&self) -> Option<i64> {
        match self {
            Plist::Date(seconds) => Some(*seconds),
            _ => None,
        }
    }
}

/// How much may still be read.
struct Budget {
    values: usize,
    bytes: usize,
}

impl Budget {
    /// For a list of so many bytes: what is named from several places may cost more than it has, but not without end.
    fn of(length: usize) -> Budget {
        let bytes = length.saturating_mul(32).saturating_add(64 << 10);
        Budget { values: VALUES.min(length.saturating_add(1024)), bytes: BYTES.min(bytes) }
    }

    fn value(&mut self) -> Result<(), PlistError> {
        self.values = self.values.checked_sub(1).ok_or(PlistError::Size)?;
        Ok(())
    }

    fn bytes(&mut self, bytes: usize) -> Result<(), PlistError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(PlistError::Size)?;
        Ok(())
    }
}
