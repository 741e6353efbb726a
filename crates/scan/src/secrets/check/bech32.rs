//! Bech32 (BIP-173), as age and Nostr write their keys.

use super::{Held, Seen, Verdict};

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];

pub(super) fn bech32(seen: &Seen<'_>) -> Verdict {
    let text = seen.text().to_ascii_lowercase();
    let Some(separator) = text.iter().rposition(|byte| *byte == b'1') else { return Verdict::No };
    let (prefix, data) = text.split_at(separator);
    let mut sum = Polynomial(1);
    for byte in prefix {
        sum.take(byte >> 5);
    }
    sum.take(0);
    for byte in prefix {
        sum.take(byte & 31);
    }
    for digit in data.iter().skip(1) {
        let Some(value) = ALPHABET.iter().position(|known| known == digit) else { return Verdict::No };
        sum.take(u8::try_from(value).unwrap_or(0));
    }
    if sum.0 == 1 { Held::verified(&seen.span, "its checksum holds") } else { Verdict::No }
}

struct Polynomial(u32);

impl Polynomial {
    fn take(&mut self, value: u8) {
        let top = self.0 >> 25;
        self.0 = ((self.0 & 0x01ff_ffff) << 5) ^ u32::from(value);
        for (bit, generator) in GENERATORS.into_iter().enumerate() {
            if (top >> bit) & 1 == 1 {
                self.0 ^= generator;
            }
        }
    }
}
