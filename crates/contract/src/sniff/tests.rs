//! A table of what content is, and what it may be called.

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const MP4: &[u8] = b"\0\0\0\x18ftypmp42";

#[test]
fn content_is_told_by_its_first_bytes() {
    let cases: &[(&[u8], Content)] = &[
        (PNG, Content::Png),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", Content::Jpeg),
        (b"GIF89a\x01\0", Content::Gif),
        (b"RIFF\x24\0\0\0WEBPVP8 ", Content::WebP),
        (b"RIFF\x24\0\0\0WAVEfmt ", Content::Wav),
        (b"\0\0\0\x18ftypheic", Content::Heic),
        (b"\0\0\0\x18ftypavif", Content::Heic),
        (MP4, Content::Mp4),
        (b"%PDF-1.7\n", Content::Pdf),
        (b"PK\x03\x04\x14\0", Content::Zip),
        (b"ID3\x03\0\0", Content::Mp3),
        (b"\xff\xfb\x90\x44", Content::Mp3),
        (b"\x7fELF\x02", Content::Executable),
        (b"MZ\x90\0\x03\0", Content::Executable),
        (b"MZ is a mark of programs", Content::Text),
        (b"\xca\xfe\xba\xbe\0\0\0\x34", Content::Executable),
        (b"dex\n035\0", Content::Executable),
        (b"\0asm\x01\0\0\0", Content::Executable),
        (b"#!/bin/sh\nrm -rf /", Content::Script),
        (b"hello <?PHP system($_GET[0]);", Content::Script),
        (b"\xef\xbb\xbf  <!DOCTYPE HTML><p>", Content::Html),
        (b"<script>alert(1)</script>", Content::Html),
        (b"<!-- x --><script>", Content::Html),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/></svg>", Content::Svg),
        (b"<?xml version='1.0'?><svg><ScRipt>1</script></svg>", Content::ActiveSvg),
        (b"<svg/onload = alert(1)>", Content::ActiveSvg),
        (b"<svg><a href='javascript:x'/></svg>", Content::ActiveSvg),
        (b"<svg><a href='&#106;avascript:x'/></svg>", Content::ActiveSvg),
        (b"<svg><text>on monday = rest</text></svg>", Content::Svg),
        (b"<svg><foreignObject/></svg>", Content::ActiveSvg),
        (b"<?xml version='1.0'?><a/>", Content::Xml),
        (b"{\"a\":1}", Content::Json),
        (b" [1]", Content::Json),
        ("naïve text".as_bytes(), Content::Text),
        (b"cut \xc3", Content::Text),
        (b"a\0b", Content::Unknown),
        (b"", Content::Text),
    ];
    for (bytes, content) in cases {
        assert_eq!(Content::of(bytes), *content, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn content_is_what_it_is_called() {
    let cases: &[(&str, &[u8], Option<Content>)] = &[
        ("image/png", PNG, None),
        ("image/jpeg", PNG, Some(Content::Png)),
        ("image/png", b"<html>", Some(Content::Html)),
        ("image/x-new", PNG, None),
        ("audio/x-new", PNG, Some(Content::Png)),
        ("image/x-new", b"%PDF-1", Some(Content::Pdf)),
        ("image/x-new", b"\x01\x02", None),
        ("application/x-new", b"%PDF-1", None),
        ("application/octet-stream", PNG, None),
        ("application/octet-stream", b"\x7fELF", Some(Content::Executable)),
        ("application/octet-stream", b"#!/bin/sh", Some(Content::Script)),
        ("text/plain", b"hello", None),
        ("text/plain", b"<html>", Some(Content::Html)),
        ("text/csv", b"a;b\0", Some(Content::Unknown)),
        ("text/html", b"<html>", None),
        ("image/svg+xml", b"<svg></svg>", None),
        ("image/svg+xml", b"<svg onload=x></svg>", Some(Content::ActiveSvg)),
        ("audio/mp4", MP4, None),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04", None),
        ("application/wasm", b"\0asm\x01", None),
        ("image/png", b"", None),
    ];
    for (declared, bytes, found) in cases {
        assert_eq!(disagreement(declared, bytes), *found, "{declared} {}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn media_types_and_ranges() {
    let media =
        |text: &str| Media::parse(text).map(|media| (media.essence.to_string(), media.charset.map(String::from)));
    assert_eq!(media("Application/JSON; Charset=\"UTF-8\""), Some(("application/json".into(), Some("utf-8".into()))));
    assert_eq!(media("a/b;charset=x;charset=y"), Some(("a/b".into(), Some("several".into()))));
    for wrong in ["", "json", "a/", "/b", "a/b c", "a/b,c/d", "a/b/c"] {
        assert_eq!(media(wrong), None, "{wrong}");
    }
    assert!(in_range("image/png", "image/*") && in_range("image/png", "*/*") && in_range("a/b", "a/b"));
    assert!(!in_range("image/png", "ima*") && !in_range("image/png", "text/*"));
}
