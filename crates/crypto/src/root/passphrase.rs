//! Root key from a passphrase: Argon2id (RFC 9106) with settings that are stored beside the data.
//!
//! The settings are a PHC string without a hash (`$argon2id$v=19$m=65536,t=3,p=1$<salt>`), so nothing stored can
//! confirm a guess except the wrapped ring itself.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use testudo_core::Secret;
use zeroize::Zeroizing;

use super::{RootKeyError, file};
use crate::password::{Params, argon2id, phc};
use crate::random;

/// How a passphrase becomes a root key. Not secret, but needed: without it the passphrase is worth nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PassphraseSettings {
    params: Params,
    salt: Vec<u8>,
}

impl PassphraseSettings {
    /// Fewest characters of a passphrase.
    pub const MIN_CHARS: usize = 12;
    /// Most bytes of a passphrase.
    pub const MAX_BYTES: usize = 1024;
    /// 64 MiB and three passes, the second recommendation of RFC 9106 on one lane.
    const PARAMS: Params = Params { memory_kib: 65_536, passes: 3, lanes: 1 };

    /// New settings with a random salt.
    pub fn generate() -> PassphraseSettings {
        PassphraseSettings { params: Self::PARAMS, salt: random::array::<16>().to_vec() }
    }

    /// The settings in a file (mode 0600).
    pub fn from_file(path: &Path) -> Result<PassphraseSettings, RootKeyError> {
        file::read(path)?.expose().parse()
    }

    /// Writes the settings to a new file of mode 0600, durably. Never overwrites.
    pub fn write_file(&self, path: &Path) -> Result<(), RootKeyError> {
        file::create(path, format!("{self}\n").as_bytes())
    }

    pub(super) fn derive(&self, passphrase: &Secret<String>) -> Result<Zeroizing<[u8; 32]>, RootKeyError> {
        let text = passphrase.expose();
        if text.len() > Self::MAX_BYTES || text.chars().count() < Self::MIN_CHARS {
            return Err(RootKeyError::Passphrase);
        }
        let mut key = Zeroizing::new([0; 32]);
        let mut memory = argon2id::Memory::default();
        memory.hash(text.as_bytes(), &self.salt, self.params, key.as_mut()).map_err(|_| RootKeyError::Settings)?;
        Ok(key)
    }
}

impl fmt::Display for PassphraseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&phc::write_settings(self.params, &self.salt))
    }
}

impl FromStr for PassphraseSettings {
    type Err = RootKeyError;

    /// Settings below the floor are refused: nobody weakens the key by editing the file.
    fn from_str(text: &str) -> Result<PassphraseSettings, RootKeyError> {
        let (params, salt) = phc::parse_settings(text).map_err(|_| RootKeyError::Settings)?;
        if salt.len() < 16 || !params.reaches(Params::FLOOR) {
            return Err(RootKeyError::Settings);
        }
        Ok(PassphraseSettings { params, salt })
    }
}
