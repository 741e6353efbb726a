//! `htmlEntityDecode`: the character references that `ModSecurity` knows (HTML 4, 5.3).
//!
//! Numbers of any length keep their low byte; named are `quot`, `amp`, `lt`, `gt` and `nbsp`, in any case; the
//! semicolon may lack.

use std::borrow::Cow;

use super::rewrite::{digit, rewrite};

pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    let next = |rest: &[u8]| memchr::memchr(b'&', rest);
    rewrite(value, next, |special, output| {
        let (byte, taken) = reference(special).unwrap_or((b'&', 1));
        output.push(byte);
        let semicolon = taken > 1 && special.get(taken) == Some(&b';');
        taken + usize::from(semicolon)
    })
}

/// The byte of a reference and its length without the semicolon.
fn reference(special: &[u8]) -> Option<(u8, usize)> {
    match special {
        [b'&', b'#', b'x' | b'X', digits @ ..] => number(digits, 16).map(|(byte, length)| (byte, length + 3)),
        [b'&', b'#', digits @ ..] => number(digits, 10).map(|(byte, length)| (byte, length + 2)),
        [b'&', name @ ..] => {
            let length = name.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            named(name.get(..length)?).map(|byte| (byte, length + 1))
        }
        _ => None,
    }
}

/// The low byte of a number. As C's `strtol` does, a number beyond 63 bits stops at the greatest.
fn number(digits: &[u8], base: u8) -> Option<(u8, usize)> {
    let mut value = 0i64;
    let mut length = 0;
    for digit in digits.iter().map_while(|byte| digit(*byte).filter(|digit| *digit < base)) {
        let next = value.checked_mul(i64::from(base)).and_then(|value| value.checked_add(i64::from(digit)));
        value = next.unwrap_or(i64::MAX);
        length += 1;
    }
    let [byte, ..] = value.to_le_bytes();
    (length > 0).then_some((byte, length))
}

fn named(name: &[u8]) -> Option<u8> {
    const NAMES: [(&[u8], u8); 5] = [(b"quot", b'"'), (b"amp", b'&'), (b"lt", b'<'), (b"gt", b'>'), (b"nbsp", 0xa0)];
    NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, byte)| *byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let cases: [(&[u8], &[u8]); 13] = [
            (b"&lt;b&GT;", b"<b>"),
            (b"&quot &amp;&nbsp;", b"\" &\xa0"),
            (b"&ltb;", b"&ltb;"),
            (b"&#60;&#060&#x3c;&#X3C", b"<<<<"),
            (b"&#00000000000000000000000000000000123;", b"{"),
            (b"&#x0000003cb", b"\xcb"),
            (b"&#99999999999999999999;", b"\xff"),
            (b"&#8249;", b"9"),
            (b"&#;&#x;&;&", b"&#;&#x;&;&"),
            (b"&amp;lt;", b"&lt;"),
            (b"&#&lt;", b"&#<"),
            (b"&foo;&lt", b"&foo;<"),
            (b"&#1a0;", b"\x01a0;"),
        ];
        for (value, output) in cases {
            assert_eq!(&*decode(value), output, "{}", value.escape_ascii());
        }
    }
}
