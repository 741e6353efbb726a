//! Code signatures (`xnu` `osfmk/kern/cs_blobs.h`): what a program says it is, what it may do, and digests of its pages.
//!
//! Digests are compared with the bytes. Who signed is not verified here: the chain of certificates in the CMS blob leads to
//! Apple, and is judged when an app is installed.

use testudo_crypto::foreign::Hash;

use super::fixed;
use crate::be::{size_at, u32_at, u64_at};
use crate::le::{slice_at, u8_at};

const SUPER_BLOB: u32 = 0xfade_0cc0;
const DIRECTORY: u32 = 0xfade_0c02;
const ENTITLEMENTS: u32 = 0xfade_7171;
const ENTITLEMENTS_DER: u32 = 0xfade_7172;
const CMS: u32 = 0xfade_0b01;

const SLOT_DIRECTORY: u32 = 0;
const SLOT_REQUIREMENTS: u32 = 2;
const SLOT_ENTITLEMENTS: u32 = 5;
const SLOT_ENTITLEMENTS_DER: u32 = 7;
const SLOT_ALTERNATES: std::ops::Range<u32> = 0x1000..0x1005;
const SLOT_CMS: u32 = 0x1_0000;

/// Blobs that are looked at.
const MOST_BLOBS: usize = 64;
/// Pages that are not as their digest says and are kept.
const MOST_WRONG: usize = 16;

/// A code signature.
#[derive(Clone, Debug)]
pub struct CodeSignature<'a> {
    bytes: &'a [u8],
    /// The blobs by their slots.
    blobs: Vec<(u32, &'a [u8])>,
    /// What the program says it is; the first is the oldest form, the last the one that counts.
    pub directories: Vec<CodeDirectory<'a>>,
    /// What it may do: a property list in XML.
    pub entitlements: Option<&'a [u8]>,
    /// The same in DER, which newer systems ask for.
    pub entitlements_der: Option<&'a [u8]>,
    /// The signature over the directories, if it is more than a note that there is none.
    pub cms: Option<&'a [u8]>,
}

/// What a program says it is, with a digest of each of its pages.
#[derive(Clone, Debug)]
pub struct CodeDirectory<'a> {
    /// The blob, which is what is signed.
    pub blob: &'a [u8],
    /// The form's version, such as `0x20400`.
    pub version: u32,
    /// The flags: 2 for no signer, `0x10000` for the hardened runtime, `0x20000` for a signature by the linker.
    pub flags: u32,
    /// The kind of digests: 1 SHA-1, 2 SHA-256, 3 SHA-256 cut to 20 bytes, 4 SHA-384.
    pub hash: u8,
    /// The identifier.
    pub identifier: &'a [u8],
    /// The team.
    pub team: Option<&'a [u8]>,
    /// How many bytes of the file are covered.
    pub limit: u64,
    /// The bytes of a page; 0 when all is one page.
    pub page: usize,
    digest_size: usize,
    /// Digests of pages.
    pages: &'a [u8],
    /// Digests of what lies elsewhere, from slot 1 on, which stands last.
    special: &'a [u8],
}

/// How pages compare with their digests.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Pages {
    /// How many were compared.
    pub compared: usize,
    /// How many are not what was signed.
    pub wrong: usize,
    /// The first of those.
    pub first_wrong: Vec<usize>,
    /// Whether all that should be covered is.
    pub complete: bool,
}

