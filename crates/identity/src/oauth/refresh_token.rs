//! Refresh tokens: family, generation and a tag that only we can make.
//!
//! Nothing that equals a token is stored. The family's record holds the generation that is current, so an old token is
//! told from a forged one without keeping the hashes of all old ones, and the current token can be written again for
//! an answer that was lost (`docs/decisions/0003-refresh.md`).

use data_encoding::BASE64URL_NOPAD;
use testudo_core::{FamilyId, Secret};
use testudo_crypto::{KeyRing, Purpose};

const PREFIX: &str = "trt_";
const DOMAIN: &[u8] = b"testudo refresh token v1\0";
const BODY: usize = 16 + 8;
const WHOLE: usize = BODY + 32;

/// What a genuine token says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RefreshToken {
    /// The family.
    pub(crate) family: FamilyId,
    /// Its generation within the family, from 1.
    pub(crate) generation: u64,
}

impl RefreshToken {
    /// Writes it.
    pub(crate) fn write(self, ring: &KeyRing) -> Secret<String> {
        let body = self.body();
        let tag = ring.mac(Purpose::Tickets, &tagged(&body));
        let mut whole = Vec::with_capacity(WHOLE);
        whole.extend_from_slice(&body);
        whole.extend_from_slice(&tag);
        Secret::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&whole)))
    }

    /// Reads it; nothing if we did not make it.
    pub(crate) fn read(text: &str, ring: &KeyRing) -> Option<RefreshToken> {
        let encoded = text.strip_prefix(PREFIX)?;
        if encoded.len() != WHOLE.div_ceil(3) * 4 - (3 - WHOLE % 3) % 3 {
            return None;
        }
        let whole: [u8; WHOLE] = BASE64URL_NOPAD.decode(encoded.as_bytes()).ok()?.try_into().ok()?;
        let (body, tag) = whole.split_at(BODY);
        let (family, generation) = body.split_first_chunk::<16>()?;
        if !ring.verify_mac(Purpose::Tickets, &tagged(body), tag) {
            return None;
        }
        Some(RefreshToken {
            family: FamilyId::from_bytes(*family),
            generation: u64::from_be_bytes(generation.try_into().ok()?),
        })
    }

    fn body(self) -> [u8; BODY] {
        let mut body = [0; BODY];
        let (family, generation) = body.split_at_mut(16);
        family.copy_from_slice(&self.family.to_bytes());
        generation.copy_from_slice(&self.generation.to_be_bytes());
        body
    }
}

fn tagged(body: &[u8]) -> Vec<u8> {
    [DOMAIN, body].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use testudo_core::Timestamp;

    use super::*;

    #[test]
    #[allow(clippy::unwrap_used)]
    fn a_token_is_read_back_and_no_other_is() {
        let ring = KeyRing::generate(Timestamp::EPOCH);
        let token = RefreshToken { family: FamilyId::from_bytes([7; 16]), generation: 3 };
        let text = token.write(&ring);
        assert_eq!(RefreshToken::read(text.expose(), &ring), Some(token));
        assert_eq!(RefreshToken::read(text.expose(), &KeyRing::generate(Timestamp::EPOCH)), None);
        let rotated = ring.rotate(Purpose::Tickets, Timestamp::EPOCH).unwrap();
        assert_eq!(RefreshToken::read(text.expose(), &rotated), Some(token), "a rotated key still reads");
    }

    proptest! {
        #[test]
        fn no_changed_token_is_read(position in 0usize..79, letter in "[A-Za-z0-9_=-]") {
            let ring = KeyRing::generate(Timestamp::EPOCH);
            let token = RefreshToken { family: FamilyId::from_bytes([7; 16]), generation: 3 };
            let text = token.write(&ring);
            let mut changed = text.expose().clone();
            changed.replace_range(position..=position, &letter);
            prop_assume!(changed != *text.expose());
            prop_assert_eq!(RefreshToken::read(&changed, &ring), None);
        }
    }
}
