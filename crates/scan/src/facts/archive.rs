//! Facts from the archive itself: how it is built, what readers would disagree about, and files that nobody meant to ship.

use std::collections::BTreeMap;

use testudo_package::zip::{AnomalyKind, Archive, Effect, Entry};

use super::manifest::count;
use super::{Attribute, Facts, Kind, Row, Type};
use crate::report::Place;
use Type::{Flag, List, Number, Text};

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "package", what: "the package as a whole, once", attributes: PACKAGE },
    Kind { name: "anomaly", what: "what is odd about the archive, once for each kind of it", attributes: ANOMALY },
    Kind { name: "file", what: "a file that does not belong into a package", attributes: FILE },
];

const PACKAGE: &[Attribute] = &[
    ("format", Text),
    ("files", Number),
    ("bytes", Number),
    ("abis", List),
    ("has-32-bit", Flag),
    ("has-64-bit", Flag),
    ("frameworks", List),
];
const ANOMALY: &[Attribute] = &[("name", Text), ("effect", Text), ("detail", Text), ("times", Number)];
const FILE: &[Attribute] = &[("name", Text), ("sort", Text), ("bytes", Number)];

/// The largest file whose contents are looked at.
const MAX_BYTES: u64 = 256 << 10;
/// The most files whose contents are looked at.
const MAX_LOOKS: usize = 500;

/// The facts of an archive. `format` is `apk`, `aab`, `ipa` or another; `prefix` stands before the paths of a package
/// within a package, as in `base.apk!/`.
pub fn rows(archive: &Archive<'_>, format: &str, prefix: &str, facts: &mut Facts) {
    facts.push(package(archive, format));
    anomalies(archive, prefix, facts);
    let mut looks = MAX_LOOKS;
    for entry in archive.entries().iter().filter(|entry| !entry.is_folder()) {
        let name = entry.text();
        let sort = file_sort(&name).or_else(|| content_sort(archive, entry, &name, &mut looks));
        if let Some(sort) = sort {
            let row = Row::new("file", Place::File { file: format!("{prefix}{name}") })
                .text("name", name.as_ref())
                .text("sort", sort)
                .number("bytes", i64::try_from(entry.size).unwrap_or(i64::MAX));
            facts.push(row);
        }
    }
}

fn package(archive: &Archive<'_>, format: &str) -> Row {
    const NARROW: [&str; 5] = ["armeabi", "armeabi-v7a", "mips", "riscv32", "x86"];
    let mut abis: Vec<String> = archive.entries().iter().filter_map(|entry| abi(&entry.text())).collect();
    abis.sort();
    abis.dedup();
    let narrow = abis.iter().any(|abi| NARROW.contains(&abi.as_str()));
    let wide = abis.iter().any(|abi| abi.contains("64"));
    let has = |name: &str| archive.entries().iter().any(|entry| entry.text().rsplit('/').next() == Some(name));
    let frameworks = [
        ("Flutter", has("libflutter.so") || has("Flutter.framework")),
        ("React Native", has("index.android.bundle") || has("main.jsbundle") || has("libreactnativejni.so")),
        ("Unity", has("libunity.so")),
        ("Xamarin", has("libmonodroid.so") || has("libxamarin-app.so")),
        ("Cordova", has("cordova.js")),
        ("Capacitor", has("capacitor.config.json")),
    ];
    Row::new("package", Place::Package)
        .text("format", format)
        .number("files", count(archive.entries().len()))
        .number("bytes", count(archive.bytes().len()))
        .flag("has-32-bit", narrow)
        .flag("has-64-bit", wide)
        .list("abis", abis)
        .list("frameworks", frameworks.into_iter().filter(|(_, there)| *there).map(|(name, _)| name))
}

/// The processor family that a native library is for.
fn abi(name: &str) -> Option<String> {
    let mut parts = name.rsplit('/');
    parts.next()?.strip_suffix(".so")?;
    let abi = parts.next()?;
    parts.next().filter(|folder| *folder == "lib")?;
    Some(abi.chars().take(32).collect())
}

