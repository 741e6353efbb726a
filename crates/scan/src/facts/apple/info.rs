//! What an `Info.plist` says: transport security, URL schemes, reasons for permissions, background modes.

use testudo_package::plist::Plist;

use super::Of;
use crate::facts::Facts;
use crate::facts::declared::{Kind, Type};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "info-plist",
        what: "what the Info.plist of a bundle says",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("identifier", Type::Text),
            // Exceptions from App Transport Security for all domains.
            ("ats-arbitrary-loads", Type::Flag),
            ("ats-arbitrary-media", Type::Flag),
            ("ats-arbitrary-web", Type::Flag),
            ("ats-local-networking", Type::Flag),
            ("schemes", Type::List),
            ("queried-schemes", Type::List),
            ("usage-descriptions", Type::List),
            ("background-modes", Type::List),
            // Whether a computer reads the app's documents, and whether other apps open them where they are.
            ("file-sharing", Type::Flag),
            ("documents-in-place", Type::Flag),
            // Whether it says that it uses encryption that needs a permit.
            ("encryption-declared", Type::Flag),
            ("minimum-os", Type::Text),
            ("minimum-os-major", Type::Number),
            ("sdk", Type::Text),
            ("sdk-major", Type::Number),
            // Keys of app extensions.
            ("extension-point", Type::Text),
            ("open-access", Type::Flag),
        ],
    },
    Kind {
        name: "ats-domain",
        what: "an exception from App Transport Security for a domain",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("domain", Type::Text),
            ("subdomains", Type::Flag),
            ("insecure-http", Type::Flag),
            ("minimum-tls", Type::Text),
            ("forward-secrecy", Type::Flag),
            ("pinned", Type::Flag),
        ],
    },
    Kind {
        name: "url-scheme",
        what: "a URL scheme that opens the app",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("scheme", Type::Text),
            ("role", Type::Text),
        ],
    },
    Kind {
        name: "usage-description",
        what: "the reason that people are told for a permission",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("key", Type::Text),
            ("text", Type::Text),
            ("words", Type::Number),
        ],
    },
];

const ATS: &str = "NSAppTransportSecurity";
const DOMAINS: &str = "NSExceptionDomains";
const PINNED: &str = "NSPinnedDomains";
/// Exceptions and schemes that are looked at.
const MOST: usize = 2_000;

