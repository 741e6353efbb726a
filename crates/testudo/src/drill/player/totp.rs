//! An authenticator app (RFC 6238: SHA-1, six digits, 30 seconds) over a secret as pages show it (RFC 4648 base32).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testudo_crypto::digest;

/// The app. Each of its codes is used once.
#[derive(Clone)]
pub struct Totp {
    secret: Vec<u8>,
    next: u64,
}

impl Totp {
    /// Over a secret as it is shown; none if it is no base32.
    pub fn new(shown: &str) -> Option<Totp> {
        let text: String = shown.chars().filter(|letter| !letter.is_whitespace()).collect();
        let secret = data_encoding::BASE32_NOPAD.decode(text.as_bytes()).ok()?;
        (secret.len() >= 10).then_some(Totp { secret, next: 0 })
    }

    /// A code that was not given yet. Three steps are open at a time; a fourth code waits for its time.
    pub async fn next(&mut self) -> String {
        let wanted = self.next.max(step().saturating_sub(1));
        while wanted > step() + 1 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.next = wanted + 1;
        self.at(wanted)
    }

    fn at(&self, step: u64) -> String {
        let mac = digest::hmac_sha1(&self.secret, &step.to_be_bytes());
        let at = usize::from(mac.last().copied().unwrap_or_default() & 15);
        let word = mac.get(at..at + 4).and_then(|word| word.try_into().ok()).unwrap_or_default();
        format!("{:06}", (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
    }
}

fn step() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 30
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B: the secret is "12345678901234567890"; its last six digits.
        let totp = Totp::new("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ").unwrap();
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(totp.at(seconds / 30), code);
        }
        assert!(Totp::new("too short").is_none());
        assert!(Totp::new("AAAA").is_none());
    }
}
