//! JAR manifests: sections lie in the file one after another, and their attributes are found.

#![no_main]

use libfuzzer_sys::fuzz_target;
use testudo_package::signature::jar::manifest::{Sections, base64};

fuzz_target!(|data: &[u8]| {
    let mut left = data.len();
    for section in Sections::new(data) {
        assert!(!section.bytes.is_empty() && section.bytes.len() <= left);
        left -= section.bytes.len();
        if section.name.is_some() {
            assert!(section.get("NAME").is_some());
        }
    }
    if let Ok(bytes) = base64(data) {
        assert!(bytes.len() <= data.len());
    }
});
