//! Keyed hashes and tokens of values.
//!
//! Both use the ring's key for masking, which does not rotate, so that equal values stay equal over time.
//!
//! A **hash** is `h1_` and 22 characters of base64url: HMAC-SHA-256 cut to 128 bits, in the domain of the class, of the
//! value in its plain form (separators and case do not count where they carry no meaning).
//!
//! A **token** is `t1_` and base64url of the ciphertext and tag of AES-256-GCM-SIV (RFC 8452) under one nonce, with the
//! class as associated data: it opens only as the class that it was made for, and equal values give equal tokens. The
//! value is padded to multiples of 16 bytes (with 0x80, then zeros), so that its length tells little.

use std::borrow::Cow;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use testudo_crypto::aead::{NONCE, TAG};
use testudo_crypto::{Aes256GcmSiv, KeyRing};
use zeroize::Zeroizing;

use crate::DataClass;

const HASH: &str = "h1_";
const TOKEN: &str = "t1_";
const BLOCK: usize = 16;

/// One for all values: what is equal shall look equal.
const SAME: [u8; NONCE] = [0; NONCE];

/// Makes hashes and tokens, and opens tokens. Clones share the keys.
#[derive(Clone, Debug)]
pub struct MaskKeys {
    ring: KeyRing,
    tokens: Arc<Aes256GcmSiv>,
}

impl MaskKeys {
    /// Uses the keys of this ring.
    pub fn new(ring: KeyRing) -> MaskKeys {
        let tokens = Arc::new(ring.token_cipher());
        MaskKeys { ring, tokens }
    }

    /// The hash of a value.
    pub fn hash(&self, class: DataClass, value: &str) -> String {
        let hash = self.ring.mask_tag(class.name(), plain_form(class, value).as_bytes());
        let mut text = HASH.to_owned();
        BASE64URL_NOPAD.encode_append(&hash, &mut text);
        text
    }

    /// The token of a value.
    pub fn token(&self, class: DataClass, value: &str) -> String {
        let mut sealed = Zeroizing::new(Vec::with_capacity(value.len() + BLOCK + TAG));
        sealed.extend_from_slice(value.as_bytes());
        sealed.push(0x80);
        let padded = sealed.len().next_multiple_of(BLOCK);
        sealed.resize(padded, 0);
        let tag = self.tokens.seal(&SAME, class.name().as_bytes(), &mut sealed);
        sealed.extend_from_slice(&tag);
        let mut text = String::with_capacity(TOKEN.len() + BASE64URL_NOPAD.encode_len(sealed.len()));
        text.push_str(TOKEN);
        BASE64URL_NOPAD.encode_append(&sealed, &mut text);
        text
    }

    /// The value of a token that was made for this class; nothing, when it was not.
    pub fn open(&self, class: DataClass, token: &str) -> Option<Zeroizing<String>> {
        let mut sealed = Zeroizing::new(BASE64URL_NOPAD.decode(token.strip_prefix(TOKEN)?.as_bytes()).ok()?);
        let plain = self.tokens.open(&SAME, class.name().as_bytes(), &mut sealed)?;
        let end = plain.iter().rposition(|byte| *byte == 0x80)?;
        std::str::from_utf8(plain.get(..end)?).ok().map(|value| Zeroizing::new(value.to_owned()))
    }
}

/// What two writings of one value have in common.
fn plain_form(class: DataClass, value: &str) -> Cow<'_, str> {
    let form: String = match class {
        DataClass::Email => value.trim().to_lowercase(),
        DataClass::Phone | DataClass::Pan | DataClass::Iban | DataClass::NationalId if value.is_ascii() => {
            let kept = value.bytes().filter(|byte| byte.is_ascii_alphanumeric() || *byte == b'+');
            kept.map(|byte| char::from(byte.to_ascii_uppercase())).collect()
        }
        DataClass::Phone | DataClass::Pan | DataClass::Iban | DataClass::NationalId => {
            value.chars().filter(|c| c.is_alphanumeric() || *c == '+').flat_map(char::to_uppercase).collect()
        }
        _ => return Cow::Borrowed(value),
    };
    Cow::Owned(form)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use proptest::prelude::*;
    use testudo_core::Timestamp;

    use super::*;

    fn keys() -> MaskKeys {
        MaskKeys::new(KeyRing::generate(Timestamp::default()))
    }

    #[test]
    fn hashes_depend_on_key_class_and_value() {
        let (keys, others) = (keys(), keys());
        let hash = keys.hash(DataClass::Pan, "4111 1111 1111 1111");
        assert_eq!(hash.len(), 25);
        assert_eq!(hash, keys.hash(DataClass::Pan, "4111111111111111"), "separators don't count");
        assert_eq!(keys.hash(DataClass::Email, "Ada@Example.org"), keys.hash(DataClass::Email, "ada@example.org"));
        assert_ne!(keys.hash(DataClass::Name, "Ada"), keys.hash(DataClass::Name, "ada"));
        assert_ne!(hash, keys.hash(DataClass::Phone, "4111111111111111"));
        assert_ne!(hash, others.hash(DataClass::Pan, "4111111111111111"));
        assert!(format!("{keys:?}").starts_with("MaskKeys { ring: KeyRing([redacted]), "));
    }

    #[test]
    fn tokens_open_only_with_key_and_class_and_unchanged() {
        let (keys, others) = (keys(), keys());
        let token = keys.token(DataClass::Iban, "DE89370400440532013000");
        assert_eq!(token, keys.token(DataClass::Iban, "DE89370400440532013000"));
        assert_eq!(keys.open(DataClass::Iban, &token).unwrap().as_str(), "DE89370400440532013000");
        assert!(keys.open(DataClass::Pan, &token).is_none());
        assert!(others.open(DataClass::Iban, &token).is_none());
        for at in 3..token.len() {
            let mut changed = token.clone().into_bytes();
            if let Some(byte) = changed.get_mut(at) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            assert!(keys.open(DataClass::Iban, &String::from_utf8(changed).unwrap()).is_none(), "{at}");
        }
        for cut in 0..token.len() {
            assert!(keys.open(DataClass::Iban, token.get(..cut).unwrap()).is_none(), "{cut}");
        }
        assert_eq!(keys.token(DataClass::Name, "Ada").len(), keys.token(DataClass::Name, "Grace Hopper").len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn every_value_comes_back(value in any::<String>(), other in any::<String>()) {
            let keys = keys();
            let token = keys.token(DataClass::FreeText, &value);
            let opened = keys.open(DataClass::FreeText, &token).unwrap();
            prop_assert_eq!(opened.as_str(), &value);
            prop_assert_eq!(token == keys.token(DataClass::FreeText, &other), value == other);
        }
    }
}
