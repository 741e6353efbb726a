//! Tests of the detector of XSS.

use super::*;

#[test]
fn scripts_are_found() {
    for text in [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "\" onmouseover=alert(1) x=\"",
        "' style='x'",
        "<a href=\"&#x6a;avascript:x\">",
        "<svg/onload=alert(1)>",
        "<!doctype html>",
        "<!--[if IE]>x<![endif]-->",
        "<a \u{ff} onload=x>",
        "<set attributeName=onclick to=x>",
    ] {
        assert!(detect(text.as_bytes()), "{text}");
    }
    assert!(detect(b"<a \xff onload=x>"));
}

#[test]
fn prose_and_markup_are_not() {
    for text in [
        "",
        "1 < 2",
        "a=b",
        "<b>bold</b>",
        "x <= y",
        "<a href=\"https://example.org/\">",
        "on=1",
        "<p class='x'>",
        "I <3 U",
    ] {
        assert!(!detect(text.as_bytes()), "{text}");
    }
}
