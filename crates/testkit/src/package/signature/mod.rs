//! A signer of Android packages for tests: schemes v1 to v4 with fresh ECDSA keys, each part by itself, so that a test can
//! leave out, repeat or break any of them.
//!
//! ```
//! use testudo_testkit::package::signature::{Signer, block, entries, jar, put_block, zip};
//! let signer = Signer::new("Release").unwrap();
//! let mut files = entries(&[("classes.dex", b"dex\n039")]);
//! jar::sign(&mut files, &signer, "CERT", &[("X-Android-APK-Signed", "2")]).unwrap();
//! let unsigned = zip(&files);
//! let v2 = block::v2(&unsigned, &[&signer], &[]).unwrap();
//! let package = put_block(&unsigned, &[(0x7109_871a, v2)]);
//! assert!(package.len() > unsigned.len());
//! ```

pub mod block;
pub mod jar;

use anyhow::{Result, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use testudo_crypto::foreign::der::tlv;

/// ECDSA with SHA-256 as certificates and signature blocks name it.
const ECDSA_WITH_SHA256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

/// A key and a certificate that it signed itself.
pub struct Signer {
    key: EcdsaKeyPair,
    spki: Vec<u8>,
    name: Vec<u8>,
    certificate: Vec<u8>,
}

impl Signer {
    /// A fresh signer of this common name.
    pub fn new(common_name: &str) -> Result<Signer> {
        Signer::with_extensions(common_name, &[])
    }

    /// The same with encoded extensions in its certificate.
    pub fn with_extensions(common_name: &str, extensions: &[u8]) -> Result<Signer> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| anyhow!("no key"))?;
        let spki = key.public_key().as_der().map_err(|_| anyhow!("no public key"))?.as_ref().to_vec();
        let attribute = tlv(0x30, &[&[6, 3, 0x55, 4, 3], tlv(0x0c, common_name.as_bytes()).as_slice()].concat());
        let name = tlv(0x30, &tlv(0x31, &attribute));
        let validity = [tlv(0x17, b"200101000000Z"), tlv(0x17, b"491231235959Z")].concat();
        let algorithm = tlv(0x30, ECDSA_WITH_SHA256);
        let extensions = if extensions.is_empty() { Vec::new() } else { tlv(0xa3, &tlv(0x30, extensions)) };
        let body = [
            tlv(0xa0, &tlv(2, &[2])),
            tlv(2, &[1]),
            algorithm.clone(),
            name.clone(),
            tlv(0x30, &validity),
            name.clone(),
            spki.clone(),
            extensions,
        ];
        let body = tlv(0x30, &body.concat());
        let signature = sign(&key, &body)?;
        let bits = tlv(3, &[&[0], signature.as_slice()].concat());
        let certificate = tlv(0x30, &[body, algorithm, bits].concat());
        Ok(Signer { key, spki, name, certificate })
    }

    /// The certificate.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(digest(&SHA256, &self.certificate).as_ref());
        out
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        sign(&self.key, message)
    }
}

fn sign(key: &EcdsaKeyPair, message: &[u8]) -> Result<Vec<u8>> {
    let signature = key.sign(&SystemRandom::new(), message).map_err(|_| anyhow!("no signature"))?;
    Ok(signature.as_ref().to_vec())
}

/// A file of a package.
pub type Entry = (String, Vec<u8>);

/// Files from names and contents.
pub fn entries(files: &[(&str, &[u8])]) -> Vec<Entry> {
    files.iter().map(|(name, contents)| ((*name).to_owned(), contents.to_vec())).collect()
}

/// A ZIP archive that stores the files as they are.
pub fn zip(files: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for (name, contents) in files {
        let offset = len32(&out);
        let name_len = u16::try_from(name.len()).unwrap_or(u16::MAX);
        // Version 2.0, no flags, stored, a date; the checksum stays zero, as no verifier looks at it.
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x58, 0, 0, 0, 0];
        common.extend_from_slice(&len32(contents));
        common.extend_from_slice(&len32(contents));
        common.extend_from_slice(&name_len.to_le_bytes());
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(contents);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 12]);
        directory.extend_from_slice(&offset);
        directory.extend_from_slice(name.as_bytes());
    }
    let count = u16::try_from(files.len()).unwrap_or(u16::MAX).to_le_bytes();
    let (start, size) = (len32(&out), len32(&directory));
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\x00\x00\x00\x00");
    for part in [count.as_slice(), &count, &size, &start, &[0, 0]] {
        out.extend_from_slice(part);
    }
    out
}

/// Where the central directory begins and where the end record does, in an archive without a comment.
pub fn sections(archive: &[u8]) -> (usize, usize) {
    let end = archive.len().saturating_sub(22);
    let start = cut(archive, end + 16..end + 20).iter().rev().fold(0, |start, byte| start << 8 | usize::from(*byte));
    (start, end)
}

/// The archive with a signing block of these pairs before its central directory.
pub fn put_block(archive: &[u8], pairs: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let (start, end) = sections(archive);
    let mut inside = Vec::new();
    for (id, value) in pairs {
        inside.extend_from_slice(&(value.len() as u64 + 4).to_le_bytes());
        inside.extend_from_slice(&id.to_le_bytes());
        inside.extend_from_slice(value);
    }
    let size = (inside.len() as u64 + 24).to_le_bytes();
    let block = [size.as_slice(), &inside, &size, b"APK Sig Block 42"].concat();
    let moved = u32::try_from(start + block.len()).unwrap_or(u32::MAX).to_le_bytes();
    let parts =
        [cut(archive, 0..start), &block, cut(archive, start..end + 16), &moved, cut(archive, end + 20..archive.len())];
    parts.concat()
}

/// The part of the bytes; nothing if they have no such part.
fn cut(bytes: &[u8], range: std::ops::Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

/// The length of the bytes in 32 bits.
fn len32(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// The bytes after their length.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [len32(bytes).as_slice(), bytes].concat()
}
