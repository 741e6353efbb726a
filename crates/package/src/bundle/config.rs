//! A configuration in a bundle (`aapt.pb.Configuration`), as `ResTable_config`.

use super::wire::Message;

/// How many bytes a configuration has.
pub(super) const SIZE: usize = 64;

/// The configuration, its size first.
pub(super) fn config(message: Message<'_>) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    let mut put = |at: usize, value: &[u8]| {
        if let Some(place) = bytes.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
    };
    let number = |field| message.number(field);
    let short = |field| u16::try_from(number(field)).unwrap_or(u16::MAX).to_le_bytes();
    let byte = |field| u8::try_from(number(field)).unwrap_or(0);
    // Bundles count the positive form first, where the binary form counts the negative one first.
    let swapped = |field| [0, 2, 1].get(usize::from(byte(field))).copied().unwrap_or(0u8);
    put(0, &[64, 0, 0, 0]);
    put(4, &short(1));
    put(6, &short(2));
    locale(message.text(3), &mut put);
    put(12, &[byte(15), byte(19)]);
    put(14, &short(18));
    put(16, &[byte(21), byte(23), byte(20) & 3 | byte(22) << 2 & 0xc, byte(26)]);
    put(20, &short(5));
    put(22, &short(6));
    put(24, &short(24));
    put(28, &[byte(4) << 6 | swapped(11) << 4 | byte(10) & 0xf, swapped(17) << 4 | byte(16) & 0xf]);
    put(30, &short(9));
    put(32, &short(7));
    put(34, &short(8));
    put(48, &[swapped(12), swapped(14) << 2 | swapped(13)]);
    bytes
}

/// A tag of BCP 47: language, script, region, variant.
fn locale(tag: &str, put: &mut impl FnMut(usize, &[u8])) {
    for (nth, part) in tag.split(['-', '_']).take(8).enumerate() {
        match (nth, part.as_bytes()) {
            (0, [a, b]) => put(8, &[*a, *b]),
            (0, [a, b, c]) => put(8, &packed([*a, *b, *c], b'a')),
            (0, _) => return,
            (_, script @ [_, _, _, _]) if script.is_ascii() && !script.iter().any(u8::is_ascii_digit) => {
                put(36, script);
            }
            (_, [a, b]) => put(10, &[*a, *b]),
            (_, [a, b, c]) => put(10, &packed([*a, *b, *c], b'0')),
            (_, variant) if (4..=8).contains(&variant.len()) => put(40, variant),
            _ => {}
        }
    }
}

/// Three letters or digits in fifteen bits.
fn packed(letters: [u8; 3], base: u8) -> [u8; 2] {
    let [a, b, c] = letters.map(|letter| u16::from(letter.wrapping_sub(base) & 0x1f));
    (0x8000 | c << 10 | b << 5 | a).to_be_bytes()
}
