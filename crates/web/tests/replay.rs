//! Replays mutated seeds through the fuzz targets, on stable and the same at each run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../fuzz/replay.rs"]
mod seeds;
#[path = "replay/targets.rs"]
mod targets;

use seeds::replay;

#[test]
fn web_form() {
    let tokens: [&[u8]; 14] = [
        b"&",
        b"=",
        b"+",
        b"%",
        b"%2B",
        b"%00",
        b"%0d%0a",
        b"%ff",
        b"%EF%BF%BD",
        b"csrf=",
        b"&&",
        b"password=a",
        b"\xff",
        b"\xc3\xa9",
    ];
    replay("web_form", &tokens, targets::web_form);
}

#[test]
fn cookies() {
    let tokens: [&[u8]; 12] = [
        b";",
        b"; ",
        b"=",
        b"\n",
        b"__Host-testudo=",
        b"__Host-testudo",
        b"__host-testudo=",
        b"\"",
        b" ",
        b"\t",
        b"\xff",
        b"abc",
    ];
    replay("cookies", &tokens, targets::cookies);
}

#[test]
fn return_to() {
    let tokens: [&[u8]; 18] = [
        b"/",
        b"//",
        b"\\",
        b"?",
        b"#",
        b"&",
        b"=",
        b"..",
        b"%2e",
        b"@",
        b":",
        b"\r\n",
        b"redirect_uri=",
        b"javascript:",
        b"https%3A%2F%2F",
        b"evil.org",
        b";",
        b"\t",
    ];
    replay("return_to", &tokens, targets::return_to);
}
