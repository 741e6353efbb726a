//! Version texts in native libraries: the sentences that OpenSSL, curl, `SQLite` and others carry in their data.
//!
//! One pass over the bytes looks for all leads at once; the version behind a lead is then read. A text alone is not proof
//! that the library is built in, but these are texts that only the library itself prints.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::{Component, Source, found};
use crate::dependencies::Ecosystem;

pub(super) fn wants(path: &str) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind);
    matches!(kind, "so" | "dylib" | "a")
        || name.contains(".so.")
        // The binary of a framework has its name.
        || path.strip_suffix(name).is_some_and(|folder| folder.ends_with(&format!("/{name}.framework/")))
}

/// How a version text is made.
struct Lead {
    /// What stands before the version.
    text: &'static str,
    /// The library.
    name: &'static str,
    form: Form,
}

enum Form {
    /// Numbers with dots, at least so many of them, and letters behind if they belong to it (`1.1.1k`).
    Dotted(usize, bool),
    /// The lead alone is the sign; there is no version.
    Sign,
}

const fn dotted(text: &'static str, name: &'static str) -> Lead {
    Lead { text, name, form: Form::Dotted(3, false) }
}

/// What is looked for. Where a library prints its version in more than one way, all are here.
const LEADS: &[Lead] = &[
    Lead { text: "OpenSSL 1.0.", name: "openssl", form: Form::Dotted(3, true) },
    Lead { text: "OpenSSL 1.1.", name: "openssl", form: Form::Dotted(3, true) },
    Lead { text: "OpenSSL 3.", name: "openssl", form: Form::Dotted(3, true) },
    dotted("LibreSSL ", "libressl"),
    Lead { text: "BoringSSL", name: "boringssl", form: Form::Sign },
    dotted("mbed TLS ", "mbedtls"),
    dotted("Mbed TLS ", "mbedtls"),
    dotted("wolfSSL ", "wolfssl"),
    dotted("GnuTLS ", "gnutls"),
    dotted("libcurl/", "libcurl"),
    dotted("CLIENT libcurl ", "libcurl"),
    dotted("nghttp2/", "nghttp2"),
    dotted("SQLite version ", "sqlite"),
    Lead { text: "SQLCipher ", name: "sqlcipher", form: Form::Dotted(3, false) },
    Lead { text: "FFmpeg version ", name: "ffmpeg", form: Form::Dotted(2, false) },
    Lead { text: "Lavf", name: "libavformat", form: Form::Dotted(3, false) },
    Lead { text: "Lavc", name: "libavcodec", form: Form::Dotted(3, false) },
    dotted("libpng version ", "libpng"),
    Lead { text: "inflate ", name: "zlib", form: Form::Dotted(3, false) },
    Lead { text: "deflate ", name: "zlib", form: Form::Dotted(3, false) },
    dotted("expat_", "expat"),
    Lead { text: "libjpeg-turbo version ", name: "libjpeg-turbo", form: Form::Dotted(3, false) },
    dotted("LIBTIFF, Version ", "libtiff"),
    dotted("FreeType ", "freetype"),
    dotted("HarfBuzz ", "harfbuzz"),
    dotted("libxml2-", "libxml2"),
    dotted("libwebp ", "libwebp"),
    dotted("WebP Encoder version: ", "libwebp"),
    Lead { text: "libvpx v", name: "libvpx", form: Form::Dotted(3, false) },
    Lead { text: "WebM Project VP8 Encoder v", name: "libvpx", form: Form::Dotted(3, false) },
    Lead { text: "WebM Project VP9 Encoder v", name: "libvpx", form: Form::Dotted(3, false) },
    Lead { text: "AOMedia Project AV1 Encoder v", name: "libaom", form: Form::Dotted(3, false) },
    Lead { text: "dav1d ", name: "dav1d", form: Form::Dotted(3, false) },
    Lead { text: "libopus ", name: "opus", form: Form::Dotted(2, false) },
    Lead { text: "Xiph.Org libVorbis I ", name: "libvorbis", form: Form::Sign },
    Lead { text: "General configuration for OpenCV ", name: "opencv", form: Form::Dotted(3, false) },
    dotted("TensorFlow Lite version ", "tensorflow-lite"),
    dotted("libarchive ", "libarchive"),
    Lead { text: "libsodium-", name: "libsodium", form: Form::Dotted(3, false) },
    Lead { text: "bzip2-", name: "bzip2", form: Form::Dotted(3, false) },
    Lead { text: "*** LZ4 v", name: "lz4", form: Form::Dotted(3, false) },
    Lead { text: "Zstandard v", name: "zstd", form: Form::Dotted(3, false) },
    Lead { text: "Lua ", name: "lua", form: Form::Dotted(3, false) },
    Lead { text: "protobuf-", name: "protobuf", form: Form::Dotted(2, false) },
    Lead { text: "GDAL ", name: "gdal", form: Form::Dotted(3, false) },
    Lead { text: "libssh2_", name: "libssh2", form: Form::Dotted(3, false) },
];

