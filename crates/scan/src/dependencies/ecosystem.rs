//! The registries that components come from, with their names in OSV and in package URLs.

use super::version::Scheme;

/// Where a component's name is registered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ecosystem {
    /// Maven repositories: `group:artifact`.
    Maven,
    /// npm: `name` or `@scope/name`.
    Npm,
    /// Dart and Flutter: pub.dev.
    Pub,
    /// Swift packages, named by their address without scheme: `github.com/owner/name`.
    SwiftUrl,
    /// `CocoaPods`.
    CocoaPods,
    /// Rust: crates.io.
    CratesIo,
    /// Carthage, named as Swift packages are.
    Carthage,
    /// Libraries in C and C++, by their common name.
    Native,
    /// Frameworks in an iOS app that no package manager tells about, by bundle identifier.
    Framework,
    /// Packaged server software with plain semantic versions, of use for native libraries.
    Bitnami,
    /// C and C++ libraries of Conan.
    ConanCenter,
    /// Ruby gems, for the tools of a source folder.
    RubyGems,
}

/// All ecosystems, in the order of their codes in an index.
const ALL: [Ecosystem; 12] = [
    Ecosystem::Maven,
    Ecosystem::Npm,
    Ecosystem::Pub,
    Ecosystem::SwiftUrl,
    Ecosystem::CocoaPods,
    Ecosystem::CratesIo,
    Ecosystem::Carthage,
    Ecosystem::Native,
    Ecosystem::Framework,
    Ecosystem::Bitnami,
    Ecosystem::ConanCenter,
    Ecosystem::RubyGems,
];

impl Ecosystem {
    /// The name that OSV writes, or ours where OSV has none.
    pub fn name(self) -> &'static str {
        match self {
            Ecosystem::Maven => "Maven",
            Ecosystem::Npm => "npm",
            Ecosystem::Pub => "Pub",
            Ecosystem::SwiftUrl => "SwiftURL",
            Ecosystem::CocoaPods => "CocoaPods",
            Ecosystem::CratesIo => "crates.io",
            Ecosystem::Carthage => "Carthage",
            Ecosystem::Native => "native",
            Ecosystem::Framework => "framework",
            Ecosystem::Bitnami => "Bitnami",
            Ecosystem::ConanCenter => "ConanCenter",
            Ecosystem::RubyGems => "RubyGems",
        }
    }

    /// The ecosystem of an OSV name; a suffix such as `:https://maven.google.com` names a repository of it.
    pub fn of_osv(name: &str) -> Option<Ecosystem> {
        let base = name.split_once(':').map_or(name, |(base, _)| base);
        ALL.into_iter()
            .filter(|one| !matches!(one, Ecosystem::Carthage | Ecosystem::Native | Ecosystem::Framework))
            .find(|one| one.name() == base)
    }

    /// The code in an index.
    pub(crate) fn code(self) -> u8 {
        u8::try_from(ALL.iter().position(|one| *one == self).unwrap_or_default()).unwrap_or_default()
    }

    /// The ecosystem of a code.
    pub(crate) fn of_code(code: u8) -> Option<Ecosystem> {
        ALL.get(usize::from(code)).copied()
    }

    /// How its versions are ordered.
    pub fn scheme(self) -> Scheme {
        match self {
            Ecosystem::Maven => Scheme::Maven,
            Ecosystem::Pub => Scheme::Pub,
            Ecosystem::CocoaPods => Scheme::CocoaPods,
            Ecosystem::RubyGems => Scheme::Gem,
            _ => Scheme::SemVer,
        }
    }

    /// The name as it is compared: exact in most registries, without case for hosts and owners of Git forges.
    pub(crate) fn key(self, name: &str) -> String {
        match self {
            Ecosystem::SwiftUrl | Ecosystem::Carthage => name.to_ascii_lowercase(),
            _ => name.to_owned(),
        }
    }
}
