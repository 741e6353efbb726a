//! Replays the seeds of the fuzz targets, and mutants of them, on stable.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "test code")]

#[path = "../../../fuzz/replay.rs"]
mod fuzz;
#[path = "replay/targets.rs"]
mod targets;

#[test]
fn sqli() {
    let tokens: &[&[u8]] = &[
        b"'",
        b"\"",
        b"`",
        b"--",
        b"-- ",
        b"#",
        b"/*",
        b"*/",
        b"/*!",
        b"(",
        b")",
        b"{",
        b"}",
        b";",
        b",",
        b".",
        b"\\",
        b"\0",
        b"\xa0",
        b"\xff",
        b"@",
        b"@@",
        b"$$",
        b"$a$",
        b"0x",
        b"1e",
        b"::",
        b"<=>",
        b"q'(",
        b"nq'[",
        b"u&'",
        b"x'",
        b"b'",
        b" in ",
        b" not ",
        b" like ",
        b"user",
        b"if",
        b" union ",
        b" select ",
        b"1",
        b"\n",
        b"{``",
    ];
    fuzz::replay("sqli", tokens, targets::sqli);
}

#[test]
fn xss() {
    let tokens: &[&[u8]] = &[
        b"<",
        b">",
        b"=",
        b"/",
        b"'",
        b"\"",
        b"`",
        b"<!--",
        b"-->",
        b"-!>",
        b"<!",
        b"<?",
        b"<%",
        b"%>",
        b"<![CDATA[",
        b"]]>",
        b"<!DOCTYPE",
        b"<script",
        b"</",
        b"</>",
        b" onload=",
        b"xmlns",
        b"href=",
        b"javascript:",
        b"&#",
        b"&#x6a;",
        b"&#x1000FF;",
        b"attributename=",
        b"\0",
        b"\xff",
        b" ",
    ];
    fuzz::replay("xss", tokens, targets::xss);
}
