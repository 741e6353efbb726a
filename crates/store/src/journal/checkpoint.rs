//! Signed checkpoints: size and root of the log as a signed note (C2SP tlog-checkpoint and signed-note).
//!
//! ```text
//! testudo/3f…            origin: the name of this log
//! 1234                   size
//! jK…=                   root, base64
//! at 2026-01-02T…Z       extension line: when it was made
//!
//! — testudo/3f… AbC…=    key hash and Ed25519 signature, base64
//! ```

use std::fmt::Write as _;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use data_encoding::BASE64;
use testudo_core::Timestamp;
use testudo_crypto::{CheckpointSigner, digest, verify_checkpoint};

use crate::UpkeepError;
use crate::merkle::Hash;

/// The longest note that is read.
const LONGEST: usize = 4_096;
/// The algorithm byte of Ed25519 in key hashes.
const ED25519: u8 = 1;

/// A signed statement that the log had this size and root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The root hash.
    pub root: Hash,
    /// The whole note with its signatures.
    pub note: String,
}

/// Why a text is not a checkpoint, or not one of this log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note with the lines of a checkpoint.
    #[error("this is not a checkpoint: {0}")]
    Malformed(&'static str),
    /// No signature by a key of this store.
    #[error("no signature on the checkpoint is by a key of this store")]
    Signature,
    /// Another log.
    #[error("the checkpoint is of the log `{0}`, not of this one")]
    Origin(String),
}

impl Checkpoint {
    /// Signs a checkpoint.
    pub(crate) fn sign(origin: &str, size: u64, root: Hash, at: Timestamp, signer: &CheckpointSigner) -> Checkpoint {
        let body = format!("{origin}\n{size}\n{}\nat {at}\n", BASE64.encode(&root));
        let mut signature = key_hash(origin, &signer.public()).to_vec();
        signature.extend_from_slice(&signer.sign(body.as_bytes()));
        let mut note = body;
        let _ = writeln!(note, "\n\u{2014} {origin} {}", BASE64.encode(&signature));
        Checkpoint { origin: origin.to_owned(), size, root, note }
    }

    /// Parses a note. Its signature is not checked.
    pub fn parse(note: &str) -> Result<Checkpoint, CheckpointError> {
        if note.len() > LONGEST {
            return Err(CheckpointError::Malformed("it is too long"));
        }
        let (body, _) = split(note)?;
        let mut lines = body.lines();
        let origin = lines.next().filter(|line| !line.is_empty());
        let origin = origin.ok_or(CheckpointError::Malformed("the name of the log is missing"))?;
        let size = lines.next().filter(|line| *line == "0" || !line.starts_with(['0', '+']));
        let size = size.and_then(|line| line.parse().ok()).ok_or(CheckpointError::Malformed("the size is missing"))?;
        let root =
            lines.next().and_then(|line| BASE64.decode(line.as_bytes()).ok()).and_then(|root| root.try_into().ok());
        let root = root.ok_or(CheckpointError::Malformed("the root hash is missing"))?;
        Ok(Checkpoint { origin: origin.to_owned(), size, root, note: note.to_owned() })
    }

    /// Checks that it is a checkpoint of the log `origin`, signed by one of the keys.
    pub fn verify(&self, origin: &str, keys: &[[u8; 32]]) -> Result<(), CheckpointError> {
        if self.origin != origin {
            return Err(CheckpointError::Origin(self.origin.clone()));
        }
        let (body, signatures) = split(&self.note)?;
        let signed = signatures.lines().any(|line| {
            let rest = line.strip_prefix("\u{2014} ").and_then(|line| line.strip_prefix(origin));
            let encoded = rest.and_then(|rest| rest.strip_prefix(' '));
            let Some(bytes) = encoded.and_then(|text| BASE64.decode(text.as_bytes()).ok()) else { return false };
            let Some((hash, signature)) = bytes.split_first_chunk::<4>() else { return false };
            keys.iter().any(|key| key_hash(origin, key) == *hash && verify_checkpoint(key, body.as_bytes(), signature))
        });
        if signed { Ok(()) } else { Err(CheckpointError::Signature) }
    }
}

