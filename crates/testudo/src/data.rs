//! The data folder: what lies where, with which mode.
//!
//! ```text
//! testudo-data/            0700
//!   root.key               0600, unless the root key comes from a passphrase or the environment
//!   store/                 the SQLite files, keys apart from data
//!   ca/                    the local CA: ca.pem for clients, its key 0600
//!   checkpoints.log        each signed checkpoint of the journal
//!   testudo.sock           0600, where commands speak to the running server
//! ```

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use testudo_core::Secret;
use testudo_crypto::{PassphraseSettings, RootKey, RootKeyError};
use testudo_store::{PostgresConfig, StoreConfig};

use crate::config::Config;

/// The variable that holds the root key in containers: 32 bytes in base64url.
pub const ROOT_KEY_VARIABLE: &str = "TESTUDO_ROOT_KEY";

/// The data folder.
#[derive(Clone, Debug)]
pub struct DataFolder(PathBuf);

/// Why the data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file system refused.
    #[error("can't use `{path}`: {source}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("others can enter the data folder `{0}`; run `chmod 700` on it")]
    Open(PathBuf),
    /// The root key can't be had.
    #[error("the root key can't be used: {0}")]
    RootKey(String),
    /// There are data, and the root key is gone.
    #[error(
        "`{key}` is missing although `{store}` holds data that only it can open; put it back from your backup (a fresh \
         key would make the data unreadable for ever)"
    )]
    RootKeyLost {
        /// The key file.
        key: PathBuf,
        /// The store.
        store: PathBuf,
    },
}

impl DataFolder {
    /// Opens the folder, and makes it when it is missing.
    pub fn open(path: &Path) -> Result<DataFolder, DataError> {
        let failed = |source| DataError::Io { path: path.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode.trailing_zeros() < 6 {
            return Err(DataError::Open(path.to_owned()));
        }
        Ok(DataFolder(path.canonicalize().map_err(failed)?))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The SQLite store.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// The local CA.
    pub fn ca(&self) -> PathBuf {
        self.0.join("ca")
    }

    /// The socket for commands.
    pub fn socket(&self) -> PathBuf {
        self.0.join("testudo.sock")
    }

    /// The root key's file.
    pub fn root_key(&self) -> PathBuf {
        self.0.join("root.key")
    }

    /// Whether a root key was made here: a file of its own, or the settings of a passphrase.
    pub fn has_root_key(&self) -> bool {
        self.root_key().exists() || self.0.join("root.argon2").exists()
    }

    /// The file that checkpoints are appended to.
    pub fn checkpoints(&self, config: &Config) -> PathBuf {
        config.store.checkpoint_file.clone().unwrap_or_else(|| self.0.join("checkpoints.log"))
    }

    /// The root key: from the environment, a passphrase, or the key file, which is made on the first start only.
    pub fn unlock(&self, config: &Config, environment: Option<Secret<String>>) -> Result<RootKey, DataError> {
        let refused = |error: &dyn std::fmt::Display| DataError::RootKey(error.to_string());
        if let Some(value) = environment {
            return RootKey::from_env_value(&value).map_err(|error| refused(&error));
        }
        if let Some(file) = &config.store.root_passphrase_file {
            let passphrase = read_secret(file)?;
            let settings = self.passphrase_settings()?;
            return RootKey::from_passphrase(&passphrase, &settings).map_err(|error| refused(&error));
        }
        let file = self.root_key();
        if file.exists() {
            return RootKey::from_file(&file).map_err(|error| refused(&error));
        }
        if self.store().exists() {
            return Err(DataError::RootKeyLost { key: file, store: self.store() });
        }
        let key = RootKey::generate();
        key.write_file(&file).map_err(|error| refused(&error))?;
        Ok(key)
    }

    /// The Argon2id settings of the passphrase; made on the first start only.
    fn passphrase_settings(&self) -> Result<PassphraseSettings, DataError> {
        let refused = |error: RootKeyError| DataError::RootKey(error.to_string());
        let file = self.0.join("root.argon2");
        if file.exists() {
            return PassphraseSettings::from_file(&file).map_err(refused);
        }
        if self.store().exists() {
            return Err(DataError::RootKeyLost { key: file, store: self.store() });
        }
        let settings = PassphraseSettings::generate();
        settings.write_file(&file).map_err(refused)?;
        Ok(settings)
    }

    /// Where the store is.
    pub fn store_config(&self, config: &Config) -> Result<StoreConfig, DataError> {
        let mut store = match &config.store.postgres_url_file {
            None => StoreConfig::sqlite(self.store()),
            Some(file) => StoreConfig::postgres(PostgresConfig {
                url: read_secret(file)?,
                ca_file: config.store.postgres_ca_file.clone(),
                pool: 16,
            }),
        };
        store.checkpoint_file = Some(self.checkpoints(config));
        Ok(store)
    }
}

/// Reads a one-line secret from a file.
fn read_secret(path: &Path) -> Result<Secret<String>, DataError> {
    use std::io::Read as _;
    let failed = |source| DataError::Io { path: path.to_owned(), source };
    let mut text = zeroize::Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(64 * 1024).read_to_string(&mut text).map_err(failed)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}
