//! Documents: typed records, sealed at rest, with plain columns for lists and indexes for exact search.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use testudo_core::{PersonId, Timestamp};

use crate::Key;

/// A typed record. Its JSON form is sealed at rest; only what the other methods return is kept in plain.
pub trait Document: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The stable name of the kind, `[a-z-]{1,32}`.
    const KIND: &'static str;

    /// The key within the kind.
    fn id(&self) -> Key;

    /// The person whom it is about: it is sealed under her key, and goes when she is erased.
    fn person(&self) -> Option<PersonId> {
        None
    }

    /// When it came to be; lists are ordered by it.
    fn created(&self) -> Timestamp;

    /// When it may be swept away.
    fn expires(&self) -> Option<Timestamp> {
        None
    }

    /// A small number kept in plain, by which lists can be narrowed.
    fn state(&self) -> u8 {
        0
    }

    /// Declares the values by which it can be found.
    fn indexes(&self, indexes: &mut Indexes) {
        let _ = indexes;
    }
}

/// A document as it is in the store, with the version that an update must name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored<D> {
    /// The document.
    pub document: D,
    /// Its version: 1 when inserted, one more with each update.
    pub version: u64,
}

/// One value by which a document can be found, as the document declared it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct IndexValue {
    pub name: &'static str,
    pub value: Vec<u8>,
    pub blind: bool,
    pub unique: bool,
}

/// Collects the values by which a document can be found: at most 16, each at most 256 bytes when plain.
#[derive(Default)]
pub struct Indexes {
    pub(crate) values: Vec<IndexValue>,
}

impl Indexes {
    pub(crate) const MAX_VALUES: usize = 16;
    pub(crate) const MAX_PLAIN: usize = 256;

    /// A value that may be seen by whoever reads the disk, such as a client id.
    pub fn plain(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        self.add(name, value.as_ref(), false, false);
    }

    /// A plain value that no other document of the kind may have.
    pub fn unique_plain(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        self.add(name, value.as_ref(), false, true);
    }

    /// A personal value, normalised by the caller; only a keyed hash of it is stored.
    pub fn blind(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        self.add(name, value.as_ref(), true, false);
    }

    /// A personal value that no other document of the kind may have.
    pub fn unique_blind(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        self.add(name, value.as_ref(), true, true);
    }

    fn add(&mut self, name: &'static str, value: &[u8], blind: bool, unique: bool) {
        self.values.push(IndexValue { name, value: value.to_vec(), blind, unique });
    }
}

/// A place in a list, to continue from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    pub(crate) created: Timestamp,
    pub(crate) key: Key,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.created.micros().to_be_bytes().to_vec();
        bytes.extend_from_slice(self.key.as_bytes());
        f.write_str(&data_encoding::BASE64URL_NOPAD.encode(&bytes))
    }
}

/// A text that is not a place in a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is not a list cursor; start the list from its beginning")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Cursor, CursorError> {
        if text.len() > 100 {
            return Err(CursorError);
        }
        let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| CursorError)?;
        let (created, key) = bytes.split_first_chunk::<8>().ok_or(CursorError)?;
        let key = Key::from(key);
        if !key.fits() {
            return Err(CursorError);
        }
        Ok(Cursor { created: Timestamp::from_micros(i64::from_be_bytes(*created)), key })
    }
}

/// A part of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<D> {
    /// The documents.
    pub items: Vec<Stored<D>>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}
