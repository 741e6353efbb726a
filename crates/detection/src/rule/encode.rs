//! Modifiers that rewrite values: Base64, UTF-16 and dashes of Windows command lines.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648 section 4).
pub(crate) fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| (group << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = usize::try_from((group >> (18 - 6 * digit)) & 63).unwrap_or(0);
            let letter = ALPHABET.get(value).copied().unwrap_or(b'=');
            text.push(if digit > chunk.len() { b'=' } else { letter });
        }
    }
    text
}

/// The three texts as which `bytes` can stand inside the Base64 of something longer, by their place modulo three:
/// letters that also depend on the neighbours are cut off.
pub(crate) fn base64_offsets(bytes: &[u8]) -> [Vec<u8>; 3] {
    [0, 1, 2].map(|shift| {
        let mut padded = vec![b' '; shift];
        padded.extend_from_slice(bytes);
        let text = base64(&padded);
        let start = [0, 2, 3].get(shift).copied().unwrap_or(0);
        let end = text.len() - [0, 3, 2].get(padded.len() % 3).copied().unwrap_or(0);
        text.get(start..end).unwrap_or_default().to_vec()
    })
}

/// Which UTF-16.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Utf16 {
    LittleEndian,
    BigEndian,
    /// Little endian after a byte order mark.
    Marked,
}

/// A text in UTF-16.
pub(crate) fn utf16(text: &str, form: Utf16) -> Vec<u8> {
    let mut bytes = if form == Utf16::Marked { vec![0xff, 0xfe] } else { Vec::new() };
    for unit in text.encode_utf16() {
        let pair = if form == Utf16::BigEndian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        bytes.extend_from_slice(&pair);
    }
    bytes
}

/// The characters that Windows takes as the sign of a flag.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
/// More variants than this are refused.
pub(crate) const MAX_VARIANTS: usize = 1_000;

/// All spellings of a command line: each `-` or `/` that begins a word, as each of the five signs. Nothing when there
/// would be too many.
pub(crate) fn windash(text: &str) -> Option<Vec<String>> {
    let mut variants = vec![String::with_capacity(text.len())];
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let flag = matches!(c, '-' | '/') && !word(before) && word(chars.peek().copied());
        if flag {
            variants = variants.iter().flat_map(|start| DASHES.map(|dash| format!("{start}{dash}"))).collect();
            if variants.len() > MAX_VARIANTS {
                return None;
            }
        } else {
            for variant in &mut variants {
                variant.push(c);
            }
        }
        before = Some(c);
    }
    Some(variants)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn base64_follows_rfc_4648() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), encoded.as_bytes(), "{plain}");
        }
    }

    #[test]
    fn one_of_the_offsets_stands_in_every_base64_that_holds_the_text() {
        for before in 0..7 {
            for after in 0..5 {
                let whole = format!("{}secret://{}", "x".repeat(before), "y".repeat(after));
                let encoded = String::from_utf8(base64(whole.as_bytes())).unwrap();
                let offsets = base64_offsets(b"secret://");
                let found = offsets.iter().any(|text| encoded.contains(std::str::from_utf8(text).unwrap()));
                assert!(found, "{before} {after} {encoded}");
            }
        }
    }

    #[test]
    fn dashes_vary_at_the_start_of_words_only() {
        let variants = windash("cmd -x a-b").unwrap();
        assert_eq!(variants.len(), 5);
        assert!(variants.contains(&"cmd /x a-b".to_owned()));
        assert!(variants.contains(&"cmd \u{2014}x a-b".to_owned()));
        assert_eq!(windash("-a -b").unwrap().len(), 25);
        assert!(windash(&" -a".repeat(5)).is_none());
    }

    #[test]
    fn utf_16_has_two_orders_and_a_mark() {
        assert_eq!(utf16("a", Utf16::LittleEndian), [0x61, 0]);
        assert_eq!(utf16("a", Utf16::BigEndian), [0, 0x61]);
        assert_eq!(utf16("a", Utf16::Marked), [0xff, 0xfe, 0x61, 0]);
    }
}
