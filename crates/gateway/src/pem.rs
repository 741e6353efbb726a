//! Reading PEM files within bounds, with errors that name the file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Why a certificate or key file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// It can't be read.
    #[error("can't read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is larger than a PEM file can be.
    #[error("`{}` is larger than 4 MiB; name a PEM file", .0.display())]
    TooLarge(PathBuf),
    /// It holds no certificate.
    #[error("`{}` holds no PEM certificate; expected `-----BEGIN CERTIFICATE-----`", .0.display())]
    NoCertificate(PathBuf),
    /// It holds no private key.
    #[error("`{}` holds no PEM private key; expected PKCS#8, PKCS#1 or SEC1", .0.display())]
    NoKey(PathBuf),
    /// It is not valid PEM.
    #[error("`{}` is not valid PEM: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, PemError> {
    let failed = |source| PemError::Read { path: path.to_owned(), source };
    let mut bytes = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(PemError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let bytes = read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| PemError::Syntax { path: path.to_owned(), reason: error.to_string() })?;
    if certificates.is_empty() { Err(PemError::NoCertificate(path.to_owned())) } else { Ok(certificates) }
}

pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    let bytes = read(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        rustls_pki_types::pem::Error::NoItemsFound => PemError::NoKey(path.to_owned()),
        other => PemError::Syntax { path: path.to_owned(), reason: other.to_string() },
    })
}