static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(LEADS.iter().map(|lead| lead.text)).ok()
});

/// The libraries whose texts the bytes hold, each with its first version; at most two versions of one library.
pub(super) fn read(path: &str, bytes: &[u8]) -> Vec<Component> {
    let Some(search) = SEARCH.as_ref() else { return Vec::new() };
    let mut components: Vec<Component> = Vec::new();
    for hit in search.find_iter(bytes) {
        let Some(lead) = LEADS.get(hit.pattern().as_usize()) else { continue };
        // A text begins after a NUL or a character that no word has.
        let before = hit.start().checked_sub(1).and_then(|at| bytes.get(at)).copied().unwrap_or_default();
        if before.is_ascii_alphanumeric() {
            continue;
        }
        // Where the lead ends with the first numbers, these are part of the version.
        let own = lead.text.len() - lead.text.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let from = if own > 0 && own < lead.text.len() { hit.end() - own } else { hit.end() };
        let version = match lead.form {
            Form::Sign => None,
            Form::Dotted(least, letters) => match version(bytes.get(from..).unwrap_or_default(), least, letters) {
                Some(version) if sound(lead.name, &version, bytes, hit.end()) => Some(version),
                _ => continue,
            },
        };
        let same = components.iter().filter(|component| component.name == lead.name);
        let known = same.clone().any(|component| component.version == version || version.is_none());
        if known || same.count() >= 2 {
            continue;
        }
        // One with a version stands for one without.
        components.retain(|component| component.name != lead.name || component.version.is_some());
        let mut component = found(Ecosystem::Native, lead.name, version.as_deref(), path, Source::Text);
        if let Some(place) = component.places.first_mut() {
            place.line = u32::try_from(hit.start()).ok();
        }
        components.push(component);
    }
    if let Some((version, at)) = sqlite(bytes)
        && !components.iter().any(|component| component.name == "sqlite")
    {
        let mut component = found(Ecosystem::Native, "sqlite", Some(version), path, Source::Text);
        if let Some(place) = component.places.first_mut() {
            place.line = u32::try_from(at).ok();
        }
        components.push(component);
    }
    components
}

/// Digits with dots between, at the head.
fn version(rest: &[u8], least: usize, letters: bool) -> Option<String> {
    let end = rest.iter().take(24).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let digits = std::str::from_utf8(rest.get(..end)?).ok()?.trim_end_matches('.');
    let parts = digits.split('.');
    if parts.clone().count() < least || parts.clone().any(|part| part.is_empty() || part.len() > 5) {
        return None;
    }
    let mut version = digits.to_owned();
    let after = rest.get(digits.len()..).unwrap_or_default();
    if letters {
        let run: Vec<u8> = after.iter().take(3).take_while(|byte| byte.is_ascii_lowercase()).copied().collect();
        version.push_str(if run.len() <= 2 { std::str::from_utf8(&run).unwrap_or_default() } else { "" });
    }
    Some(version)
}

/// Texts that need more around them, for their lead is a common word.
fn sound(name: &str, version: &str, bytes: &[u8], at: usize) -> bool {
    let near = |text: &str| {
        let around = bytes.get(at..bytes.len().min(at + 96)).unwrap_or_default();
        memchr::memmem::find(around, text.as_bytes()).is_some()
    };
    match name {
        // ` inflate 1.2.11 Copyright 1995-2017 Mark Adler `
        "zlib" => near("Copyright"),
        // `Lua 5.4.4  Copyright (C) 1994-2022 Lua.org`
        "lua" => near("Lua.org"),
        // `libjpeg-turbo`'s version stands before its copyright; FreeType's is a short text.
        "freetype" | "gdal" => version.starts_with(['2', '3']),
        _ => true,
    }
}

/// `SQLite`'s source identifier is a date with a hash: `2022-12-28 14:03:47 df5c253c…`; its version stands near.
fn sqlite(bytes: &[u8]) -> Option<(&str, usize)> {
    for at in memchr::memmem::find_iter(bytes, b"SQLite format 3\0").take(8) {
        // The version is a text of its own: NUL, `3.x.y`, NUL, in the 4 KiB around.
        let from = at.saturating_sub(4096);
        let around = bytes.get(from..bytes.len().min(at + 4096))?;
        for text_at in memchr::memmem::find_iter(around, b"\x003.").take(64) {
            let rest = around.get(text_at + 1..)?;
            let end = memchr::memchr(0, rest)?;
            let text = std::str::from_utf8(rest.get(..end)?).unwrap_or_default();
            let parts: Vec<&str> = text.split('.').collect();
            let numbers = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
            if (3..=4).contains(&parts.len()) && numbers && text.len() <= 12 {
                return Some((text, from + text_at + 1));
            }
        }
    }
    None
}
