//! What the fuzz targets of this crate do with an input; shared with `tests/replay.rs`, which runs on stable.

use std::sync::LazyLock;

use testudo_core::{PersonId, Secret, Timestamp};
use testudo_crypto::jose::{Expect, KeySet, PublicKey, parse_header, verify, verify_bytes, verify_with};
use testudo_crypto::password::check_phc;
use testudo_crypto::{DataKey, ENVELOPE_OVERHEAD, KeyRing, PassphraseSettings, Place, Purpose, RootKey};

/// The key of RFC 7515 A.3, under the id that the seeds name.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","kid":"a3","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

static KEYS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::new(vec![PublicKey::from_jwk(KEY.as_bytes()).unwrap()]).unwrap());
static ROOT: LazyLock<RootKey> = LazyLock::new(|| {
    RootKey::from_env_value(&Secret::new("q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA".to_owned())).unwrap()
});
static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::generate(Timestamp::EPOCH));
static PERSON_KEY: LazyLock<DataKey> = LazyLock::new(DataKey::ephemeral);

/// Tokens: no panic, and no signature that nobody made, except the one token of the RFC.
pub fn jose_verify(data: &[u8]) {
    let header = parse_header(data);
    for typ in ["", "at+jwt", "dpop+jwt"] {
        let expect = Expect { typ };
        let claims = verify(data, &KEYS, &expect);
        let bytes = verify_bytes(data, &KEYS, &expect);
        assert!(claims.is_err() || bytes.is_ok(), "claims are bytes");
        assert!(bytes.is_err(), "the seeds have no token of this key with its id");
        let key = KEYS.get("a3").unwrap();
        let with = verify_with(data, key, &expect);
        if let Ok(verified) = with {
            assert!(header.is_ok() && verified.payload.starts_with(b"{\"iss\":\"joe\""));
        }
        if let Ok(Some(own)) = header.as_ref().map(|header| header.jwk.as_ref()) {
            let _ = verify_with(data, own, &expect);
        }
    }
}

/// Keys: no panic, and what is taken reads back as the same key.
pub fn jwk(data: &[u8]) {
    if let Ok(key) = PublicKey::from_jwk(data) {
        let written = key.to_jwk_json().to_string();
        let read = PublicKey::from_jwk(written.as_bytes()).expect("a written key reads back");
        assert_eq!((read.thumbprint(), read.kid()), (key.thumbprint(), key.kid()));
        assert!(!key.verify(b"message", &[7; 64]));
    }
    if let Ok(set) = KeySet::from_jwks(data) {
        let written = set.to_jwks_json().to_string();
        assert_eq!(KeySet::from_jwks(written.as_bytes()), Ok(set));
    }
}

/// Envelopes and wrapped rings: no panic, nothing forged opens, and what is sealed opens where it was sealed only.
pub fn envelope(data: &[u8]) {
    let place = Place { table: "table", column: "column", row: b"row" };
    let person = PersonId::from_bytes([1; 16]);
    assert!(KeyRing::unwrap(&ROOT, data).is_err());
    assert!(RING.open(Purpose::Records, &place, data).is_err());
    assert!(RING.open_person_key(person, data).is_err());
    assert!(PERSON_KEY.open(&place, data).is_err());
    let Some((at, plain)) = data.split_first() else { return };
    let mut sealed = RING.seal(Purpose::Records, &place, plain);
    assert_eq!(sealed.len(), plain.len() + ENVELOPE_OVERHEAD);
    assert_eq!(RING.open(Purpose::Records, &place, &sealed).unwrap().as_slice(), plain);
    let moved = Place { row: plain, ..place };
    assert!(plain == b"row" || RING.open(Purpose::Records, &moved, &sealed).is_err());
    let index = usize::from(*at) % sealed.len();
    sealed[index] ^= 1 << (at % 8);
    assert!(RING.open(Purpose::Records, &place, &sealed).is_err());
}

/// Stored hashes: no panic, and settings have one spelling.
pub fn phc(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = check_phc(text);
    if let Ok(settings) = text.parse::<PassphraseSettings>() {
        assert_eq!(settings.to_string(), text);
    }
}
