//! Apps for iOS as they are installed: a folder `Payload/NAME.app` in a ZIP archive, with frameworks and extensions in it.
//!
//! What is read is which bundles there are and what stands beside their programs: `Info.plist`, the privacy manifest, the
//! provisioning profile, the list of its files. A bundle's program has the name that its `Info.plist` gives it.

mod profile;
mod seal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use profile::{Profile, ProfileError};
pub use seal::Seal;

use crate::plist::Plist;
use crate::zip::{Archive, ContentError, Entry};

/// More bundles are not looked at.
const MOST_BUNDLES: usize = 2_000;
/// How deep bundles may lie in one another, and how long the path of one may be.
const DEEPEST: usize = 8;
const LONGEST_PATH: usize = 1024;
/// Property lists and profiles larger than this are not read.
const LARGEST_LIST: u64 = 4 << 20;
/// How many bytes the lists that are kept may have in all.
const LISTS: usize = 4 << 20;

/// An app.
#[derive(Clone, Debug)]
pub struct Ipa<'z, 'a> {
    archive: &'z Archive<'a>,
    /// The bundles; the app itself first, the others in the order of their folders.
    pub bundles: Vec<Bundle>,
}

/// A folder with a program in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Bundle {
    /// Its folder, with a slash at its end.
    pub folder: String,
    /// What it is.
    pub kind: BundleKind,
    /// Its `Info.plist`; none where it is missing, too large or broken.
    pub info: Option<Plist>,
}

/// What a bundle is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BundleKind {
    /// The app.
    App,
    /// An app within the app, such as one for the watch.
    InnerApp,
    /// An extension: a widget, a keyboard, a share sheet.
    Extension,
    /// A library.
    Framework,
}

/// Why an archive is no app.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IpaError {
    /// There is no app in it.
    #[error("no folder `Payload/NAME.app`")]
    NoApp,
    /// There is more than one.
    #[error("two apps, `{0}` and `{1}`")]
    SeveralApps(String, String),
}

/// Why a file of a bundle is not there to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FileError {
    /// The archive does not give it.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// It is larger than any that an app needs.
    #[error("{0} bytes are more than such a file needs")]
    TooLarge(u64),
}

/// The folder of an app in an archive, if this is a path in one.
pub fn app_folder(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("Payload/")?;
    let name = rest.split_once('/').map_or(rest, |(name, _)| name);
    let end = "Payload/".len() + name.len() + 1;
    name.strip_suffix(".app").filter(|name| !name.is_empty()).and_then(|_| path.get(..end))
}

impl<'z, 'a> Ipa<'z, 'a> {
    /// Finds the bundles.
    pub fn read(archive: &'z Archive<'a>) -> Result<Ipa<'z, 'a>, IpaError> {
        let mut app: Option<String> = None;
        let mut folders: BTreeMap<String, BundleKind> = BTreeMap::new();
        for entry in archive.entries() {
            let path = entry.text();
            let Some(folder) = app_folder(&path).filter(|_| path.len() <= LONGEST_PATH) else { continue };
            match &app {
                Some(known) if known != folder => {
                    return Err(IpaError::SeveralApps(known.clone(), folder.to_owned()));
                }
                Some(_) => {}
                None => app = Some(folder.to_owned()),
            }
            for (folder, kind) in bundles_of(&path, folder.len()) {
                if folders.len() < MOST_BUNDLES {
                    folders.insert(folder.to_owned(), kind);
                }
            }
        }
        let app = app.ok_or(IpaError::NoApp)?;
        let mut ipa = Ipa { archive, bundles: Vec::new() };
        let all = std::iter::once((app, BundleKind::App)).chain(folders);
        let mut left = LISTS;
        ipa.bundles = all
            .map(|(folder, kind)| {
                let info = ipa.file(&format!("{folder}Info.plist")).and_then(Result::ok);
                let info = info.and_then(|bytes| {
                    left = left.checked_sub(bytes.len())?;
                    Plist::read(&bytes).ok()
                });
                Bundle { folder, kind, info }
            })
            .collect();
        Ok(ipa)
    }

    /// The app itself.
    pub fn app(&self) -> Option<&Bundle> {
        self.bundles.first()
    }

    /// A small file of the archive, whole; `None` if there is none.
    pub fn file(&self, path: &str) -> Option<Result<Vec<u8>, FileError>> {
        let entry = self.archive.find(path)?;
        if entry.size > LARGEST_LIST {
            return Some(Err(FileError::TooLarge(entry.size)));
        }
        Some(self.archive.contents(entry).map(|contents| contents.bytes.into_owned()).map_err(FileError::from))
    }

    /// The program of a bundle.
    pub fn program(&self, bundle: &Bundle) -> Option<&'z Entry<'a>> {
        self.archive.find(bundle.program_path())
    }

    /// A bundle's privacy manifest; `None` if it has none.
    pub fn privacy_manifest(&self, bundle: &Bundle) -> Option<Result<Vec<u8>, FileError>> {
        self.file(&format!("{}PrivacyInfo.xcprivacy", bundle.folder))
    }

    /// A bundle's provisioning profile; `None` if it has none, as apps from the store.
    pub fn profile(&self, bundle: &Bundle) -> Option<Result<Vec<u8>, FileError>> {
        self.file(&format!("{}embedded.mobileprovision", bundle.folder))
    }

    /// The archive that it is in.
    pub fn archive(&self) -> &'z Archive<'a> {
        self.archive
    }
}

impl Bundle {
    /// The path of its program: the name in its `Info.plist`, or else that of its folder.
    pub fn program_path(&self) -> String {
        let name = self.info.as_ref().and_then(|info| info.get("CFBundleExecutable")?.text());
        let name = name.filter(|name| !name.is_empty() && !name.contains('/')).unwrap_or_else(|| self.name());
        format!("{}{name}", self.folder)
    }

    /// The name of its folder, without what says of which kind it is.
    pub fn name(&self) -> &str {
        let folder = self.folder.trim_end_matches('/');
        let name = folder.rsplit_once('/').map_or(folder, |(_, name)| name);
        name.rsplit_once('.').map_or(name, |(name, _)| name)
    }

    /// The path of its `Info.plist`.
    pub fn info_path(&self) -> String {
        format!("{}Info.plist", self.folder)
    }
}

/// The bundles that a path lies in, behind the folder of the app.
fn bundles_of(path: &str, app: usize) -> impl Iterator<Item = (&str, BundleKind)> {
    let slashes = path.match_indices('/').map(|(at, _)| at).filter(move |at| *at >= app);
    let bundles = slashes.filter_map(move |at| {
        let folder = path.get(..=at)?;
        let name = path.get(..at)?.rsplit('/').next()?;
        let kind = match name.rsplit_once('.')? {
            ("", _) => return None,
            (_, "framework") => BundleKind::Framework,
            (_, "appex") => BundleKind::Extension,
            (_, "app") => BundleKind::InnerApp,
            _ => return None,
        };
        Some((folder, kind))
    });
    bundles.take(DEEPEST)
}
