//! `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7) of RSA, EC (RFC 5480) and DSA (RFC 3279 section 2.3) keys.

use super::der::{DerError, Reader, Value, tag, tlv};
use super::dsa::DsaKey;
use super::ecdsa::{Curve, EcKey};
use super::rsa::RsaKey;
use super::{Key, KeyError};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];

/// The three parts of the structure.
struct Parts<'a> {
    algorithm: &'a [u8],
    parameters: Option<Value<'a>>,
    key: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(spki: &'a [u8]) -> Result<Parts<'a>, DerError> {
        let mut reader = Reader::new(spki).expect(tag::SEQUENCE)?.reader();
        let mut identifier = reader.expect(tag::SEQUENCE)?.reader();
        let algorithm = identifier.expect(tag::OBJECT_IDENTIFIER)?.contents;
        let parameters = identifier.read()?;
        let bits = reader.expect(tag::BIT_STRING)?;
        match bits.contents.split_first() {
            Some((0, key)) => Ok(Parts { algorithm, parameters, key }),
            _ => Err(DerError::Contents),
        }
    }
}

/// Reads the key.
pub(super) fn read(spki: &[u8]) -> Result<Key, KeyError> {
    let mut whole = Reader::new(spki);
    whole.expect(tag::SEQUENCE)?;
    whole.end()?;
    let parts = Parts::read(spki)?;
    match parts.algorithm {
        RSA => {
            let mut numbers = Reader::new(parts.key).expect(tag::SEQUENCE)?.reader();
            let modulus = numbers.magnitude()?;
            let exponent = numbers.magnitude()?;
            numbers.end()?;
            Ok(Key::Rsa(RsaKey::new(modulus, exponent)?))
        }
        EC => {
            let curve = parts.parameters.filter(|value| value.is(tag::OBJECT_IDENTIFIER));
            let curve = curve.and_then(|value| Curve::of(value.contents)).ok_or(KeyError::Curve)?;
            Ok(Key::Ec(EcKey::new(curve, parts.key)?))
        }
        DSA => {
            let parameters = parts.parameters.filter(|value| value.is(tag::SEQUENCE)).ok_or(KeyError::Value)?;
            let mut numbers = parameters.reader();
            let (p, q, g) = (numbers.magnitude()?, numbers.magnitude()?, numbers.magnitude()?);
            let y = Reader::new(parts.key).magnitude()?;
            Ok(Key::Dsa(DsaKey::new(p, q, g, y)?))
        }
        _ => Err(KeyError::Algorithm),
    }
}

/// The same structure in DER, as a platform writes it again after reading it: shortest lengths, NULL parameters for RSA,
/// and the zero byte before a modulus that some writers left out.
pub fn canonical_spki(spki: &[u8]) -> Result<Vec<u8>, DerError> {
    let parts = Parts::read(spki)?;
    let parameters = match parts.parameters {
        Some(value) => value.encoded.to_vec(),
        None if parts.algorithm == RSA => tlv(0x05, &[]),
        None => Vec::new(),
    };
    let algorithm = tlv(0x30, &[tlv(0x06, parts.algorithm), parameters].concat());
    let key = if parts.algorithm == RSA { with_positive_modulus(parts.key)? } else { parts.key.to_vec() };
    let bits = tlv(0x03, &[&[0], key.as_slice()].concat());
    Ok(tlv(0x30, &[algorithm, bits].concat()))
}

fn with_positive_modulus(key: &[u8]) -> Result<Vec<u8>, DerError> {
    let mut numbers = Reader::new(key).expect(tag::SEQUENCE)?.reader();
    let modulus = numbers.expect(tag::INTEGER)?;
    if modulus.contents.first().is_none_or(|first| first & 0x80 == 0) {
        return Ok(key.to_vec());
    }
    let exponent = numbers.expect(tag::INTEGER)?;
    let modulus = tlv(0x02, &[&[0], modulus.contents].concat());
    Ok(tlv(0x30, &[modulus, tlv(0x02, exponent.contents)].concat()))
}
