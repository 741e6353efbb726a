//! Package URLs (purl specification 1.0, with its list of types).

use std::fmt::Write as _;

use super::{Component, Ecosystem};

/// The package URL of a component.
pub(super) fn write(component: &Component) -> String {
    let (kind, namespace, name) = parts(component.ecosystem, &component.name);
    let mut purl = format!("pkg:{kind}/");
    for segment in namespace.split('/').filter(|segment| !segment.is_empty()) {
        escape(segment, &mut purl);
        purl.push('/');
    }
    escape(&name, &mut purl);
    if let Some(version) = &component.version {
        purl.push('@');
        escape(version, &mut purl);
    }
    purl
}

/// Type, namespace and name.
fn parts(ecosystem: Ecosystem, name: &str) -> (&'static str, String, String) {
    let split = |at: char| match name.rsplit_once(at) {
        Some((namespace, last)) => (namespace.to_owned(), last.to_owned()),
        None => (String::new(), name.to_owned()),
    };
    match ecosystem {
        Ecosystem::Maven => {
            let (group, artifact) = name.split_once(':').unwrap_or(("", name));
            ("maven", group.to_owned(), artifact.to_owned())
        }
        Ecosystem::Npm => {
            let (namespace, name) = split('/');
            ("npm", namespace, name)
        }
        Ecosystem::Pub => ("pub", String::new(), name.to_ascii_lowercase()),
        Ecosystem::SwiftUrl => {
            let (namespace, name) = split('/');
            ("swift", namespace, name)
        }
        Ecosystem::Carthage => {
            let (namespace, name) = split('/');
            match namespace.strip_prefix("github.com/") {
                Some(owner) => ("github", owner.to_ascii_lowercase(), name.to_ascii_lowercase()),
                None => ("generic", namespace, name),
            }
        }
        Ecosystem::CocoaPods => ("cocoapods", String::new(), name.to_owned()),
        Ecosystem::CratesIo => ("cargo", String::new(), name.to_owned()),
        Ecosystem::RubyGems => ("gem", String::new(), name.to_owned()),
        Ecosystem::Bitnami => ("bitnami", String::new(), name.to_owned()),
        Ecosystem::ConanCenter => ("conan", String::new(), name.to_owned()),
        Ecosystem::Native | Ecosystem::Framework => ("generic", String::new(), name.to_owned()),
    }
}

/// Percent-encodes all but letters, digits and `.-_~`; the colon stays, as the specification asks.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dependencies::{Place, Source};

    #[test]
    fn each_type_follows_the_specification() {
        let purl = |ecosystem, name: &str, version| {
            let place = Place { file: "f".into(), line: None, source: Source::Locked };
            Component::new(ecosystem, name, version, place).purl()
        };
        for (ecosystem, name, version, expected) in [
            (Ecosystem::Maven, "org.a.b:c", Some("1.9.1"), "pkg:maven/org.a.b/c@1.9.1"),
            (Ecosystem::Npm, "@angular/animation", Some("12.3.1"), "pkg:npm/%40angular/animation@12.3.1"),
            (Ecosystem::Npm, "foobar", None, "pkg:npm/foobar"),
            (
                Ecosystem::SwiftUrl,
                "github.com/Alamofire/Alamofire",
                Some("5.4.3"),
                "pkg:swift/github.com/Alamofire/Alamofire@5.4.3",
            ),
            (Ecosystem::CocoaPods, "GoogleUtilities", Some("7.5.2"), "pkg:cocoapods/GoogleUtilities@7.5.2"),
            (Ecosystem::Pub, "Characters", Some("1.2.0+a"), "pkg:pub/characters@1.2.0%2Ba"),
            (Ecosystem::CratesIo, "rand", Some("0.7.2"), "pkg:cargo/rand@0.7.2"),
            (Ecosystem::Carthage, "github.com/ReactiveX/RxSwift", Some("v6"), "pkg:github/reactivex/rxswift@v6"),
            (Ecosystem::Native, "openssl", Some("1.1.1k"), "pkg:generic/openssl@1.1.1k"),
        ] {
            assert_eq!(purl(ecosystem, name, version), expected);
        }
    }
}
