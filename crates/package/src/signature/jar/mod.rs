//! Scheme v1: the JAR signature, which protects the contents of entries outside of `META-INF/` (JAR File Specification,
//! "Signed JAR File"), verified as Android does.
//!
//! A block file (`.RSA`, `.DSA`, `.EC`) signs its signature file (`.SF`), that has digests of the manifest or its sections,
//! and those have digests of the entries. Android differs from the specification: all entries must be signed by the same
//! signers, nothing in `META-INF/` needs to be signed, and the manifest may name only what is there.

mod algorithms;
mod block;
mod digests;
pub mod manifest;
mod signature_file;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use testudo_crypto::foreign::Hash;

use self::block::SignedBy;
use self::manifest::{Section, Sections};
use super::Scheme;
use super::certificate::Certificate;
use super::input::{Archive, Options};
use super::issue::{Issue, Problem};

const MANIFEST: &str = "META-INF/MANIFEST.MF";

/// A signer of scheme v1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JarSigner {
    /// Its block file.
    pub block: String,
    /// Its certificate.
    pub certificate: Certificate,
    /// The hash function of its signature.
    pub hash: Hash,
    /// The signature algorithm, for people.
    pub algorithm: String,
}

/// What scheme v1 says of a package.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct JarOutcome {
    pub(super) verified: bool,
    pub(super) signers: Vec<JarSigner>,
    /// Signers that platforms ignore, by their block file.
    pub(super) ignored: Vec<String>,
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// Entries that nothing protects.
    pub(super) unprotected: Vec<String>,
    /// Hash functions of the digests of entries and manifest sections.
    pub(super) digests: BTreeSet<Hash>,
}

/// Whose later signatures were found, and which are known to the platforms.
#[derive(Clone, Copy)]
pub(super) struct Others<'a> {
    pub(super) found: &'a BTreeSet<u32>,
    pub(super) known: &'a [u32],
}

/// Verifies scheme v1.
pub(super) fn verify(archive: &Archive<'_>, options: &Options<'_>, others: Others<'_>) -> JarOutcome {
    let mut jar = Jar { archive, options, others, left: options.total_limit, outcome: JarOutcome::default() };
    jar.outcome.verified = jar.verify().is_some() && jar.outcome.errors.is_empty();
    jar.outcome
}

struct Jar<'a, 'b> {
    archive: &'b Archive<'a>,
    options: &'b Options<'b>,
    others: Others<'b>,
    /// How many bytes of entries may still be read.
    left: usize,
    outcome: JarOutcome,
}

/// A signer whose block verified, with the entries that its signature file names.
struct Signer {
    of_block: JarSigner,
    file: String,
    entries: HashSet<String>,
}

