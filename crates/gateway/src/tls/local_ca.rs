//! The own local certificate authority of `up`: made once, kept with mode 0600, trusted by file on the same machine.

use std::fs::{OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::CertificateError;
use crate::pem;

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca-key.pem";
const DAY: Duration = Duration::from_hours(24);
const CA_DAYS: u32 = 3650;
const LEAF_DAYS: u32 = 90;

/// A certificate authority of this installation alone.
pub struct LocalCa {
    certificate: PathBuf,
    key: KeyPair,
}

impl LocalCa {
    /// Opens the authority in `dir`, or makes it: `ca.pem`, and `ca-key.pem` with mode 0600. A folder with only one of
    /// the two is an error, never a new authority.
    pub fn open_or_create(dir: &Path) -> Result<LocalCa, CertificateError> {
        let (certificate, key) = (dir.join(CERTIFICATE), dir.join(KEY));
        match (certificate.exists(), key.exists()) {
            (true, true) => LocalCa::open(certificate, &key),
            (false, false) => LocalCa::create(dir, certificate, &key),
            (true, false) => {
                Err(failed(&key, "the key is missing; restore it, or remove `ca.pem` for a new authority"))
            }
            (false, true) => {
                Err(failed(&certificate, "the certificate is missing; restore it, or remove `ca-key.pem`"))
            }
        }
    }

    /// The file that clients must trust.
    pub fn certificate_path(&self) -> &Path {
        &self.certificate
    }

    fn open(certificate: PathBuf, key: &Path) -> Result<LocalCa, CertificateError> {
        let mode = std::fs::metadata(key).map_err(|error| failed(key, error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(failed(key, "others may read the key; run `chmod 600` on it"));
        }
        let text = pem::read(key)?;
        let text = std::str::from_utf8(&text).map_err(|error| failed(key, error))?;
        let pair = KeyPair::from_pem(text).map_err(|error| failed(key, error))?;
        let [der, ..] = pem::certificates(&certificate)?
            .try_into()
            .map_or_else(|_| None, |one: [_; 1]| Some(one))
            .ok_or_else(|| failed(&certificate, "expected exactly one certificate"))?;
        let ours = spki_of(&der).is_some_and(|spki| spki == rcgen::PublicKeyData::subject_public_key_info(&pair));
        if !ours {
            return Err(failed(&certificate, "the certificate does not belong to `ca-key.pem`"));
        }
        Ok(LocalCa { certificate, key: pair })
    }

    fn create(dir: &Path, certificate: PathBuf, key_path: &Path) -> Result<LocalCa, CertificateError> {
        std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
        let key = KeyPair::generate().map_err(|error| failed(dir, error))?;
        let made = authority(&key).self_signed(&key).map_err(|error| failed(dir, error))?;
        write(key_path, &Zeroizing::new(key.serialize_pem()), 0o600)?;
        write(&certificate, &made.pem(), 0o644)?;
        Ok(LocalCa { certificate, key })
    }

    /// A leaf of 90 days for this machine and `names`, with its chain.
    pub(super) fn issue(
        &self,
        names: &[String],
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), CertificateError> {
        let wrong = |error: rcgen::Error| failed(&self.certificate, error);
        let mut all: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        all.extend(names.iter().filter(|name| !["localhost", "127.0.0.1", "::1"].contains(&name.as_str())).cloned());
        let mut params = CertificateParams::new(all).map_err(wrong)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Testudo gateway");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(serial());
        valid_for(&mut params, LEAF_DAYS);
        let key = KeyPair::generate().map_err(wrong)?;
        let issuer = Issuer::new(authority(&self.key), &self.key);
        let leaf = params.signed_by(&key, &issuer).map_err(wrong)?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok((vec![leaf.der().clone()], private))
    }
}

/// The authority's own parameters; the name holds a piece of the key, so that two installations are told apart.
fn authority(key: &KeyPair) -> CertificateParams {
    let digest = testudo_crypto::digest::sha256(&rcgen::PublicKeyData::subject_public_key_info(key));
    let mark = digest.first_chunk().copied().map_or(0, u32::from_be_bytes);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Testudo local CA {mark:08x}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(serial());
    valid_for(&mut params, CA_DAYS);
    params
}

/// From a day ago, against clocks that are behind.
fn valid_for(params: &mut CertificateParams, days: u32) {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let begin = rcgen::date_time_ymd(1970, 1, 1) + since_epoch - DAY;
    params.not_before = begin;
    params.not_after = begin + DAY * days;
}

fn serial() -> SerialNumber {
    let mut bytes: [u8; 16] = testudo_crypto::random::array();
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    SerialNumber::from_slice(&bytes)
}

fn spki_of(der: &CertificateDer<'_>) -> Option<Vec<u8>> {
    use x509_parser::prelude::FromDer as _;
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
    Some(parsed.public_key().raw.to_vec())
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), CertificateError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error: std::io::Error| failed(path, error))
}

#[expect(clippy::needless_pass_by_value, reason = "callers hand over errors and literals alike")]
fn failed(path: &Path, reason: impl ToString) -> CertificateError {
    CertificateError::LocalCa { path: path.to_owned(), reason: reason.to_string() }
}

impl std::fmt::Debug for LocalCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalCa").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}
