//! Time-based one-time passwords (RFC 6238 over RFC 4226): SHA-1, six digits, steps of 30 seconds, because that is what
//! authenticator apps speak.
//!
//! A code of the step before or after is accepted, for clocks that are a little off (RFC 6238 section 5.2). The last
//! accepted step is kept, and it or an older one is refused: a code that somebody has seen is worth nothing.

use data_encoding::BASE32_NOPAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use testudo_core::{Secret, Timestamp};
use testudo_crypto::{digest, random};
use zeroize::Zeroizing;

use crate::people::sealed::secret_text;

/// How many digits a code has.
pub(crate) const DIGITS: usize = 6;
const STEP_SECONDS: i64 = 30;
const WINDOW: i64 = 1;
const SECRET_BYTES: usize = 20;
/// What a URI keeps as it is (RFC 3986 section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One authenticator app.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Totp {
    /// Base32 without padding.
    #[serde(with = "secret_text")]
    secret: Secret<String>,
    /// The last step that was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<i64>,
    created: Timestamp,
}

impl Totp {
    /// A new secret of 160 bits (RFC 4226 section 4, R6).
    pub(crate) fn generate(now: Timestamp) -> Totp {
        let key = Zeroizing::new(random::array::<SECRET_BYTES>());
        Totp { secret: Secret::new(BASE32_NOPAD.encode(key.as_slice())), last: None, created: now }
    }

    /// The secret in base32, for people who type it.
    pub(crate) fn secret(&self) -> &Secret<String> {
        &self.secret
    }

    /// When the secret was made.
    pub(crate) fn created(&self) -> Timestamp {
        self.created
    }

    /// The `otpauth://` URI that authenticator apps read from a QR code.
    pub(crate) fn uri(&self, issuer: &str, account: &str) -> Secret<String> {
        let issuer = utf8_percent_encode(issuer, UNRESERVED).to_string();
        let account = utf8_percent_encode(account, UNRESERVED);
        let secret = self.secret.expose();
        Secret::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
        ))
    }

    /// Accepts a code of this step or one beside it, if its step comes after the last accepted one, and remembers it.
    /// All steps are compared whatever the result, in constant time.
    pub(crate) fn spend(&mut self, code: &str, now: Timestamp) -> bool {
        let Ok(key) = BASE32_NOPAD.decode(self.secret.expose().as_bytes()).map(Zeroizing::new) else {
            return false;
        };
        let current = now.seconds().div_euclid(STEP_SECONDS);
        let mut accepted = None;
        for step in current - WINDOW..=current + WINDOW {
            let Ok(counter) = u64::try_from(step) else { continue };
            let expected = format!("{:06}", hotp(&key, counter));
            let matches = bool::from(expected.as_bytes().ct_eq(code.as_bytes()));
            if matches && self.last.is_none_or(|last| step > last) {
                accepted = Some(step);
            }
        }
        if accepted.is_some() {
            self.last = accepted;
        }
        accepted.is_some()
    }

    /// The code of an instant; for the tests that play the authenticator app.
    #[cfg(test)]
    pub(crate) fn code_at(&self, now: Timestamp) -> String {
        code_for(self.secret.expose(), now)
    }
}

/// The code of an instant for a secret in base32; for the tests that play the authenticator app.
#[cfg(test)]
pub(crate) fn code_for(secret: &str, now: Timestamp) -> String {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).unwrap_or_default();
    let counter = u64::try_from(now.seconds().div_euclid(STEP_SECONDS)).unwrap_or_default();
    format!("{:06}", hotp(&key, counter))
}

/// RFC 4226 section 5.3 for six digits.
fn hotp(key: &[u8], counter: u64) -> u32 {
    truncate(&digest::hmac_sha1(key, &counter.to_be_bytes())) % 1_000_000
}

/// Dynamic truncation: 31 bits from where the last nibble points.
fn truncate(mac: &[u8; 20]) -> u32 {
    let offset = usize::from(mac[19] & 15);
    let word = mac.get(offset..offset + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    u32::from_be_bytes(word.unwrap_or_default()) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const RFC_KEY: &[u8] = b"12345678901234567890";

    fn totp() -> Totp {
        Totp { secret: Secret::new(BASE32_NOPAD.encode(RFC_KEY)), last: None, created: Timestamp::EPOCH }
    }

    #[test]
    fn rfc_4226_appendix_d() {
        let expected = [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
        for (counter, code) in expected.into_iter().enumerate() {
            assert_eq!(hotp(RFC_KEY, counter as u64), code, "counter {counter}");
        }
    }

    #[test]
    fn rfc_6238_appendix_b() {
        let cases: [(i64, u32); 6] = [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ];
        for (seconds, eight_digits) in cases {
            let counter = u64::try_from(seconds / 30).unwrap();
            let word = truncate(&digest::hmac_sha1(RFC_KEY, &counter.to_be_bytes()));
            assert_eq!(word % 100_000_000, eight_digits, "{seconds} s");
            let code = format!("{:06}", eight_digits % 1_000_000);
            assert!(totp().spend(&code, Timestamp::from_seconds(seconds)), "{seconds} s");
        }
    }

    #[test]
    fn a_code_is_accepted_once_and_an_older_one_never_after_it() {
        let mut totp = totp();
        let now = Timestamp::from_seconds(1_234_567_890);
        let before = totp.code_at(Timestamp::from_seconds(1_234_567_860));
        let code = totp.code_at(now);
        assert!(totp.spend(&code, now));
        assert!(!totp.spend(&code, now), "replay");
        assert!(!totp.spend(&before, now), "an older step after a newer one");
        let later = Timestamp::from_seconds(1_234_567_920);
        let next = totp.code_at(later);
        assert!(totp.spend(&next, later));
    }

    #[test]
    fn the_window_is_one_step_to_each_side() {
        let at = |step: i64| Timestamp::from_seconds(3_000_000 + step * 30);
        for (offset, accepted) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let mut totp = totp();
            let code = totp.code_at(at(offset));
            assert_eq!(totp.spend(&code, at(0)), accepted, "offset {offset}");
        }
    }

    #[test]
    fn what_is_not_six_digits_is_refused() {
        let mut totp = totp();
        let now = Timestamp::from_seconds(59);
        for code in ["", "28708", "2870821", "94287082", "２８７０８２"] {
            assert!(!totp.spend(code, now), "{code}");
        }
        assert!(totp.spend("287082", now));
    }

    #[test]
    fn the_uri_is_escaped_and_carries_the_parameters() {
        let uri = totp().uri("My Bank & Co", "ada@example.com");
        assert_eq!(
            uri.expose(),
            "otpauth://totp/My%20Bank%20%26%20Co:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=My%20Bank%20%26%20Co&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn new_secrets_have_160_bits_and_are_redacted() {
        let one = Totp::generate(Timestamp::EPOCH);
        assert_eq!(one.secret().expose().len(), 32);
        assert!(one.secret() != Totp::generate(Timestamp::EPOCH).secret());
        assert!(!format!("{one:?}").contains(one.secret().expose()));
    }
}
