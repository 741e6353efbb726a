//! What content is, told by its first bytes and not by what its sender calls it (after WHATWG MIME Sniffing, 6).
//!
//! Active content, which runs where it is opened, is told apart: executables, scripts, HTML, and SVG with script in it.
//! To know another format: a variant of [`Content`] with its name, its bytes in `magic`, and its types in `types`.

use std::fmt;

/// How many bytes are looked at; of SVG all that is given.
const HEAD: usize = 1024;

/// What content is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// PNG
    Png,
    /// JPEG
    Jpeg,
    /// GIF
    Gif,
    /// WebP
    WebP,
    /// HEIC, HEIF or AVIF
    Heic,
    /// PDF
    Pdf,
    /// ZIP, and the formats that are made of it
    Zip,
    /// MP4, `QuickTime` or 3GP
    Mp4,
    /// MP3
    Mp3,
    /// WAV
    Wav,
    /// JSON: an object or a list
    Json,
    /// XML
    Xml,
    /// SVG in which nothing runs
    Svg,
    /// SVG with script, event handlers or foreign content
    ActiveSvg,
    /// HTML
    Html,
    /// A script with an interpreter, or PHP
    Script,
    /// A program: ELF, PE, Mach-O, DEX, Java class, WebAssembly
    Executable,
    /// Text of no format that is known
    Text,
    /// Bytes of no format that is known
    Unknown,
}

impl Content {
    /// The name, for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Content::Png => "PNG",
            Content::Jpeg => "JPEG",
            Content::Gif => "GIF",
            Content::WebP => "WebP",
            Content::Heic => "HEIC",
            Content::Pdf => "PDF",
            Content::Zip => "ZIP",
            Content::Mp4 => "MP4",
            Content::Mp3 => "MP3",
            Content::Wav => "WAV",
            Content::Json => "JSON",
            Content::Xml => "XML",
            Content::Svg => "SVG",
            Content::ActiveSvg => "SVG with script",
            Content::Html => "HTML",
            Content::Script => "a script",
            Content::Executable => "an executable",
            Content::Text => "text",
            Content::Unknown => "something unknown",
        }
    }

    /// Whether it runs where it is opened.
    pub const fn is_active(self) -> bool {
        matches!(self, Content::ActiveSvg | Content::Html | Content::Script | Content::Executable)
    }

    /// What content is that begins with these bytes. The more bytes of an SVG are given, the more of it is searched.
    pub fn of(bytes: &[u8]) -> Content {
        magic(bytes).unwrap_or_else(|| textual(bytes))
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What content of a declared type is instead; nothing where it may be what it is called. A type that is not known may be
/// anything that is not active, and of no other kind (image, audio, video) if its kind is known.
pub fn disagreement(declared: &str, bytes: &[u8]) -> Option<Content> {
    let found = Content::of(bytes);
    let fits = match types(declared) {
        Some(known) => known.contains(&found),
        None => !found.is_active() && kind(found).is_none_or(|kind| may_be(declared, kind)),
    };
    (!fits && !bytes.is_empty()).then_some(found)
}

fn types(declared: &str) -> Option<&'static [Content]> {
    use Content as C;
    Some(match declared {
        "image/png" => &[C::Png],
        "image/jpeg" | "image/jpg" => &[C::Jpeg],
        "image/gif" => &[C::Gif],
        "image/webp" => &[C::WebP],
        "image/heic" | "image/heif" | "image/avif" => &[C::Heic],
        "image/svg+xml" => &[C::Svg],
        "application/pdf" => &[C::Pdf],
        "application/zip"
        | "application/x-zip-compressed"
        | "application/epub+zip"
        | "application/java-archive"
        | "application/vnd.android.package-archive" => &[C::Zip],
        "video/mp4" | "audio/mp4" | "audio/x-m4a" | "audio/m4a" | "video/quicktime" | "video/3gpp" => &[C::Mp4],
        "audio/mpeg" | "audio/mp3" => &[C::Mp3],
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => &[C::Wav],
        "application/json" => &[C::Json, C::Text],
        "application/xml" | "text/xml" => &[C::Xml, C::Svg],
        "text/html" | "application/xhtml+xml" => &[C::Html, C::Xml, C::Text],
        "text/plain" | "text/csv" | "text/markdown" => &[C::Text, C::Json, C::Xml],
        "text/javascript" | "application/javascript" | "application/x-sh" | "application/x-httpd-php" => {
            &[C::Script, C::Text]
        }
        "application/vnd.microsoft.portable-executable"
        | "application/x-msdownload"
        | "application/x-executable"
        | "application/x-mach-binary"
        | "application/wasm" => &[C::Executable],
        _ if declared.starts_with("application/vnd.openxmlformats-officedocument.") => &[C::Zip],
        _ if declared.starts_with("application/vnd.oasis.opendocument.") => &[C::Zip, C::Xml],
        _ => return None,
    })
}

fn kind(content: Content) -> Option<&'static [&'static str]> {
    Some(match content {
        Content::Png | Content::Jpeg | Content::Gif | Content::WebP | Content::Heic | Content::Svg => &["image/"],
        Content::Mp4 => &["video/", "audio/"],
        Content::Mp3 | Content::Wav => &["audio/"],
        Content::Pdf | Content::Zip => &[],
        _ => return None,
    })
}

/// Whether a type that is not known may have content of these kinds.
fn may_be(declared: &str, kinds: &[&str]) -> bool {
    declared.starts_with("application/") || kinds.iter().any(|kind| declared.starts_with(kind))
}

