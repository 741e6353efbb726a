//! Random bytes from the operating system through the DRBG of aws-lc.

use std::cell::RefCell;

use data_encoding::BASE64URL_NOPAD;
use testudo_core::Secret;
use zeroize::{Zeroize as _, Zeroizing};

use crate::certain;

/// Fills `bytes` with random bytes that fit for keys.
pub fn fill(bytes: &mut [u8]) {
    certain(aws_lc_rs::rand::fill(bytes), "the random generator");
}

/// `N` random bytes for ids and nonces. Small ones come out of a supply of this thread, which is filled at once and wiped
/// as it is used up: a call to the generator costs about as much for 16 bytes as for 256.
pub fn array<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if N > LARGEST || !SUPPLY.with(|supply| supply.try_borrow_mut().is_ok_and(|mut supply| supply.take(&mut bytes))) {
        fill(&mut bytes);
    }
    bytes
}

/// The most bytes that are taken out of the supply at once.
const LARGEST: usize = 32;

thread_local! {
    static SUPPLY: RefCell<Supply> = const { RefCell::new(Supply { bytes: [0; 512], left: 0 }) };
}

/// Random bytes that were not given to anybody yet: the first `left`.
struct Supply {
    bytes: [u8; 512],
    left: usize,
}

impl Supply {
    fn take(&mut self, to: &mut [u8]) -> bool {
        if self.left < to.len() {
            fill(&mut self.bytes);
            self.left = self.bytes.len();
        }
        let rest = self.left - to.len();
        let Some(taken) = self.bytes.get_mut(rest..self.left) else { return false };
        to.copy_from_slice(taken);
        taken.zeroize();
        self.left = rest;
        true
    }
}

/// 256 random bits for a key, filled in place and wiped when they go away.
pub(crate) fn secret() -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    fill(bytes.as_mut());
    bytes
}

/// A token that nobody guesses: 256 bits as 43 characters of base64url.
pub fn token() -> Secret<String> {
    Secret::new(BASE64URL_NOPAD.encode(secret().as_ref()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn no_byte_of_the_supply_is_given_twice() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..5_000 {
            assert!(seen.insert(array::<16>()));
        }
        let mut supply = Supply { bytes: [0; 512], left: 0 };
        let (mut first, mut second) = ([0; 32], [0; 7]);
        assert!(supply.take(&mut first) && supply.take(&mut second));
        assert_eq!(supply.left, 512 - 39);
        assert!(supply.bytes[supply.left..].iter().all(|byte| *byte == 0), "what was given is wiped");
        let rest = supply.bytes[..supply.left].to_vec();
        assert!(!rest.windows(7).any(|window| window == second) && !rest.windows(32).any(|window| window == first));
    }

    #[test]
    fn tokens_differ_and_have_256_bits() {
        let (one, other) = (token(), token());
        assert_ne!(one, other);
        assert_eq!(BASE64URL_NOPAD.decode(one.expose().as_bytes()).map(|bytes| bytes.len()), Ok(32));
        assert_eq!(format!("{one:?}"), "[redacted]");
    }
}
