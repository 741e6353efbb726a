//! Verifying compact JWS (RFC 7515 section 5.2, RFC 8725 section 3).

use serde_json::Value;

use super::header::Parts;
use super::jwk::PublicKey;
use super::{DPOP, JoseError, KeySet, json};

/// What the caller accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expect<'a> {
    /// The type that `typ` must have, such as `at+jwt`; empty if the token must not name a type.
    pub typ: &'a str,
}

/// A token whose signature is right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The id of the key that verified.
    pub kid: String,
    /// The payload: a JSON object in strict JSON (any bytes from [`verify_bytes`]).
    pub payload: Vec<u8>,
}

/// Verifies a token of claims with the key of the set that its `kid` names.
pub fn verify(token: &[u8], keys: &KeySet, expect: &Expect<'_>) -> Result<Verified, JoseError> {
    let verified = verify_bytes(token, keys, expect)?;
    check_claims(&verified.payload)?;
    Ok(verified)
}

/// Verifies a token of claims with this key; `kid` is not needed, and is not compared. A `DPoP` proof must carry this
/// very key.
pub fn verify_with(token: &[u8], key: &PublicKey, expect: &Expect<'_>) -> Result<Verified, JoseError> {
    let parts = Parts::split(token)?;
    check_type(&parts, expect)?;
    match &parts.header.jwk {
        Some(own) if own != key => return Err(JoseError::JwkMismatch),
        Some(_) if !parts.header.has_type(DPOP) => return Err(JoseError::JwkForbidden),
        Some(_) | None => {}
    }
    let verified = check_signature(parts, key)?;
    check_claims(&verified.payload)?;
    Ok(verified)
}

/// Verifies a token whose payload need not be JSON.
pub fn verify_bytes(token: &[u8], keys: &KeySet, expect: &Expect<'_>) -> Result<Verified, JoseError> {
    let parts = Parts::split(token)?;
    check_type(&parts, expect)?;
    if parts.header.jwk.is_some() {
        return Err(JoseError::JwkForbidden);
    }
    let kid = parts.header.kid.as_deref().ok_or(JoseError::KidMissing)?;
    let key = keys.get(kid).ok_or(JoseError::KidUnknown)?;
    check_signature(parts, key)
}

fn check_type(parts: &Parts<'_>, expect: &Expect<'_>) -> Result<(), JoseError> {
    match &parts.header.typ {
        None if expect.typ.is_empty() => Ok(()),
        None => Err(JoseError::TypeMissing),
        Some(_) if !expect.typ.is_empty() && parts.header.has_type(expect.typ) => Ok(()),
        Some(_) => Err(JoseError::TypeMismatch),
    }
}

fn check_signature(parts: Parts<'_>, key: &PublicKey) -> Result<Verified, JoseError> {
    if parts.header.alg != key.algorithm() {
        return Err(JoseError::AlgorithmMismatch);
    }
    if !key.verify(parts.signed, &parts.signature) {
        return Err(JoseError::Signature);
    }
    Ok(Verified { kid: key.kid().to_owned(), payload: parts.payload })
}

fn check_claims(payload: &[u8]) -> Result<(), JoseError> {
    match json::parse_strict(payload).map_err(JoseError::PayloadJson)? {
        Value::Object(_) => Ok(()),
        _ => Err(JoseError::PayloadNotObject),
    }
}
