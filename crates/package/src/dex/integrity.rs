//! Whether the bytes of an executable are those that its header speaks for (`header_item`: checksum, signature).

use sha1::{Digest, Sha1};

use super::read::u32_at;
use super::{Anomaly, Dex};

impl Dex<'_> {
    /// Compares the checksum and the SHA-1 of the header with the bytes. This reads the whole executable twice.
    pub fn integrity(&self) -> Vec<Anomaly> {
        let mut found = Vec::new();
        let file = self.bytes.get(self.start as usize..self.end as usize).unwrap_or_default();
        let stated = u32_at(file, 8).unwrap_or_default();
        let actual = adler32(file.get(12..).unwrap_or_default());
        if stated != actual {
            found.push(Anomaly::Checksum { stated, actual });
        }
        let digest = Sha1::digest(file.get(32..).unwrap_or_default());
        if file.get(12..32) != Some(digest.as_slice()) {
            found.push(Anomaly::Signature);
        }
        found
    }
}

/// The Adler-32 of RFC 1950.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    // The most bytes whose sums can't overflow 32 bits, cut to a multiple of the lanes.
    const STRIDE: usize = 5536;
    let (mut low, mut high) = (1u32, 0u32);
    for stride in bytes.chunks(STRIDE) {
        let (blocks, rest) = stride.as_chunks::<16>();
        for block in blocks {
            let (mut sum, mut weighted) = (0u32, 0u32);
            for (byte, weight) in block.iter().zip((1..=16u32).rev()) {
                sum += u32::from(*byte);
                weighted += u32::from(*byte) * weight;
            }
            high += low * 16 + weighted;
            low += sum;
        }
        for byte in rest {
            low += u32::from(*byte);
            high += low;
        }
        low %= MODULUS;
        high %= MODULUS;
    }
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::adler32;

    #[test]
    fn adler_32_of_known_texts() {
        assert_eq!(adler32(b""), 1);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        let long = vec![0xffu8; 100_000];
        let (mut low, mut high) = (1u64, 0u64);
        for byte in &long {
            low = (low + u64::from(*byte)) % 65_521;
            high = (high + low) % 65_521;
        }
        assert_eq!(u64::from(adler32(&long)), high << 16 | low);
    }
}
