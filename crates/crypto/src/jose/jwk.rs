//! Public keys as JWK (RFC 7517, RFC 7518 section 6, RFC 8037), read strictly.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Map, Value, json};

use super::json::parse_strict;
use super::{Algorithm, JwkError, is_kid, roca};
use crate::digest::sha256;

type Members = Map<String, Value>;

/// Members that only private and symmetric keys have (RFC 7518 section 6, RFC 8037 section 2).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key that verifies signatures of one algorithm. Clones share it; equal keys have equal thumbprints.
#[derive(Clone)]
pub struct PublicKey(Arc<Key>);

struct Key {
    algorithm: Algorithm,
    numbers: Numbers,
    kid: Option<String>,
    thumbprint: String,
    parsed: ParsedPublicKey,
}

enum Numbers {
    P256 { x: [u8; 32], y: [u8; 32] },
    Ed25519 { x: [u8; 32] },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicKey {
    /// The key of a JWK document.
    pub fn from_jwk(bytes: &[u8]) -> Result<PublicKey, JwkError> {
        match parse_strict(bytes).map_err(JwkError::Json)? {
            Value::Object(members) => PublicKey::from_members(&members),
            _ => Err(JwkError::NotObject),
        }
    }

    pub(super) fn from_members(members: &Members) -> Result<PublicKey, JwkError> {
        if text(members, "kty")? == Some("oct") {
            return Err(JwkError::Symmetric);
        }
        if let Some(name) = SECRET_MEMBERS.into_iter().find(|name| members.contains_key(*name)) {
            return Err(JwkError::Private(name));
        }
        let numbers = match text(members, "kty")?.ok_or(JwkError::Missing("kty"))? {
            "EC" => {
                curve(members, "P-256")?;
                Numbers::P256 { x: coordinate(members, "x")?, y: coordinate(members, "y")? }
            }
            "OKP" => {
                curve(members, "Ed25519")?;
                Numbers::Ed25519 { x: coordinate(members, "x")? }
            }
            "RSA" => Numbers::Rsa { n: decoded(members, "n")?, e: decoded(members, "e")? },
            _ => return Err(JwkError::KeyType),
        };
        check_purpose(members, numbers.algorithm())?;
        let kid = text(members, "kid")?;
        if kid.is_some_and(|kid| !is_kid(kid)) {
            return Err(JwkError::Kid);
        }
        PublicKey::new(numbers, kid.map(str::to_owned))
    }

    /// From an uncompressed point of P-256 (0x04, x, y).
    pub(super) fn from_p256_point(point: &[u8]) -> Result<PublicKey, JwkError> {
        let coordinates = point.strip_prefix(&[4]).ok_or(JwkError::Point)?;
        let (x, y) = coordinates.split_first_chunk::<32>().ok_or(JwkError::Point)?;
        let y: [u8; 32] = y.try_into().map_err(|_| JwkError::Point)?;
        PublicKey::new(Numbers::P256 { x: *x, y }, None)
    }

    /// From the 32 bytes of an Ed25519 public key.
    pub(super) fn from_ed25519(x: &[u8]) -> Result<PublicKey, JwkError> {
        PublicKey::new(Numbers::Ed25519 { x: x.try_into().map_err(|_| JwkError::Point)? }, None)
    }

    fn new(numbers: Numbers, kid: Option<String>) -> Result<PublicKey, JwkError> {
        let parsed = numbers.parse()?;
        let canonical = Value::Object(numbers.members()).to_string();
        let thumbprint = BASE64URL_NOPAD.encode(&sha256(canonical.as_bytes()));
        Ok(PublicKey(Arc::new(Key { algorithm: numbers.algorithm(), numbers, kid, thumbprint, parsed })))
    }

    /// The one algorithm that this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// Its id: `kid` of its JWK, else its thumbprint.
    pub fn kid(&self) -> &str {
        self.0.kid.as_deref().unwrap_or(&self.0.thumbprint)
    }

    /// The SHA-256 thumbprint of RFC 7638 in base64url.
    pub fn thumbprint(&self) -> String {
        self.0.thumbprint.clone()
    }

    /// The JWK with `kid`, `alg` and `use`.
    pub fn to_jwk_json(&self) -> Value {
        let mut members = self.0.numbers.members();
        members.insert("kid".to_owned(), json!(self.kid()));
        members.insert("alg".to_owned(), json!(self.algorithm().name()));
        members.insert("use".to_owned(), json!("sig"));
        Value::Object(members)
    }

    /// The JWK with the members of its thumbprint only.
    pub(super) fn to_bare_jwk(&self) -> Value {
        Value::Object(self.0.numbers.members())
    }

    /// Whether the signature (for ES256: r and s, 32 bytes each) is right for the bytes.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.parsed.verify_sig(message, signature).is_ok()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.0.thumbprint == other.0.thumbprint
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("algorithm", &self.algorithm()).field("kid", &self.kid()).finish()
    }
}

