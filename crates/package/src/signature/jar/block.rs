//! A signature block against its signature file: the PKCS #7 `SignerInfo` that Android looks at (RFC 5652 section 5.4).

use testudo_crypto::foreign::Hash;
use testudo_crypto::foreign::der::{Value, tag};

use super::super::certificate::Certificate;
use super::super::cms::{CONTENT_TYPE, MESSAGE_DIGEST, SignedData, SignerInfo};
use super::super::input::{Platforms, api};
use super::super::issue::Issue;
use super::super::name::Name;
use super::algorithms::{self, Signature};

/// Who signed, and how.
pub(super) struct SignedBy {
    pub(super) certificate: Certificate,
    pub(super) hash: Hash,
    pub(super) algorithm: String,
}

/// Verifies the block: releases before 24 look at the first signer only, later ones take the first that verifies. A
/// signer that doesn't match gives way to the next; one that can't be checked ends verification.
pub(super) fn verify(block: &[u8], file: &[u8], platforms: Platforms) -> Result<SignedBy, Issue> {
    let data = SignedData::read(block)?;
    let looked_at = if platforms.min < api::NOUGAT { 1 } else { data.signers.len() };
    if data.signers.is_empty() {
        return Err(Issue::NoSignerInfos);
    }
    let certificates: Vec<Certificate> =
        data.certificates.iter().map(|der| Certificate::read(der)).collect::<Result<_, _>>()?;
    let mut verified = None;
    for signer in data.signers.iter().take(looked_at) {
        let found = verify_signer(&data, &certificates, signer, file, platforms)?;
        verified = verified.or(found);
    }
    verified.ok_or(Issue::SignatureFileMismatch)
}

fn verify_signer(
    data: &SignedData<'_>,
    certificates: &[Certificate],
    signer: &SignerInfo<'_>,
    file: &[u8],
    platforms: Platforms,
) -> Result<Option<SignedBy>, Issue> {
    let (digest, signature) = (signer.digest_algorithm, signer.signature_algorithm);
    let unsupported = |levels: String| {
        let (digest, signature) = algorithms::describe(digest, signature);
        Issue::UnsupportedJarAlgorithm { digest, signature, levels }
    };
    if let Some(levels) = algorithms::unsupported_levels(digest, signature, platforms) {
        return Err(unsupported(levels));
    }
    let (Some(digest), Some(signature)) = (algorithms::digest_of(digest), Signature::of(signature)) else {
        return Err(unsupported(String::new()));
    };
    let certificate = find(certificates, signer).ok_or(Issue::SigningCertificateMissing)?;
    if certificate.unsupported_critical {
        return Err(Issue::CriticalExtension);
    }
    if certificate.key_usage == Some((false, false)) {
        return Err(Issue::KeyUsage);
    }
    let key = certificate.public_key()?;
    let hash = signature.hash(digest);
    let matches = match &signer.signed_attributes {
        Some(attributes) => {
            if platforms.min < api::KITKAT {
                return Err(Issue::SignedAttributesBelowKitkat);
            }
            if !attributes_match(attributes, data, digest, file, platforms)? {
                return Ok(None);
            }
            // Signed as a SET, not with the tag that the attributes have in the structure (RFC 5652 section 5.4).
            let rest = attributes.encoded.get(1..).unwrap_or_default();
            key.verify(signature.scheme, hash, &[&[0x31], rest], signer.signature)?
        }
        None => key.verify(signature.scheme, hash, &[file], signer.signature)?,
    };
    let signed_by =
        || SignedBy { certificate: certificate.clone(), hash: hash.min(digest), algorithm: signature.name() };
    Ok(matches.then(signed_by))
}

/// Whether the attributes are those of this signature file.
fn attributes_match(
    attributes: &Value<'_>,
    data: &SignedData<'_>,
    digest: Hash,
    file: &[u8],
    platforms: Platforms,
) -> Result<bool, Issue> {
    if platforms.max >= api::NOUGAT {
        let content_type = SignerInfo::attribute(attributes, CONTENT_TYPE)?
            .filter(|value| value.is(tag::OBJECT_IDENTIFIER))
            .ok_or(Issue::SignedAttributeMissing("content type"))?;
        if content_type.contents != data.content_type {
            return Ok(false);
        }
    }
    let expected = SignerInfo::attribute(attributes, MESSAGE_DIGEST)?
        .filter(|value| value.is(tag::OCTET_STRING))
        .ok_or(Issue::SignedAttributeMissing("message digest"))?;
    Ok(expected.contents == digest.digest(file).as_ref())
}

fn find<'c>(certificates: &'c [Certificate], signer: &SignerInfo<'_>) -> Option<&'c Certificate> {
    let (issuer, serial) = signer.certificate.as_ref()?;
    let issuer = Name::read(issuer).ok()?;
    certificates.iter().find(|own| shortest(&own.serial) == shortest(serial) && own.issuer.matches(&issuer))
}

/// An INTEGER without bytes that only repeat its sign.
fn shortest(mut integer: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = integer {
        match (first, rest.first()) {
            (0, Some(next)) if next & 0x80 == 0 => integer = rest,
            (0xff, Some(next)) if next & 0x80 != 0 => integer = rest,
            _ => break,
        }
    }
    integer
}