impl<'a> CodeSignature<'a> {
    pub(super) fn read(bytes: &'a [u8], offset: usize, size: usize) -> Option<CodeSignature<'a>> {
        let all = slice_at(bytes, offset, size)?;
        if u32_at(all, 0)? != SUPER_BLOB {
            return None;
        }
        let blob = |index: usize| {
            let at = 12 + index * 8;
            let (slot, offset) = (u32_at(all, at)?, size_at(all, at + 4)?);
            let length = size_at(all.get(offset..)?, 4)?;
            Some((slot, slice_at(all, offset, length)?))
        };
        let blobs: Vec<_> = (0..size_at(all, 8)?.min(MOST_BLOBS)).filter_map(blob).collect();
        let find = |slot, magic| {
            let own = |(own, blob): &&(u32, &'a [u8])| *own == slot && u32_at(blob, 0) == Some(magic);
            blobs.iter().find(own).and_then(|(_, blob)| blob.get(8..))
        };
        let is_directory = |slot: u32| slot == SLOT_DIRECTORY || SLOT_ALTERNATES.contains(&slot);
        let directories = blobs.iter().filter(|(slot, _)| is_directory(*slot));
        Some(CodeSignature {
            bytes,
            directories: directories.filter_map(|(_, blob)| CodeDirectory::read(blob)).collect(),
            entitlements: find(SLOT_ENTITLEMENTS, ENTITLEMENTS),
            entitlements_der: find(SLOT_ENTITLEMENTS_DER, ENTITLEMENTS_DER),
            cms: find(SLOT_CMS, CMS).filter(|cms| !cms.is_empty()),
            blobs,
        })
    }

    /// The directory that counts: the one with the strongest digests.
    pub fn directory(&self) -> Option<&CodeDirectory<'a>> {
        self.directories.iter().max_by_key(|directory| match directory.hash {
            4 => 3,
            2 => 2,
            3 => 1,
            _ => 0,
        })
    }

    /// Compares the program's pages with the digests of a directory.
    pub fn pages(&self, directory: &CodeDirectory<'_>) -> Option<Pages> {
        let limit = usize::try_from(directory.limit).ok()?;
        let covered = self.bytes.get(..limit)?;
        let page = if directory.page == 0 { limit.max(1) } else { directory.page };
        let mut pages = Pages::default();
        for (nth, (page, digest)) in
            covered.chunks(page).zip(directory.pages.chunks_exact(directory.digest_size)).enumerate()
        {
            pages.compared += 1;
            if !directory.digest_is(page, digest)? {
                pages.wrong += 1;
                if pages.first_wrong.len() < MOST_WRONG {
                    pages.first_wrong.push(nth);
                }
            }
        }
        pages.complete = pages.compared == covered.len().div_ceil(page);
        Some(pages)
    }

    /// Whether the entitlements and requirements are those that the directory has digests of; `None` where it has digests
    /// of a kind that is not known.
    pub fn blobs_match(&self, directory: &CodeDirectory<'_>) -> Option<bool> {
        let slots = [SLOT_REQUIREMENTS, SLOT_ENTITLEMENTS, SLOT_ENTITLEMENTS_DER];
        for (slot, blob) in self.blobs.iter().filter(|(slot, _)| slots.contains(slot)) {
            let digest = directory.special(usize::try_from(*slot).ok()?);
            // Older forms have no digest of newer blobs, which older systems don't read.
            if digest.is_some_and(|digest| directory.digest_is(blob, digest) == Some(false)) {
                return Some(false);
            }
        }
        directory.hash_function().map(|_| true)
    }
}

impl<'a> CodeDirectory<'a> {
    fn read(blob: &'a [u8]) -> Option<CodeDirectory<'a>> {
        if u32_at(blob, 0)? != DIRECTORY {
            return None;
        }
        let version = u32_at(blob, 8)?;
        let (start, special, count) = (size_at(blob, 16)?, size_at(blob, 24)?, size_at(blob, 28)?);
        let (hash, digest_size) = (u8_at(blob, 37)?, usize::from(u8_at(blob, 36)?));
        let known = match hash {
            1 | 3 => digest_size == 20,
            2 => digest_size == 32,
            4 => digest_size == 48,
            _ => digest_size > 0,
        };
        let exponent = u8_at(blob, 39)?;
        let text = |at| blob.get(at..).map(fixed);
        let team = if version >= 0x2_0200 { size_at(blob, 48).filter(|at| *at != 0).and_then(text) } else { None };
        let wide = if version >= 0x2_0300 { u64_at(blob, 56).filter(|limit| *limit != 0) } else { None };
        let special_size = special.checked_mul(digest_size)?;
        Some(CodeDirectory {
            blob,
            version,
            flags: u32_at(blob, 12)?,
            hash,
            identifier: text(size_at(blob, 20)?)?,
            team,
            limit: wide.or_else(|| u32_at(blob, 32).map(u64::from))?,
            page: match exponent {
                0 => 0,
                12..=30 => 1 << exponent,
                _ => return None,
            },
            digest_size: known.then_some(digest_size)?,
            pages: slice_at(blob, start, count.checked_mul(digest_size)?)?,
            special: slice_at(blob, start.checked_sub(special_size)?, special_size)?,
        })
    }

    /// Whether nobody signed: for the developer's own machine only.
    pub fn is_ad_hoc(&self) -> bool {
        self.flags & 2 != 0
    }

    /// The digest of what lies elsewhere: 1 for `Info.plist`, 3 for the list of resources.
    pub fn special(&self, slot: usize) -> Option<&'a [u8]> {
        let at = self.special.len().checked_sub(slot.checked_mul(self.digest_size)?)?;
        let digest = slice_at(self.special, at, self.digest_size)?;
        (slot > 0 && digest.iter().any(|byte| *byte != 0)).then_some(digest)
    }

    /// Whether bytes have this digest; `None` if the kind of digests is not known.
    pub fn digest_is(&self, bytes: &[u8], digest: &[u8]) -> Option<bool> {
        let own = self.hash_function()?.digest(bytes);
        Some(own.as_ref().get(..self.digest_size) == Some(digest))
    }

    fn hash_function(&self) -> Option<Hash> {
        match self.hash {
            1 => Some(Hash::Sha1),
            2 | 3 => Some(Hash::Sha256),
            4 => Some(Hash::Sha384),
            _ => None,
        }
    }
}
