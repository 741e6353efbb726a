//! `base64Decode`, `base64DecodeExt` and `base64Encode` (RFC 4648, 4), with the results of `ModSecurity`'s library.

use std::borrow::Cow;

use data_encoding::BASE64;

pub(super) fn encode(value: &[u8]) -> Cow<'_, [u8]> {
    Cow::Owned(BASE64.encode(value).into_bytes())
}

/// Decodes up to the first NUL. Line ends and spaces before them may stand between; anything else that is no base64
/// makes the whole result empty. Of a last group that is not whole nothing is given.
pub(super) fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let Some(symbols) = strict(text) else { return Cow::Owned(Vec::new()) };
    let mut output = Vec::with_capacity(symbols.len() / 4 * 3);
    let padding = memchr::memchr_iter(PAD, &symbols).count();
    let (groups, _) = symbols.as_chunks::<4>();
    for group in groups {
        let [_, high, middle, low] = joined(*group);
        output.extend_from_slice(&[high, middle, low]);
    }
    // Padding can only stand in the last groups.
    let padded = if symbols.len().is_multiple_of(4) { padding } else { padding.saturating_sub(symbols.len() % 4) };
    output.truncate(output.len().saturating_sub(padded));
    Cow::Owned(output)
}

/// Skips every byte that is no base64 and gives what the rest writes, also of a last group that is not whole.
pub(super) fn decode_ext(value: &[u8]) -> Cow<'_, [u8]> {
    let mut output = Vec::with_capacity(value.len() / 4 * 3 + 3);
    let mut group = 0u32;
    let mut count = 0usize;
    for (at, &byte) in value.iter().enumerate() {
        if byte == b'=' {
            // One symbol writes no byte: with a single `=` after it, nothing of the value counts.
            if count % 4 == 1 && value.get(at + 1) != Some(&b'=') {
                return Cow::Owned(Vec::new());
            }
            continue;
        }
        let Some(symbol) = symbol(byte) else { continue };
        group = group << 6 | u32::from(symbol);
        count += 1;
        if count.is_multiple_of(4) {
            let [_, high, middle, low] = group.to_be_bytes();
            output.extend_from_slice(&[high, middle, low]);
            group = 0;
        }
    }
    let [_, high, middle, _] = (group << (6 * (4 - count % 4))).to_be_bytes();
    match count % 4 {
        1 if value.last() == Some(&b'=') => output.clear(),
        2 => output.push(high),
        3 => output.extend_from_slice(&[high, middle]),
        _ => {}
    }
    Cow::Owned(output)
}

const PAD: u8 = 64;

/// The symbols of a text, with [`PAD`] for padding; nothing when the text is no base64.
fn strict(text: &[u8]) -> Option<Vec<u8>> {
    let mut symbols = Vec::with_capacity(text.len());
    let mut padding = 0;
    let mut rest = text;
    loop {
        let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
        rest = rest.get(spaces..)?;
        match *rest {
            [] => return Some(symbols),
            [b'\r', b'\n', ref after @ ..] | [b'\n', ref after @ ..] => rest = after,
            _ if spaces > 0 => return None,
            [b'=', ref after @ ..] => {
                padding += 1;
                if padding > 2 {
                    return None;
                }
                symbols.push(PAD);
                rest = after;
            }
            [byte, ref after @ ..] => {
                if padding > 0 {
                    return None;
                }
                symbols.push(symbol(byte)?);
                rest = after;
            }
        }
    }
}

fn joined(group: [u8; 4]) -> [u8; 4] {
    group.iter().fold(0u32, |bits, symbol| bits << 6 | u32::from(symbol & 63)).to_be_bytes()
}

const fn symbol(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strictly() {
        let cases: [(&[u8], &[u8]); 12] = [
            (b"VGVzdA==", b"Test"),
            (b"VGVzdDE=", b"Test1"),
            (b"VGVz\r\ndA==\n", b"Test"),
            (b"VGVz  \ndA==  ", b"Test"),
            (b"VGVz dA==", b""),
            (b"VGVzdA", b"Tes"),
            (b"VGVzdA=", b"Tes"),
            (b"VGVzd.A=", b""),
            (b"VG=V", b""),
            (b"VGVzdA===", b""),
            (b"VGVzdA==\0!", b"Test"),
            (b"", b""),
        ];
        for (value, output) in cases {
            assert_eq!(&*decode(value), output, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn forgivingly() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"V.GV zdA==", b"Test"),
            (b"VGVzdA", b"Test"),
            (b"VGVzdDE", b"Test1"),
            (b"VGVz=dA", b"Test"),
            (b"VGVzd=", b""),
            (b"VGVzd", b"Tes"),
            (b"VGVzd==", b""),
        ];
        for (value, output) in cases {
            assert_eq!(&*decode_ext(value), output, "{}", value.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn there_and_back(value in any::<Vec<u8>>()) {
            let text = encode(&value);
            prop_assert_eq!(&*decode(&text), &*value);
            prop_assert_eq!(&*decode_ext(&text), &*value);
        }
    }
}
