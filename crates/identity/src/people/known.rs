//! Known browsers: a signed mark that a person has signed in with this browser before.
//!
//! It gives no access. It only lets her own browser count failures apart from those of strangers, so that a stranger who
//! guesses all day does not make her wait. It is bound to the person and to the age of her password, so a new password
//! makes all browsers strangers again.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use testudo_core::{Secret, Timestamp};
use testudo_crypto::{KeyRing, Purpose};

use super::person::Person;

/// How long a browser stays known.
const LIFETIME: Duration = Duration::from_hours(180 * 24);

/// The mark for a person's browser: `<expiry>.<mac>`.
pub(crate) fn mark(ring: &KeyRing, person: &Person, now: Timestamp) -> Secret<String> {
    let expires = now.plus(LIFETIME).seconds();
    let mac = ring.mac(Purpose::Cookies, &signed(person, expires));
    Secret::new(format!("{expires}.{}", BASE64URL_NOPAD.encode(&mac)))
}

/// Whether the browser that shows the mark is known for the person.
pub(crate) fn is_known(ring: &KeyRing, person: &Person, mark: Option<&str>, now: Timestamp) -> bool {
    let Some((expires, mac)) = mark.filter(|mark| mark.len() <= 96).and_then(|mark| mark.split_once('.')) else {
        return false;
    };
    let (Ok(expires), Ok(mac)) = (expires.parse::<i64>(), BASE64URL_NOPAD.decode(mac.as_bytes())) else {
        return false;
    };
    now.seconds() < expires
        && <[u8; 32]>::try_from(mac).is_ok_and(|mac| ring.verify_mac(Purpose::Cookies, &signed(person, expires), &mac))
}

fn signed(person: &Person, expires: i64) -> Vec<u8> {
    let changed = person.password.as_ref().map_or(0, |password| password.changed.micros());
    let mut bytes = b"known-browser\0".to_vec();
    bytes.extend_from_slice(&person.id.to_bytes());
    bytes.extend_from_slice(&changed.to_be_bytes());
    bytes.extend_from_slice(&expires.to_be_bytes());
    bytes
}
