//! Digests as npm writes them (W3C Subresource Integrity): `sha512-BASE64 sha1-BASE64`.

use data_encoding::{BASE64, BASE64_NOPAD};

use super::Wrong;
use crate::dependencies::error::shown;
use crate::dependencies::{Algorithm, Digest};

/// Reads an integrity text. Algorithms that are not known are skipped; a digest of the wrong length is an error.
pub(super) fn digests(text: &str, line: u32) -> Result<Vec<Digest>, Wrong> {
    let mut digests = Vec::new();
    for word in text.split_ascii_whitespace() {
        let word = word.split_once('?').map_or(word, |(word, _)| word);
        let Some((algorithm, value)) = word.split_once('-') else {
            return Err(Wrong::malformed(line, format!("`{}` is no integrity digest", shown(word))));
        };
        let algorithm = match algorithm {
            "md5" => Algorithm::Md5,
            "sha1" => Algorithm::Sha1,
            "sha256" => Algorithm::Sha256,
            "sha384" => Algorithm::Sha384,
            "sha512" => Algorithm::Sha512,
            _ => continue,
        };
        let bytes = BASE64.decode(value.as_bytes()).or_else(|_| BASE64_NOPAD.decode(value.as_bytes()));
        let digest = bytes.ok().and_then(|bytes| Digest::from_bytes(algorithm, &bytes));
        digests.push(
            digest.ok_or_else(|| {
                Wrong::malformed(line, format!("`{}` is no {} digest", shown(value), algorithm.name()))
            })?,
        );
    }
    Ok(digests)
}
