//! `@verifyCC`, `@verifyCPF`, `@verifySSN` and `@verifySVNR`: a pattern finds candidates, arithmetic decides.
//!
//! Cards: Luhn's sum (ISO/IEC 7812-1, annex B). CPF: Brazil's two check digits. SSN: areas, groups and serials that the
//! United States may have issued. SVNR: Austria's check digit.

use super::PatternError;
use super::caches::Lent;
use super::captures::{Capture, Captures};
use super::literals::Needs;
use super::rx::Regex;

/// What a candidate is checked as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scheme {
    Card,
    Cpf,
    Ssn,
    Svnr,
}

/// A pattern and what its matches are checked as.
#[derive(Debug)]
pub(super) struct Verify {
    scheme: Scheme,
    pattern: Regex,
}

impl Verify {
    pub(super) fn new(scheme: Scheme, pattern: &[u8]) -> Result<(Verify, Needs), PatternError> {
        let (pattern, mut needs) = Regex::new(pattern)?;
        needs.bytes.push(crate::transform::ByteClasses::range(b'0', b'9'));
        Ok((Verify { scheme, pattern }, needs))
    }

    /// Looks for a candidate that holds, from each place on. Overlapping candidates are looked at as long as they add
    /// up to a few times the value; then each begins behind the one before.
    pub(super) fn matches(&self, value: &[u8], captures: Option<&mut Captures>) -> bool {
        let mut budget = value.len().saturating_mul(16).saturating_add(4096);
        let mut start = 0;
        let mut lent = Lent::default();
        while let Some(found) = self.pattern.find_from(value, start, &mut lent) {
            let candidate = value.get(found.clone()).unwrap_or_default();
            if self.scheme.holds(candidate) {
                if let Some(captures) = captures {
                    captures.set(Capture::Span(found));
                }
                return true;
            }
            budget = budget.saturating_sub(found.end.saturating_sub(start));
            start = if budget > 0 { found.start + 1 } else { found.end.max(found.start + 1) };
        }
        false
    }
}

impl Scheme {
    fn holds(self, candidate: &[u8]) -> bool {
        let digits = candidate.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'));
        match self {
            Scheme::Card => luhn(digits),
            Scheme::Cpf => cpf(digits),
            Scheme::Ssn => ssn(digits),
            Scheme::Svnr => svnr(digits),
        }
    }
}

/// Every second digit from the right counts double, with the digits of the product added up.
fn luhn(digits: impl DoubleEndedIterator<Item = u32>) -> bool {
    let (mut sum, mut count) = (0u64, 0u64);
    for digit in digits.rev() {
        let weighted = if count % 2 == 1 { digit * 2 - if digit > 4 { 9 } else { 0 } } else { digit };
        sum += u64::from(weighted);
        count += 1;
    }
    count > 0 && sum.is_multiple_of(10)
}

/// The first `N` digits, when there are that many; what follows them must not be there when `only`.
fn first<const N: usize>(mut digits: impl Iterator<Item = u32>, only: bool) -> Option<[u32; N]> {
    let mut number = [0; N];
    for slot in &mut number {
        *slot = digits.next()?;
    }
    (!only || digits.next().is_none()).then_some(number)
}

/// Whether each digit is `step` more than the one before.
fn steady(number: &[u32], step: u32) -> bool {
    number.windows(2).all(|two| matches!(two, [left, right] if left + step == *right))
}

fn cpf(digits: impl Iterator<Item = u32>) -> bool {
    let Some(number) = first::<11>(digits, false) else { return false };
    let [d0, d1, d2, d3, d4, d5, d6, d7, d8, first_check, second_check] = number;
    // All digits equal, or 01234567890: numbers that nobody has.
    if steady(&number, 0) || number == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0] {
        return false;
    }
    let check = |sum: u32| if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
    let nine = [d0, d1, d2, d3, d4, d5, d6, d7, d8];
    let weighted = |from: u32| nine.iter().zip((2..=from).rev()).map(|(digit, weight)| digit * weight).sum::<u32>();
    let first = check(weighted(10));
    first_check == first && second_check == check(weighted(11) + first * 2)
}

fn ssn(digits: impl Iterator<Item = u32>) -> bool {
    let Some(number) = first::<9>(digits, true) else { return false };
    let value = |digits: &[u32]| digits.iter().fold(0, |value, digit| value * 10 + digit);
    let [area, group, serial] = [&number[..3], &number[3..5], &number[5..]].map(value);
    let issued = area > 0 && area < 740 && area != 666 && group > 0 && serial > 0;
    issued && !steady(&number, 0) && !steady(&number, 1)
}

fn svnr(digits: impl Iterator<Item = u32>) -> bool {
    let Some(number) = first::<10>(digits, false) else { return false };
    if steady(&number, 0) || steady(&number, 1) || number == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0] {
        return false;
    }
    let sum: u32 = number.iter().zip([3, 7, 9, 0, 5, 8, 4, 2, 1, 6]).map(|(digit, weight)| digit * weight).sum();
    number.get(3) == Some(&(sum % 11 % 10))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn numbers() {
        let cases = [
            (Scheme::Card, "4111 1111-1111 1111", true),
            (Scheme::Card, "4111111111111112", false),
            (Scheme::Card, "", false),
            (Scheme::Cpf, "010.817.514-60", true),
            (Scheme::Cpf, "010.817.514-61", false),
            (Scheme::Cpf, "111.111.111-11", false),
            (Scheme::Cpf, "010.817.514", false),
            (Scheme::Ssn, "574-57-8065", true),
            (Scheme::Ssn, "666-57-8065", false),
            (Scheme::Ssn, "000-57-8065", false),
            (Scheme::Ssn, "574-00-8065", false),
            (Scheme::Ssn, "123-45-6789", false),
            (Scheme::Ssn, "574-57-80651", false),
            (Scheme::Svnr, "1237 010180", true),
            (Scheme::Svnr, "1238 010180", false),
            (Scheme::Svnr, "1234567890", false),
        ];
        for (scheme, candidate, expected) in cases {
            assert_eq!(scheme.holds(candidate.as_bytes()), expected, "{scheme:?} {candidate}");
        }
    }

    #[test]
    fn candidates_may_overlap() {
        let (verify, _) = Verify::new(Scheme::Card, br"\d{16}").unwrap();
        let mut captures = Captures::new();
        let value = b"94111111111111111";
        assert!(verify.matches(value, Some(&mut captures)));
        assert_eq!(captures.get(0, value), Some(&b"4111111111111111"[..]));
        assert!(!verify.matches(b"4111111111111112", None));
    }

    #[test]
    fn long_candidates_take_linear_time() {
        let (verify, _) = Verify::new(Scheme::Ssn, br"\d+").unwrap();
        assert!(!verify.matches(&vec![b'7'; 1 << 18], None));
    }
}