impl Numbers {
    fn algorithm(&self) -> Algorithm {
        match self {
            Numbers::P256 { .. } => Algorithm::Es256,
            Numbers::Ed25519 { .. } => Algorithm::EdDsa,
            Numbers::Rsa { .. } => Algorithm::Rs256,
        }
    }

    /// The members that RFC 7638 hashes. `serde_json` writes what this crate builds in the order of insertion or of
    /// names; here both are the order that the RFC asks for.
    fn members(&self) -> Members {
        let encode = |bytes: &[u8]| json!(BASE64URL_NOPAD.encode(bytes));
        let pairs = match self {
            Numbers::P256 { x, y } => {
                vec![("crv", json!("P-256")), ("kty", json!("EC")), ("x", encode(x)), ("y", encode(y))]
            }
            Numbers::Ed25519 { x } => vec![("crv", json!("Ed25519")), ("kty", json!("OKP")), ("x", encode(x))],
            Numbers::Rsa { n, e } => vec![("e", encode(e)), ("kty", json!("RSA")), ("n", encode(n))],
        };
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Checks the numbers and prepares them for verifying.
    fn parse(&self) -> Result<ParsedPublicKey, JwkError> {
        match self {
            Numbers::P256 { x, y } => {
                let point = [&[4][..], x, y].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| JwkError::Point)
            }
            Numbers::Ed25519 { x } => {
                if !is_reduced(x) || has_small_order(x) {
                    return Err(JwkError::Point);
                }
                ParsedPublicKey::new(&ED25519, x).map_err(|_| JwkError::Point)
            }
            Numbers::Rsa { n, e } => {
                check_modulus(n)?;
                check_exponent(e)?;
                let components = RsaPublicKeyComponents { n, e };
                components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).map_err(|_| JwkError::Modulus)
            }
        }
    }
}

/// `alg`, `use` and `key_ops`, where present, must all say: verifies signatures of this algorithm.
fn check_purpose(members: &Members, algorithm: Algorithm) -> Result<(), JwkError> {
    if text(members, "alg")?.is_some_and(|alg| alg != algorithm.name()) {
        return Err(JwkError::Algorithm);
    }
    if text(members, "use")?.is_some_and(|usage| usage != "sig") {
        return Err(JwkError::Use);
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(ops)) if matches!(ops.as_slice(), [Value::String(op)] if op == "verify") => Ok(()),
        Some(Value::Array(_)) => Err(JwkError::KeyOps),
        Some(_) => Err(JwkError::MemberType("key_ops")),
    }
}

fn check_modulus(n: &[u8]) -> Result<(), JwkError> {
    let (Some(first), Some(last)) = (n.first().filter(|first| **first != 0), n.last()) else {
        return Err(JwkError::Modulus);
    };
    let bits = n.len() * 8 - first.leading_zeros() as usize;
    if last % 2 == 0 || !(2048..=4096).contains(&bits) {
        return Err(JwkError::Modulus);
    }
    if roca::has_fingerprint(n) { Err(JwkError::Roca) } else { Ok(()) }
}

fn check_exponent(e: &[u8]) -> Result<(), JwkError> {
    let shortest = e.first().is_some_and(|first| *first != 0) && e.len() <= 4;
    let value = e.iter().take(4).fold(0u32, |value, byte| (value << 8) | u32::from(*byte));
    if shortest && value >= 65_537 && value % 2 == 1 { Ok(()) } else { Err(JwkError::Exponent) }
}

/// Whether the y coordinate is below the field's prime 2^255 - 19, so that a key has one spelling (RFC 8032 5.1.3).
fn is_reduced(x: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = x;
    !(last & 0x7f == 0x7f && middle.iter().all(|byte| *byte == 0xff) && *first >= 0xed)
}

/// Whether the point has an order of 8 or less: then a signature proves nothing. The table has the y coordinates of
/// those points; the sign bit makes no difference.
fn has_small_order(x: &[u8; 32]) -> bool {
    const SMALL: [&str; 5] = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let mut unsigned = *x;
    if let Some(last) = unsigned.last_mut() {
        *last &= 0x7f;
    }
    SMALL.contains(&HEXLOWER.encode(&unsigned).as_str())
}

fn curve(members: &Members, expected: &str) -> Result<(), JwkError> {
    match text(members, "crv")? {
        None => Err(JwkError::Missing("crv")),
        Some(curve) if curve == expected => Ok(()),
        Some(_) => Err(JwkError::Curve),
    }
}

fn coordinate(members: &Members, name: &'static str) -> Result<[u8; 32], JwkError> {
    decoded(members, name)?.try_into().map_err(|_| JwkError::Length(name))
}

fn decoded(members: &Members, name: &'static str) -> Result<Vec<u8>, JwkError> {
    let encoded = text(members, name)?.ok_or(JwkError::Missing(name))?;
    BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| JwkError::Base64(name))
}

fn text<'m>(members: &'m Members, name: &'static str) -> Result<Option<&'m str>, JwkError> {
    members.get(name).map(|value| value.as_str().ok_or(JwkError::MemberType(name))).transpose()
}
