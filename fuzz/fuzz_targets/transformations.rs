//! Transformations of values. What is checked stands in `crates/waf/tests/replay/targets.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../crates/waf/tests/replay/targets.rs"]
mod targets;

fuzz_target!(|data: &[u8]| targets::transformations(data));
