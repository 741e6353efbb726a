//! Lock files and manifests: which components an app is built from, with versions, digests and places.
//!
//! A new format is one file here with a `read(bytes, &mut Found)`, a [`LockKind`] with its file names, and a fixture in
//! `tests/dependencies_lock.rs`. Readers are strict: what is not understood is a [`ReadError`], for a list that lacks a
//! component looks like one that is clean.

mod berry;
mod cargo;
mod carthage;
mod catalog;
mod gradle;
mod npm;
mod pnpm;
mod pods;
mod pub_dev;
mod sri;
mod swift;
mod verification;
mod yarn;

use super::error::{ReadError, Wrong, shown};
use super::{Component, Ecosystem, Place, Relation, Scope, Source};

/// The most components of one file.
const MAX_COMPONENTS: usize = 500_000;
/// The longest name, version or address.
const MAX_TEXT: usize = 2048;

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LockKind {
    /// `gradle.lockfile`, and the older files under `gradle/dependency-locks/`.
    Gradle,
    /// `buildscript-gradle.lockfile`: what the build itself uses.
    GradleBuild,
    /// `gradle/verification-metadata.xml`.
    GradleVerification,
    /// `gradle/libs.versions.toml`.
    GradleCatalog,
    /// `Podfile.lock`.
    Podfile,
    /// `Package.resolved` of Swift packages, versions 1 to 3.
    Swift,
    /// `Cartfile.resolved`.
    Carthage,
    /// `pubspec.lock`.
    Pub,
    /// `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.
    Npm,
    /// `yarn.lock`, of Yarn 1 and of Berry.
    Yarn,
    /// `pnpm-lock.yaml`, versions 5 to 9.
    Pnpm,
    /// `Cargo.lock`, versions 1 to 4.
    Cargo,
}

impl LockKind {
    /// All formats.
    pub const ALL: [LockKind; 12] = [
        LockKind::Gradle,
        LockKind::GradleBuild,
        LockKind::GradleVerification,
        LockKind::GradleCatalog,
        LockKind::Podfile,
        LockKind::Swift,
        LockKind::Carthage,
        LockKind::Pub,
        LockKind::Npm,
        LockKind::Yarn,
        LockKind::Pnpm,
        LockKind::Cargo,
    ];

    /// The format of a file, by its path with `/`.
    pub fn of(path: &str) -> Option<LockKind> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Some(match name {
            "gradle.lockfile" => LockKind::Gradle,
            "buildscript-gradle.lockfile" => LockKind::GradleBuild,
            "verification-metadata.xml" => LockKind::GradleVerification,
            "Podfile.lock" => LockKind::Podfile,
            "Package.resolved" => LockKind::Swift,
            "Cartfile.resolved" => LockKind::Carthage,
            "pubspec.lock" => LockKind::Pub,
            "package-lock.json" | "npm-shrinkwrap.json" => LockKind::Npm,
            "yarn.lock" => LockKind::Yarn,
            "pnpm-lock.yaml" => LockKind::Pnpm,
            "Cargo.lock" => LockKind::Cargo,
            _ if name.ends_with(".versions.toml") => LockKind::GradleCatalog,
            _ if name.ends_with(".lockfile") && folder.ends_with("dependency-locks") => {
                if name.starts_with("buildscript-") { LockKind::GradleBuild } else { LockKind::Gradle }
            }
            _ => return None,
        })
    }
}

