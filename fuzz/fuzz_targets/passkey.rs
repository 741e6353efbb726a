//! Answers of passkeys. What is checked stands in `crates/identity/tests/replay/passkey.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../crates/identity/tests/replay/passkey.rs"]
mod target;

fuzz_target!(|data: &[u8]| target::passkey(data));
