//! The protected header of a token (RFC 7515 section 4).

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::jwk::PublicKey;
use super::{Algorithm, DPOP, JoseError, MAX_TOKEN, is_kid, json};

/// What a header says. Members that are not listed here and forbid nothing are ignored, as the RFC demands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// `alg`.
    pub alg: Algorithm,
    /// `typ` as it stands there; compare it with [`Header::has_type`].
    pub typ: Option<String>,
    /// `kid`.
    pub kid: Option<String>,
    /// `jwk`: only where `typ` is `dpop+jwt`.
    pub jwk: Option<PublicKey>,
}

impl Header {
    /// Whether the type is this one. Case and a leading `application/` make no difference (RFC 7515 section 4.1.9).
    pub fn has_type(&self, typ: &str) -> bool {
        self.typ.as_deref().is_some_and(|own| same_type(own, typ))
    }
}

/// The header of a token, before anything is verified: only to find out which key to verify with.
pub fn parse_header(token: &[u8]) -> Result<Header, JoseError> {
    Parts::split(token).map(|parts| parts.header)
}

/// A token in its parts, with nothing verified.
pub(super) struct Parts<'t> {
    pub(super) header: Header,
    /// Header and payload as they were signed.
    pub(super) signed: &'t [u8],
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl<'t> Parts<'t> {
    pub(super) fn split(token: &'t [u8]) -> Result<Parts<'t>, JoseError> {
        if token.len() > MAX_TOKEN {
            return Err(JoseError::TooLarge);
        }
        let mut dots = token.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(JoseError::Parts);
        };
        let (signed, signature) = token.split_at_checked(second).ok_or(JoseError::Parts)?;
        let (header, payload) = signed.split_at_checked(first).ok_or(JoseError::Parts)?;
        let header = decode(header, "header")?;
        Ok(Parts {
            header: parse(&header)?,
            signed,
            payload: decode(payload.get(1..).unwrap_or_default(), "payload")?,
            signature: decode(signature.get(1..).unwrap_or_default(), "signature")?,
        })
    }
}

fn decode(part: &[u8], name: &'static str) -> Result<Vec<u8>, JoseError> {
    BASE64URL_NOPAD.decode(part).map_err(|_| JoseError::Base64(name))
}

fn parse(bytes: &[u8]) -> Result<Header, JoseError> {
    let Value::Object(members) = json::parse_strict(bytes).map_err(JoseError::HeaderJson)? else {
        return Err(JoseError::HeaderNotObject);
    };
    let forbidden = [
        ("jku", JoseError::Jku),
        ("x5u", JoseError::X5u),
        ("x5c", JoseError::X5c),
        ("b64", JoseError::B64),
        ("crit", JoseError::Crit),
        ("zip", JoseError::Zip),
    ];
    if let Some((_, error)) = forbidden.into_iter().find(|(name, _)| members.contains_key(*name)) {
        return Err(error);
    }
    let alg = Algorithm::from_header(text(&members, "alg")?.ok_or(JoseError::AlgorithmMissing)?)?;
    let typ = text(&members, "typ")?.map(str::to_owned);
    let kid = text(&members, "kid")?.map(str::to_owned);
    if kid.as_deref().is_some_and(|kid| !is_kid(kid)) {
        return Err(JoseError::KidMalformed);
    }
    let jwk = match members.get("jwk") {
        None => None,
        Some(_) if !typ.as_deref().is_some_and(|typ| same_type(typ, DPOP)) => return Err(JoseError::JwkForbidden),
        Some(Value::Object(jwk)) => Some(PublicKey::from_members(jwk)?),
        Some(_) => return Err(JoseError::MemberType("jwk")),
    };
    Ok(Header { alg, typ, kid, jwk })
}

fn text<'m>(members: &'m Map<String, Value>, name: &'static str) -> Result<Option<&'m str>, JoseError> {
    members.get(name).map(|value| value.as_str().ok_or(JoseError::MemberType(name))).transpose()
}

fn same_type(one: &str, other: &str) -> bool {
    bare(one).eq_ignore_ascii_case(bare(other))
}

fn bare(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    }
}
