//! Proof of rotation: a chain in which each signing certificate vouches for the next (APK Signature Scheme v3,
//! "Proof-of-rotation and self-trusted-old-certs structs").

use testudo_crypto::foreign::Refusal;
use thiserror::Error;

use super::algorithm::SignatureAlgorithm;
use super::certificate::{Certificate, CertificateError};
use super::fields::{FieldError, Fields};

/// More rotations than any app has; checking grows with them.
const MAX_NODES: usize = 128;

/// Why a lineage is none.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LineageError {
    /// A field is cut.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The version is unknown.
    #[error("unknown version {0}")]
    Version(u32),
    /// It has no certificate, or too many.
    #[error("{0} certificates")]
    Count(usize),
    /// A certificate can't be read.
    #[error("certificate {number}: {source}")]
    Certificate {
        /// Its place, from 1 on.
        number: usize,
        /// What is wrong.
        source: CertificateError,
    },
    /// The certificate before uses a key or an algorithm that isn't known.
    #[error("certificate {0} can't vouch: unknown algorithm or unusable key")]
    Algorithm(usize),
    /// The certificate before didn't vouch for this one.
    #[error("certificate {0} isn't signed by the one before")]
    Signature(usize),
    /// The signature can't be compared.
    #[error("certificate {number}: {source}")]
    Refusal {
        /// Its place, from 1 on.
        number: usize,
        /// What is wrong.
        source: Refusal,
    },
    /// The algorithm that is signed is not the one that was used.
    #[error("certificate {0} names another algorithm than it is signed with")]
    AlgorithmMismatch(usize),
    /// A certificate is there twice.
    #[error("certificate {0} is there twice")]
    Duplicate(usize),
}

/// What an old signing certificate may still do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capabilities(
    /// The flags as they stand in the file.
    pub u32,
);

impl Capabilities {
    /// Data of an app signed with it are kept.
    pub fn installed_data(self) -> bool {
        self.0 & 1 != 0
    }

    /// It may share a user id.
    pub fn shared_user_id(self) -> bool {
        self.0 & 2 != 0
    }

    /// It is granted signature permissions.
    pub fn permission(self) -> bool {
        self.0 & 4 != 0
    }

    /// Apps may go back to it: the rotation can be undone by whoever holds the old key.
    pub fn rollback(self) -> bool {
        self.0 & 8 != 0
    }

    /// Authenticators trust it.
    pub fn auth(self) -> bool {
        self.0 & 16 != 0
    }

    /// The names of what it may.
    pub fn names(self) -> Vec<&'static str> {
        [
            (self.installed_data(), "installed data"),
            (self.shared_user_id(), "shared user id"),
            (self.permission(), "permission"),
            (self.rollback(), "rollback"),
            (self.auth(), "auth"),
        ]
        .into_iter()
        .filter_map(|(has, name)| has.then_some(name))
        .collect()
    }
}

/// A certificate of the lineage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// The certificate.
    pub certificate: Certificate,
    /// What it may still do once the next one signs.
    pub capabilities: Capabilities,
    /// The algorithm that the one before vouched with, as far as known.
    parent_algorithm: Option<u32>,
    /// The algorithm that it vouches for the next with, as far as known.
    algorithm: Option<u32>,
    signature: Vec<u8>,
}

/// A lineage whose signatures are right: certificates from the oldest to the newest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lineage {
    /// The certificates.
    pub nodes: Vec<Node>,
}

impl Lineage {
    /// Reads and verifies the value of the attribute.
    pub fn read(value: &[u8]) -> Result<Lineage, LineageError> {
        let mut fields = Fields::new(value);
        let version = fields.u32()?;
        if version != 1 {
            return Err(LineageError::Version(version));
        }
        let mut nodes: Vec<Node> = Vec::new();
        let mut vouching = 0;
        while !fields.is_empty() {
            let number = nodes.len() + 1;
            if number > MAX_NODES {
                return Err(LineageError::Count(number));
            }
            let mut node = fields.nested()?;
            let signed = node.prefixed()?;
            let capabilities = Capabilities(node.u32()?);
            let algorithm = node.u32()?;
            let signature = node.prefixed()?;
            if let Some(last) = nodes.last() {
                check_signature(&last.certificate, vouching, signed, signature, number)?;
            }
            let mut parts = Fields::new(signed);
            let der = parts.prefixed()?;
            let parent_algorithm = parts.u32()?;
            if !nodes.is_empty() && parent_algorithm != vouching {
                return Err(LineageError::AlgorithmMismatch(number));
            }
            let certificate = Certificate::read(der).map_err(|source| LineageError::Certificate { number, source })?;
            if nodes.iter().any(|node| node.certificate == certificate) {
                return Err(LineageError::Duplicate(number));
            }
            vouching = algorithm;
            let known = |id| SignatureAlgorithm::find(id).map(|algorithm| algorithm.id);
            nodes.push(Node {
                certificate,
                capabilities,
                parent_algorithm: known(parent_algorithm),
                algorithm: known(algorithm),
                signature: signature.to_vec(),
            });
        }
        if nodes.is_empty() { Err(LineageError::Count(0)) } else { Ok(Lineage { nodes }) }
    }

    /// The place of a certificate, from 0 on.
    pub fn position(&self, certificate: &Certificate) -> Option<usize> {
        self.nodes.iter().position(|node| node.certificate == *certificate)
    }

    /// The longest of several, of which all others must be a beginning.
    pub(super) fn consolidate(lineages: &[Lineage]) -> Result<Option<Lineage>, ()> {
        let mut longest: Option<&Lineage> = None;
        for lineage in lineages {
            if longest.is_none_or(|longest| lineage.nodes.len() > longest.nodes.len()) {
                longest = Some(lineage);
            }
        }
        let Some(longest) = longest.cloned() else { return Ok(None) };
        let fits = lineages.iter().all(|lineage| longest.nodes.starts_with(&lineage.nodes));
        if fits { Ok(Some(longest)) } else { Err(()) }
    }
}

fn check_signature(
    parent: &Certificate,
    algorithm: u32,
    signed: &[u8],
    signature: &[u8],
    number: usize,
) -> Result<(), LineageError> {
    let algorithm = SignatureAlgorithm::find(algorithm).ok_or(LineageError::Algorithm(number - 1))?;
    let key = parent.public_key().map_err(|_| LineageError::Algorithm(number - 1))?;
    match key.verify(algorithm.scheme, algorithm.hash, &[signed], signature) {
        Ok(true) => Ok(()),
        Ok(false) => Err(LineageError::Signature(number)),
        Err(source) => Err(LineageError::Refusal { number, source }),
    }
}
