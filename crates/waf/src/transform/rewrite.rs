//! The loop that decoders share: copy what is plain in one piece, act where something special begins.

use std::borrow::Cow;

/// Copies `value`, letting `step` act wherever `next` finds something. `step` sees the rest from there on, writes what
/// it stands for and says how many bytes it took (at least one is).
#[inline]
pub(super) fn rewrite(
    value: &[u8],
    next: impl Fn(&[u8]) -> Option<usize>,
    mut step: impl FnMut(&[u8], &mut Vec<u8>) -> usize,
) -> Cow<'_, [u8]> {
    let Some(first) = next(value) else { return Cow::Borrowed(value) };
    let mut output = Vec::with_capacity(value.len());
    let (mut rest, mut found) = (value, Some(first));
    while let Some((plain, special)) = found.and_then(|at| rest.split_at_checked(at)) {
        output.extend_from_slice(plain);
        let taken = step(special, &mut output).max(1);
        rest = special.get(taken..).unwrap_or_default();
        found = next(rest);
    }
    output.extend_from_slice(rest);
    Cow::Owned(output)
}

/// The value of a hexadecimal digit.
#[inline]
pub(super) const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte that two hexadecimal digits write.
#[inline]
pub(super) const fn pair(high: u8, low: u8) -> Option<u8> {
    match (digit(high), digit(low)) {
        (Some(high), Some(low)) => Some(high << 4 | low),
        _ => None,
    }
}

/// How many octal digits lead `bytes`, at most `most`, and what they write.
#[inline]
pub(super) fn octal(bytes: &[u8], most: usize) -> (usize, u32) {
    let digits = bytes.iter().take(most).take_while(|byte| matches!(byte, b'0'..=b'7'));
    digits.fold((0, 0), |(count, value), byte| (count + 1, value * 8 + u32::from(byte - b'0')))
}

/// The low byte of a code point written with four digits; full-width ASCII (`FF01` to `FF5E`) becomes ASCII.
#[inline]
pub(super) const fn narrow(high: u8, low: u8) -> u8 {
    if high == 0xff && low > 0 && low < 0x5f { low + 0x20 } else { low }
}
