//! Targets of a sign-in. What is checked stands in `crates/web/tests/replay/targets.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../crates/web/tests/replay/targets.rs"]
mod targets;

fuzz_target!(|data: &[u8]| targets::return_to(data));
