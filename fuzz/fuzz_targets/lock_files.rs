//! Lock files and manifests of all formats, chosen by the first byte: components or an error, and sound package URLs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use testudo_scan::dependencies::{LockKind, read};

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let kind = LockKind::ALL[usize::from(*first) % LockKind::ALL.len()];
    let Ok(components) = read(kind, "file", bytes) else { return };
    for component in &components {
        assert!(component.purl().is_ascii());
        assert!(component.requires.iter().all(|other| (*other as usize) < components.len()));
    }
});
