//! How a program of Apple's platforms was built, and which APIs it uses that need a reason.

use std::collections::{BTreeMap, BTreeSet};

use testudo_package::macho::{BUNDLE, CodeDirectory, DYLIB, Link, MachO, PROGRAM};
use testudo_package::plist::Plist;

use super::{Of, Privacy, required, signing, watched};
use crate::facts::declared::{Kind, Type};
use crate::facts::{Facts, Row};
use crate::report::Place;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "mach-o",
        what: "a program or library for one processor",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("architecture", Type::Text),
            // `program`, `library`, `plug-in`, `other`.
            ("type", Type::Text),
            ("encrypted", Type::Flag),
            ("pie", Type::Flag),
            ("executable-stack", Type::Flag),
            ("canary", Type::Flag),
            ("arc", Type::Flag),
            // Whether Objective-C or Swift is in it.
            ("objective-c", Type::Flag),
            ("swift", Type::Flag),
            // Whether debuggers see files and functions of its source.
            ("debug-symbols", Type::Flag),
            // Functions of the C library that write without a bound.
            ("unbounded", Type::List),
            ("rpaths", Type::List),
            // Folders of libraries that lie outside of the app.
            ("outer-rpaths", Type::List),
            ("libraries", Type::List),
            ("weak-libraries", Type::List),
            ("private-frameworks", Type::List),
            ("signed", Type::Flag),
            // The form's version, `0x20400` as a number; the flags; the kind of digests.
            ("signature-version", Type::Number),
            ("ad-hoc", Type::Flag),
            ("digest", Type::Text),
            ("identifier", Type::Text),
            ("team", Type::Text),
            // Whether every page and every blob is what its digest says. Who signed is never verified.
            ("pages-match", Type::Flag),
            ("changed-pages", Type::Number),
            ("blobs-match", Type::Flag),
            ("info-matches", Type::Flag),
            ("resources-match", Type::Flag),
            ("entitlements-der", Type::Flag),
            ("chain-verified", Type::Flag),
            ("minimum-os", Type::Text),
            ("sdk", Type::Text),
        ],
    },
    Kind {
        name: "required-reason-use",
        what: "the use of an API that needs a reason in the privacy manifest",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("category", Type::Text),
            ("api", Type::Text),
            ("declared", Type::Flag),
        ],
    },
    Kind {
        name: "apple-api-use",
        what: "the use of an API that rules ask about; once for each family",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("family", Type::Text),
            ("apis", Type::List),
        ],
    },
    Kind {
        name: "described-api-use",
        what: "the use of an API that asks people for a permission",
        attributes: &[
            ("bundle", Type::Text),
            ("bundle-kind", Type::Text),
            ("api", Type::Text),
            ("keys", Type::List),
            ("described", Type::Flag),
        ],
    },
];

const UNBOUNDED: [&str; 6] = ["_gets", "_strcpy", "_strcat", "_stpcpy", "_sprintf", "_vsprintf"];

/// APIs of a family that are named.
const MOST_WATCHED: usize = 16;

/// What a bundle declares.
#[derive(Clone, Copy, Default, Debug)]
pub struct Described<'d> {
    /// The `Info.plist` in whose name people are asked.
    pub info: Option<&'d Plist>,
    /// Its privacy manifest.
    pub privacy: Option<&'d Privacy>,
    /// Its own `Info.plist`, as it is written.
    pub sealed_info: Option<&'d [u8]>,
    /// The list of its resources with their digests, as it is written.
    pub sealed_resources: Option<&'d [u8]>,
}

const SLOT_INFO: usize = 1;
const SLOT_RESOURCES: usize = 3;