/// Reads a file. `file` names it in places and errors.
pub fn read(kind: LockKind, file: &str, bytes: &[u8]) -> Result<Vec<Component>, ReadError> {
    let source = if kind == LockKind::GradleCatalog { Source::Declared } else { Source::Locked };
    let mut found = Found { file, source, components: Vec::new() };
    let outcome = match kind {
        LockKind::Gradle => gradle::read(bytes, Scope::Runtime, &mut found),
        LockKind::GradleBuild => gradle::read(bytes, Scope::Build, &mut found),
        LockKind::GradleVerification => verification::read(bytes, &mut found),
        LockKind::GradleCatalog => catalog::read(bytes, &mut found),
        LockKind::Podfile => pods::read(bytes, &mut found),
        LockKind::Swift => swift::read(bytes, &mut found),
        LockKind::Carthage => carthage::read(bytes, &mut found),
        LockKind::Pub => pub_dev::read(bytes, &mut found),
        LockKind::Npm => npm::read(bytes, &mut found),
        LockKind::Yarn if yarn::is_berry(bytes) => berry::read(bytes, &mut found),
        LockKind::Yarn => yarn::read(bytes, &mut found),
        LockKind::Pnpm => pnpm::read(bytes, &mut found),
        LockKind::Cargo => cargo::read(bytes, &mut found),
    };
    outcome.map_err(|wrong| wrong.of(file))?;
    for component in &mut found.components {
        component.requires.sort_unstable();
        component.requires.dedup();
    }
    Ok(found.components)
}

/// What was found so far in a file.
struct Found<'a> {
    file: &'a str,
    source: Source,
    components: Vec<Component>,
}

impl Found<'_> {
    /// Adds a component; gives its position.
    fn add(
        &mut self,
        ecosystem: Ecosystem,
        name: &str,
        version: Option<&str>,
        line: u32,
    ) -> Result<(u32, &mut Component), Wrong> {
        if self.components.len() >= MAX_COMPONENTS {
            return Err(Wrong::limit(line, MAX_COMPONENTS as u64, "components"));
        }
        named(name, line)?;
        if let Some(version) = version {
            named(version, line)?;
        }
        let position = u32::try_from(self.components.len()).unwrap_or(u32::MAX);
        let place = Place { file: self.file.to_owned(), line: Some(line), source: self.source };
        self.components.push(Component::new(ecosystem, name, version, place));
        self.components.last_mut().map(|component| (position, component)).ok_or_else(|| Wrong::malformed(line, ""))
    }

    fn get(&mut self, position: u32) -> Option<&mut Component> {
        self.components.get_mut(usize::try_from(position).ok()?)
    }

    /// Notes that one needs the other.
    fn requires(&mut self, one: u32, other: u32) {
        if one != other
            && let Some(component) = self.get(one)
        {
            component.requires.push(other);
        }
    }

    /// Sets the relation of all: those at these positions are direct, the others transitive.
    fn relate(&mut self, direct: &[u32]) {
        for component in &mut self.components {
            component.relation = Relation::Transitive;
        }
        for position in direct {
            if let Some(component) = self.get(*position) {
                component.relation = Relation::Direct;
            }
        }
    }

    /// Sets the scope of all: what is reached from these is shipped, the rest is for development.
    fn reach(&mut self, shipped: &[u32]) {
        let mut reached = vec![false; self.components.len()];
        let mut next = shipped.to_vec();
        while let Some(position) = next.pop() {
            let index = usize::try_from(position).unwrap_or(usize::MAX);
            let Some(seen) = reached.get_mut(index) else { continue };
            if !std::mem::replace(seen, true)
                && let Some(component) = self.components.get(index)
            {
                next.extend_from_slice(&component.requires);
            }
        }
        for (component, reached) in self.components.iter_mut().zip(reached) {
            component.scope = if reached { Scope::Runtime } else { Scope::Development };
        }
    }
}

/// Checks that a name, version or address is one.
fn named(text: &str, line: u32) -> Result<(), Wrong> {
    if text.is_empty() {
        return Err(Wrong::malformed(line, "a name or version is empty"));
    }
    if text.len() > MAX_TEXT {
        return Err(Wrong::limit(line, MAX_TEXT as u64, "bytes in a name or version"));
    }
    if text.chars().any(char::is_control) {
        return Err(Wrong::malformed(line, format!("a control character in `{}`", shown(text))));
    }
    Ok(())
}