fn split(note: &str) -> Result<(&str, &str), CheckpointError> {
    let at = note.find("\n\n").ok_or(CheckpointError::Malformed("the signature is missing"))?;
    let (body, signatures) = note.split_at(at + 1);
    Ok((body, signatures.trim_start_matches('\n')))
}

fn key_hash(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let mut hasher = digest::Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update(&[b'\n', ED25519]);
    hasher.update(public);
    hasher.finish().first_chunk().copied().unwrap_or_default()
}

/// Parses a file of checkpoints: notes with an empty line after each. Notes that were cut off while they were written
/// are left out.
pub fn parse_checkpoints(text: &str) -> Result<Vec<Checkpoint>, CheckpointError> {
    let mut checkpoints = Vec::new();
    let mut body = "";
    for part in text.split("\n\n").map(|part| part.trim_matches('\n')) {
        if part.starts_with('\u{2014}') {
            if !body.is_empty() && part.lines().any(is_whole) {
                checkpoints.push(Checkpoint::parse(&format!("{body}\n\n{part}\n"))?);
            }
            body = "";
        } else {
            body = part;
        }
    }
    Ok(checkpoints)
}

/// Whether a signature line has all of its bytes.
fn is_whole(line: &str) -> bool {
    let encoded = line.rsplit(' ').next().unwrap_or_default();
    BASE64.decode(encoded.as_bytes()).is_ok_and(|bytes| bytes.len() == 68)
}

/// Appends a note to the file outside of the store, durably.
pub(crate) fn append(path: &Path, note: &str) -> Result<(), UpkeepError> {
    use std::os::unix::fs::OpenOptionsExt;
    let open = std::fs::OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path);
    let mut file = open.map_err(UpkeepError::io("open the checkpoint file", path))?;
    let failed = || UpkeepError::io("append to the checkpoint file", path);
    let gap = if ends_between_notes(&mut file).map_err(failed())? { "" } else { "\n\n" };
    let written = file.write_all(format!("{gap}{note}\n").as_bytes()).and_then(|()| file.sync_data());
    written.map_err(failed())
}

/// Whether nothing was cut off at the end of the file.
fn ends_between_notes(file: &mut std::fs::File) -> std::io::Result<bool> {
    let length = file.metadata()?.len();
    if length < 2 {
        return Ok(length == 0);
    }
    let mut end = [0; 2];
    file.seek(SeekFrom::End(-2))?;
    file.read_exact(&mut end)?;
    Ok(end == *b"\n\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use testudo_crypto::KeyRing;

    use super::*;

    #[test]
    fn a_signed_note_comes_back_and_its_changes_do_not() {
        let ring = KeyRing::generate(Timestamp::EPOCH);
        let signer = ring.checkpoint_signer();
        let made = Checkpoint::sign("testudo/x", 7, [5; 32], Timestamp::from_seconds(9), &signer);
        let text = format!("{}\n{}\n", made.note, made.note);
        let parsed = parse_checkpoints(&text).unwrap();
        assert_eq!(parsed, [made.clone(), made.clone()]);
        made.verify("testudo/x", &[signer.public()]).unwrap();
        assert_eq!(made.verify("testudo/x", &[[1; 32]]), Err(CheckpointError::Signature));
        assert!(matches!(made.verify("testudo/y", &[signer.public()]), Err(CheckpointError::Origin(_))));
        let forged = Checkpoint::parse(&made.note.replace("\n7\n", "\n8\n")).unwrap();
        assert_eq!(forged.verify("testudo/x", &[signer.public()]), Err(CheckpointError::Signature));
        let cut = text.get(..text.len() - 30).unwrap();
        assert_eq!(parse_checkpoints(cut).unwrap().len(), 1);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        for cut in 1..made.note.len() {
            if !made.note.is_char_boundary(cut) {
                continue;
            }
            std::fs::write(&path, text.get(..made.note.len() + 1 + cut).unwrap()).unwrap();
            append(&path, &made.note).unwrap();
            let parsed = parse_checkpoints(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert!(parsed.len() >= 2 && parsed.iter().all(|one| *one == made), "cut at {cut}: {parsed:?}");
        }
        assert!(Checkpoint::parse("a\n007\nx\n\n").is_err());
    }
}
