//! The APK Signing Block before the central directory: pairs of an id and a value (APK Signature Scheme v2, "APK Signing
//! Block").

use super::fields::Fields;
use super::input::Archive;

const MAGIC: &[u8] = b"APK Sig Block 42";
/// The second size and the magic.
const FOOTER: usize = 24;

/// Ids of pairs.
pub mod id {
    #![expect(missing_docs, reason = "the names say it")]
    pub const V2: u32 = 0x7109_871a;
    pub const V3: u32 = 0xf053_68c0;
    pub const V31: u32 = 0x1b93_ad61;
    pub const V32: u32 = 0x70e1_c89f;
    pub const SOURCE_STAMP_V1: u32 = 0x2b09_189e;
    pub const SOURCE_STAMP_V2: u32 = 0x6dff_800d;
    pub const VERITY_PADDING: u32 = 0x4272_6577;
    pub const DEPENDENCIES: u32 = 0x504b_4453;
    pub const PLAY_METADATA: u32 = 0x2146_444e;
}

/// What the pair of this id is, if it is widely known.
pub fn name(id: u32) -> Option<&'static str> {
    match id {
        id::V2 => Some("APK Signature Scheme v2"),
        id::V3 => Some("APK Signature Scheme v3"),
        id::V31 => Some("APK Signature Scheme v3.1"),
        id::V32 => Some("APK Signature Scheme v3.2"),
        id::SOURCE_STAMP_V1 | id::SOURCE_STAMP_V2 => Some("source stamp"),
        id::VERITY_PADDING => Some("padding"),
        id::DEPENDENCIES => Some("dependencies, encrypted for the store"),
        id::PLAY_METADATA => Some("store metadata"),
        _ => None,
    }
}

/// The block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SigningBlock<'a> {
    /// Where it begins in the file.
    pub start: usize,
    /// Its pairs, up to the first that is malformed.
    pub pairs: Vec<Pair<'a>>,
}

/// A pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair<'a> {
    /// What it is; see [`name`].
    pub id: u32,
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> SigningBlock<'a> {
    /// The block of the archive. A block that isn't right is no block: the platform then looks for a JAR signature.
    pub fn find(archive: &Archive<'a>) -> Option<SigningBlock<'a>> {
        if archive.directory.end != archive.end {
            return None;
        }
        SigningBlock::ending_at(archive.bytes, archive.directory.start)
    }

    /// The block that ends at this offset.
    pub fn ending_at(bytes: &'a [u8], end: usize) -> Option<SigningBlock<'a>> {
        let before = bytes.get(..end)?;
        let (rest, magic) = before.split_at_checked(end.checked_sub(MAGIC.len())?)?;
        if magic != MAGIC {
            return None;
        }
        let size_at = rest.len().checked_sub(8)?;
        let size = Fields::new(rest.get(size_at..)?).u64().ok()?;
        let size = usize::try_from(size).ok().filter(|size| *size >= FOOTER && *size <= 0x7fff_fff7)?;
        let start = end.checked_sub(size.checked_add(8)?)?;
        let mut fields = Fields::new(bytes.get(start..size_at)?);
        if fields.u64().ok()? != u64::try_from(size).ok()? {
            return None;
        }
        let mut pairs = Vec::new();
        while let Some(pair) = read_pair(&mut fields) {
            pairs.push(pair);
        }
        Some(SigningBlock { start, pairs })
    }

    /// The value of the first pair with this id.
    pub fn get(&self, id: u32) -> Option<&'a [u8]> {
        self.pairs.iter().find(|pair| pair.id == id).map(|pair| pair.value)
    }
}

fn read_pair<'a>(fields: &mut Fields<'a>) -> Option<Pair<'a>> {
    let length = usize::try_from(fields.u64().ok()?).ok()?;
    let mut pair = Fields::new(fields.take(length).ok()?);
    Some(Pair { id: pair.u32().ok()?, value: pair.rest() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn block(pairs: &[(u32, &[u8])]) -> Vec<u8> {
        let mut inside = Vec::new();
        for (id, value) in pairs {
            inside.extend_from_slice(&(value.len() as u64 + 4).to_le_bytes());
            inside.extend_from_slice(&id.to_le_bytes());
            inside.extend_from_slice(value);
        }
        let size = (inside.len() as u64 + 24).to_le_bytes();
        [b"before", size.as_slice(), &inside, &size, MAGIC].concat()
    }

    #[test]
    fn pairs_are_found() {
        let bytes = block(&[(id::V2, b"two"), (id::V3, b""), (id::V2, b"again")]);
        let found = SigningBlock::ending_at(&bytes, bytes.len()).unwrap();
        assert_eq!((found.start, found.pairs.len()), (6, 3));
        assert_eq!(found.get(id::V2), Some(b"two".as_slice()));
        assert_eq!(found.get(id::V3), Some(b"".as_slice()));
        assert_eq!(found.get(id::V31), None);
    }

    #[test]
    fn what_follows_a_malformed_pair_is_not_there() {
        let mut bytes = block(&[(id::V2, b"two"), (id::V3, b"three")]);
        bytes[14 + 15] = 3;
        let found = SigningBlock::ending_at(&bytes, bytes.len()).unwrap();
        assert_eq!(found.pairs.len(), 1);
    }

    #[test]
    fn a_block_whose_sizes_differ_is_none() {
        let good = block(&[(id::V2, b"two")]);
        for at in [6, good.len() - 24, good.len() - 1] {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            assert!(SigningBlock::ending_at(&bytes, bytes.len()).is_none(), "{at}");
        }
        assert!(SigningBlock::ending_at(&good, 10).is_none());
        assert!(SigningBlock::ending_at(&good, good.len() + 1).is_none());
    }
}
