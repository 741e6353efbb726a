//! The certificates of the listeners: from files or from the own local CA, chosen by server name, swapped while in use.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::LocalCa;
use crate::pem::{self, PemError};

/// Why certificates can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file is unusable.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// Certificate and key don't belong together, or one of them is not supported.
    #[error("`{}` and `{}` can't be used together: {source}", certificate.display(), key.display())]
    Pair {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// No certificate was named.
    #[error("no certificate is named; give a certificate and its key")]
    None,
    /// The local CA can't be made or used.
    #[error("the local certificate authority in `{}` can't be used: {reason}", path.display())]
    LocalCa {
        /// Its folder or file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A certificate chain and its key, as PEM files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

#[derive(Debug)]
struct Entry {
    names: Vec<String>,
    key: Arc<CertifiedKey>,
}

enum Origin {
    Files(Vec<CertificateFiles>),
    LocalCa { ca: LocalCa, names: Vec<String> },
}

/// The certificates in use. Handed to [`super::server_config`]; [`Certificates::reload`] swaps them.
pub struct Certificates {
    origin: Origin,
    current: ArcSwap<Vec<Entry>>,
}

impl Certificates {
    /// Reads the files. The first pair answers clients that name no known server.
    pub fn from_files(files: Vec<CertificateFiles>) -> Result<Arc<Certificates>, CertificateError> {
        if files.is_empty() {
            return Err(CertificateError::None);
        }
        let origin = Origin::Files(files);
        let current = ArcSwap::from_pointee(origin.load()?);
        Ok(Arc::new(Certificates { origin, current }))
    }

    /// Issues a certificate for `localhost`, `127.0.0.1`, `::1` and `names` from the local CA.
    pub fn from_local_ca(ca: LocalCa, names: Vec<String>) -> Result<Arc<Certificates>, CertificateError> {
        let origin = Origin::LocalCa { ca, names };
        let current = ArcSwap::from_pointee(origin.load()?);
        Ok(Arc::new(Certificates { origin, current }))
    }

    /// Reads the files again, or issues a new certificate. On an error the old ones stay in use.
    pub fn reload(&self) -> Result<(), CertificateError> {
        self.current.store(Arc::new(self.origin.load()?));
        Ok(())
    }

    fn choose(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.load();
        let named = name.and_then(|name| current.iter().find(|entry| entry.covers(name)));
        named.or_else(|| current.first()).map(|entry| entry.key.clone())
    }
}

impl Entry {
    fn covers(&self, name: &str) -> bool {
        self.names.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
            None => pattern.eq_ignore_ascii_case(name),
        })
    }
}

impl Origin {
    fn load(&self) -> Result<Vec<Entry>, CertificateError> {
        match self {
            Origin::Files(files) => files.iter().map(load_pair).collect(),
            Origin::LocalCa { ca, names } => {
                let (chain, key) = ca.issue(names)?;
                let path = || ca.certificate_path().to_owned();
                let entry = entry(chain, key)
                    .map_err(|error| CertificateError::LocalCa { path: path(), reason: error.to_string() })?;
                Ok(vec![entry])
            }
        }
    }
}

fn load_pair(files: &CertificateFiles) -> Result<Entry, CertificateError> {
    let chain = pem::certificates(&files.certificate)?;
    let key = pem::private_key(&files.key)?;
    entry(chain, key).map_err(|source| CertificateError::Pair {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        source,
    })
}

fn entry(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Entry, rustls::Error> {
    let names = chain.first().map(names).unwrap_or_default();
    let key = CertifiedKey::from_der(chain, key, &super::provider())?;
    Ok(Entry { names, key: Arc::new(key) })
}

fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(alternative)) = parsed.subject_alternative_name() else { return Vec::new() };
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    alternative.value.general_names.iter().filter_map(dns).collect()
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.current.load().iter().map(|entry| entry.names.clone()).collect();
        f.debug_struct("Certificates").field("names", &names).finish_non_exhaustive()
    }
}