/// One row for each kind of oddity, at its first entry.
fn anomalies(archive: &Archive<'_>, prefix: &str, facts: &mut Facts) {
    let mut first: BTreeMap<&'static str, (Row, i64)> = BTreeMap::new();
    for anomaly in archive.anomalies() {
        let Some(name) = anomaly_name(&anomaly.kind) else { continue };
        first.entry(name).and_modify(|(_, times)| *times += 1).or_insert_with(|| {
            let entry = anomaly.entry.and_then(|index| archive.entries().get(index as usize));
            let place = entry.map_or(Place::Package, |entry| Place::File { file: format!("{prefix}{}", entry.text()) });
            let effect = match anomaly.kind.effect() {
                Effect::None => "none",
                Effect::Differs => "differs",
                Effect::EntryRefused => "entry-refused",
                Effect::ArchiveRefused => "archive-refused",
            };
            let row = Row::new("anomaly", place)
                .text("name", name)
                .text("effect", effect)
                .text("detail", anomaly.kind.to_string());
            (row, 1)
        });
    }
    for (row, times) in first.into_values() {
        facts.push(row.number("times", times));
    }
}

/// The name of an oddity; none for what every build tool makes.
fn anomaly_name(kind: &AnomalyKind) -> Option<&'static str> {
    Some(match kind {
        AnomalyKind::Gap { .. } => return None,
        AnomalyKind::Empty => "empty",
        AnomalyKind::TrailingBytes { .. } => "trailing-bytes",
        AnomalyKind::CommentCut { .. } => "comment-cut",
        AnomalyKind::EndUnusable => "end-unusable",
        AnomalyKind::AnotherEnd { .. } => "another-end",
        AnomalyKind::SeveralDisks { .. } => "several-disks",
        AnomalyKind::LeadingBytes => "leading-bytes",
        AnomalyKind::Shifted { .. } => "shifted",
        AnomalyKind::CountDiffers { .. } => "count-differs",
        AnomalyKind::DirectoryBroken { .. } => "directory-broken",
        AnomalyKind::Unlisted { .. } => "unlisted",
        AnomalyKind::SigningBlockBroken => "signing-block-broken",
        AnomalyKind::Duplicate { .. } => "duplicate",
        AnomalyKind::NameNul => "name-nul",
        AnomalyKind::NameNotUtf8 => "name-not-utf8",
        AnomalyKind::NameEmpty => "name-empty",
        AnomalyKind::NameAbsolute => "name-absolute",
        AnomalyKind::NameParent => "name-parent",
        AnomalyKind::NameBackslash => "name-backslash",
        AnomalyKind::Link => "link",
        AnomalyKind::UnknownMethod { .. } => "unknown-method",
        AnomalyKind::StoredSizes { .. } => "stored-sizes",
        AnomalyKind::Encrypted => "encrypted",
        AnomalyKind::NoLocalHeader => "no-local-header",
        AnomalyKind::Outside => "outside",
        AnomalyKind::DataOutside => "data-outside",
        AnomalyKind::NameDiffers { .. } => "name-differs",
        AnomalyKind::MethodDiffers { .. } => "method-differs",
        AnomalyKind::FlagsDiffer { .. } => "flags-differ",
        AnomalyKind::SizesDiffer { .. } => "sizes-differ",
        AnomalyKind::ChecksumDiffers { .. } => "checksum-differs",
        AnomalyKind::DescriptorDiffers => "descriptor-differs",
        AnomalyKind::Zip64Broken => "zip64-broken",
        AnomalyKind::Overlap { .. } => "overlap",
        AnomalyKind::Bomb { .. } => "bomb",
        AnomalyKind::OverLimit { .. } => "over-limit",
        _ => "other",
    })
}

