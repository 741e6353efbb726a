//! The list of a bundle's files with their digests, `_CodeSignature/CodeResources`, which the code signature seals.
//!
//! Files are compared with their digests. Files that the list does not name are not told: its rules leave some out.

use std::collections::HashSet;

use testudo_crypto::foreign::Hash;

use super::{Bundle, Ipa};
use crate::plist::{Plist, PlistError};

/// Names of files that are kept.
const MOST_NAMED: usize = 100;

/// How files compare with a list of digests.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Seal {
    /// How many files were compared.
    pub compared: usize,
    /// How many are not as they were, and the first hundred of them.
    pub changed: usize,
    /// Their paths in the archive.
    pub changed_files: Vec<String>,
    /// How many are not there, though the list does not say that they may be missing.
    pub missing: usize,
    /// Their paths in the archive, the first hundred.
    pub missing_files: Vec<String>,
}

impl Ipa<'_, '_> {
    /// Compares the files of a bundle with its list of digests; `None` if there is no list that can be read.
    pub fn seal(&self, bundle: &Bundle) -> Option<Result<Seal, PlistError>> {
        let list = self.file(&bundle.seal_path())?.ok()?;
        Some(Plist::read(&list).map(|list| self.compare(bundle, &list)))
    }

    fn compare(&self, bundle: &Bundle, list: &Plist) -> Seal {
        // The newer form has digests of SHA-256 beside those of SHA-1.
        let files = ["files2", "files"].into_iter().find_map(|key| list.get(key));
        let mut seal = Seal::default();
        let mut seen = HashSet::new();
        for (path, sealed) in files.map_or(&[][..], Plist::entries) {
            let Some((hash, digest)) = digest(sealed) else { continue };
            let path = format!("{}{path}", bundle.folder);
            match self.archive.find(&path) {
                // A list may name a file twice, but nobody may make it be read twice.
                Some(entry) if seen.insert(entry.record) => {
                    seal.compared += 1;
                    let contents = self.archive.contents(entry);
                    if contents.is_ok_and(|contents| hash.digest(&contents.bytes).as_ref() == digest) {
                        continue;
                    }
                    seal.changed += 1;
                    keep(&mut seal.changed_files, path);
                }
                Some(_) => {}
                None if sealed.get("optional").and_then(Plist::flag) == Some(true) => {}
                None => {
                    seal.missing += 1;
                    keep(&mut seal.missing_files, path);
                }
            }
        }
        seal
    }
}

impl Bundle {
    /// The path of its list of files.
    pub fn seal_path(&self) -> String {
        format!("{}_CodeSignature/CodeResources", self.folder)
    }
}

/// The digest of a file in the list. Links and programs with a signature of their own have none.
fn digest(sealed: &Plist) -> Option<(Hash, &[u8])> {
    let newer = sealed.get("hash2").and_then(Plist::data).map(|digest| (Hash::Sha256, digest));
    let older = || sealed.data().or_else(|| sealed.get("hash")?.data()).map(|digest| (Hash::Sha1, digest));
    newer.or_else(older).filter(|(hash, digest)| digest.len() == hash.output_len())
}

fn keep(files: &mut Vec<String>, path: String) {
    if files.len() < MOST_NAMED {
        files.push(path);
    }
}