impl<'a> Jar<'a, '_> {
    /// `None`: verification ended early, and the errors say why.
    fn verify(&mut self) -> Option<()> {
        let names = self.check_duplicates()?;
        let manifest_at = names.get(MANIFEST).copied();
        let Some(manifest_at) = manifest_at else { return self.fail(MANIFEST, Issue::NoManifest) };
        let manifest = self.read(manifest_at)?;
        let mut sections = Sections::new(&manifest);
        let main = sections.next();
        let sections = self.index_sections(sections, &names)?;

        let pairs = self.pair_files(&names)?;
        let mut files = Vec::new();
        for (block_at, file_at) in pairs {
            let (block_name, file_name) = (self.name(block_at), self.name(file_at));
            let block = self.read(block_at)?;
            let file = self.read(file_at)?;
            match block::verify(&block, &file, self.options.platforms) {
                Ok(signed_by) => files.push((block_name, file_name, file, signed_by)),
                Err(issue) => self.error(block_name, issue),
            }
        }
        self.unless_errors()?;

        let mut signers = Vec::new();
        for (block, file_name, file, SignedBy { certificate, hash, algorithm }) in files {
            let check = signature_file::Check {
                platforms: self.options.platforms,
                others: self.others,
                manifest: &manifest,
                main: main.as_ref(),
                sections: &sections,
            };
            let result = check.verify(&file);
            self.outcome.digests.extend(result.digests);
            for issue in result.warnings {
                self.outcome.warnings.push(Problem::new(Scheme::V1, &file_name, issue));
            }
            if result.ignored {
                self.outcome.ignored.push(block);
                for issue in result.errors {
                    self.outcome.warnings.push(Problem::new(Scheme::V1, &file_name, issue));
                }
            } else if result.errors.is_empty() {
                let of_block = JarSigner { block, certificate, hash, algorithm };
                signers.push(Signer { of_block, file: file_name, entries: result.entries });
            } else {
                result.errors.into_iter().for_each(|issue| self.error(file_name.clone(), issue));
            }
        }
        self.unless_errors()?;
        if signers.is_empty() {
            return self.fail("META-INF", Issue::NoSignatures);
        }
        let used = self.verify_entries(&sections, &signers)?;
        self.unless_errors()?;
        self.find_unprotected(&signers, &used);
        for (at, signer) in signers.into_iter().enumerate() {
            if used.contains(&at) {
                self.outcome.signers.push(signer.of_block);
            } else {
                self.outcome.ignored.push(signer.of_block.block);
            }
        }
        Some(())
    }

    /// The index of each name.
    fn check_duplicates(&mut self) -> Option<HashMap<String, usize>> {
        let mut names = HashMap::with_capacity(self.archive.entries.len());
        let mut duplicates = BTreeSet::new();
        for (at, entry) in self.archive.entries.iter().enumerate() {
            if names.contains_key(entry.name.as_ref()) {
                duplicates.insert(entry.name.to_string());
            } else {
                names.insert(entry.name.to_string(), at);
            }
        }
        for name in duplicates {
            self.error(name, Issue::DuplicateEntry);
        }
        self.unless_errors()?;
        Some(names)
    }

    fn index_sections<'m>(
        &mut self,
        sections: Sections<'m>,
        names: &HashMap<String, usize>,
    ) -> Option<HashMap<String, Section<'m>>> {
        let mut index = HashMap::new();
        for (number, section) in (1..).zip(sections) {
            let Some(name) = section.name.clone() else {
                self.error(MANIFEST, Issue::UnnamedSection(number));
                continue;
            };
            if !names.contains_key(&name) {
                self.error(name.clone(), Issue::MissingEntry);
            }
            if index.insert(name.clone(), section).is_some() {
                self.error(MANIFEST, Issue::DuplicateSection(name));
            }
        }
        self.unless_errors()?;
        Some(index)
    }

    /// Each block file with its signature file.
    fn pair_files(&mut self, names: &HashMap<String, usize>) -> Option<Vec<(usize, usize)>> {
        let mut pairs = Vec::new();
        for (at, entry) in self.archive.entries.iter().enumerate() {
            let is_block = [".RSA", ".DSA", ".EC"].iter().any(|end| entry.name.ends_with(end));
            if !entry.name.starts_with("META-INF/") || !is_block {
                continue;
            }
            let stem = entry.name.rsplit_once('.').map_or(entry.name.as_ref(), |(stem, _)| stem);
            let file = format!("{stem}.SF");
            if let Some(file_at) = names.get(&file) {
                pairs.push((at, *file_at));
            } else {
                let problem = Problem::new(Scheme::V1, entry.name.to_string(), Issue::MissingSignatureFile(file));
                self.outcome.warnings.push(problem);
            }
        }
        if pairs.is_empty() {
            return self.fail("META-INF", Issue::NoSignatures);
        }
        Some(pairs)
    }

    /// The signers who signed all entries.
    fn verify_entries(
        &mut self,
        sections: &HashMap<String, Section<'_>>,
        signers: &[Signer],
    ) -> Option<BTreeSet<usize>> {
        let mut order: BTreeMap<(u64, usize), usize> = BTreeMap::new();
        for (at, entry) in self.archive.entries.iter().enumerate() {
            if !entry.name.starts_with("META-INF/") {
                order.insert((entry.offset, at), at);
            }
        }
        let mut first: Option<(String, Vec<usize>)> = None;
        for at in order.into_values() {
            let name = self.name(at);
            let Some(section) = sections.get(&name) else {
                self.error(name, Issue::NoEntryDigest);
                continue;
            };
            let own: Vec<usize> =
                (0..).zip(signers).filter(|(_, signer)| signer.entries.contains(&name)).map(|(at, _)| at).collect();
            if own.is_empty() {
                self.error(name, Issue::EntryNotSigned);
                continue;
            }
            match &first {
                None => first = Some((name.clone(), own)),
                Some((_, signers)) if *signers == own => {}
                Some((other, _)) => {
                    let issue = Issue::EntrySigners(other.clone());
                    self.error(name, issue);
                    continue;
                }
            }
            self.verify_entry(at, section)?;
        }
        match first {
            Some((_, signers)) => Some(signers.into_iter().collect()),
            None => self.fail("package", Issue::NothingSigned),
        }
    }

    fn verify_entry(&mut self, at: usize, section: &Section<'_>) -> Option<()> {
        let expected = match digests::to_compare(section, "-Digest", self.options.platforms) {
            Ok(expected) => expected,
            Err(error) => return self.fail(&self.name(at), error),
        };
        if expected.is_empty() {
            self.error(self.name(at), Issue::NoEntryDigest);
            return Some(());
        }
        let contents = self.read(at)?;
        for (hash, digest) in expected {
            self.outcome.digests.insert(hash);
            if hash.digest(&contents).as_ref() != digest {
                self.error(self.name(at), Issue::EntryDigest(hash));
            }
        }
        Some(())
    }

    fn find_unprotected(&mut self, signers: &[Signer], used: &BTreeSet<usize>) {
        let mut signature: HashSet<&str> = HashSet::from([MANIFEST]);
        for (_, signer) in (0..).zip(signers).filter(|(at, _)| used.contains(at)) {
            signature.extend([signer.of_block.block.as_str(), signer.file.as_str()]);
        }
        for entry in &self.archive.entries {
            if entry.name.starts_with("META-INF/") && !signature.contains(entry.name.as_ref()) {
                self.outcome.unprotected.push(entry.name.to_string());
            }
        }
    }

    fn name(&self, at: usize) -> String {
        self.archive.entries.get(at).map(|entry| entry.name.to_string()).unwrap_or_default()
    }

    fn read(&mut self, at: usize) -> Option<Cow<'a, [u8]>> {
        if self.left == 0 {
            return self.fail(&self.name(at), Issue::TooMuch(self.options.total_limit));
        }
        match (self.archive.read)(at, self.options.entry_limit.min(self.left)) {
            Ok(contents) => {
                self.left = self.left.saturating_sub(contents.len());
                Some(contents)
            }
            Err(error) => self.fail(&self.name(at), error),
        }
    }

    fn error(&mut self, place: impl Into<String>, issue: impl Into<Issue>) {
        self.outcome.errors.push(Problem::new(Scheme::V1, place, issue));
    }

    fn fail<T>(&mut self, place: &str, issue: impl Into<Issue>) -> Option<T> {
        self.error(place, issue);
        None
    }

    fn unless_errors(&self) -> Option<()> {
        self.outcome.errors.is_empty().then_some(())
    }
}
