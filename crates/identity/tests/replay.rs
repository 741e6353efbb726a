//! Replays mutated seeds through the fuzz targets, on stable and the same at each run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "replay/passkey.rs"]
mod passkey;
#[path = "../../../fuzz/replay.rs"]
mod seeds;
#[path = "replay/targets.rs"]
mod targets;

use seeds::replay;

#[test]
fn oauth_params() {
    let tokens: [&[u8]; 16] = [
        b"&",
        b"=",
        b"+",
        b"%",
        b"%2B",
        b"%00",
        b"%0d%0a",
        b"%ff",
        b"%c0%af",
        b"%F0%9F%98%80",
        b"%26",
        b"%3D",
        b"&&",
        b"client_id=app",
        b"scope=openid+profile",
        b"\xc3\xa9",
    ];
    replay("oauth_params", &tokens, targets::oauth_params);
}

#[test]
fn username() {
    let tokens: [&[u8]; 16] = [
        b"@",
        b".",
        b"..",
        b"+",
        b"-",
        b"_",
        b" ",
        b"\t",
        b"A",
        b"0",
        b"example.com",
        b"\xef\xbc\xa1",
        b"\xef\xbc\xa0",
        b"\xd0\xb0",
        b"\xe2\x80\x8d",
        b"\xc4\xb0",
    ];
    replay("username", &tokens, targets::username);
}

#[test]
fn redirect() {
    let tokens: [&[u8]; 20] = [
        b"\n",
        b":",
        b"/",
        b"//",
        b"?",
        b"#",
        b"@",
        b"\\",
        b"%2e",
        b"..",
        b":8080",
        b":0",
        b":99999",
        b"127.0.0.1",
        b"[::1]",
        b"localhost",
        b"https://",
        b"http://127.0.0.1",
        b".",
        b"*",
    ];
    replay("redirect", &tokens, targets::redirect);
}

#[test]
fn passkey() {
    let tokens: [&[u8]; 18] = [
        b"{",
        b"}",
        b"\"",
        b"\"id\":",
        b"\"rawId\":",
        b"\"type\":\"public-key\"",
        b"\"response\":{",
        b"null",
        b"[[[[[[[[[",
        b"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YQ",
        b"o2NmbXRmcGFja2VkZ2F0dFN0bXSg",
        b"-_-_",
        b"AAAA",
        b"____",
        b"=",
        b"\\u0000",
        b"\"authenticatorData\":\"\"",
        b"\"clientDataJSON\":\"e30\"",
    ];
    replay("passkey", &tokens, passkey::passkey);
}
