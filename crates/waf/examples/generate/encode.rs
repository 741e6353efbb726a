//! Encodings that a value is wrapped in, by an honest client or to hide.

use crate::Dice;

const PLAIN: &[u8] = b"-._~";

/// Percent-encodes what a form or a query can't hold.
pub fn form(dice: &mut Dice, value: &[u8]) -> Vec<u8> {
    // Some clients leave more as it is.
    let lax: &[u8] = if dice.percent(40) { b"!'()*;:@,/?$[]<>\"{}|^`" } else { b"" };
    let plus = dice.percent(70);
    let lower = dice.percent(20);
    let mut out = Vec::new();
    for byte in value {
        match byte {
            b' ' if plus => out.push(b'+'),
            byte if byte.is_ascii_alphanumeric() || PLAIN.contains(byte) || lax.contains(byte) => out.push(*byte),
            byte if lower => out.extend(format!("%{byte:02x}").bytes()),
            byte => out.extend(format!("%{byte:02X}").bytes()),
        }
    }
    out
}

/// Percent-encodes every byte.
fn all(value: &[u8]) -> Vec<u8> {
    value.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect()
}

/// Percent-encodes punctuation only.
fn marks(value: &[u8]) -> Vec<u8> {
    let one = |byte: &u8| match byte {
        byte if byte.is_ascii_alphanumeric() => vec![*byte],
        byte => format!("%{byte:02X}").into_bytes(),
    };
    value.iter().flat_map(one).collect()
}

/// Hides a value behind one encoding.
pub fn hide(dice: &mut Dice, value: &[u8]) -> Vec<u8> {
    let some = |dice: &mut Dice, value: &[u8], often: usize, with: &dyn Fn(u8) -> String| {
        let mut out = Vec::new();
        for byte in value {
            if byte.is_ascii() && dice.percent(often) { out.extend(with(*byte).bytes()) } else { out.push(*byte) }
        }
        out
    };
    match dice.below(12) {
        0 => all(value),
        1 | 2 => marks(value),
        3 => some(dice, value, 30, &|byte| format!("%u{byte:04x}")),
        4 => some(dice, value, 40, &|byte| format!("&#{byte};")),
        5 => some(dice, value, 40, &|byte| format!("&#x{byte:x};")),
        6 => some(dice, value, 30, &|byte| format!("\\x{byte:02x}")),
        7 => some(dice, value, 30, &|byte| format!("\\u{byte:04x}")),
        8 => data_encoding::BASE64.encode(value).into_bytes(),
        9 => some(dice, value, 10, &|byte| format!("{}/**/", char::from(byte & 0x7f))),
        10 => value.iter().map(|byte| if dice.percent(50) { byte.to_ascii_uppercase() } else { *byte }).collect(),
        _ => some(dice, value, 15, &|byte| format!("\\{byte:o}")),
    }
}

/// Breaks a value: a byte that is no UTF-8, a cut escape, a control character.
pub fn spoil(dice: &mut Dice, value: &mut Vec<u8>) {
    let at = dice.below(value.len() + 1);
    let bytes: &[u8] = dice.pick(&[
        b"\xff".as_slice(),
        b"\xc0\xaf",
        b"\xe2\x82",
        b"\xed\xaf\xbf",
        b"%",
        b"%g1",
        b"%u12",
        b"\x01",
        b"\x7f",
        b"\t",
        b"\xa0",
        b"\xe2\x80\x8b",
        b"\xef\xbc\x9c",
    ]);
    value.splice(at..at, bytes.iter().copied());
}

/// A text as JSON writes it.
pub fn json(dice: &mut Dice, value: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    let unicode = dice.percent(10);
    for byte in value {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            b'/' if unicode => out.extend(b"\\/"),
            byte if *byte < b' ' || unicode && byte.is_ascii_punctuation() => {
                out.extend(format!("\\u{byte:04x}").bytes());
            }
            byte => out.push(*byte),
        }
    }
    out.push(b'"');
    out
}

/// A text as XML writes it.
pub fn xml(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in value {
        match byte {
            b'<' => out.extend(b"&lt;"),
            b'>' => out.extend(b"&gt;"),
            b'&' => out.extend(b"&amp;"),
            b'"' => out.extend(b"&quot;"),
            b'\'' => out.extend(b"&#39;"),
            byte => out.push(*byte),
        }
    }
    out
}