/// The rows of an `Info.plist`.
pub fn rows(of: Of<'_>, info: &Plist, facts: &mut Facts) {
    let text = |key| info.get(key).and_then(Plist::text);
    let flag = |key| info.get(key).and_then(Plist::flag);
    let list = |key| info.get(key).into_iter().flat_map(Plist::texts).take(MOST).map(str::to_owned);
    let ats = info.get(ATS);
    let ats_flag = |key| ats.and_then(|ats| ats.get(key)?.flag());
    // Where a narrower exception is written, the general one is not looked at (since iOS 10).
    let special = ["NSAllowsArbitraryLoadsForMedia", "NSAllowsArbitraryLoadsInWebContent", "NSAllowsLocalNetworking"];
    let narrowed = special.iter().any(|key| ats.is_some_and(|ats| ats.get(key).is_some()));
    let arbitrary = ats_flag("NSAllowsArbitraryLoads").map(|flag| flag && !narrowed);
    let schemes: Vec<(usize, String, Option<&str>)> = schemes(info).take(MOST).collect();
    let descriptions = info.entries().iter().filter(|(key, _)| key.ends_with("UsageDescription")).take(MOST);
    let extension = info.get("NSExtension");
    let attributes = extension.and_then(|extension| extension.get("NSExtensionAttributes"));
    let sdk = text("DTSDKName");
    facts.push(
        of.row("info-plist", of.place(""))
            .text_of("identifier", text("CFBundleIdentifier"))
            .flag("ats-arbitrary-loads", arbitrary)
            .flag("ats-arbitrary-media", ats_flag("NSAllowsArbitraryLoadsForMedia"))
            .flag("ats-arbitrary-web", ats_flag("NSAllowsArbitraryLoadsInWebContent"))
            .flag("ats-local-networking", ats_flag("NSAllowsLocalNetworking"))
            .list("schemes", schemes.iter().map(|(_, scheme, _)| scheme.clone()))
            .list("queried-schemes", list("LSApplicationQueriesSchemes"))
            .list("usage-descriptions", descriptions.clone().map(|(key, _)| key.clone()))
            .list("background-modes", list("UIBackgroundModes"))
            .flag("file-sharing", flag("UIFileSharingEnabled"))
            .flag("documents-in-place", flag("LSSupportsOpeningDocumentsInPlace"))
            .flag("encryption-declared", flag("ITSAppUsesNonExemptEncryption"))
            .text_of("minimum-os", text("MinimumOSVersion"))
            .number("minimum-os-major", text("MinimumOSVersion").and_then(major))
            .text_of("sdk", sdk)
            .number("sdk-major", sdk.and_then(major))
            .text_of("extension-point", extension.and_then(|own| own.get("NSExtensionPointIdentifier")?.text()))
            .flag("open-access", attributes.and_then(|own| own.get("RequestsOpenAccess")?.flag())),
    );
    let pinned = ats.and_then(|ats| ats.get(PINNED)).map_or(&[][..], Plist::entries);
    let domains = ats.and_then(|ats| ats.get(DOMAINS)).map_or(&[][..], Plist::entries);
    for (domain, exception) in domains.iter().take(MOST) {
        let either = |one, other| exception.get(one).or_else(|| exception.get(other));
        let insecure = either("NSExceptionAllowsInsecureHTTPLoads", "NSThirdPartyExceptionAllowsInsecureHTTPLoads");
        let tls = either("NSExceptionMinimumTLSVersion", "NSThirdPartyExceptionMinimumTLSVersion");
        let secrecy = either("NSExceptionRequiresForwardSecrecy", "NSThirdPartyExceptionRequiresForwardSecrecy");
        facts.push(
            of.row("ats-domain", of.place(format!("{ATS}/{DOMAINS}/{domain}")))
                .text("domain", domain)
                .flag("subdomains", exception.get("NSIncludesSubdomains").and_then(Plist::flag))
                .flag("insecure-http", insecure.and_then(Plist::flag))
                .text_of("minimum-tls", tls.and_then(Plist::text))
                .flag("forward-secrecy", secrecy.and_then(Plist::flag))
                .flag("pinned", pinned.iter().take(MOST).any(|(own, _)| own == domain)),
        );
    }
    for (nth, scheme, role) in schemes {
        facts.push(
            of.row("url-scheme", of.place(format!("CFBundleURLTypes[{nth}]/CFBundleURLSchemes[{scheme}]")))
                .text("scheme", scheme)
                .text_of("role", role),
        );
    }
    for (key, value) in descriptions {
        let text = value.text().unwrap_or_default().trim();
        let words = text.split_whitespace().take(1_000).count();
        facts.push(
            of.row("usage-description", of.place(key))
                .text("key", key)
                .text("text", text)
                .number("words", i64::try_from(words).unwrap_or(i64::MAX)),
        );
    }
}

/// The schemes: the number of their type, the scheme in lower case, the role.
fn schemes(info: &Plist) -> impl Iterator<Item = (usize, String, Option<&str>)> {
    let types = info.get("CFBundleURLTypes").map_or(&[][..], Plist::items).iter().enumerate();
    types.flat_map(|(nth, own)| {
        let role = own.get("CFBundleTypeRole").and_then(Plist::text);
        let schemes = own.get("CFBundleURLSchemes").into_iter().flat_map(Plist::texts);
        schemes.map(move |scheme| (nth, scheme.to_lowercase(), role))
    })
}

/// The first number in a version, or in a name like `iphoneos17.2`.
fn major(version: &str) -> Option<i64> {
    let digits = version.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    digits.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}
