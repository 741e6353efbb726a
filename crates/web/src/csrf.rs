//! Form tokens: signed double submit (OWASP CSRF prevention, "signed double-submit cookie").
//!
//! The browser keeps a random value in a `__Host-` cookie; each form carries the keyed hash of it. Another site can send
//! neither, and a planted cookie without our key gives no token.

use std::fmt::Write as _;

use testudo_core::Secret;
use testudo_crypto::{KeyRing, Purpose, random};

/// The value of a browser, from its cookie or new.
#[derive(Clone)]
pub(crate) struct FormKey {
    value: Secret<String>,
    fresh: bool,
}

impl FormKey {
    /// From the cookie, if it has the form of ours.
    pub(crate) fn from_cookie(cookie: Option<Secret<String>>) -> FormKey {
        match cookie.filter(|value| value.expose().len() == 43) {
            Some(value) => FormKey { value, fresh: false },
            None => FormKey { value: random::token(), fresh: true },
        }
    }

    /// What must be set as the cookie, when it is new.
    pub(crate) fn to_set(&self) -> Option<&Secret<String>> {
        self.fresh.then_some(&self.value)
    }

    /// The token for the forms of this browser.
    pub(crate) fn token(&self, ring: &KeyRing) -> String {
        let mut token = String::with_capacity(64);
        for byte in ring.mac(Purpose::Cookies, &self.signed()) {
            let _ = write!(token, "{byte:02x}");
        }
        token
    }

    /// Whether a form's token is of this browser. A browser without the cookie has no valid token.
    pub(crate) fn verify(&self, ring: &KeyRing, token: &str) -> bool {
        !self.fresh && hex(token).is_some_and(|mac| ring.verify_mac(Purpose::Cookies, &self.signed(), &mac))
    }

    fn signed(&self) -> Vec<u8> {
        [b"form\0", self.value.expose().as_bytes()].concat()
    }
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let clean = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !clean {
        return None;
    }
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use testudo_core::Timestamp;

    use super::*;

    #[test]
    fn a_token_is_good_for_its_browser_only() {
        let ring = KeyRing::generate(Timestamp::EPOCH);
        let first = FormKey::from_cookie(None);
        let cookie = first.to_set().cloned();
        assert!(cookie.is_some(), "a new browser gets the cookie");
        let token = first.token(&ring);
        assert!(!first.verify(&ring, &token), "without the cookie there is no valid token");
        let again = FormKey::from_cookie(cookie);
        assert!(again.to_set().is_none());
        assert!(again.verify(&ring, &token));
        assert!(!again.verify(&ring, &token.to_uppercase()));
        assert!(!again.verify(&ring, ""));
        let other = FormKey::from_cookie(Some(random::token()));
        assert!(!other.verify(&ring, &token));
        assert!(!again.verify(&KeyRing::generate(Timestamp::EPOCH), &token), "another server's key");
    }
}
