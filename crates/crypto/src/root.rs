//! The root key: 256 bits that wrap the key ring, from a file, a passphrase or the environment.
//!
//! A file holds one line of base64url and must be readable by its owner only. A passphrase goes through Argon2id with
//! settings that are stored beside the data. A lost root key is an error, never a fresh key over old data: so nothing
//! here makes a key unless it is told to.

mod file;
mod passphrase;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use testudo_core::Secret;
use zeroize::Zeroizing;

pub use self::passphrase::PassphraseSettings;
use crate::digest::{equal, hkdf_sha256};
use crate::{certain, random};

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The file can't be read.
    #[error("cannot read `{path}`: give the file of the root key that belongs to this data", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file can't be written.
    #[error("cannot write `{path}`", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is there already.
    #[error("`{path}` exists already and is never overwritten: move it away first", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others may read or write the file.
    #[error("`{path}` has mode {mode:04o}: run `chmod 600` on it, and change the key if others could read it",
        path = path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a regular file.
    #[error("`{path}` is not a regular file", path = path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// Not 32 bytes in base64url.
    #[error("a root key is 43 characters of base64url without padding (32 random bytes)")]
    Malformed,
    /// The bytes are all the same.
    #[error("the root key is not random: use 32 bytes from a random generator")]
    NotRandom,
    /// The settings for the passphrase don't parse or are out of bounds.
    #[error("the passphrase settings are damaged: restore them from a backup")]
    Settings,
    /// The passphrase is too short or too long.
    #[error("a passphrase has {min} to {max} characters", min = PassphraseSettings::MIN_CHARS,
        max = PassphraseSettings::MAX_BYTES)]
    Passphrase,
}

/// The key that wraps the key ring.
pub struct RootKey(Zeroizing<[u8; 32]>);

impl RootKey {
    /// Bytes of a fingerprint.
    pub(crate) const FINGERPRINT: usize = 8;

    /// A new random key.
    pub fn generate() -> RootKey {
        RootKey(random::secret())
    }

    /// The same key for another holder, who must open rings that are rotated later; zeroized on its own.
    #[must_use]
    pub fn share(&self) -> RootKey {
        RootKey(self.0.clone())
    }

    /// The key in a file that only its owner may read (mode 0600 or 0400).
    pub fn from_file(path: &Path) -> Result<RootKey, RootKeyError> {
        RootKey::from_env_value(&file::read(path)?)
    }

    /// Writes the key to a new file of mode 0600, durably. Never overwrites.
    pub fn write_file(&self, path: &Path) -> Result<(), RootKeyError> {
        let mut line = Zeroizing::new(BASE64URL_NOPAD.encode(self.0.as_ref()));
        line.push('\n');
        file::create(path, line.as_bytes())
    }

    /// The key from an environment variable: 32 bytes in base64url without padding.
    pub fn from_env_value(value: &Secret<String>) -> Result<RootKey, RootKeyError> {
        let text = value.expose().as_bytes();
        if text.len() != 43 {
            return Err(RootKeyError::Malformed);
        }
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text).map_err(|_| RootKeyError::Malformed)?);
        let mut key = RootKey(Zeroizing::new([0; 32]));
        if bytes.len() != key.0.len() {
            return Err(RootKeyError::Malformed);
        }
        key.0.copy_from_slice(&bytes);
        if key.0.iter().all(|byte| Some(byte) == key.0.first()) {
            return Err(RootKeyError::NotRandom);
        }
        Ok(key)
    }

    /// The key from a passphrase, with the settings that were made for it.
    pub fn from_passphrase(
        passphrase: &Secret<String>,
        settings: &PassphraseSettings,
    ) -> Result<RootKey, RootKeyError> {
        settings.derive(passphrase).map(RootKey)
    }

    /// Tells a wrong key from damaged data; says nothing about the key.
    pub(crate) fn fingerprint(&self) -> [u8; RootKey::FINGERPRINT] {
        let mut fingerprint = [0; RootKey::FINGERPRINT];
        self.derive(b"testudo root key fingerprint", &mut fingerprint);
        fingerprint
    }

    pub(crate) fn wrapping_key(&self) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        self.derive(b"testudo root key wraps ring", key.as_mut());
        key
    }

    fn derive(&self, info: &[u8], out: &mut [u8]) {
        certain(hkdf_sha256(self.0.as_ref(), &[], info, out).then_some(()).ok_or(()), "deriving a key");
    }
}

impl PartialEq for RootKey {
    fn eq(&self, other: &RootKey) -> bool {
        equal(self.0.as_ref(), other.0.as_ref())
    }
}

impl Eq for RootKey {}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey([redacted])")
    }
}

#[cfg(test)]
mod tests;
