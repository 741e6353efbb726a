//! Keyed hashes and tokens of values.
//!
//! Both use the ring's key for masking, which does not rotate, so that equal values stay equal over time.
//!
//! A **hash** is `h1_` and 22 characters of base64url: HMAC-SHA-256 cut to 128 bits, in the domain of the class, of the
//! value in its plain form (separators and case do not count where they carry no meaning).
//!
//! A **token** is `t1_` and base64url of a deterministic authenticated encryption (the SIV construction of Rogaway and
//! Shrimpton, 2006): V is HMAC-SHA-256 of the padded value cut to 128 bits; the value is encrypted by the key stream
//! HMAC(V, 0), HMAC(V, 1), ... of 256 bits each; the token is V and the ciphertext. Opening decrypts and compares V.
//! Each class and each use has its own domain, so a token opens only as the class that it was made for. The value is
//! padded to multiples of 16 bytes (with 0x80, then zeros), so that its length tells little.

use std::borrow::Cow;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use testudo_crypto::digest::equal;
use testudo_crypto::{KeyRing, Purpose};
use zeroize::Zeroizing;

use crate::DataClass;

const HASH: &str = "h1_";
const TOKEN: &str = "t1_";
const BLOCK: usize = 16;
/// Bytes of the key stream that one HMAC gives.
const STREAM: usize = 32;

/// Makes hashes and tokens, and opens tokens. Clones share the keys.
#[derive(Clone, Debug)]
pub struct MaskKeys {
    ring: KeyRing,
    domains: Arc<[Domains; DataClass::ALL.len()]>,
}

/// The domain of each use, for one class.
#[derive(Default, Debug)]
struct Domains {
    hash: String,
    token: String,
    stream: String,
}

impl MaskKeys {
    /// Uses the keys of this ring.
    pub fn new(ring: KeyRing) -> MaskKeys {
        let domain = |of: &str, class: DataClass| format!("privacy/{of}/{class}");
        let domains = DataClass::ALL.map(|class| Domains {
            hash: domain("hash", class),
            token: domain("token", class),
            stream: domain("stream", class),
        });
        MaskKeys { ring, domains: Arc::new(domains) }
    }

    /// The hash of a value.
    pub fn hash(&self, class: DataClass, value: &str) -> String {
        let hash = self.ring.mask_tag(self.domain(class, |own| &own.hash), plain_form(class, value).as_bytes());
        let mut text = HASH.to_owned();
        BASE64URL_NOPAD.encode_append(&hash, &mut text);
        text
    }

    /// The token of a value.
    pub fn token(&self, class: DataClass, value: &str) -> String {
        let mut sealed = Zeroizing::new(Vec::with_capacity(value.len() + 2 * BLOCK));
        sealed.extend_from_slice(value.as_bytes());
        sealed.push(0x80);
        let padded = sealed.len().next_multiple_of(BLOCK);
        sealed.resize(padded, 0);
        let iv = self.ring.mask_tag(self.domain(class, |own| &own.token), &sealed);
        self.apply_stream(class, &iv, &mut sealed);
        sealed.splice(0..0, iv);
        let mut text = TOKEN.to_owned();
        BASE64URL_NOPAD.encode_append(&sealed, &mut text);
        text
    }

    /// The value of a token that was made for this class; nothing, when it was not.
    pub fn open(&self, class: DataClass, token: &str) -> Option<Zeroizing<String>> {
        let sealed = BASE64URL_NOPAD.decode(token.strip_prefix(TOKEN)?.as_bytes()).ok()?;
        let (iv, ciphertext) = sealed.split_first_chunk::<BLOCK>()?;
        let mut plain = Zeroizing::new(ciphertext.to_vec());
        self.apply_stream(class, iv, &mut plain);
        if !equal(&self.ring.mask_tag(self.domain(class, |own| &own.token), &plain), iv) {
            return None;
        }
        let end = plain.iter().rposition(|byte| *byte == 0x80)?;
        std::str::from_utf8(plain.get(..end)?).ok().map(|value| Zeroizing::new(value.to_owned()))
    }

    fn apply_stream(&self, class: DataClass, iv: &[u8; BLOCK], bytes: &mut [u8]) {
        let domain = self.domain(class, |own| &own.stream).as_bytes();
        for (block, counter) in bytes.chunks_mut(STREAM).zip(0_u64..) {
            let input = [domain, iv, &counter.to_be_bytes()].concat();
            let stream = Zeroizing::new(self.ring.mac(Purpose::Masking, &input));
            block.iter_mut().zip(stream.iter()).for_each(|(byte, key)| *byte ^= key);
        }
    }

    fn domain(&self, class: DataClass, of: impl Fn(&Domains) -> &String) -> &str {
        self.domains.get(class.index()).map_or("", |own| of(own))
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
