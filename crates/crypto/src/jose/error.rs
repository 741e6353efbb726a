//! Why a token or a key is refused. Each cause has its own variant, because events and tests name it.

use super::JsonError;

/// Why a token is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JoseError {
    /// Longer than [`MAX_TOKEN`](super::MAX_TOKEN).
    #[error("the token is longer than 8 KiB")]
    TooLarge,
    /// Not three parts with two dots between.
    #[error("the token does not have the three parts of a compact JWS")]
    Parts,
    /// Padding, whitespace, another alphabet or loose last bits.
    #[error("the {0} of the token is not canonical base64url without padding")]
    Base64(&'static str),
    /// The header is not strict JSON.
    #[error("the header of the token is not strict JSON: {0}")]
    HeaderJson(#[source] JsonError),
    /// The header is JSON, but no object.
    #[error("the header of the token is not a JSON object")]
    HeaderNotObject,
    /// A header member has another JSON type.
    #[error("the header member `{0}` of the token has the wrong JSON type")]
    MemberType(&'static str),
    /// No `alg`.
    #[error("the token names no algorithm")]
    AlgorithmMissing,
    /// `alg` is `none` in any spelling.
    #[error("the token is not signed (`alg` is `none`)")]
    AlgorithmNone,
    /// `alg` is `HS*`.
    #[error("the token names a symmetric algorithm, which is never accepted")]
    AlgorithmSymmetric,
    /// Another `alg`.
    #[error("the token names an algorithm that is not supported: use ES256, EdDSA or RS256")]
    AlgorithmUnknown,
    /// `alg` is not that of the key.
    #[error("the token names another algorithm than its key has")]
    AlgorithmMismatch,
    /// No `typ` where one is expected.
    #[error("the token has no type")]
    TypeMissing,
    /// Another `typ` than expected.
    #[error("the token has another type than is accepted here")]
    TypeMismatch,
    /// No `kid` to find the key by.
    #[error("the token names no key")]
    KidMissing,
    /// A `kid` that is too long or has other characters.
    #[error("the key id of the token has more than 128 characters or others than `A-Z a-z 0-9 . _ ~ -`")]
    KidMalformed,
    /// No key has this `kid`.
    #[error("the token names a key that is not known here")]
    KidUnknown,
    /// `jku` is present.
    #[error("the token points to a key set by URL (`jku`), which is never followed")]
    Jku,
    /// `x5u` is present.
    #[error("the token points to a certificate by URL (`x5u`), which is never followed")]
    X5u,
    /// `x5c` is present.
    #[error("the token carries a certificate (`x5c`), which is not accepted")]
    X5c,
    /// `jwk` is present in a token that may not carry its key.
    #[error("the token carries its own key (`jwk`), which only DPoP proofs may")]
    JwkForbidden,
    /// The embedded `jwk` is not the key that verifies.
    #[error("the token carries another key than the one it is verified with")]
    JwkMismatch,
    /// `crit` is present.
    #[error("the token requires extensions (`crit`) that are not supported")]
    Crit,
    /// `b64` is present.
    #[error("the token has an unencoded payload (`b64`), which is not supported")]
    B64,
    /// `zip` is present.
    #[error("the token is compressed (`zip`), which is not accepted")]
    Zip,
    /// The embedded key is refused.
    #[error("the key that the token carries is refused: {0}")]
    Key(#[from] JwkError),
    /// The signature is wrong.
    #[error("the signature of the token is wrong")]
    Signature,
    /// The payload is not strict JSON.
    #[error("the payload of the token is not strict JSON: {0}")]
    PayloadJson(#[source] JsonError),
    /// The payload is JSON, but no object.
    #[error("the payload of the token is not a JSON object")]
    PayloadNotObject,
}

impl JoseError {
    /// A short name of the cause that never changes, for events and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            JoseError::TooLarge => "too-large",
            JoseError::Parts => "parts",
            JoseError::Base64(_) => "base64",
            JoseError::HeaderJson(_) => "header-json",
            JoseError::HeaderNotObject => "header-not-object",
            JoseError::MemberType(_) => "member-type",
            JoseError::AlgorithmMissing => "algorithm-missing",
            JoseError::AlgorithmNone => "algorithm-none",
            JoseError::AlgorithmSymmetric => "algorithm-symmetric",
            JoseError::AlgorithmUnknown => "algorithm-unknown",
            JoseError::AlgorithmMismatch => "algorithm-mismatch",
            JoseError::TypeMissing => "type-missing",
            JoseError::TypeMismatch => "type-mismatch",
            JoseError::KidMissing => "kid-missing",
            JoseError::KidMalformed => "kid-malformed",
            JoseError::KidUnknown => "kid-unknown",
            JoseError::Jku => "jku",
            JoseError::X5u => "x5u",
            JoseError::X5c => "x5c",
            JoseError::JwkForbidden => "jwk-forbidden",
            JoseError::JwkMismatch => "jwk-mismatch",
            JoseError::Crit => "crit",
            JoseError::B64 => "b64",
            JoseError::Zip => "zip",
            JoseError::Key(_) => "key",
            JoseError::Signature => "signature",
            JoseError::PayloadJson(_) => "payload-json",
            JoseError::PayloadNotObject => "payload-not-object",
        }
    }
}

/// Why a key is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JwkError {
    /// Not strict JSON.
    #[error("the key is not strict JSON: {0}")]
    Json(#[source] JsonError),
    /// JSON, but no object (for a set: no object with a `keys` array).
    #[error("the key is not a JSON object of the right shape")]
    NotObject,
    /// A member is missing.
    #[error("the key has no member `{0}`")]
    Missing(&'static str),
    /// A member has another JSON type.
    #[error("the key member `{0}` has the wrong JSON type")]
    MemberType(&'static str),
    /// A member of private or symmetric keys is present.
    #[error("the key contains the secret member `{0}`: publish only public keys, and replace this one")]
    Private(&'static str),
    /// `kty` is `oct`.
    #[error("the key is symmetric, which is never accepted")]
    Symmetric,
    /// Another `kty`.
    #[error("the key type is not supported: use EC, OKP or RSA")]
    KeyType,
    /// Another `crv` for this `kty`.
    #[error("the curve is not supported: use P-256 or Ed25519")]
    Curve,
    /// `alg` does not belong to the key.
    #[error("the `alg` of the key does not fit its type and curve")]
    Algorithm,
    /// `use` is not `sig`.
    #[error("the `use` of the key is not `sig`")]
    Use,
    /// `key_ops` is not exactly `verify`.
    #[error("the `key_ops` of the key are not exactly `verify`")]
    KeyOps,
    /// `kid` is too long or has other characters.
    #[error("the `kid` of the key has more than 128 characters or others than `A-Z a-z 0-9 . _ ~ -`")]
    Kid,
    /// A number is not canonical base64url.
    #[error("the key member `{0}` is not canonical base64url without padding")]
    Base64(&'static str),
    /// A coordinate has another length than the curve's 32 bytes.
    #[error("the key member `{0}` does not have 32 bytes")]
    Length(&'static str),
    /// The point is not on the curve, or of small order.
    #[error("the key is not a usable point of its curve")]
    Point,
    /// The modulus has a leading zero, is even, or has fewer than 2048 or more than 4096 bits.
    #[error("the RSA modulus is not an odd number of 2048 to 4096 bits in shortest form")]
    Modulus,
    /// The exponent is even, below 65537, above 32 bits or not in shortest form.
    #[error("the RSA exponent is not an odd number of 65537 to 4294967295 in shortest form")]
    Exponent,
    /// The modulus comes from a generator that is broken (CVE-2017-15361).
    #[error("the RSA key comes from a broken generator (ROCA): its private key can be computed, so replace it")]
    Roca,
    /// A secret key does not parse.
    #[error("the signing key is not a PKCS#8 document for P-256 or Ed25519")]
    Pkcs8,
    /// This algorithm can't sign.
    #[error("{0} keys verify only: sign with ES256 or EdDSA")]
    VerifyOnly(&'static str),
    /// Two keys of a set have one `kid`.
    #[error("two keys of the set have the same `kid`")]
    DuplicateKid,
    /// The set has more keys than [`KeySet::MAX`](super::KeySet::MAX).
    #[error("the set has too many keys")]
    TooMany,
}