/// What a file is by its name alone.
fn file_sort(path: &str) -> Option<&'static str> {
    let path = path.to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let within = |folder: &str| path.starts_with(&format!("{folder}/")) || path.contains(&format!("/{folder}/"));
    if within(".git") || within(".svn") || within(".hg") {
        return Some("version-control");
    }
    match name {
        ".env" | "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" | ".npmrc" | ".netrc" | ".pypirc" => {
            return Some(if name.starts_with("id_") { "private-key" } else { "environment" });
        }
        ".gitignore" | ".gitmodules" | ".ds_store" | "thumbs.db" => return Some("leftover"),
        "keystore.properties" | "local.properties" | "signing.properties" | "gradle.properties" => {
            return Some("build-settings");
        }
        _ if name.starts_with(".env.") => return Some("environment"),
        _ => {}
    }
    match ending {
        "jks" | "bks" | "keystore" | "p12" | "pfx" | "jceks" | "uber" => Some("key-store"),
        "ppk" => Some("private-key"),
        "map" if matches!(stem.rsplit('.').next(), Some("js" | "bundle" | "jsbundle" | "css")) => Some("source-map"),
        "swp" | "orig" | "rej" | "bak" | "old" | "tmp" => Some("leftover"),
        "java" | "kt" | "swift" | "gradle" | "kts" | "ts" | "tsx"
            if !within("meta-inf") && !path.starts_with("javax/") && !name.ends_with(".d.ts") =>
        {
            Some("source")
        }
        "apk" | "dex" | "jar" if path.starts_with("assets/") || path.starts_with("res/raw/") => Some("code"),
        "log" | "trace" | "hprof" => Some("log"),
        _ => None,
    }
}

/// What a file is by what it holds.
fn content_sort(archive: &Archive<'_>, entry: &Entry<'_>, name: &str, looks: &mut usize) -> Option<&'static str> {
    const ENDINGS: [&str; 12] =
        ["pem", "key", "der", "crt", "cer", "cert", "pub", "db", "sqlite", "sqlite3", "asc", "pk8"];
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase())?;
    if !ENDINGS.contains(&ending.as_str()) || name.starts_with("META-INF/") || entry.size > MAX_BYTES {
        return None;
    }
    *looks = looks.checked_sub(1)?;
    let contents = archive.contents(entry).ok()?;
    let bytes = contents.bytes.as_ref();
    let has = |text: &str| memchr::memmem::find(bytes, text.as_bytes()).is_some();
    if has("PRIVATE KEY-----") || has("PRIVATE KEY BLOCK-----") {
        Some("private-key")
    } else if bytes.starts_with(b"SQLite format 3\0") {
        Some("database")
    } else if has("-----BEGIN CERTIFICATE")
        || is_der(bytes) && matches!(ending.as_str(), "der" | "crt" | "cer" | "cert")
    {
        Some("certificate")
    } else if is_der(bytes) && matches!(ending.as_str(), "key" | "pk8") && is_private(bytes) {
        Some("private-key")
    } else {
        None
    }
}

/// Whether bytes are one ASN.1 sequence with a length of two bytes, as certificates and keys are.
fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x82, high, low, rest @ ..] => rest.len() == usize::from(u16::from_be_bytes([*high, *low])),
        [0x30, 0x81, length, rest @ ..] => rest.len() == usize::from(*length),
        _ => false,
    }
}

/// Whether a sequence begins as PKCS #1 and PKCS #8 private keys do: with the version 0.
fn is_private(bytes: &[u8]) -> bool {
    let ([0x30, 0x82, _, _, body @ ..] | [0x30, 0x81, _, body @ ..]) = bytes else { return false };
    body.starts_with(&[0x02, 0x01, 0x00])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_files_are() {
        for (path, sort) in [
            ("assets/release.jks", "key-store"),
            ("assets/www/.env", "environment"),
            (".git/HEAD", "version-control"),
            ("assets/main.js.map", "source-map"),
            ("assets/payload.dex", "code"),
            ("com/example/Main.java", "source"),
        ] {
            assert_eq!(file_sort(path), Some(sort), "{path}");
        }
        for path in ["assets/city.map", "classes.dex", "res/raw/tone.ogg", "assets/types.d.ts", "META-INF/MANIFEST.MF"]
        {
            assert_eq!(file_sort(path), None, "{path}");
        }
        assert_eq!(abi("lib/arm64-v8a/libx.so").as_deref(), Some("arm64-v8a"));
        assert_eq!(abi("base/lib/x86/libx.so").as_deref(), Some("x86"));
        assert_eq!(abi("assets/x86/libx.so"), None);
    }
}
