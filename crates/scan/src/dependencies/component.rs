//! What an app is built from: one component with its version, its place and how it is known.

use std::fmt::Write as _;

use super::Ecosystem;

/// How a component comes into the app.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Relation {
    /// The app names it itself.
    Direct,
    /// Another component brings it.
    Transitive,
    /// The source does not tell.
    #[default]
    Unknown,
}

/// What a component is used for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Scope {
    /// Part of what is shipped.
    Runtime,
    /// The source does not tell.
    #[default]
    Unknown,
    /// Used by the build itself, such as a Gradle plugin.
    Build,
    /// Used for tests and development alone.
    Development,
}

impl Scope {
    /// The word that reports write.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Runtime => "runtime",
            Scope::Unknown => "unknown",
            Scope::Build => "build",
            Scope::Development => "development",
        }
    }
}

/// How a component is known, the surest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Source {
    /// A lock file says which version was resolved.
    Locked,
    /// The package holds metadata that the library's own build wrote.
    Embedded,
    /// A manifest asks for this version; the resolved one may be higher.
    Declared,
    /// The library's binary holds a version text.
    Text,
    /// Classes of the library's packages are there.
    Classes,
}

impl Source {
    /// How sure it is, in percent.
    pub fn percent(self) -> u8 {
        match self {
            Source::Locked => 100,
            Source::Embedded => 95,
            Source::Text => 85,
            Source::Declared => 70,
            Source::Classes => 50,
        }
    }

    /// The technique's name in `CycloneDX` (`evidence.identity.methods.technique`).
    pub fn technique(self) -> &'static str {
        match self {
            Source::Locked | Source::Declared | Source::Embedded => "manifest-analysis",
            Source::Text => "binary-analysis",
            Source::Classes => "other",
        }
    }
}

/// A digest algorithm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// How many bytes its digests have.
    pub fn bytes(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha384 => 48,
            Algorithm::Sha512 => 64,
        }
    }

    /// The name in `CycloneDX`.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha1 => "SHA-1",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha384 => "SHA-384",
            Algorithm::Sha512 => "SHA-512",
        }
    }
}

/// The digest of the component's archive.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Digest {
    /// How it was made.
    pub algorithm: Algorithm,
    /// The digest in lower-case hexadecimal.
    pub hex: String,
}

impl Digest {
    /// From hexadecimal digits of any case; `None` unless they are as many as the algorithm gives.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Option<Digest> {
        let whole = hex.len() == algorithm.bytes() * 2 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        whole.then(|| Digest { algorithm, hex: hex.to_ascii_lowercase() })
    }

    /// From bytes; `None` unless they are as many as the algorithm gives.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Digest> {
        if bytes.len() != algorithm.bytes() {
            return None;
        }
        let mut hex = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            let _ = write!(hex, "{byte:02x}");
        }
        Some(Digest { algorithm, hex })
    }
}

/// Where a component was seen.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// The file, or the path inside the package.
    pub file: String,
    /// The line, from 1, in text files; the offset in binary ones.
    pub line: Option<u32>,
    /// How this place makes it known.
    pub source: Source,
}

/// A component.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Component {
    /// Where its name is registered.
    pub ecosystem: Ecosystem,
    /// Its name as the registry and OSV write it: `group:artifact`, `@scope/name`, `github.com/owner/name`.
    pub name: String,
    /// Its version, when known exactly.
    pub version: Option<String>,
    /// How it comes into the app.
    pub relation: Relation,
    /// What it is used for.
    pub scope: Scope,
    /// Digests of its archive.
    pub digests: Vec<Digest>,
    /// Where it was seen; never empty.
    pub places: Vec<Place>,
    /// Where it was fetched from, when not from its registry: a Git address with its commit, a file or a URL.
    pub origin: Option<String>,
    /// What it needs, as positions in the list that it stands in; ascending.
    pub requires: Vec<u32>,
}

impl Component {
    /// A component at one place, of which nothing more is known.
    pub fn new(ecosystem: Ecosystem, name: impl Into<String>, version: Option<&str>, place: Place) -> Component {
        Component {
            ecosystem,
            name: name.into(),
            version: version.map(str::to_owned),
            relation: Relation::Unknown,
            scope: Scope::Unknown,
            digests: Vec::new(),
            places: vec![place],
            origin: None,
            requires: Vec::new(),
        }
    }

    /// The surest way in which it is known.
    pub fn source(&self) -> Source {
        self.places.iter().map(|place| place.source).min().unwrap_or(Source::Classes)
    }

    /// Its package URL.
    pub fn purl(&self) -> String {
        super::purl::write(self)
    }
}
