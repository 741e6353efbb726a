//! URLs whose scheme runs scripts or carries a page.

/// Beginnings of schemes, in upper case.
const SCHEMES: [&str; 4] = ["DATA", "VIEW-SOURCE", "JAVA", "VBSCRIPT"];

/// Whether a browser would take the value for such a URL.
pub(super) fn is_dangerous(value: &[u8]) -> bool {
    // White space before a scheme is skipped, and some browsers skip what is not ASCII.
    let start = value.iter().position(|byte| (b'!'..0x7f).contains(byte)).unwrap_or(value.len());
    let value = value.get(start..).unwrap_or_default();
    SCHEMES.iter().any(|scheme| begins(value, scheme))
}

/// Whether the value begins so once character references are resolved. Control characters before it are skipped, and
/// zero bytes and line feeds within it.
fn begins(mut value: &[u8], scheme: &str) -> bool {
    let mut wanted = scheme.bytes().peekable();
    let mut first = true;
    while let (Some(byte), false) = (wanted.peek(), value.is_empty()) {
        let (character, len) = character(value);
        value = value.get(len..).unwrap_or_default();
        if first && character <= u32::from(b' ') {
            continue;
        }
        first = false;
        if character == 0 || character == u32::from(b'\n') {
            continue;
        }
        // What lies beyond a byte wraps around.
        let [low, ..] = character.to_le_bytes();
        let low = if character < 0x80 { low.to_ascii_uppercase() } else { low };
        if low != *byte {
            return false;
        }
        wanted.next();
    }
    wanted.peek().is_none()
}

/// The greatest number that a reference may have.
const GREATEST: u32 = 0x10_00ff;

/// The first character, and how many bytes it takes. A malformed reference is the sign `&`.
fn character(text: &[u8]) -> (u32, usize) {
    let (digits, radix, head) = match text {
        [b'&', b'#', b'x' | b'X', digits @ ..] => (digits, 16, 3),
        [b'&', b'#', digits @ ..] => (digits, 10, 2),
        [first, ..] => return (u32::from(*first), 1),
        [] => return (0, 0),
    };
    let mut number = 0;
    let mut len = 0;
    for byte in digits {
        match char::from(*byte).to_digit(radix) {
            Some(digit) => number = number * radix + digit,
            None => break,
        }
        len += 1;
        if number > GREATEST {
            return (u32::from(b'&'), 1);
        }
    }
    match digits.get(len) {
        _ if len == 0 => (u32::from(b'&'), 1),
        Some(b';') => (number, head + len + 1),
        _ => (number, head + len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved() {
        assert_eq!(character(b"&#106;a"), (106, 6));
        assert_eq!(character(b"&#x6Aa"), (0x6aa, 6));
        assert_eq!(character(b"&#x;"), (38, 1));
        assert_eq!(character(b"&#99999999;"), (38, 1));
        assert_eq!(character(b"&lt;"), (38, 1));
    }

    #[test]
    fn schemes_are_seen_through_disguise() {
        for url in
            ["javascript:x", " \t\u{a0}JaVa", "&#x01;&#106;ava", "j\na\0va", "view-source:x", "data:", "&#x14a;ava"]
        {
            assert!(is_dangerous(url.as_bytes()), "{url}");
        }
        for url in ["/java", "jav", "https://example.org/?data", "", "&#x16a;ava"] {
            assert!(!is_dangerous(url.as_bytes()), "{url}");
        }
    }
}
