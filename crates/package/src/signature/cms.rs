//! The PKCS #7 / CMS `SignedData` of a JAR signature block (RFC 5652 section 5), read as tolerantly as the platform reads
//! it: BER lengths, and values after the last known field.

use testudo_crypto::foreign::der::{DerError, Reader, Value, tag};
use thiserror::Error;

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
pub(super) const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
pub(super) const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// Far more than any package has.
const MAX_VALUES: usize = 1024;

/// Why bytes are no signature block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum CmsError {
    /// Its ASN.1 is broken.
    #[error("malformed signature block: {0}")]
    Der(#[from] DerError),
    /// It holds something else.
    #[error("signature block holds no SignedData")]
    ContentType,
    /// Nobody needs so many.
    #[error("signature block has more than 1024 certificates, signers or attributes")]
    TooMany,
    /// An attribute is there twice or has several values.
    #[error("signed attribute is there more than once")]
    DuplicateAttribute,
}

/// The `SignedData`.
#[derive(Clone, Debug)]
pub struct SignedData<'a> {
    /// The type of what is signed, an object identifier.
    pub content_type: &'a [u8],
    /// The certificates, in DER or BER.
    pub certificates: Vec<&'a [u8]>,
    /// The signers.
    pub signers: Vec<SignerInfo<'a>>,
}

/// A `SignerInfo`.
#[derive(Clone, Debug)]
pub struct SignerInfo<'a> {
    /// Issuer (a name) and serial number of the signing certificate; `None` if it is named another way, which the
    /// platform doesn't know.
    pub certificate: Option<(Value<'a>, &'a [u8])>,
    /// The object identifier of the digest algorithm.
    pub digest_algorithm: &'a [u8],
    /// The object identifier of the signature algorithm.
    pub signature_algorithm: &'a [u8],
    /// The signed attributes, if there are any.
    pub signed_attributes: Option<Value<'a>>,
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> SignedData<'a> {
    /// Reads a signature block.
    pub fn read(block: &'a [u8]) -> Result<SignedData<'a>, CmsError> {
        let mut info = Reader::new(block).expect(tag::SEQUENCE)?.reader();
        let content_type = info.expect(tag::OBJECT_IDENTIFIER)?;
        if content_type.contents != SIGNED_DATA {
            return Err(CmsError::ContentType);
        }
        let content = info.required()?;
        if !content.is_context(0) {
            return Err(DerError::Tag.into());
        }
        let mut fields = content.reader().expect(tag::SEQUENCE)?.reader();
        fields.expect(tag::INTEGER)?;
        for algorithm in values(&fields.expect(tag::SET)?)? {
            if !algorithm.is(tag::SEQUENCE) {
                return Err(DerError::Tag.into());
            }
            algorithm.reader().expect(tag::OBJECT_IDENTIFIER)?;
        }
        let content_type = fields.expect(tag::SEQUENCE)?.reader().expect(tag::OBJECT_IDENTIFIER)?.contents;
        let certificates = match fields.optional_context(0)? {
            Some(set) => values(&set)?.into_iter().map(|value| value.encoded).collect(),
            None => Vec::new(),
        };
        fields.optional_context(1)?;
        let signers = values(&fields.expect(tag::SET)?)?;
        let signers = signers.iter().map(SignerInfo::read).collect::<Result<_, CmsError>>()?;
        Ok(SignedData { content_type, certificates, signers })
    }
}

impl<'a> SignerInfo<'a> {
    fn read(value: &Value<'a>) -> Result<SignerInfo<'a>, CmsError> {
        if !value.is(tag::SEQUENCE) {
            return Err(DerError::Tag.into());
        }
        let mut fields = value.reader();
        fields.expect(tag::INTEGER)?;
        let identifier = fields.required()?;
        let certificate = if identifier.is(tag::SEQUENCE) {
            let mut parts = identifier.reader();
            Some((parts.required()?, parts.expect(tag::INTEGER)?.contents))
        } else if identifier.is_context(0) {
            None
        } else {
            return Err(DerError::Tag.into());
        };
        let digest_algorithm = fields.expect(tag::SEQUENCE)?.reader().expect(tag::OBJECT_IDENTIFIER)?.contents;
        let signed_attributes = fields.optional_context(0)?;
        let signature_algorithm = fields.expect(tag::SEQUENCE)?.reader().expect(tag::OBJECT_IDENTIFIER)?.contents;
        let signature = fields.expect(tag::OCTET_STRING)?.contents;
        Ok(SignerInfo { certificate, digest_algorithm, signature_algorithm, signed_attributes, signature })
    }

    /// The value of a signed attribute of this type, if it is there; its values are in `attributes`.
    pub fn attribute(attributes: &Value<'a>, kind: &[u8]) -> Result<Option<Value<'a>>, CmsError> {
        let mut found = None;
        let mut seen: Vec<&[u8]> = Vec::new();
        for attribute in values(attributes)? {
            if !attribute.is(tag::SEQUENCE) {
                return Err(DerError::Tag.into());
            }
            let mut fields = attribute.reader();
            let own = fields.expect(tag::OBJECT_IDENTIFIER)?.contents;
            let set = values(&fields.expect(tag::SET)?)?;
            if seen.contains(&own) || own == kind && set.len() > 1 {
                return Err(CmsError::DuplicateAttribute);
            }
            seen.push(own);
            if own == kind {
                found = set.first().copied();
            }
        }
        Ok(found)
    }
}

fn values<'a>(set: &Value<'a>) -> Result<Vec<Value<'a>>, CmsError> {
    let mut reader = set.reader();
    let mut values = Vec::new();
    while let Some(value) = reader.read()? {
        if values.len() == MAX_VALUES {
            return Err(CmsError::TooMany);
        }
        values.push(value);
    }
    Ok(values)
}
