//! The secrets of a webhook. What is checked stands in `crates/export/tests/replay/targets.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../crates/export/tests/replay/targets.rs"]
mod targets;

fuzz_target!(|data: &[u8]| targets::webhook_secret(data));
