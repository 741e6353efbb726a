//! Public keys and key sets. What is checked stands in `crates/crypto/tests/replay/targets.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../crates/crypto/tests/replay/targets.rs"]
mod targets;

fuzz_target!(|data: &[u8]| targets::jwk(data));
