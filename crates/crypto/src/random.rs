//! Random bytes from the operating system through the DRBG of aws-lc.

use data_encoding::BASE64URL_NOPAD;
use testudo_core::Secret;
use zeroize::Zeroizing;

use crate::certain;

/// Fills `bytes` with random bytes that fit for keys.
pub fn fill(bytes: &mut [u8]) {
    certain(aws_lc_rs::rand::fill(bytes), "the random generator");
}

/// `N` random bytes.
pub fn array<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
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
    use super::*;

    #[test]
    fn tokens_differ_and_have_256_bits() {
        let (one, other) = (token(), token());
        assert_ne!(one, other);
        assert_eq!(BASE64URL_NOPAD.decode(one.expose().as_bytes()).map(|bytes| bytes.len()), Ok(32));
        assert_eq!(format!("{one:?}"), "[redacted]");
    }
}
