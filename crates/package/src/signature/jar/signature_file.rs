//! A signature file against the manifest: its digest of the whole manifest or, if that doesn't match, of each section.

use std::collections::{BTreeSet, HashMap, HashSet};

use testudo_crypto::foreign::Hash;

use super::super::input::{Platforms, api};
use super::super::issue::Issue;
use super::Others;
use super::digests::{Expected, to_compare};
use super::manifest::{Section, Sections};

/// What to check against.
pub(super) struct Check<'a> {
    pub(super) platforms: Platforms,
    pub(super) others: Others<'a>,
    pub(super) manifest: &'a [u8],
    pub(super) main: Option<&'a Section<'a>>,
    pub(super) sections: &'a HashMap<String, Section<'a>>,
}

/// What came out.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) errors: Vec<Issue>,
    pub(super) warnings: Vec<Issue>,
    /// Platforms ignore this signer.
    pub(super) ignored: bool,
    /// The entries that it names.
    pub(super) entries: HashSet<String>,
    pub(super) digests: BTreeSet<Hash>,
}

impl Checked {
    fn ignore(&mut self, issue: Issue) {
        self.errors.push(issue);
        self.ignored = true;
    }

    /// The digests to compare; broken base64 is an error.
    fn expected(&mut self, section: &Section<'_>, suffix: &str, platforms: Platforms) -> Option<Vec<Expected>> {
        match to_compare(section, suffix, platforms) {
            Ok(expected) => {
                self.digests.extend(expected.iter().map(|(hash, _)| *hash));
                Some(expected)
            }
            Err(error) => {
                self.errors.push(error.into());
                None
            }
        }
    }
}

impl Check<'_> {
    /// Checks the signature file.
    pub(super) fn verify(&self, file: &[u8]) -> Checked {
        let mut checked = Checked::default();
        // Broken base64 has left its error.
        let _ = self.verify_into(file, &mut checked);
        checked
    }

    fn verify_into(&self, file: &[u8], checked: &mut Checked) -> Option<()> {
        let mut sections = Sections::new(file);
        let main = sections.next();
        let Some(main) = main.filter(|main| main.get("Signature-Version").is_some()) else {
            checked.ignore(Issue::NoSignatureVersion);
            return None;
        };
        if self.platforms.max >= api::NOUGAT {
            self.check_stripping(&main, checked);
        }
        if !checked.errors.is_empty() {
            return None;
        }
        let by_signtool = main.get("Created-By").is_some_and(|tool| memchr::memmem::find(tool, b"signtool").is_some());
        let whole = self.check_manifest(&main, by_signtool, checked)?;
        if !by_signtool {
            self.check_main_section(&main, checked)?;
        }
        if !checked.errors.is_empty() {
            return None;
        }
        for (number, section) in (1..).zip(sections) {
            let Some(name) = section.name.clone() else {
                checked.ignore(Issue::UnnamedSection(number));
                return None;
            };
            if checked.entries.contains(&name) {
                checked.ignore(Issue::DuplicateSection(name));
                return None;
            }
            if !whole {
                self.check_section(&name, &section, by_signtool, checked)?;
            }
            checked.entries.insert(name);
        }
        Some(())
    }

    /// `X-Android-APK-Signed` names the later schemes that signed, too.
    fn check_stripping(&self, main: &Section<'_>, checked: &mut Checked) {
        let Some(ids) = main.text("X-Android-APK-Signed") else {
            if !self.others.found.is_empty() {
                checked.warnings.push(Issue::NoStrippingProtection);
            }
            return;
        };
        if self.others.known.is_empty() {
            return;
        }
        for id in ids.split(',').filter_map(|id| id.trim().parse::<u32>().ok()) {
            if !self.others.known.contains(&id) {
                checked.warnings.push(Issue::UnknownSchemeId(id));
            } else if !self.others.found.contains(&id) {
                checked.errors.push(Issue::JarSaysStripped(id));
            }
        }
    }

    /// Whether the digest of the whole manifest is there and right.
    fn check_manifest(&self, main: &Section<'_>, by_signtool: bool, checked: &mut Checked) -> Option<bool> {
        let suffix = if by_signtool { "-Digest" } else { "-Digest-Manifest" };
        let expected = checked.expected(main, suffix, self.platforms)?;
        if expected.is_empty() {
            checked.warnings.push(Issue::NoManifestDigest);
            return Some(false);
        }
        let mut right = true;
        for (hash, digest) in expected {
            if hash.digest(self.manifest).as_ref() != digest {
                checked.warnings.push(Issue::ManifestDigest(hash));
                right = false;
            }
        }
        Some(right)
    }

    fn check_main_section(&self, main: &Section<'_>, checked: &mut Checked) -> Option<()> {
        let bytes = self.main.map(|main| main.bytes).unwrap_or_default();
        for (hash, digest) in checked.expected(main, "-Digest-Manifest-Main-Attributes", self.platforms)? {
            if hash.digest(bytes).as_ref() != digest {
                checked.errors.push(Issue::MainSectionDigest(hash));
            }
        }
        Some(())
    }

    fn check_section(&self, name: &str, section: &Section<'_>, by_signtool: bool, checked: &mut Checked) -> Option<()> {
        let Some(of_manifest) = self.sections.get(name) else {
            checked.ignore(Issue::NoSectionDigest(name.to_owned()));
            return Some(());
        };
        let expected = checked.expected(section, "-Digest", self.platforms)?;
        if expected.is_empty() {
            checked.errors.push(Issue::NoSectionDigest(name.to_owned()));
        }
        let bytes = match of_manifest.bytes.strip_suffix(b"\n") {
            Some(shorter) if by_signtool && shorter.ends_with(b"\n") => shorter,
            _ => of_manifest.bytes,
        };
        for (hash, digest) in expected {
            if hash.digest(bytes).as_ref() != digest {
                checked.errors.push(Issue::SectionDigest { hash, entry: name.to_owned() });
            }
        }
        Some(())
    }
}
