//! What is to be scanned: packages, folders of packages, source folders; told by what is in them.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use testudo_scan::analyse::{self, Analysed, Options, Progress};
use testudo_scan::report::Omission;

use super::super::Failure;
use super::{name, read};

/// The largest package.
const LARGEST: u64 = 8 << 30;
/// The largest file of a signature, with its tree of hashes.
const LARGEST_IDSIG: u64 = 256 << 20;
/// The largest file of sources that is looked at.
const LARGEST_SOURCE: u64 = 64 << 20;
/// The most files of a source folder.
const MOST_SOURCES: usize = 500_000;
/// Folders in which tools put what they fetch or make; the lock files say what it is.
const MADE: [&str; 10] =
    ["node_modules", "build", "target", "Pods", "Carthage", "DerivedData", ".git", ".gradle", ".dart_tool", ".build"];
/// What stands at the top of a source folder.
const SOURCES: [&str; 14] = [
    ".git",
    "src",
    "build.gradle",
    "build.gradle.kts",
    "settings.gradle",
    "settings.gradle.kts",
    "gradlew",
    "package.json",
    "pubspec.yaml",
    "Podfile",
    "Package.swift",
    "Cargo.toml",
    "AndroidManifest.xml",
    "gradle.lockfile",
];

/// One thing to scan.
#[derive(Clone, Debug)]
pub enum Target {
    /// A file, which should be a package.
    Package(PathBuf),
    /// A folder of sources.
    Sources(PathBuf),
}

impl Target {
    /// Where it is.
    pub fn path(&self) -> &Path {
        let (Target::Package(path) | Target::Sources(path)) = self;
        path
    }

    /// Analyses it.
    pub fn analyse(&self, options: &Options<'_>, progress: &dyn Progress) -> Result<Analysed, Failure> {
        match self {
            Target::Package(path) => {
                let bytes = read(path, LARGEST)?;
                // As `adb` and `apksigner` have it.
                let beside = path.with_added_extension("idsig");
                let idsig = beside.is_file().then(|| read(&beside, LARGEST_IDSIG)).transpose()?;
                let options = Options { idsig: idsig.as_deref(), ..*options };
                analyse::package(&name(path), &bytes, &options, progress).map_err(Failure::dependency)
            }
            Target::Sources(path) => {
                let mut walk = Walk { root: path, files: Vec::new(), left_out: Vec::new(), gaps: Vec::new() };
                walk.folder(path);
                walk.files.sort();
                let mut unread = Vec::new();
                let files = std::mem::take(&mut walk.files);
                let contents = files.iter().filter_map(|(shown, path)| match fs::read(path) {
                    Ok(bytes) => Some((shown.clone(), bytes)),
                    Err(error) => {
                        unread.push(Omission { part: shown.clone(), why: error.to_string() });
                        None
                    }
                });
                let mut analysed =
                    analyse::folder(&name(path), contents, options, progress).map_err(Failure::dependency)?;
                let coverage = &mut analysed.scan.coverage;
                coverage.gaps.extend(walk.gaps);
                coverage.gaps.extend(unread);
                coverage.left_out.extend(walk.left_out);
                Ok(analysed)
            }
        }
    }
}

/// The targets of a command line, in its order; those of a folder in the order of their names.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    for path in paths {
        let about =
            fs::metadata(path).map_err(|error| Failure::usage(format!("can't read `{}`: {error}", path.display())))?;
        if !about.is_dir() {
            targets.push(Target::Package(path.clone()));
            continue;
        }
        let packages = packages_in(path)?;
        if packages.is_empty() {
            targets.push(Target::Sources(path.clone()));
        } else {
            targets.extend(packages.into_iter().map(Target::Package));
        }
    }
    Ok(targets)
}

/// The packages that lie right in a folder; none if it is one of sources.
fn packages_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unread = |error: std::io::Error| Failure::usage(format!("can't read `{}`: {error}", folder.display()));
    if SOURCES.iter().any(|name| folder.join(name).exists()) {
        return Ok(Vec::new());
    }
    let mut packages = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.is_file() && begins_as_archive(&path) && analyse::is_package(&read(&path, LARGEST)?) {
            packages.push(path);
        }
    }
    packages.sort();
    Ok(packages)
}

fn begins_as_archive(path: &Path) -> bool {
    let mut head = [0; 4];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *b"PK\x03\x04"
}

/// A walk over a source folder. Links are not followed.
struct Walk<'r> {
    root: &'r Path,
    /// The path within the folder, and the path.
    files: Vec<(String, PathBuf)>,
    left_out: Vec<Omission>,
    gaps: Vec<Omission>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path) {
        let mut entries: Vec<_> = match fs::read_dir(folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) => {
                let part = self.shown(folder);
                self.gaps.push(Omission { part, why: error.to_string() });
                return;
            }
        };
        entries.sort();
        for path in entries {
            let shown = self.shown(&path);
            let Ok(about) = fs::symlink_metadata(&path) else { continue };
            let made = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| MADE.contains(&name));
            if about.is_dir() && made {
                self.left_out.push(Omission { part: shown, why: "fetched or made by a tool".to_owned() });
            } else if about.is_dir() {
                self.folder(&path);
            } else if about.is_symlink() {
                self.left_out.push(Omission { part: shown, why: "links are not followed".to_owned() });
            } else if about.is_file() && about.len() > LARGEST_SOURCE {
                let why = format!("{} bytes are more than a source file has", about.len());
                self.gaps.push(Omission { part: shown, why });
            } else if about.is_file() && self.files.len() == MOST_SOURCES {
                let why = format!("more than {MOST_SOURCES} files");
                self.gaps.push(Omission { part: self.shown(folder), why });
                return;
            } else if about.is_file() {
                self.files.push((shown, path));
            }
        }
    }

    fn shown(&self, path: &Path) -> String {
        let within = path.strip_prefix(self.root).unwrap_or(path);
        let parts: Vec<_> = within.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
    }
}
