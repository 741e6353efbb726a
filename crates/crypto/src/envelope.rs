//! Envelopes: sealed bytes that say under which key they are sealed and open only at their place.
//!
//! Layout: format (1 byte, = 1), key kind (1 byte), key id or version (4 bytes, big endian), nonce (12), ciphertext,
//! tag (16). Associated data: the six header bytes, then table, column and row, each after its length in 4 bytes big
//! endian, so that no two places give the same bytes.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::aead::{Aes256Gcm, NONCE, TAG};
use crate::digest::sha256;
use crate::random;

pub(crate) const FORMAT: u8 = 1;
const HEADER: usize = 6;
/// Kind of a person's data key; smaller numbers are purposes of the ring.
const KIND_PERSON: u8 = 0x40;
/// Kind of a day's data key.
const KIND_DAY: u8 = 0x41;

/// How many bytes an envelope is longer than what it holds.
pub const ENVELOPE_OVERHEAD: usize = HEADER + NONCE + TAG;

/// Where sealed bytes live. They open nowhere else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The key of the row.
    pub row: &'a [u8],
}

/// Why an envelope does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Shorter than header, nonce and tag.
    #[error("the envelope is cut off: restore the row from a backup")]
    Truncated,
    /// Another format byte.
    #[error("unknown envelope format {0}: it was written by a newer version, or the row is damaged")]
    UnknownFormat(u8),
    /// Sealed under a key for another purpose.
    #[error("the envelope is sealed for key kind {found}, not {expected}: the row is damaged or was moved")]
    WrongKind {
        /// The kind of key that was used to open.
        expected: u8,
        /// The kind in the header.
        found: u8,
    },
    /// This key or key version is not here.
    #[error("the envelope is sealed under key {id} of kind {kind}, which this key ring does not hold")]
    UnknownKey {
        /// Kind of the key.
        kind: u8,
        /// Its version or id.
        id: u32,
    },
    /// The tag is wrong: changed, moved to another place, or sealed under another key.
    #[error("authentication failed: the sealed bytes were changed or moved from another place")]
    Forged,
    /// It opened, but does not hold a key.
    #[error("the envelope opened, but does not hold a 256-bit key: restore the row from a backup")]
    NotAKey,
}

/// Which key sealed: the second to sixth byte of the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KeyName {
    pub(crate) kind: u8,
    pub(crate) id: u32,
}

/// Seals under a named key.
pub(crate) fn seal(key: &Aes256Gcm, name: KeyName, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ENVELOPE_OVERHEAD + plain.len());
    out.extend_from_slice(&header(name));
    key.seal(&associated(name, place), plain, &mut out);
    out
}

/// Opens with the key that `find` has for the id in the header.
pub(crate) fn open<'k>(
    kind: u8,
    find: impl FnOnce(u32) -> Option<&'k Aes256Gcm>,
    place: &Place<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    let (name, rest) = split_header(sealed)?;
    if name.kind != kind {
        return Err(EnvelopeError::WrongKind { expected: kind, found: name.kind });
    }
    let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(EnvelopeError::Truncated)?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG>().ok_or(EnvelopeError::Truncated)?;
    let key = find(name.id).ok_or(EnvelopeError::UnknownKey { kind: name.kind, id: name.id })?;
    key.open(nonce, &associated(name, place), ciphertext, tag).ok_or(EnvelopeError::Forged)
}

fn split_header(sealed: &[u8]) -> Result<(KeyName, &[u8]), EnvelopeError> {
    let (format, rest) = sealed.split_first().ok_or(EnvelopeError::Truncated)?;
    if *format != FORMAT {
        return Err(EnvelopeError::UnknownFormat(*format));
    }
    let (kind, rest) = rest.split_first().ok_or(EnvelopeError::Truncated)?;
    let (id, rest) = rest.split_first_chunk::<4>().ok_or(EnvelopeError::Truncated)?;
    if rest.len() < NONCE + TAG {
        return Err(EnvelopeError::Truncated);
    }
    Ok((KeyName { kind: *kind, id: u32::from_be_bytes(*id) }, rest))
}

fn header(name: KeyName) -> [u8; HEADER] {
    let [a, b, c, d] = name.id.to_be_bytes();
    [FORMAT, name.kind, a, b, c, d]
}

fn associated(name: KeyName, place: &Place<'_>) -> Vec<u8> {
    let parts = [place.table.as_bytes(), place.column.as_bytes(), place.row];
    let mut bytes = Vec::with_capacity(HEADER + parts.iter().map(|part| 4 + part.len()).sum::<usize>());
    bytes.extend_from_slice(&header(name));
    for part in parts {
        bytes.extend_from_slice(&length(part));
        bytes.extend_from_slice(part);
    }
    bytes
}

/// The length as 4 bytes; nothing here comes near 4 GiB, and a longer part would still differ by its bytes.
pub(crate) fn length(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// A 256-bit key for the data of one person or one day. Without it, what it sealed is noise. Clones share the key,
/// which is wiped with the last of them.
#[derive(Clone)]
pub struct DataKey(Arc<Keys>);

struct Keys {
    kind: u8,
    /// The id that seals.
    newest: u32,
    /// Each id with its key; several only for a day on which the ring has more versions.
    all: Vec<(u32, Aes256Gcm)>,
}

impl DataKey {
    /// The key of a person. Its id is a fingerprint, so that data of another person is told apart from damage.
    pub(crate) fn of_person(secret: &[u8; 32]) -> DataKey {
        let mut labelled = Zeroizing::new([0; 64]);
        let label = b"testudo person key id\0\0\0\0\0\0\0\0\0\0\0";
        labelled.iter_mut().zip(label.iter().chain(secret)).for_each(|(to, from)| *to = *from);
        let [a, b, c, d, ..] = sha256(labelled.as_ref());
        let id = u32::from_be_bytes([a, b, c, d]);
        DataKey(Arc::new(Keys { kind: KIND_PERSON, newest: id, all: vec![(id, Aes256Gcm::new(secret))] }))
    }

    /// The key of a day: the version that seals, and all versions that may have sealed.
    pub(crate) fn of_day(newest: u32, all: Vec<(u32, Aes256Gcm)>) -> DataKey {
        DataKey(Arc::new(Keys { kind: KIND_DAY, newest, all }))
    }

    /// A key that belongs to nobody and is never stored, for tests and for data that must not outlive the process.
    pub fn ephemeral() -> DataKey {
        DataKey::of_person(&random::secret())
    }

    /// Seals bytes for their place.
    pub fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
        let name = KeyName { kind: self.0.kind, id: self.0.newest };
        match self.key(name.id) {
            Some(key) => seal(key, name, place, plain),
            None => crate::certain(Err(()), "finding the newest key"),
        }
    }

    /// Opens bytes that were sealed for this place.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        open(self.0.kind, |id| self.key(id), place, sealed)
    }

    fn key(&self, id: u32) -> Option<&Aes256Gcm> {
        self.0.all.iter().find(|(own, _)| *own == id).map(|(_, key)| key)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([redacted])")
    }
}

#[cfg(test)]
mod tests;
