//! Playbooks. What is checked stands in `crates/response/tests/replay/targets.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/response/tests/replay/targets.rs"]
mod targets;

fuzz_target!(|data: &[u8]| targets::playbook(data));
