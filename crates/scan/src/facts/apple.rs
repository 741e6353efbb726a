//! Apps for iOS as rows: bundles, what their property lists say, how their programs were built and signed.
//!
//! Whether a signature leads to Apple is not verified; rows say so with `chain-verified = false`.

mod info;
mod privacy;
mod program;
mod required;
mod signing;
mod watched;

use std::collections::HashSet;

use testudo_package::ipa::{Bundle, BundleKind, FileError, Ipa, Profile};
use testudo_package::macho;
use testudo_package::plist::Plist;

use super::declared::{Kind, Type};
use super::{Facts, Row};
use crate::report::Place;

pub use info::rows as info;
pub use privacy::{Manifest as Privacy, rows as privacy};
pub use program::rows as program;
pub use signing::{entitlements, provisioning};

/// The kinds of rows.
pub(super) fn kinds() -> impl Iterator<Item = &'static Kind> {
    [BUNDLE, info::KINDS, privacy::KINDS, program::KINDS, signing::KINDS].into_iter().flatten()
}

const BUNDLE: &[Kind] = &[
    Kind {
        name: "apple-bundle",
        what: "an app, an extension or a framework",
        attributes: &[
            ("folder", Type::Text),
            // `app`, `inner-app`, `extension`, `framework`.
            ("kind", Type::Text),
            ("identifier", Type::Text),
            ("version", Type::Text),
            ("privacy-manifest", Type::Flag),
            ("profile", Type::Flag),
            ("program", Type::Flag),
        ],
    },
    Kind {
        name: "sealed-file",
        what: "a file that is not as the list of the bundle's files says, which the code signature seals",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            // `changed`, `missing`.
            ("state", Type::Text),
        ],
    },
];

/// Libraries outside of bundles that are looked at.
const MOST_LOOSE: usize = 500;

/// Something of an app that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    /// The file.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// What is the same for all rows of a bundle.
#[derive(Clone, Copy, Debug)]
pub struct Of<'b> {
    /// The file that the rows are about.
    pub file: &'b str,
    /// The folder of the bundle.
    pub folder: &'b str,
    /// What the bundle is: `app`, `extension`, `framework`; `source` in a folder of sources.
    pub kind: &'static str,
}

impl Of<'_> {
    fn place(&self, path: impl Into<String>) -> Place {
        Place::Manifest { file: self.file.to_owned(), path: path.into() }
    }

    fn row(&self, kind: &'static str, place: Place) -> Row {
        Row::new(kind, place).text("bundle", self.folder).text("bundle-kind", self.kind)
    }
}

/// All rows of an app; `now` is in seconds since 1970. What could not be read is given back.
pub fn rows(ipa: &Ipa<'_, '_>, now: i64, facts: &mut Facts) -> Vec<Unread> {
    let mut run = Run { ipa, now, unread: Vec::new() };
    for bundle in &ipa.bundles {
        run.bundle(bundle, facts);
    }
    run.loose(facts);
    run.unread
}

struct Run<'r, 'z, 'a> {
    ipa: &'r Ipa<'z, 'a>,
    now: i64,
    unread: Vec<Unread>,
}

/// The name of a kind of bundles.
fn name(kind: BundleKind) -> &'static str {
    match kind {
        BundleKind::App => "app",
        BundleKind::InnerApp => "inner-app",
        BundleKind::Extension => "extension",
        BundleKind::Framework => "framework",
    }
}

