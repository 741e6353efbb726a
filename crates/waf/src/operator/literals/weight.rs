//! How rare bytes and literals are in benign traffic, as bits: eight more bits are 256 times as rare.
//!
//! The figures are rounded frequencies of English text, names and numbers in JSON; they steer choices and nothing else.

use std::cmp::Reverse;

use crate::transform::ByteClasses;

/// The bits of a byte, letters without case.
#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
pub(super) fn bits(byte: u8) -> f32 {
    static BITS: [f32; 256] = {
        let mut bits = [0.0; 256];
        let mut byte = u8::MAX;
        loop {
            bits[byte as usize] = count(byte);
            if byte == 0 {
                break bits;
            }
            byte -= 1;
        }
    };
    BITS[usize::from(byte)]
}

const fn count(byte: u8) -> f32 {
    match byte.to_ascii_lowercase() {
        b'e' => 3.5,
        b'a' | b'i' | b'n' | b'o' | b'r' | b's' | b't' | b' ' => 4.0,
        b'0'..=b'2' => 4.5,
        b'c' | b'd' | b'h' | b'l' | b'm' | b'p' | b'u' | b'3'..=b'9' => 5.0,
        b'b' | b'f' | b'g' | b'v' | b'w' | b'y' | b'-' | b'.' | b'_' => 6.0,
        b'k' | b'/' | b',' | b':' | b'"' => 7.0,
        b'j' | b'q' | b'x' | b'z' | b'@' | b'=' | b'&' | b'?' | b'%' | b'+' | b'\'' | b'(' | b')' | b'\n' => 8.0,
        0x80.. | b'!' | b'#' | b'*' | b';' | b'[' | b']' | b'{' | b'}' | b'\r' | b'\t' => 9.0,
        _ => 11.0,
    }
}

/// The bits of the chance that one of these literals begins at a byte.
pub(super) fn rarity<'l>(literals: impl Iterator<Item = &'l [u8]>) -> f32 {
    let chance: f32 = literals.map(|literal| (-literal.iter().map(|byte| bits(*byte)).sum::<f32>()).exp2()).sum();
    -chance.max(f32::MIN_POSITIVE).log2()
}

/// The bits of the chance that a byte is in the set. Letters that are there in both cases count once.
pub(super) fn set_rarity(set: &ByteClasses) -> f32 {
    let once = set.iter().filter(|byte| !byte.is_ascii_uppercase() || !set.contains(byte.to_ascii_lowercase()));
    let chance: f32 = once.map(|byte| (-bits(byte)).exp2()).sum();
    -chance.max(f32::MIN_POSITIVE).log2()
}

/// Keeps the `most` rarest sets, each once, the rarest first.
pub(super) fn rarest(sets: &mut Vec<ByteClasses>, most: usize) {
    sets.retain(|set| *set != ByteClasses::ALL);
    // The bits of floating point numbers that are not negative are in the order of the numbers.
    sets.sort_by_cached_key(|set| (Reverse(set_rarity(set).max(0.0).to_bits()), set.words()));
    sets.dedup();
    sets.truncate(most);
}
