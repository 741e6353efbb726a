//! Key stores by their first bytes: JKS and JCEKS of Java, BKS of Bouncy Castle, PKCS#12 (RFC 7292). A store of certificates
//! alone is no secret.

/// JKS begins with `feedfeed`, JCEKS with `cececece`; version, count, then each entry with its tag: 1 and 3 are keys.
pub(super) fn jks(bytes: &[u8]) -> bool {
    let head = bytes.first_chunk::<4>();
    let known = head == Some(&[0xfe, 0xed, 0xfe, 0xed]) || head == Some(&[0xce, 0xce, 0xce, 0xce]);
    let version = word(bytes, 4);
    let entries = word(bytes, 8);
    known
        && matches!(version, Some(1 | 2))
        && entries.is_some_and(|count| count > 0)
        && matches!(word(bytes, 12), Some(1 | 3))
}

/// Version 1 or 2, a salt with its length, an iteration count, then each entry with its type: 1 is a certificate.
pub(super) fn bks(bytes: &[u8]) -> bool {
    if !matches!(word(bytes, 0), Some(1 | 2)) {
        return false;
    }
    let Some(salt) =
        word(bytes, 4).and_then(|length| usize::try_from(length).ok()).filter(|length| (8..=64).contains(length))
    else {
        return false;
    };
    let iterations = word(bytes, 8 + salt);
    iterations.is_some_and(|count| (1..=10_000_000).contains(&count)) && matches!(bytes.get(12 + salt), Some(2..=4))
}

/// A sequence of version 3 and content of the type `data` (1.2.840.113549.1.7.1).
pub(super) fn pkcs12(bytes: &[u8]) -> bool {
    const DATA: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
    let head = bytes.get(..bytes.len().min(32)).unwrap_or_default();
    head.first() == Some(&0x30)
        && head.windows(3).take(8).any(|part| part == [0x02, 0x01, 0x03])
        && memchr::memmem::find(head, &DATA).is_some()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..).and_then(<[u8]>::first_chunk::<4>).map(|word| u32::from_be_bytes(*word))
}
