//! `UTCTime` and `GeneralizedTime` (RFC 5280 section 4.1.2.5) as seconds since 1970.

use testudo_crypto::foreign::der::{Value, tag};

/// The second that the value names; `None` if it names none.
pub(super) fn read(value: &Value<'_>) -> Option<i64> {
    let text = std::str::from_utf8(value.contents).ok()?;
    if value.is(tag::UTC_TIME) {
        let (year, rest) = text.split_at_checked(2)?;
        let year = number(year)?;
        after_year(if year < 50 { 2000 + year } else { 1900 + year }, rest)
    } else if value.is(tag::GENERALIZED_TIME) {
        generalized(text)
    } else {
        None
    }
}

/// The second that a text such as `20000229120000Z` names.
pub(crate) fn generalized(text: &str) -> Option<i64> {
    let (year, rest) = text.split_at_checked(4)?;
    after_year(number(year)?, rest)
}

fn after_year(year: i64, rest: &str) -> Option<i64> {
    let (month, rest) = two(rest)?;
    let (day, rest) = two(rest)?;
    let (hour, rest) = two(rest)?;
    let (minute, rest) = two(rest)?;
    let (second, rest) = if rest.starts_with(|first: char| first.is_ascii_digit()) { two(rest)? } else { (0, rest) };
    let in_range = (1..=12).contains(&month) && day >= 1 && day <= days_of(year, month) && hour < 24 && minute < 60;
    if !in_range || second >= 60 {
        return None;
    }
    let offset = offset(fraction(rest))?;
    Some(((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - offset)
}

/// Without a fraction of a second, which doesn't count.
fn fraction(rest: &str) -> &str {
    match rest.strip_prefix(['.', ',']) {
        Some(rest) => rest.trim_start_matches(|digit: char| digit.is_ascii_digit()),
        None => rest,
    }
}

/// `Z`, or hours and minutes from UTC, in seconds.
fn offset(rest: &str) -> Option<i64> {
    let sign = match rest.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", _) => 1,
        ("-", _) => -1,
        _ => return None,
    };
    let (hours, rest) = two(rest.get(1..)?)?;
    let (minutes, rest) = two(rest)?;
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

fn two(text: &str) -> Option<(i64, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    Some((number(digits)?, rest))
}

fn number(digits: &str) -> Option<i64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let years = before * 365 + before / 4 - before / 100 + before / 400;
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    // 719 162 days lie before 1970.
    years + months + day - 1 - 719_162
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use testudo_crypto::foreign::der::{Reader, tlv};

    fn seconds(identifier: u8, text: &str) -> Option<i64> {
        read(&Reader::new(&tlv(identifier, text.as_bytes())).required().unwrap())
    }

    #[test]
    fn known_seconds() {
        assert_eq!(seconds(0x17, "700101000000Z"), Some(0));
        assert_eq!(seconds(0x17, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(seconds(0x18, "20000229120000Z"), Some(951_825_600));
        assert_eq!(seconds(0x18, "20000229120000.123+0130"), Some(951_820_200));
        assert_eq!(seconds(0x17, "0001010000Z"), Some(946_684_800));
        assert_eq!(seconds(0x18, "99991231235959Z"), Some(253_402_300_799));
    }

    #[test]
    fn no_seconds() {
        for text in ["", "700101", "701301000000Z", "700230000000Z", "700101240000Z", "700101000000", "70010100000+Z"] {
            assert_eq!(seconds(0x17, text), None, "{text}");
        }
        assert_eq!(seconds(0x18, "20010229120000Z"), None);
        assert_eq!(seconds(0x04, "20000229120000Z"), None);
    }
}