/// The rows of a program. Uses and entitlements are told of the `first` processor's only: the others have the same.
pub fn rows(of: Of<'_>, macho: &MachO<'_>, described: Described<'_>, first: bool, facts: &mut Facts) {
    let symbols = Symbols::gather(macho);
    let place = || Place::Native { file: of.file.to_owned(), symbol: None };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let path_of = |weak: bool| {
        let own = macho.libraries.iter().filter(move |library| (library.link == Link::Weak) == weak);
        own.map(|library| text(library.path))
    };
    let outer = |path: &&[u8]| !path.starts_with(b"@") && !path.starts_with(b"/usr/lib/swift");
    let private = |path: &String| path.starts_with("/System/Library/PrivateFrameworks/");
    let row = of
        .row("mach-o", place())
        .text("architecture", macho.architecture())
        .text(
            "type",
            match macho.kind {
                PROGRAM => "program",
                DYLIB => "library",
                BUNDLE => "plug-in",
                _ => "other",
            },
        )
        .flag("encrypted", macho.is_encrypted())
        .flag("pie", macho.is_position_independent())
        .flag("executable-stack", macho.has_executable_stack())
        .flag("canary", symbols.canary)
        .flag("arc", symbols.arc)
        .flag("objective-c", symbols.objective_c)
        .flag("swift", symbols.swift)
        .flag("debug-symbols", symbols.debug)
        .list("unbounded", symbols.unbounded)
        .list("rpaths", macho.rpaths.iter().map(|path| text(path)))
        .list("outer-rpaths", macho.rpaths.iter().filter(|path| outer(path)).map(|path| text(path)))
        .list("libraries", path_of(false))
        .list("weak-libraries", path_of(true))
        .list("private-frameworks", path_of(false).chain(path_of(true)).filter(private))
        .flag("signed", macho.is_signed())
        .text_of("minimum-os", macho.least_system.map(version))
        .text_of("sdk", macho.sdk.map(version));
    let signature = macho.code_signature();
    let directory = signature.as_ref().and_then(|signature| signature.directory());
    let row = match (&signature, directory) {
        (Some(signature), Some(directory)) => {
            let pages = signature.pages(directory);
            let sealed = |slot, file: Option<&[u8]>| directory.digest_is(file?, directory.special(slot)?);
            signed(row, directory)
                .flag("info-matches", sealed(SLOT_INFO, described.sealed_info))
                .flag("resources-match", sealed(SLOT_RESOURCES, described.sealed_resources))
                .flag("pages-match", pages.as_ref().map(|pages| pages.wrong == 0 && pages.complete))
                .number("changed-pages", pages.map(|pages| i64::try_from(pages.wrong).unwrap_or(i64::MAX)))
                .flag("blobs-match", signature.blobs_match(directory))
                .flag("entitlements-der", signature.entitlements.map(|_| signature.entitlements_der.is_some()))
                .flag("chain-verified", false)
        }
        _ => row,
    };
    facts.push(row);
    if !first {
        return;
    }
    for (category, api) in symbols.required {
        let declared = described.privacy.is_some_and(|privacy| privacy.declares(category));
        facts.push(
            of.row("required-reason-use", Place::Native { file: of.file.to_owned(), symbol: Some(api.clone()) })
                .text("category", category)
                .text("api", api)
                .flag("declared", declared),
        );
    }
    for (family, apis) in symbols.watched {
        let symbol = apis.first().cloned();
        facts.push(
            of.row("apple-api-use", Place::Native { file: of.file.to_owned(), symbol })
                .text("family", family)
                .list("apis", apis),
        );
    }
    for (api, keys) in symbols.described {
        let has = |key: &&str| described.info.is_some_and(|info| info.get(key).is_some());
        facts.push(
            of.row("described-api-use", Place::Native { file: of.file.to_owned(), symbol: Some(api.to_owned()) })
                .text("api", api)
                .list("keys", keys.iter().copied())
                .flag("described", keys.iter().any(has)),
        );
    }
    let entitlements = signature.and_then(|signature| signature.entitlements);
    if let Some(list) = entitlements.and_then(|bytes| Plist::read(bytes).ok()) {
        signing::entitlements(of, &list, "code-signature", facts);
    }
}

fn signed(row: Row, directory: &CodeDirectory<'_>) -> Row {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    row.number("signature-version", i64::from(directory.version))
        .flag("ad-hoc", directory.is_ad_hoc())
        .text(
            "digest",
            match directory.hash {
                1 => "sha1",
                2 => "sha256",
                3 => "sha256-truncated",
                4 => "sha384",
                _ => "unknown",
            },
        )
        .text("identifier", text(directory.identifier))
        .text_of("team", directory.team.map(text))
}

/// What the symbols and selectors of a program say.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an attribute of the row")]
struct Symbols {
    canary: bool,
    arc: bool,
    objective_c: bool,
    swift: bool,
    debug: bool,
    unbounded: BTreeSet<String>,
    required: BTreeSet<(&'static str, String)>,
    watched: BTreeMap<&'static str, BTreeSet<String>>,
    described: BTreeSet<(&'static str, &'static [&'static str])>,
}

impl Symbols {
    fn gather(macho: &MachO<'_>) -> Symbols {
        let mut found = Symbols::default();
        for symbol in macho.symbols() {
            found.debug |= symbol.debug;
            if !symbol.is_import() {
                continue;
            }
            let Ok(name) = std::str::from_utf8(symbol.name) else { continue };
            found.canary |= name == "___stack_chk_fail";
            found.objective_c |= name == "_objc_msgSend" || name.starts_with("_OBJC_CLASS_$_");
            found.swift |= name.starts_with("_swift_") || name.starts_with("_$s");
            found.arc |= matches!(
                name,
                "_objc_release"
                    | "_objc_retain"
                    | "_objc_storeStrong"
                    | "_objc_autoreleaseReturnValue"
                    | "_objc_retainAutoreleasedReturnValue"
                    | "_objc_retainAutorelease"
                    | "_swift_release"
                    | "_swift_retain"
            );
            // Newer compilers call a release for each register.
            found.arc |= name.starts_with("_objc_release_x") || name.starts_with("_objc_retain_x");
            if UNBOUNDED.contains(&name) {
                found.unbounded.insert(name.trim_start_matches('_').to_owned());
            }
            if let Some(category) = required::of_symbol(name) {
                found.required.insert((category.name, name.trim_start_matches('_').to_owned()));
            }
            found.described.extend(required::described(name));
            if let Some((family, shown)) = watched::of_symbol(name) {
                found.watch(family.name, shown.trim_start_matches("OBJC_CLASS_$_"));
            }
        }
        for name in macho.selectors().filter_map(|name| std::str::from_utf8(name).ok()) {
            if let Some(category) = required::of_selector(name) {
                found.required.insert((category.name, name.to_owned()));
            }
            if let Some(family) = watched::of_selector(name) {
                found.watch(family.name, name);
            }
        }
        found
    }

    fn watch(&mut self, family: &'static str, api: &str) {
        let apis = self.watched.entry(family).or_default();
        if apis.len() < MOST_WATCHED {
            apis.insert(api.to_owned());
        }
    }
}

/// A version whose parts have 16, 8 and 8 bits.
fn version(packed: u32) -> String {
    format!("{}.{}.{}", packed >> 16, packed >> 8 & 0xff, packed & 0xff)
}
