//! Apps for iOS. What is checked stands in `crates/package/tests/mutations/targets.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../crates/package/tests/mutations/targets.rs"]
mod targets;

fuzz_target!(|data: &[u8]| {
    targets::ipa(data);
});
