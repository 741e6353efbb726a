//! The claims of our tokens: access tokens (RFC 9068) and ID tokens (`OpenID` Connect Core section 2).

use std::borrow::Cow;
use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use testudo_core::{ClientId, FamilyId, SessionId};
use testudo_crypto::digest::sha256;
use testudo_crypto::jose::SigningKey;
use testudo_crypto::random;

use crate::IdentityError;
use crate::session::{Acr, Amr};

/// The `typ` of access tokens.
pub(crate) const ACCESS: &str = "at+jwt";
/// The `typ` of ID tokens.
pub(crate) const ID: &str = "JWT";

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccessClaims<'a> {
    #[serde(borrow)]
    pub(crate) iss: Cow<'a, str>,
    /// The person, or the client when it acts for itself.
    #[serde(borrow)]
    pub(crate) sub: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) aud: Cow<'a, str>,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    #[serde(borrow)]
    pub(crate) jti: Cow<'a, str>,
    pub(crate) client_id: ClientId,
    #[serde(borrow, default, skip_serializing_if = "str_is_empty")]
    pub(crate) scope: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fam: Option<FamilyId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acr: Option<Acr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) roles: BTreeSet<String>,
}

#[expect(clippy::ptr_arg, reason = "serde calls it with the field's own type")]
fn str_is_empty(text: &Cow<'_, str>) -> bool {
    text.is_empty()
}

/// What an ID token says.
#[derive(Debug, Serialize)]
pub(crate) struct IdClaims<'a> {
    pub(crate) iss: &'a str,
    pub(crate) sub: String,
    pub(crate) aud: &'a ClientId,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    pub(crate) auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<&'a str>,
    pub(crate) acr: Acr,
    pub(crate) amr: &'a [Amr],
    pub(crate) sid: SessionId,
    pub(crate) at_hash: String,
}

/// The claims of an ID token that comes back as a hint.
#[derive(Debug, Deserialize)]
pub(crate) struct HintClaims {
    pub(crate) iss: String,
    pub(crate) aud: ClientId,
    pub(crate) sid: SessionId,
}

/// A new token id: 128 random bits.
pub(crate) fn token_id() -> String {
    BASE64URL_NOPAD.encode(&random::array::<16>())
}

/// The left half of the hash of an access token (`OpenID` Connect Core section 3.1.3.6).
pub(crate) fn at_hash(access_token: &str) -> String {
    let digest = sha256(access_token.as_bytes());
    BASE64URL_NOPAD.encode(digest.first_chunk::<16>().map_or(&[][..], |half| half))
}

/// Signs claims.
pub(crate) fn sign<C: Serialize>(key: &SigningKey, typ: &str, claims: &C) -> Result<String, IdentityError> {
    let json = serde_json::to_vec(claims).map_err(|_| IdentityError::Broken("claim"))?;
    Ok(key.sign(typ, &json))
}
