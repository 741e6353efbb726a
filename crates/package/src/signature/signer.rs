//! What signers of the schemes v2, v3 and v4 have in common: signatures over signed data, certificates, digests and
//! attributes (APK Signature Scheme v2, "APK Signature Scheme v2 Block").

use testudo_crypto::foreign::PublicKey;

use super::algorithm::{ContentDigest, SignatureAlgorithm, looked_at};
use super::certificate::Certificate;
use super::content::Contents;
use super::fields::{FieldError, Fields};
use super::input::Platforms;
use super::issue::Issue;

/// Far more than any signer has.
const MAX_ITEMS: usize = 1024;

/// A number and bytes.
pub(super) type Numbered<'a> = (u32, &'a [u8]);

/// Reads length-prefixed pairs of a number and length-prefixed bytes: signatures and digests.
pub(super) fn read_pairs(mut fields: Fields<'_>) -> Result<Vec<Numbered<'_>>, FieldError> {
    let mut pairs = Vec::new();
    while !fields.is_empty() {
        let mut pair = fields.nested()?;
        let number = pair.u32()?;
        push_bounded(&mut pairs, (number, pair.prefixed()?))?;
    }
    Ok(pairs)
}

/// Reads length-prefixed pairs of a number and the rest: attributes.
pub(super) fn read_attributes(mut fields: Fields<'_>) -> Result<Vec<Numbered<'_>>, FieldError> {
    let mut attributes = Vec::new();
    while !fields.is_empty() {
        let mut attribute = fields.nested()?;
        let number = attribute.u32()?;
        push_bounded(&mut attributes, (number, attribute.rest()))?;
    }
    Ok(attributes)
}

fn push_bounded<T>(items: &mut Vec<T>, item: T) -> Result<(), FieldError> {
    if items.len() == MAX_ITEMS {
        return Err(FieldError { at: MAX_ITEMS });
    }
    items.push(item);
    Ok(())
}

/// Verifies the signatures that platforms look at and gives their algorithms; unknown ones are in `unknown`.
pub(super) fn verify_signatures(
    signatures: &[Numbered<'_>],
    key: &[u8],
    signed: &[u8],
    platforms: Platforms,
    unknown: &mut Vec<Issue>,
) -> Result<Vec<&'static SignatureAlgorithm>, Issue> {
    if signatures.is_empty() {
        return Err(Issue::NoSignerSignatures);
    }
    let mut known = Vec::new();
    for (id, signature) in signatures {
        match SignatureAlgorithm::find(*id) {
            Some(algorithm) => known.push((algorithm, *signature)),
            None => unknown.push(Issue::UnknownAlgorithm(*id)),
        }
    }
    let chosen = looked_at(&known, platforms).ok_or(Issue::NoSupportedSignatures)?;
    let key = PublicKey::from_spki(key)?;
    let mut algorithms = Vec::with_capacity(chosen.len());
    for (algorithm, signature) in chosen {
        verify_one(algorithm, &key, signed, signature)?;
        algorithms.push(algorithm);
    }
    Ok(algorithms)
}

/// Verifies one signature.
pub(super) fn verify_one(
    algorithm: &SignatureAlgorithm,
    key: &PublicKey,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), Issue> {
    if key.verify(algorithm.scheme, algorithm.hash, &[signed], signature)? {
        Ok(())
    } else {
        Err(Issue::SignedDataMismatch(algorithm.name))
    }
}

/// Reads the certificates, of which there must be one; the first is the signer's and has the key that verified.
pub(super) fn read_certificates(mut fields: Fields<'_>, key: &[u8]) -> Result<Vec<Certificate>, Issue> {
    let mut certificates = Vec::new();
    while !fields.is_empty() {
        let certificate = Certificate::read(fields.prefixed()?)?;
        push_bounded(&mut certificates, certificate)?;
    }
    let first = certificates.first().ok_or(Issue::NoCertificates)?;
    if first.spki != key {
        return Err(Issue::PublicKeyMismatch);
    }
    Ok(certificates)
}

/// Both lists must name the same algorithms in the same order.
pub(super) fn check_same_algorithms(signatures: &[Numbered<'_>], digests: &[Numbered<'_>]) -> Result<(), Issue> {
    if signatures.iter().map(|(id, _)| id).eq(digests.iter().map(|(id, _)| id)) {
        Ok(())
    } else {
        Err(Issue::AlgorithmsMismatch)
    }
}

/// Compares the signer's digests of the kinds that some signer's verified signature stands for.
pub(super) fn check_contents(
    digests: &[Numbered<'_>],
    kinds: &[ContentDigest],
    contents: &mut Contents<'_>,
) -> Vec<Issue> {
    let mut issues = Vec::new();
    for (id, expected) in digests {
        let Some(kind) = SignatureAlgorithm::find(*id).map(|algorithm| algorithm.content) else { continue };
        if !kinds.contains(&kind) {
            continue;
        }
        match contents.digest(kind) {
            Some(actual) if actual == *expected => {}
            Some(_) => issues.push(Issue::ContentDigest(kind.name())),
            None => issues.push(Issue::VerityAlignment),
        }
    }
    issues
}
