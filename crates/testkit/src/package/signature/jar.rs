//! Scheme v1: manifest, signature file and signature block.

use anyhow::Result;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;
use testudo_crypto::foreign::der::tlv;

use super::{Entry, Signer};

const SHA256_OID: &[u8] = &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const EC_OID: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const DATA_OID: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
const SIGNED_DATA_OID: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];

/// Signs the files: adds the manifest, and signature file and block under this name; the signature file's main section
/// has these further attributes.
pub fn sign(files: &mut Vec<Entry>, signer: &Signer, name: &str, attributes: &[(&str, &str)]) -> Result<()> {
    let manifest = manifest(files);
    let file = signature_file(&manifest, attributes);
    let block = block(&file, signer)?;
    files.push((format!("META-INF/{name}.SF"), file));
    files.push((format!("META-INF/{name}.EC"), block));
    files.push(("META-INF/MANIFEST.MF".to_owned(), manifest));
    Ok(())
}

/// The manifest of the files outside of `META-INF/`.
pub fn manifest(files: &[Entry]) -> Vec<u8> {
    let mut out = b"Manifest-Version: 1.0\r\n\r\n".to_vec();
    for (name, contents) in files.iter().filter(|(name, _)| !name.starts_with("META-INF/")) {
        fold(&format!("Name: {name}"), &mut out);
        fold(&format!("SHA-256-Digest: {}", sha256(contents)), &mut out);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// The signature file of a manifest.
pub fn signature_file(manifest: &[u8], attributes: &[(&str, &str)]) -> Vec<u8> {
    let mut sections = split(manifest).into_iter();
    let main = sections.next().unwrap_or_default();
    let mut out = b"Signature-Version: 1.0\r\n".to_vec();
    fold(&format!("SHA-256-Digest-Manifest: {}", sha256(manifest)), &mut out);
    fold(&format!("SHA-256-Digest-Manifest-Main-Attributes: {}", sha256(main)), &mut out);
    for (name, value) in attributes {
        fold(&format!("{name}: {value}"), &mut out);
    }
    out.extend_from_slice(b"\r\n");
    for section in sections {
        let text = String::from_utf8_lossy(section).replace("\r\n ", "");
        fold(text.lines().next().unwrap_or_default(), &mut out);
        fold(&format!("SHA-256-Digest: {}", sha256(section)), &mut out);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// The signature block of a signature file.
pub fn block(file: &[u8], signer: &Signer) -> Result<Vec<u8>> {
    let digest_algorithm = tlv(0x30, SHA256_OID);
    let info = [
        tlv(2, &[1]),
        tlv(0x30, &[signer.name.as_slice(), &tlv(2, &[1])].concat()),
        digest_algorithm.clone(),
        tlv(0x30, EC_OID),
        tlv(4, &signer.sign(file)?),
    ];
    let data = [
        tlv(2, &[1]),
        tlv(0x31, &digest_algorithm),
        tlv(0x30, DATA_OID),
        tlv(0xa0, &signer.certificate),
        tlv(0x31, &tlv(0x30, &info.concat())),
    ];
    let data = tlv(0xa0, &tlv(0x30, &data.concat()));
    Ok(tlv(0x30, &[SIGNED_DATA_OID, &data].concat()))
}

/// Sections with the empty line that ends each.
fn split(manifest: &[u8]) -> Vec<&[u8]> {
    let mut sections = Vec::new();
    let mut rest = manifest;
    while let Some(at) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
        let (section, after) = rest.split_at(at + 4);
        sections.push(section);
        rest = after;
    }
    sections
}

/// Lines have 72 bytes at most; what is longer goes on after a space.
fn fold(line: &str, out: &mut Vec<u8>) {
    let bytes = line.as_bytes();
    let (first, mut rest) = bytes.split_at(bytes.len().min(70));
    out.extend_from_slice(first);
    out.extend_from_slice(b"\r\n");
    while !rest.is_empty() {
        let (next, after) = rest.split_at(rest.len().min(69));
        out.push(b' ');
        out.extend_from_slice(next);
        out.extend_from_slice(b"\r\n");
        rest = after;
    }
}

fn sha256(bytes: &[u8]) -> String {
    BASE64.encode(digest(&SHA256, bytes).as_ref())
}
