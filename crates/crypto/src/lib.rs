//! Envelopes, key ring, password hashing, JOSE and blind indexes: everything that holds a key or checks a proof.
//!
//! The primitives come from aws-lc (AES-256-GCM and GCM-SIV, HMAC, HKDF, ECDSA, Ed25519, RSA), `argon2` and `bcrypt`; this crate
//! decides how they are used: what is bound to what ([`Place`]), which key does which work ([`Purpose`]), and which
//! tokens are refused before a signature is looked at ([`jose`]).
//!
//! To add a purpose: append a variant to [`Purpose`], raise the format of the wrapped ring in `ring/blob.rs` and read
//! both formats there. To add a signature algorithm: add a variant to [`jose::Algorithm`], its key type in
//! `jose/jwk.rs`, and its Wycheproof file to `tests/wycheproof.rs`.
//!
//! What others signed with keys and digests that Testudo itself would refuse is verified apart, in [`foreign`].

pub mod aead;
pub mod digest;
mod envelope;
pub mod foreign;
pub mod jose;
pub mod password;
pub mod random;
mod ring;
mod root;
mod signer;
mod siv;

pub use envelope::{DataKey, ENVELOPE_OVERHEAD, EnvelopeError, Place};
pub use ring::{KeyRing, KeyRingError, PseudonymDomain, Purpose};
pub use root::{PassphraseSettings, RootKey, RootKeyError};
pub use signer::{CheckpointSigner, verify_checkpoint};
pub use siv::Aes256GcmSiv;

/// Unwraps what fails only when the machine is out of memory or has no randomness. No input decides it, and nothing
/// safe can follow, so the process stops here.
pub(crate) fn certain<T, E>(result: Result<T, E>, what: &'static str) -> T {
    let Ok(value) = result else {
        #[expect(clippy::panic, reason = "no input reaches this; going on without randomness or keys would be unsafe")]
        {
            panic!("{what} failed: the operating system gives no randomness or no memory")
        }
    };
    value
}
