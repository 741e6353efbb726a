//! Recovery codes: ten codes of 80 random bits, each good once.
//!
//! Only hashes are kept. With 80 bits and the soft lock nothing can be guessed, and a stolen record sealed under the
//! person's key gives nothing to search, so a plain hash bound to the person is enough (NIST SP 800-63B section 5.1.2.2
//! asks for a slow hash below 112 bits where records may leak as they are; these are sealed).

use serde::{Deserialize, Serialize};
use testudo_core::{PersonId, Secret};
use testudo_crypto::random;

use crate::people::sealed::TokenHash;

const COUNT: usize = 10;
const BYTES: usize = 10;
const LETTERS: usize = 16;
/// Crockford's base32 alphabet: no letters that people mix up.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A code as it is shown once: four groups of four.
pub type RecoveryCode = Secret<String>;

/// The hashes of the codes that are left.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecoveryCodes(Vec<TokenHash>);

impl RecoveryCodes {
    /// Ten new codes: what is kept, and what is shown once.
    pub(crate) fn generate(person: PersonId) -> (RecoveryCodes, Vec<RecoveryCode>) {
        let codes: Vec<String> = (0..COUNT).map(|_| letters(random::array())).collect();
        let kept = codes.iter().map(|code| hash(person, code)).collect();
        (RecoveryCodes(kept), codes.iter().map(|code| Secret::new(grouped(code))).collect())
    }

    /// Accepts a code and removes it. All are compared whatever the result.
    pub(crate) fn spend(&mut self, person: PersonId, typed: &str) -> bool {
        let Some(code) = canonical(typed) else { return false };
        let tried = hash(person, &code);
        let before = self.0.len();
        self.0.retain(|kept| *kept != tried);
        self.0.len() < before
    }

    /// How many are left.
    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    /// Whether none is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn hash(person: PersonId, code: &str) -> TokenHash {
    TokenHash::of_parts(&[b"recovery-code", &person.to_bytes(), code.as_bytes()])
}

/// 80 bits as 16 letters.
fn letters(random: [u8; BYTES]) -> String {
    let value = random.iter().fold(0u128, |value, byte| (value << 8) | u128::from(*byte));
    let letter = |place: usize| ALPHABET.get(usize::from((value >> (5 * place) & 31) as u8)).copied().unwrap_or(b'0');
    (0..LETTERS).rev().map(|place| char::from(letter(place))).collect()
}

fn grouped(code: &str) -> String {
    let mut text = String::with_capacity(LETTERS + 3);
    for (place, letter) in code.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        text.push(letter);
    }
    text
}

/// Without spaces and hyphens, in lower case, with the letters that people read for digits folded.
fn canonical(typed: &str) -> Option<String> {
    let code: String = typed
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '-')
        .map(|letter| match letter.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .collect();
    (code.len() == LETTERS && code.bytes().all(|byte| ALPHABET.contains(&byte))).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: PersonId = PersonId::from_bytes([1; 16]);

    #[test]
    fn each_code_is_good_once_however_it_is_typed() {
        let (mut kept, shown) = RecoveryCodes::generate(ADA);
        assert_eq!((kept.left(), shown.len()), (10, 10));
        for (spent, code) in shown.iter().enumerate() {
            let typed = code.expose().to_uppercase().replace('-', " ").replace('0', "O").replace('1', "l");
            assert!(kept.spend(ADA, &typed));
            assert!(!kept.spend(ADA, code.expose()), "a second time");
            assert_eq!(kept.left(), 9 - spent);
        }
        assert!(kept.is_empty());
    }

    #[test]
    fn a_code_is_bound_to_its_person() {
        let (mut kept, shown) = RecoveryCodes::generate(ADA);
        for code in &shown {
            assert!(!kept.spend(PersonId::from_bytes([2; 16]), code.expose()));
        }
        assert_eq!(kept.left(), 10);
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let (mut kept, _) = RecoveryCodes::generate(ADA);
        for typed in ["", "0000", "uuuu-uuuu-uuuu-uuuu", "0000-0000-0000-0000-0000", "ａaaa-aaaa-aaaa-aaaa"] {
            assert!(!kept.spend(ADA, typed), "{typed}");
        }
    }

    #[test]
    fn codes_have_the_shape_that_pages_promise() {
        assert_eq!(grouped(&letters([0; 10])), "0000-0000-0000-0000");
        assert_eq!(grouped(&letters([255; 10])), "zzzz-zzzz-zzzz-zzzz");
    }
}
