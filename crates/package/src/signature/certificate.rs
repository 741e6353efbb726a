//! X.509 certificates as far as package signatures use them (RFC 5280 section 4.1): whose key it is and what it says of
//! itself. Nothing here checks who issued it: the platform doesn't.

use testudo_crypto::foreign::der::{DerError, Reader, Value, tag};
use testudo_crypto::foreign::{Hash, KeyError, KeyKind, PublicKey, canonical_spki};
use thiserror::Error;

use super::name::Name;
use super::time;

/// Why bytes are no certificate.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CertificateError {
    /// Its ASN.1 is broken.
    #[error("malformed certificate: {0}")]
    Der(#[from] DerError),
    /// A field has an impossible value.
    #[error("malformed certificate: {0}")]
    Field(&'static str),
}

/// A certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Its bytes, as they stood in the signature.
    pub der: Vec<u8>,
    /// SHA-256 of these bytes: what stores and platforms know the signer by.
    pub sha256: [u8; 32],
    /// Whose certificate it is.
    pub subject: Name,
    /// Who issued it.
    pub issuer: Name,
    /// Its serial number, big endian as encoded.
    pub serial: Vec<u8>,
    /// The first second of its validity, since 1970.
    pub not_before: i64,
    /// The last second of its validity, since 1970.
    pub not_after: i64,
    /// The digest and kind of the issuer's signature, as far as known.
    pub signed_with: Option<Hash>,
    /// The key in DER, as a platform would write it.
    pub spki: Vec<u8>,
    /// The first bits of the key usage, if it has that extension: digital signature and non-repudiation.
    pub key_usage: Option<(bool, bool)>,
    /// Whether it has a critical extension that platforms don't know.
    pub unsupported_critical: bool,
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Certificate) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl Certificate {
    /// Reads a certificate, also one whose lengths are longer than needed.
    pub fn read(der: &[u8]) -> Result<Certificate, CertificateError> {
        let mut outer = Reader::new(der).expect(tag::SEQUENCE)?.reader();
        let body = outer.expect(tag::SEQUENCE)?;
        let algorithm = outer.expect(tag::SEQUENCE)?;
        outer.expect(tag::BIT_STRING)?;
        outer.end()?;

        let mut fields = body.reader();
        read_version(&mut fields)?;
        let serial = fields.expect(tag::INTEGER)?.contents.to_vec();
        if fields.expect(tag::SEQUENCE)?.contents != algorithm.contents {
            return Err(CertificateError::Field("its two signature algorithms differ"));
        }
        let issuer = Name::read(&fields.expect(tag::SEQUENCE)?)?;
        let mut validity = fields.expect(tag::SEQUENCE)?.reader();
        let not_before = time::read(&validity.required()?).ok_or(CertificateError::Field("validity"))?;
        let not_after = time::read(&validity.required()?).ok_or(CertificateError::Field("validity"))?;
        let subject = Name::read(&fields.expect(tag::SEQUENCE)?)?;
        let spki = canonical_spki(fields.expect(tag::SEQUENCE)?.encoded)?;
        fields.optional_context(1)?;
        fields.optional_context(2)?;
        let extensions = fields.optional_context(3)?;
        fields.end()?;

        let mut certificate = Certificate {
            sha256: to_array(Hash::Sha256.digest(der).as_ref()),
            der: der.to_vec(),
            subject,
            issuer,
            serial,
            not_before,
            not_after,
            signed_with: signature_hash(&algorithm),
            spki,
            key_usage: None,
            unsupported_critical: false,
        };
        if let Some(extensions) = extensions {
            certificate.read_extensions(&extensions)?;
        }
        Ok(certificate)
    }

    /// Its key.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::from_spki(&self.spki)
    }

    /// The family and size in bits of its key, if the key is usable.
    pub fn key(&self) -> Option<(KeyKind, usize)> {
        self.public_key().ok().map(|key| (key.kind(), key.bits()))
    }

    fn read_extensions(&mut self, explicit: &Value<'_>) -> Result<(), CertificateError> {
        let mut list = explicit.reader().expect(tag::SEQUENCE)?.reader();
        while let Some(extension) = list.read()? {
            let mut fields = extension.reader();
            let oid = fields.expect(tag::OBJECT_IDENTIFIER)?.contents;
            let mut value = fields.required()?;
            let mut critical = false;
            if value.is(tag::BOOLEAN) {
                critical = value.contents.iter().any(|byte| *byte != 0);
                value = fields.required()?;
            }
            if !value.is(tag::OCTET_STRING) {
                return Err(DerError::Tag.into());
            }
            if oid == KEY_USAGE {
                let bits = value.reader().expect(tag::BIT_STRING)?;
                let first = bits.contents.get(1).copied().unwrap_or_default();
                self.key_usage = Some((first & 0x80 != 0, first & 0x40 != 0));
            }
            self.unsupported_critical |= critical && !is_known_extension(oid);
        }
        Ok(())
    }
}

fn read_version(fields: &mut Reader<'_>) -> Result<(), CertificateError> {
    let Some(version) = fields.optional_context(0)? else { return Ok(()) };
    match version.reader().magnitude()? {
        [] | [1 | 2] => Ok(()),
        _ => Err(CertificateError::Field("unknown version")),
    }
}

const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];

/// Extensions that the platform's certificate library reads (RFC 5280 section 4.2 and a few old ones).
fn is_known_extension(oid: &[u8]) -> bool {
    match oid {
        [0x55, 0x1d, last] => {
            matches!(last, 14..=21 | 27..=33 | 35..=37 | 46 | 54)
        }
        // Authority and subject information access, OCSP no check; the certificate type of old browsers.
        [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 1 | 11]
        | [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x05]
        | [0x60, 0x86, 0x48, 0x01, 0x86, 0xf8, 0x42, 0x01, 0x01] => true,
        _ => false,
    }
}

/// The hash function of the usual signature algorithms.
fn signature_hash(algorithm: &Value<'_>) -> Option<Hash> {
    match algorithm.reader().expect(tag::OBJECT_IDENTIFIER).ok()?.contents {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last] => match last {
            4 => Some(Hash::Md5),
            5 => Some(Hash::Sha1),
            11 => Some(Hash::Sha256),
            12 => Some(Hash::Sha384),
            13 => Some(Hash::Sha512),
            14 => Some(Hash::Sha224),
            _ => None,
        },
        [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => Some(Hash::Sha1),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last] | [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, last] => {
            match last {
                1 => Some(Hash::Sha224),
                2 => Some(Hash::Sha256),
                3 => Some(Hash::Sha384),
                4 => Some(Hash::Sha512),
                _ => None,
            }
        }
        _ => None,
    }
}

fn to_array(bytes: &[u8]) -> [u8; 32] {
    let mut array = [0; 32];
    array.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    array
}
