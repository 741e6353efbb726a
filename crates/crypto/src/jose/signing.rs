//! Keys that sign tokens.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use testudo_core::Secret;

use super::jwk::PublicKey;
use super::{Algorithm, JwkError};
use crate::certain;

/// The longest PKCS#8 document that is read.
const MAX_PKCS8: usize = 1024;

/// A key that signs tokens, with its public half. aws-lc wipes it when it is dropped.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl SigningKey {
    /// A new key for ES256 or `EdDSA`.
    pub fn generate(algorithm: Algorithm) -> Result<SigningKey, JwkError> {
        let pair = match algorithm {
            Algorithm::Es256 => {
                Pair::Es256(certain(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING), "making a key"))
            }
            Algorithm::EdDsa => Pair::EdDsa(certain(Ed25519KeyPair::generate(), "making a key")),
            Algorithm::Rs256 => return Err(JwkError::VerifyOnly(algorithm.name())),
        };
        SigningKey::with_public(pair)
    }

    /// The key of a PKCS#8 document that [`to_secret_bytes`](Self::to_secret_bytes) made.
    pub fn from_secret_bytes(pkcs8: &[u8]) -> Result<SigningKey, JwkError> {
        if pkcs8.len() > MAX_PKCS8 {
            return Err(JwkError::Pkcs8);
        }
        let es256 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Pair::Es256);
        let pair = es256.or_else(|_| Ed25519KeyPair::from_pkcs8(pkcs8).map(Pair::EdDsa));
        SigningKey::with_public(pair.map_err(|_| JwkError::Pkcs8)?)
    }

    /// The key as a PKCS#8 document.
    pub fn to_secret_bytes(&self) -> Secret<Vec<u8>> {
        let document = match &self.pair {
            Pair::Es256(pair) => pair.to_pkcs8v1(),
            Pair::EdDsa(pair) => pair.to_pkcs8(),
        };
        Secret::new(certain(document, "writing a key").as_ref().to_vec())
    }

    /// Its id: the SHA-256 thumbprint of RFC 7638.
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        self.public.clone()
    }

    /// A compact JWS with `alg`, `kid` and `typ` (none if it is empty) over the claims, which must be one JSON object.
    pub fn sign(&self, typ: &str, claims_json: &[u8]) -> String {
        let (alg, kid) = (self.algorithm().name(), self.kid());
        let header = match typ {
            "" => json!({ "alg": alg, "kid": kid }),
            typ => json!({ "alg": alg, "kid": kid, "typ": typ }),
        };
        self.sign_raw(header.to_string().as_bytes(), claims_json)
    }

    /// A `DPoP` proof (RFC 9449): the header carries the public key instead of its id.
    pub fn sign_dpop(&self, claims_json: &[u8]) -> String {
        let jwk = self.public.to_bare_jwk();
        let header = json!({ "alg": self.algorithm().name(), "jwk": jwk, "typ": super::DPOP });
        self.sign_raw(header.to_string().as_bytes(), claims_json)
    }

    /// A compact JWS under any header.
    pub(super) fn sign_raw(&self, header: &[u8], payload: &[u8]) -> String {
        let mut token = BASE64URL_NOPAD.encode(header);
        token.push('.');
        BASE64URL_NOPAD.encode_append(payload, &mut token);
        let signature = match &self.pair {
            Pair::Es256(pair) => certain(pair.sign(&SystemRandom::new(), token.as_bytes()), "signing"),
            Pair::EdDsa(pair) => certain(pair.try_sign(token.as_bytes()), "signing"),
        };
        token.push('.');
        BASE64URL_NOPAD.encode_append(signature.as_ref(), &mut token);
        token
    }

    fn with_public(pair: Pair) -> Result<SigningKey, JwkError> {
        let public = match &pair {
            Pair::Es256(pair) => PublicKey::from_p256_point(pair.public_key().as_ref())?,
            Pair::EdDsa(pair) => PublicKey::from_ed25519(pair.public_key().as_ref())?,
        };
        Ok(SigningKey { pair, public })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid()).finish_non_exhaustive()
    }
}
