//! Formats of strings and numbers (OpenAPI format registry; JSON Schema 2020-12 validation, 7.3).

use std::net::{Ipv4Addr, Ipv6Addr};

use testudo_core::ProvenKind;

/// A format of strings that is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// RFC 9562
    Uuid,
    /// RFC 3339 `full-date`
    Date,
    /// RFC 3339 `date-time`
    DateTime,
    /// RFC 5321, as far as mail is sent to it
    Email,
    /// RFC 3986 with a scheme
    Uri,
    /// RFC 3986
    UriReference,
    /// RFC 2673, 3.2
    Ipv4,
    /// RFC 4291, 2.2
    Ipv6,
    /// RFC 4648, 4
    Byte,
    /// RFC 1123
    Hostname,
}

impl Format {
    /// The format of that name; none where it says nothing that is checked.
    pub(crate) fn named(name: &str) -> Option<Format> {
        Some(match name {
            "uuid" => Format::Uuid,
            "date" => Format::Date,
            "date-time" => Format::DateTime,
            "email" => Format::Email,
            "uri" | "url" => Format::Uri,
            "uri-reference" => Format::UriReference,
            "ipv4" => Format::Ipv4,
            "ipv6" => Format::Ipv6,
            "byte" => Format::Byte,
            "hostname" => Format::Hostname,
            _ => return None,
        })
    }

    /// How it is named.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Format::Uuid => "uuid",
            Format::Date => "date",
            Format::DateTime => "date-time",
            Format::Email => "email",
            Format::Uri => "uri",
            Format::UriReference => "uri-reference",
            Format::Ipv4 => "ipv4",
            Format::Ipv6 => "ipv6",
            Format::Byte => "byte",
            Format::Hostname => "hostname",
        }
    }

    /// What a text that has it is proven to be.
    pub(crate) fn proves(self) -> Option<ProvenKind> {
        match self {
            Format::Uuid => Some(ProvenKind::Uuid),
            Format::Date | Format::DateTime => Some(ProvenKind::Date),
            Format::Ipv4 => Some(ProvenKind::Enum),
            _ => None,
        }
    }

    /// Whether a text has it.
    pub(crate) fn fits(self, text: &str) -> bool {
        let bytes = text.as_bytes();
        match self {
            Format::Uuid => is_uuid(bytes),
            Format::Date => is_date(bytes),
            Format::DateTime => is_date_time(bytes),
            Format::Email => is_email(text),
            Format::Uri => has_scheme(text) && is_uri(text),
            Format::UriReference => is_uri(text),
            Format::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Format::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Format::Byte => is_base64(bytes),
            Format::Hostname => is_hostname(text),
        }
    }
}

/// 8-4-4-4-12 hexadecimal digits.
pub(crate) fn is_uuid(bytes: &[u8]) -> bool {
    let Ok(bytes) = <&[u8; 36]>::try_from(bytes) else { return false };
    let (groups, lengths) = (bytes.split(|byte| *byte == b'-'), [8, 4, 4, 4, 12]);
    let mut rest = lengths.iter();
    let fit =
        groups.into_iter().all(|group| rest.next() == Some(&group.len()) && group.iter().all(u8::is_ascii_hexdigit));
    fit && rest.next().is_none()
}

/// `2026-02-28`, a day that exists (RFC 3339 `full-date`).
pub(crate) fn is_date(bytes: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = bytes else { return false };
    let Some(year) = digits(&[*y1, *y2, *y3, *y4]) else { return false };
    let (Some(month), Some(day)) = (digits(&[*m1, *m2]), digits(&[*d1, *d2])) else { return false };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// `2026-02-28T23:59:60.5+01:00` (RFC 3339 `date-time`), with at most 12 digits of a fraction.
pub(crate) fn is_date_time(bytes: &[u8]) -> bool {
    let Some((date, rest)) = bytes.split_at_checked(10) else { return false };
    let [b'T' | b't', h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = rest else { return false };
    let clock = |hour: &[u8; 2], minute: &[u8; 2]| {
        digits(hour).is_some_and(|hour| hour < 24) && digits(minute).is_some_and(|minute| minute < 60)
    };
    let time = clock(&[*h1, *h2], &[*m1, *m2]) && digits(&[*s1, *s2]).is_some_and(|second| second <= 60);
    let zone = match rest {
        [b'.', tail @ ..] => {
            let fraction = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=12).contains(&fraction) {
                return false;
            }
            tail.get(fraction..).unwrap_or_default()
        }
        rest => rest,
    };
    let zoned = match zone {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => clock(&[*h1, *h2], &[*m1, *m2]),
        _ => false,
    };
    is_date(date) && time && zoned
}

fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

/// A dot-atom and a domain, international characters in both (RFC 6531); no quotes, comments or address literals.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    let dots = |part: &str, fits: &dyn Fn(char) -> bool| {
        part.split('.').all(|label| !label.is_empty() && label.chars().all(fits))
    };
    let label = |c: char| c.is_ascii_alphanumeric() || c == '-' || (!c.is_ascii() && c.is_alphanumeric());
    text.len() <= 320 && local.len() <= 64 && dots(local, &atom) && dots(domain, &label)
}

fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        let letters = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(letters) && !rest.is_empty()
    })
}

fn is_uri(text: &str) -> bool {
    let bytes = text.as_bytes();
    let fits = |(at, byte): (usize, &u8)| match byte {
        b'%' => bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        _ => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(byte),
    };
    bytes.iter().enumerate().all(fits)
}

fn is_base64(bytes: &[u8]) -> bool {
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    let data = bytes.get(..bytes.len() - padding).unwrap_or_default();
    bytes.len().is_multiple_of(4)
        && padding <= 2
        && data.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    (1..=253).contains(&text.len()) && text.split('.').all(label)
}

/// How wide a number may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Width {
    /// 32 bits with sign.
    Int32,
    /// 64 bits with sign.
    Int64,
    /// Single precision.
    Float,
    /// Double precision.
    Double,
}

impl Width {
    /// The width of that name.
    pub(crate) fn named(name: &str) -> Option<Width> {
        Some(match name {
            "int32" => Width::Int32,
            "int64" => Width::Int64,
            "float" => Width::Float,
            "double" => Width::Double,
            _ => return None,
        })
    }

    /// How it is named.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Width::Int32 => "int32",
            Width::Int64 => "int64",
            Width::Float => "float",
            Width::Double => "double",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn formats() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            (
                "uuid",
                &["3f2504e0-4f89-11d3-9a0c-0305e82c3301"],
                &["", "3f2504e04f8911d39a0c0305e82c3301", "3f2504e0-4f89-11d3-9a0c-0305e82c330g"],
            ),
            ("date", &["2024-02-29"], &["2023-02-29", "2024-13-01", "2024-1-1", "2024-02-29T"]),
            (
                "date-time",
                &["2026-02-28T23:59:60.5+01:00", "2026-02-28t00:00:00z"],
                &[
                    "2026-02-28 00:00:00Z",
                    "2026-02-28T24:00:00Z",
                    "2026-02-28T00:00:00",
                    "2026-02-28T00:00:00.Z",
                    "2026-02-28T00:00:00.1234567890123Z",
                ],
            ),
            (
                "email",
                &["o'neil+x@example.test", "jörg@exämple.test"],
                &["a@b@c d", "@b", "a@", "a..b@c", "a b@c", "a@<b>"],
            ),
            ("uri", &["https://a.test/x?y=%20#z", "urn:a:b"], &["/x", "https://a b", "javascript:<x>", "a:%2", ":x"]),
            ("uri-reference", &["/x", "", "?a"], &["a b", "<"]),
            ("ipv4", &["10.0.0.1"], &["10.0.0", "010.0.0.1", "1.2.3.256"]),
            ("ipv6", &["::1", "2001:db8::ff"], &[":", "1.2.3.4", "::1%eth0"]),
            ("byte", &["", "YQ==", "YWJj"], &["YQ", "YQ=", "Y===", "Y Q="]),
            ("hostname", &["a", "a-b.example.test"], &["", "-a", "a..b", "a_b", "a."]),
        ];
        for (name, yes, no) in cases {
            let format = Format::named(name);
            yes.iter().for_each(|text| assert_eq!(format.map(|f| f.fits(text)), Some(true), "{name} {text}"));
            no.iter().for_each(|text| assert_eq!(format.map(|f| f.fits(text)), Some(false), "{name} {text}"));
        }
    }
}
