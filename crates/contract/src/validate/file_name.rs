//! Names of uploaded files that are known to be harmless in form: a word of letters, digits and a few signs, one dot, and an
//! extension that says what the content is.
//!
//! Signs that end or escape a value in headers, markup, shells and paths are not among them.

use crate::sniff::Content;

/// The longest name in bytes.
const MAX_NAME: usize = 128;

/// Whether a file's name has that form, and its content, whose first bytes these are, is what its extension says.
pub(super) fn is_plain(name: &[u8], content: &[u8]) -> bool {
    let Some((stem, extension)) = std::str::from_utf8(name).ok().and_then(|name| name.split_once('.')) else {
        return false;
    };
    let fits = |sign: char| sign.is_alphanumeric() || " -_'()+,&".contains(sign);
    name.len() <= MAX_NAME
        && !stem.is_empty()
        && stem.chars().all(fits)
        && contents(&extension.to_ascii_lowercase()).contains(&Content::of(content))
}

/// What files with an extension hold. Nothing that a server or a browser would run.
fn contents(extension: &str) -> &'static [Content] {
    match extension {
        "png" => &[Content::Png],
        "jpg" | "jpeg" => &[Content::Jpeg],
        "gif" => &[Content::Gif],
        "webp" => &[Content::WebP],
        "heic" | "heif" | "avif" => &[Content::Heic],
        "pdf" => &[Content::Pdf],
        "mp4" | "m4v" | "m4a" | "mov" | "3gp" => &[Content::Mp4],
        "mp3" => &[Content::Mp3],
        "wav" => &[Content::Wav],
        "zip" | "docx" | "xlsx" | "pptx" | "odt" | "ods" | "odp" => &[Content::Zip],
        "txt" | "csv" | "md" => &[Content::Text],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain_when_its_form_and_its_content_are() {
        let png = b"\x89PNG\r\n\x1a\n";
        for name in ["a.png", "back_o'shea.PNG", "me & dad's dog (1).png", "Zürich 東京+1,2-x.png"] {
            assert!(is_plain(name.as_bytes(), png), "{name}");
            assert!(!is_plain(name.as_bytes(), b"\xff\xd8\xff\xe0"), "{name} is no PNG");
            assert!(!is_plain(name.as_bytes(), b""), "{name}");
        }
        for name in [
            "a",
            ".png",
            "a.",
            "a.php",
            "a.php.png",
            "a.png.php",
            "../a.png",
            "a/b.png",
            "a\\b.png",
            "a;b.png",
            "a=b.png",
            "a\"b.png",
            "a%00b.png",
            "a\0.png",
            "<a>.png",
            "$(a).png",
            "`a`.png",
            "a|b.png",
            "a.png ",
            "a:b.png",
        ] {
            assert!(!is_plain(name.as_bytes(), png), "{name}");
        }
        assert!(!is_plain(b"a\xff.png", png) && !is_plain(&[&[b'a'; 200][..], b".png"].concat(), png));
        assert!(is_plain(b"Befund O'Malley & Co.pdf", b"%PDF-1.4") && is_plain(b"a.txt", b"hello"));
        for (name, content) in
            [("a.txt", &b"<?php"[..]), ("a.txt", b"#!/bin/sh"), ("a.svg", b"<svg/>"), ("a.exe", b"MZ\0")]
        {
            assert!(!is_plain(name.as_bytes(), content), "{name}");
        }
    }
}
