//! Patterns of PCRE, and what is known of what they match. What is checked stands in `crates/waf/tests/replay/targets.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../crates/waf/tests/replay/targets.rs"]
mod targets;

fuzz_target!(|data: &[u8]| targets::pcre(data));
