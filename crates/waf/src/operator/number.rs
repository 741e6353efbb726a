//! `@eq`, `@ge`, `@gt`, `@le` and `@lt`: comparisons of integers.
//!
//! Numbers are read as C reads them: white space and a sign may lead, what follows the digits is ignored, and what is
//! no number is 0.

/// Which comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Relation {
    Equal,
    GreaterOrEqual,
    Greater,
    LessOrEqual,
    Less,
}

/// A comparison with a number, fixed or with macros.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    relation: Relation,
    fixed: Option<i64>,
}

impl Number {
    pub(super) fn new(relation: Relation, parameter: Option<&[u8]>) -> Number {
        Number { relation, fixed: parameter.map(|text| relation.read(text)) }
    }

    #[inline]
    pub(super) fn matches(self, expanded: &[u8], value: &[u8]) -> bool {
        let limit = self.fixed.unwrap_or_else(|| self.relation.read(expanded));
        let value = self.relation.read(value);
        match self.relation {
            Relation::Equal => value == limit,
            Relation::GreaterOrEqual => value >= limit,
            Relation::Greater => value > limit,
            Relation::LessOrEqual => value <= limit,
            Relation::Less => value < limit,
        }
    }
}

impl Relation {
    /// `@eq` takes what is beyond 32 bits for 0, as `ModSecurity` does; the others stop at 64 bits.
    fn read(self, text: &[u8]) -> i64 {
        let number = read(text);
        if self == Relation::Equal && i32::try_from(number).is_err() { 0 } else { number }
    }
}

fn read(text: &[u8]) -> i64 {
    let spaces = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let (negative, digits) = match text.get(spaces..).unwrap_or_default() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0i64, |number, digit| {
        let digit = i64::from(digit - b'0');
        let number = number.saturating_mul(10);
        if negative { number.saturating_sub(digit) } else { number.saturating_add(digit) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let cases: [(&[u8], i64); 10] = [
            (b"", 0),
            (b"x", 0),
            (b"12", 12),
            (b" \t+12abc", 12),
            (b"-7", -7),
            (b"--7", 0),
            (b"00012", 12),
            (b"99999999999999999999", i64::MAX),
            (b"-99999999999999999999", i64::MIN),
            (b"1 2", 1),
        ];
        for (text, number) in cases {
            assert_eq!(read(text), number, "{}", text.escape_ascii());
        }
        assert!(Number::new(Relation::Equal, Some(b"0")).matches(b"", b"4294967296"));
        assert!(Number::new(Relation::Greater, Some(b"4294967295")).matches(b"", b"4294967296"));
        assert!(Number::new(Relation::LessOrEqual, None).matches(b"5", b"5"));
    }
}
