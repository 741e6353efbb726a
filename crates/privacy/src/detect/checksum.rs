//! Check digits.

/// The values of ASCII digits.
pub(super) fn values(digits: &[u8]) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + '_ {
    digits.iter().map(|byte| u32::from(byte.wrapping_sub(b'0')))
}

/// A decimal number of at most 18 digits.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    let sound = !digits.is_empty() && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit);
    sound.then(|| digits.iter().fold(0, |number, byte| number * 10 + u64::from(byte - b'0')))
}

/// Luhn (ISO/IEC 7812-1, annex B).
pub(super) fn luhn(digits: &[u8]) -> bool {
    let double = |value: u32| if value > 4 { value * 2 - 9 } else { value * 2 };
    let sum: u32 =
        values(digits).rev().enumerate().map(|(at, value)| if at % 2 == 1 { double(value) } else { value }).sum();
    sum.is_multiple_of(10)
}

/// The sum of digits times weights.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    values(digits).zip(weights).map(|(value, weight)| value * weight).sum()
}

/// ISO 7064 MOD 97-10 over letters and digits (A = 10), most significant first.
pub(super) fn mod_97(chars: impl Iterator<Item = u8>) -> u32 {
    chars.fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        b'A'..=b'Z' => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
        _ => rest,
    })
}

/// ISO 7064 MOD 11,10.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, rest)) = digits.split_last() else { return false };
    let product = values(rest).fold(10, |product, value| {
        let sum = (product + value) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(check.wrapping_sub(b'0'))
}

/// Verhoeff (1969): the dihedral group of ten elements.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    const STEP: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permuted = |value: u32, times: usize| {
        (0..times % 8).fold(value, |value, _| STEP.get(value as usize).copied().unwrap_or_default())
    };
    // Elements below 5 turn, the others mirror.
    let multiply = |one: u32, other: u32| match (one < 5, other < 5) {
        (true, true) => (one + other) % 5,
        (true, false) => (one + other) % 5 + 5,
        (false, true) => (one + 5 - other) % 5 + 5,
        (false, false) => (one + 5 - other) % 5,
    };
    values(digits).rev().enumerate().fold(0, |state, (at, value)| multiply(state, permuted(value, at))) == 0
}

/// Whether there is such a day.
pub(super) fn is_date(year: u64, month: u64, day: u64) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(leap),
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_follow_published_examples() {
        assert!(luhn(b"79927398713") && !luhn(b"79927398710"));
        assert!(verhoeff(b"2363") && !verhoeff(b"2364") && verhoeff(b"123451") && !verhoeff(b"132451"));
        assert!(mod_11_10(b"07945") && !mod_11_10(b"07946"));
        assert_eq!(mod_97(b"3214282912345698765432161182".iter().copied()), 1);
        assert!(is_date(2024, 2, 29) && !is_date(1900, 2, 29) && !is_date(2023, 4, 31) && !is_date(2023, 13, 1));
    }

    #[test]
    fn verhoeff_finds_every_wrong_digit_and_every_swap_of_neighbours() {
        let good = *b"123451";
        for at in 0..good.len() {
            for digit in b'0'..=b'9' {
                let mut wrong = good;
                wrong.iter_mut().skip(at).take(1).for_each(|byte| *byte = digit);
                assert_eq!(verhoeff(&wrong), wrong == good);
            }
        }
        for at in 0..good.len() - 1 {
            let mut wrong = good;
            wrong.swap(at, at + 1);
            assert_eq!(verhoeff(&wrong), wrong == good);
        }
    }
}
