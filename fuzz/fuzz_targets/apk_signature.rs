//! Package signatures: one input as the values of the signing block, as the `.idsig` file and as the files of a JAR
//! signature. Nothing panics, and nothing of it verifies.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use testudo_package::signature::observe::observe;
use testudo_package::signature::signing_block::id;
use testudo_package::signature::{Archive, ArchiveEntry, Demands, Options, Platforms, verify};

fuzz_target!(|data: &[u8]| {
    let Some((first, value)) = data.split_first() else { return };
    let bytes = archive(value);
    let end = bytes.len() - 22;
    let names = ["META-INF/MANIFEST.MF", "META-INF/CERT.SF", "META-INF/CERT.RSA", "AndroidManifest.xml"];
    let entries = names.iter().map(|name| ArchiveEntry { name: Cow::Borrowed(*name), offset: 0 }).collect();
    // The manifest, the signature file and the block are thirds of the input.
    let third = value.len() / 3;
    let read = |at: usize, _: usize| Ok(Cow::Borrowed(value.get(at * third..(at + 1) * third).unwrap_or_default()));
    let archive = Archive { bytes: &bytes, directory: end..end, end, entries, read: &read };
    let platforms = Platforms::from([1, 18, 24, 28, 33][usize::from(first % 5)]);
    let mut options = Options::new(platforms, Some(Demands { sandbox: 1, target_sdk: 24 }));
    options.v4 = (first & 0x80 != 0).then_some(value);
    let verification = verify(&archive, &options);
    observe(&verification, &bytes, platforms);
});

/// A signing block in which each scheme has this value, and an empty directory.
fn archive(value: &[u8]) -> Vec<u8> {
    let mut pairs = Vec::new();
    for id in [id::V2, id::V3, id::V31] {
        pairs.extend_from_slice(&(value.len() as u64 + 4).to_le_bytes());
        pairs.extend_from_slice(&id.to_le_bytes());
        pairs.extend_from_slice(value);
    }
    let size = (pairs.len() as u64 + 24).to_le_bytes();
    let mut bytes = [size.as_slice(), &pairs, &size, b"APK Sig Block 42"].concat();
    let start = u32::try_from(bytes.len()).unwrap_or_default();
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0");
    bytes.extend_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes
}
