//! CRC-32 (IEEE 802.3) as GitHub, npm and Grafana use it, `Base58Check` of Bitcoin, and the account in an AWS key id.

use testudo_crypto::digest::sha256;

use super::{Held, Seen, Verdict};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// GitHub's blog of April 2021, "Behind GitHub's new authentication token formats".
pub(super) fn crc32_base62(seen: &Seen<'_>) -> Verdict {
    let Some((body, sum)) = seen.body().split_last_chunk::<6>() else { return Verdict::No };
    let mut value = crc32(body);
    let holds = sum.iter().rev().all(|digit| {
        let expected = BASE62.get((value % 62) as usize);
        value /= 62;
        expected == Some(digit)
    });
    if holds { Held::verified(&seen.span, "its checksum holds") } else { Verdict::Fake("its checksum does not hold") }
}

/// Grafana's `pkg/components/satokengen`: low byte first, in hex.
pub(super) fn crc32_grafana(seen: &Seen<'_>) -> Verdict {
    let Some((key, sum)) = seen.text().split_last_chunk::<9>() else { return Verdict::No };
    let mut expected = *b"_00000000";
    let nibbles = crc32(key).to_le_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    for (to, nibble) in expected.iter_mut().skip(1).zip(nibbles) {
        *to = b"0123456789abcdef".get(usize::from(nibble)).copied().unwrap_or(b'0');
    }
    if *sum == expected {
        Held::verified(&seen.span, "its checksum holds")
    } else {
        Verdict::Fake("its checksum does not hold")
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// The account's number: bits 1 to 40 of the Base32 after the prefix; key ids from before 2019 carry none.
pub(super) fn aws_account(body: &[u8]) -> Option<String> {
    let body = body.get(body.len().checked_sub(16)?..)?;
    let bits = body.iter().take(10).try_fold(0_u64, |bits, digit| {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        Some((bits << 5) | u64::from(value))
    })?;
    let account = (bits >> 9) & ((1 << 40) - 1);
    (account <= 999_999_999_999 && bits >> 49 == 1).then(|| format!("it belongs to the AWS account {account:012}"))
}

/// Four bytes of a double SHA-256 at the end.
pub(super) fn base58check(seen: &Seen<'_>) -> Verdict {
    let text = seen.text();
    let mut bytes = vec![0_u8; text.len() * 733 / 1000 + 1];
    for digit in text {
        let Some(value) = BASE58.iter().position(|known| known == digit) else { return Verdict::No };
        let mut carry = u32::try_from(value).unwrap_or(0);
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
    }
    let zeros = text.iter().take_while(|digit| **digit == b'1').count();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len()).saturating_sub(zeros);
    let number = bytes.get(first..).unwrap_or_default();
    let holds = number
        .split_last_chunk::<4>()
        .is_some_and(|(payload, sum)| payload.len() >= 33 && sha256(&sha256(payload)).first_chunk::<4>() == Some(sum));
    if holds { Held::verified(&seen.span, "its checksum holds") } else { Verdict::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_is_that_of_ieee() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_published_key_id_gives_its_account() {
        let account = "it belongs to the AWS account 029608264753".to_owned();
        assert_eq!(aws_account(b"QNZGKIQY56JQ7WML"), Some(account));
        assert_eq!(aws_account(b"not base 32 at a"), None);
    }
}