fn magic(bytes: &[u8]) -> Option<Content> {
    Some(match bytes {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Content::Png,
        [0xff, 0xd8, 0xff, ..] => Content::Jpeg,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Content::Gif,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Content::WebP,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Content::Wav,
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4) {
            Some(b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" | b"avif" | b"avis") => {
                Content::Heic
            }
            _ => Content::Mp4,
        },
        [b'%', b'P', b'D', b'F', b'-', ..] => Content::Pdf,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => Content::Zip,
        [b'I', b'D', b'3', 2..=4, ..] | [0xff, 0xfa | 0xfb | 0xf2 | 0xf3, ..] => Content::Mp3,
        // ELF; Mach-O of both orders; Java, and Mach-O for several processors; DEX; WebAssembly.
        [0x7f, b'E', b'L', b'F', ..]
        | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
        | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
        | [0xca, 0xfe, 0xba, 0xbe, ..]
        | [b'd', b'e', b'x', b'\n', ..]
        | [0, b'a', b's', b'm', ..] => Content::Executable,
        [b'M', b'Z', ..] if is_pe(bytes) => Content::Executable,
        _ => return None,
    })
}

/// Whether an `MZ` head leads to a PE head, or what follows is at least no text.
fn is_pe(bytes: &[u8]) -> bool {
    let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or_default();
    !is_text(head)
}

fn textual(bytes: &[u8]) -> Content {
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or_default();
    if !is_text(head) {
        return Content::Unknown;
    }
    let begun = head.trim_ascii_start();
    let begins = |text: &str| begun.get(..text.len()).is_some_and(|head| head.eq_ignore_ascii_case(text.as_bytes()));
    let has = |text: &[u8]| head.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text));
    match begun {
        [b'#', b'!', ..] => Content::Script,
        _ if has(b"<?php") || begins("<?=") => Content::Script,
        [b'<', ..] if has(b"<svg") => {
            if runs(bytes) {
                Content::ActiveSvg
            } else {
                Content::Svg
            }
        }
        [b'<', ..] if HTML.iter().any(|tag| begins(tag)) || has(b"<html") || has(b"<!doctype html") => Content::Html,
        [b'<', ..] if begins("<!--") && has(b"<script") => Content::Html,
        [b'<', next, ..] if matches!(next, b'?' | b'!') || next.is_ascii_alphabetic() => Content::Xml,
        [b'{' | b'[', ..] => Content::Json,
        _ => Content::Text,
    }
}

/// How HTML begins (WHATWG MIME Sniffing, 7.1).
const HTML: &[&str] = &[
    "<!doctype html",
    "<html",
    "<head",
    "<script",
    "<iframe",
    "<h1",
    "<div",
    "<font",
    "<table",
    "<a ",
    "<style",
    "<title",
    "<body",
    "<br",
    "<p>",
    "<img",
    "<form",
    "<meta",
    "<link",
    "<object",
    "<embed",
];

/// Whether something runs in an SVG: script, handlers, links that are script, foreign content, entities.
fn runs(bytes: &[u8]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    let has = |text: &[u8]| memchr::memmem::find(&lower, text).is_some();
    let element = [
        &b"<script"[..],
        b":script",
        b"<foreignobject",
        b"javascript:",
        b"<!entity",
        b"<iframe",
        b"<embed",
        b"<handler",
    ];
    // Escapes could spell any of these.
    element.iter().any(|text| has(text)) || has(b"&#") || handles(&lower)
}

/// Whether an attribute begins with `on`.
fn handles(lower: &[u8]) -> bool {
    memchr::memmem::find_iter(lower, b"on").any(|at| {
        let before = at.checked_sub(1).and_then(|before| lower.get(before));
        let name = lower.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let behind = lower.get(at + name..).unwrap_or_default();
        let starts = before.is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'/'));
        starts && name > 2 && behind.trim_ascii_start().starts_with(b"=")
    })
}

/// Whether bytes are UTF-8 without control characters; the last character may be cut.
fn is_text(bytes: &[u8]) -> bool {
    let whole = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    whole && bytes.iter().all(|byte| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
}

/// A media type without parameters but the charset, in lower case (RFC 9110, 8.3.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Media {
    pub essence: Box<str>,
    pub charset: Option<Box<str>>,
}

impl Media {
    /// Reads a content type; nothing where it is none.
    pub(crate) fn parse(written: &str) -> Option<Media> {
        let mut parts = written.split(';');
        let essence = parts.next()?.trim().to_ascii_lowercase();
        let token = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
        };
        let (kind, sub) = essence.split_once('/')?;
        if !token(kind) || !token(sub) {
            return None;
        }
        let mut charset = None;
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            if name.trim().eq_ignore_ascii_case("charset") {
                // Two may be read as either.
                let value = value.trim().trim_matches('"').to_ascii_lowercase();
                let value = if charset.is_some() { "several".into() } else { value };
                charset = Some(value.into());
            }
        }
        Some(Media { essence: essence.into(), charset })
    }

    /// Whether it is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.essence.ends_with("/json") || self.essence.ends_with("+json")
    }
}

/// Whether a media type lies in a range such as `image/*`.
pub(crate) fn in_range(media: &str, range: &str) -> bool {
    range == "*/*"
        || range == media
        || range.strip_suffix('*').is_some_and(|kind| kind.ends_with('/') && media.starts_with(kind))
}

#[cfg(test)]
mod tests;
