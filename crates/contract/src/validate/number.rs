//! Numbers of JSON as decimals, compared and divided exactly.

use std::cmp::Ordering;

/// The most significant digits that are kept.
const MAX_DIGITS: usize = 36;
/// The largest exponent.
const MAX_EXPONENT: i32 = 400;

/// `mantissa * 10^exponent`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal {
    mantissa: i128,
    exponent: i32,
}

impl Decimal {
    /// Reads a JSON number (RFC 8259, 6), which must be well-formed; none where it has too many digits.
    pub(crate) fn parse(raw: &[u8]) -> Option<Decimal> {
        let (negative, digits) = match raw.strip_prefix(b"-") {
            Some(digits) => (true, digits),
            None => (false, raw),
        };
        if digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit) {
            let whole = digits.iter().fold(0_i64, |whole, digit| whole * 10 + i64::from(digit - b'0'));
            return Some(Decimal { mantissa: i128::from(if negative { -whole } else { whole }), exponent: 0 });
        }
        let (mut mantissa, mut exponent, mut significant, mut fraction) = (0_i128, 0_i32, 0_usize, false);
        for (at, byte) in digits.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    significant += usize::from(significant > 0 || *byte != b'0');
                    if significant > MAX_DIGITS {
                        return None;
                    }
                    mantissa = mantissa * 10 + i128::from(byte - b'0');
                    exponent -= i32::from(fraction);
                }
                b'.' => fraction = true,
                _ => {
                    let written = digits.get(at + 1..).and_then(|rest| std::str::from_utf8(rest).ok())?;
                    let written: i32 = written.strip_prefix('+').unwrap_or(written).parse().ok()?;
                    exponent = exponent.checked_add(written)?;
                    break;
                }
            }
        }
        if mantissa == 0 {
            exponent = 0;
        }
        while mantissa != 0 && exponent < 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        let mantissa = if negative { -mantissa } else { mantissa };
        (exponent.abs() <= MAX_EXPONENT).then_some(Decimal { mantissa, exponent })
    }

    /// Whether it has no fraction.
    pub(crate) fn is_integer(self) -> bool {
        self.exponent >= 0
    }

    /// The integer, if it is one.
    pub(crate) fn integer(self) -> Option<i128> {
        if self.exponent == 0 {
            return Some(self.mantissa);
        }
        let power = 10_i128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        self.mantissa.checked_mul(power)
    }

    /// Appends a text that is the same for equal numbers only.
    pub(crate) fn canonical(self, out: &mut Vec<u8>) {
        let (mut mantissa, mut exponent) = (self.mantissa, self.exponent);
        while mantissa != 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        out.extend_from_slice(format!("{mantissa}e{exponent}").as_bytes());
    }

    /// Which is greater.
    pub(crate) fn order(self, other: Decimal) -> Ordering {
        if self.exponent == other.exponent {
            return self.mantissa.cmp(&other.mantissa);
        }
        match self.mantissa.signum().cmp(&other.mantissa.signum()) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
        if let Some((a, b)) = align(self, other) {
            return a.cmp(&b);
        }
        // They differ by more digits than can be written out, so that the place of the first decides.
        let by_size = self.size().cmp(&other.size());
        if self.mantissa < 0 { by_size.reverse() } else { by_size }
    }

    /// The place of its first digit.
    fn size(self) -> i64 {
        let digits = self.mantissa.unsigned_abs().checked_ilog10().unwrap_or(0);
        i64::from(digits) + i64::from(self.exponent)
    }

    /// Whether it is a whole multiple of another that is not zero; `None` where that can't be told exactly.
    pub(crate) fn is_multiple_of(self, other: Decimal) -> Option<bool> {
        if self.mantissa == 0 || other.mantissa == 0 {
            return Some(self.mantissa == 0);
        }
        let (a, b) = align(self, other)?;
        Some(a % b == 0)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.order(*other) == Ordering::Equal
    }
}

/// Both with the same exponent.
fn align(a: Decimal, b: Decimal) -> Option<(i128, i128)> {
    let low = a.exponent.min(b.exponent);
    let scale = |value: Decimal| {
        let power = 10_i128.checked_pow(u32::try_from(value.exponent - low).ok()?)?;
        value.mantissa.checked_mul(power)
    };
    Some((scale(a)?, scale(b)?))
}

/// Whether a text is one JSON number (RFC 8259, 6) that is not too long.
pub(crate) fn is_number(text: &[u8]) -> bool {
    let (rest, mut dots, mut exponent) = (text.strip_prefix(b"-").unwrap_or(text), 0, false);
    let mut before = b' ';
    for byte in rest {
        let fits = match byte {
            b'0'..=b'9' => true,
            b'.' => !exponent && dots == 0 && before.is_ascii_digit(),
            b'e' | b'E' => !exponent && before.is_ascii_digit(),
            b'+' | b'-' => matches!(before, b'e' | b'E'),
            _ => false,
        };
        if !fits {
            return false;
        }
        dots += usize::from(*byte == b'.');
        exponent |= matches!(byte, b'e' | b'E');
        before = *byte;
    }
    let zeros = matches!(rest, [b'0', b'0'..=b'9', ..]);
    text.len() <= 64 && !zeros && before.is_ascii_digit() && rest.first().is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn order_is_that_of_numbers() {
        let ascending = [
            "-1e300",
            "-9223372036854775809",
            "-9223372036854775808",
            "-1.5",
            "-1.25",
            "-1e-300",
            "0",
            "1e-300",
            "0.1",
            "0.30000000000000004",
            "1",
            "1.0000000000000000000001",
            "10",
            "9007199254740992",
            "9007199254740993",
            "1e300",
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(decimal(a).order(decimal(b)), at.cmp(&other), "{a} {b}");
            }
        }
        assert_eq!(decimal("1.50"), decimal("15e-1"));
        assert_eq!(decimal("-0"), decimal("0.0"));
    }

    #[test]
    fn the_grammar_is_that_of_json() {
        for text in [
            "0", "-0", "7", "-12.50", "1e5", "1E+05", "0.0e-0", "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "1.e1",
            "1.5.5", "0x10", "--1", "1-", "1e5.5", "1e5e5", " 1", "1e-", "-01",
        ] {
            let known = serde_json::from_str::<serde_json::Number>(text).is_ok() && !text.starts_with(' ');
            assert_eq!(is_number(text.as_bytes()), known, "{text}");
        }
    }

    #[test]
    fn integers_and_multiples() {
        for (text, integer) in
            [("1.0", Some(1)), ("1e3", Some(1000)), ("1.5", None), ("-20", Some(-20)), ("0.0", Some(0))]
        {
            assert_eq!(decimal(text).is_integer(), integer.is_some(), "{text}");
            assert_eq!(decimal(text).integer(), integer, "{text}");
        }
        for (value, of, is) in [
            ("0.3", "0.1", true),
            ("19.99", "0.01", true),
            ("19.995", "0.01", false),
            ("7", "2", false),
            ("0", "3", true),
            ("1e10", "0.25", true),
        ] {
            assert_eq!(decimal(value).is_multiple_of(decimal(of)), Some(is), "{value} {of}");
        }
        assert!(Decimal::parse(b"1234567890123456789012345678901234567").is_none());
        assert!(Decimal::parse(b"1e99999999999").is_none());
    }
}