impl Run<'_, '_, '_> {
    /// Libraries that are no bundles; they belong to the innermost one that they lie in.
    fn loose(&mut self, facts: &mut Facts) {
        let own: HashSet<String> = self.ipa.bundles.iter().map(Bundle::program_path).collect();
        let libraries = self.ipa.archive().entries().iter().filter(|entry| entry.name.ends_with(b".dylib"));
        for entry in libraries.take(MOST_LOOSE) {
            let path = entry.text();
            let holders = self.ipa.bundles.iter().filter(|bundle| path.starts_with(&bundle.folder));
            let Some(bundle) = holders.max_by_key(|bundle| bundle.folder.len()) else { continue };
            if own.contains(path.as_ref()) {
                continue;
            }
            let of = Of { file: &path, folder: &bundle.folder, kind: name(bundle.kind) };
            match self.ipa.archive().contents(entry) {
                Ok(contents) => match macho::read(&contents.bytes) {
                    Ok(programs) => {
                        for macho in &programs {
                            program::rows(of, macho, program::Described::default(), false, facts);
                        }
                    }
                    Err(error) => self.unread(&path, &error.to_string()),
                },
                Err(error) => self.unread(&path, &error.to_string()),
            }
        }
    }

    fn bundle(&mut self, bundle: &Bundle, facts: &mut Facts) {
        let kind = name(bundle.kind);
        let of = |file| Of { file, folder: &bundle.folder, kind };
        let text = |key| bundle.info.as_ref().and_then(|info| info.get(key)?.text());
        let (info_path, program_path) = (bundle.info_path(), bundle.program_path());
        let (privacy, profile) = (self.ipa.privacy_manifest(bundle), self.ipa.profile(bundle));
        facts.push(
            Row::new(
                "apple-bundle",
                Place::Manifest { file: info_path.clone(), path: "CFBundleIdentifier".to_owned() },
            )
            .text("folder", &bundle.folder)
            .text("kind", kind)
            .text_of("identifier", text("CFBundleIdentifier"))
            .text_of("version", text("CFBundleShortVersionString"))
            .flag("privacy-manifest", privacy.is_some())
            .flag("profile", profile.is_some())
            .flag("program", self.ipa.program(bundle).is_some()),
        );
        match &bundle.info {
            Some(info) => info::rows(of(&info_path), info, facts),
            None => self.unread(&info_path, "missing, or no property list"),
        }
        let privacy_path = format!("{}PrivacyInfo.xcprivacy", bundle.folder);
        let privacy = self.list(&privacy_path, privacy).map(|list| Privacy::read(&list));
        if let Some(privacy) = &privacy {
            privacy::rows(of(&privacy_path), privacy, facts);
        }
        let profile_path = format!("{}embedded.mobileprovision", bundle.folder);
        if let Some(bytes) = self.bytes(&profile_path, profile) {
            match Profile::read(&bytes) {
                Ok(profile) => signing::provisioning(of(&profile_path), &profile, self.now, facts),
                Err(error) => self.unread(&profile_path, &error.to_string()),
            }
        }
        if bundle.kind == BundleKind::App {
            self.seal(bundle, facts);
        }
        let Some(entry) = self.ipa.program(bundle) else { return };
        let contents = match self.ipa.archive().contents(entry) {
            Ok(contents) => contents,
            Err(error) => return self.unread(&program_path, &error.to_string()),
        };
        match macho::read(&contents.bytes) {
            Ok(programs) => {
                // People are asked in the name of the app, also by its frameworks.
                let asking = if bundle.kind == BundleKind::Framework { self.ipa.app() } else { Some(bundle) };
                let info = asking.and_then(|bundle| bundle.info.as_ref());
                let sealed = [&info_path, &bundle.seal_path()].map(|path| self.ipa.file(path).and_then(Result::ok));
                let described = program::Described {
                    info,
                    privacy: privacy.as_ref(),
                    sealed_info: sealed[0].as_deref(),
                    sealed_resources: sealed[1].as_deref(),
                };
                for (nth, macho) in programs.iter().enumerate() {
                    program::rows(of(&program_path), macho, described, nth == 0, facts);
                }
            }
            Err(error) => self.unread(&program_path, &error.to_string()),
        }
    }

    /// The files that the app's list names; those of the bundles in it are among them.
    fn seal(&mut self, bundle: &Bundle, facts: &mut Facts) {
        let seal = match self.ipa.seal(bundle) {
            Some(Ok(seal)) => seal,
            Some(Err(error)) => return self.unread(&bundle.seal_path(), &error.to_string()),
            None => return,
        };
        for (state, files) in [("changed", seal.changed_files), ("missing", seal.missing_files)] {
            for file in files {
                let of = Of { file: &file, folder: &bundle.folder, kind: name(bundle.kind) };
                facts.push(of.row("sealed-file", Place::File { file: file.clone() }).text("state", state));
            }
        }
    }

    fn bytes(&mut self, file: &str, bytes: Option<Result<Vec<u8>, FileError>>) -> Option<Vec<u8>> {
        bytes?.map_err(|error| self.unread(file, &error.to_string())).ok()
    }

    fn list(&mut self, file: &str, bytes: Option<Result<Vec<u8>, FileError>>) -> Option<Plist> {
        let bytes = self.bytes(file, bytes)?;
        Plist::read(&bytes).map_err(|error| self.unread(file, &error.to_string())).ok()
    }

    fn unread(&mut self, file: &str, reason: &str) {
        self.unread.push(Unread { file: file.to_owned(), reason: reason.to_owned() });
    }
}
