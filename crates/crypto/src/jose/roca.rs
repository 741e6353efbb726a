//! RSA moduli from a broken generator: CVE-2017-15361, "The Return of Coppersmith's Attack" (Nemec et al., CCS 2017).
//!
//! Primes of that generator have the form `k * M + (65537^a mod M)` where `M` is a product of small primes. So the
//! modulus is a power of 65537 modulo each of those, which a random modulus is for all of them once in 2^28.

/// The small primes whose subgroup of 65537 is a proper one; the others say nothing.
const PRIMES: [u16; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether the modulus (big endian) has the fingerprint.
pub(super) fn has_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| is_power_of_65537(remainder(modulus, *prime), *prime))
}

fn remainder(number: &[u8], prime: u16) -> u16 {
    let prime = u32::from(prime);
    let rest = number.iter().fold(0u32, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
    u16::try_from(rest).unwrap_or_default()
}

fn is_power_of_65537(value: u16, prime: u16) -> bool {
    let (prime, value) = (u32::from(prime), u32::from(value));
    let mut power = 1;
    // The order of 65537 is below the prime.
    (0..prime).any(|_| {
        power = power * (65_537 % prime) % prime;
        power == value
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constructed_modulus_has_the_fingerprint() {
        // 65537^5 is a power of 65537 modulo every prime.
        assert!(has_fingerprint(&65_537u128.pow(5).to_be_bytes()));
    }

    #[test]
    fn random_moduli_do_not() {
        for _ in 0..200 {
            assert!(!has_fingerprint(&crate::random::array::<256>()));
        }
    }
}
