//! Private keys in PEM (RFC 7468, RFC 4880 section 6) or as bare Base64 of DER, also with escaped line ends and joined strings.

use data_encoding::BASE64;
use memchr::memmem;
use zeroize::Zeroizing;

use super::super::found::Reason;
use super::{Held, Seen, Verdict};

/// The longest block: an RSA key of 16,384 bits is below.
const LONGEST: usize = 32 * 1024;

pub(super) fn block(seen: &Seen<'_>) -> Verdict {
    let rest = seen.bytes.get(seen.span.end..).unwrap_or_default();
    let rest = rest.get(..rest.len().min(LONGEST)).unwrap_or_default();
    // The next frame must be this block's end; to look further would read a flood of beginnings again and again.
    let Some(length) = memmem::find(rest, b"-----") else { return Verdict::No };
    seen.spend(length);
    let Some(content) = content(rest.get(..length).unwrap_or_default()) else {
        return Verdict::Fake("its content is no Base64");
    };
    let Ok(head) = decode_head(&content.base64).map(Zeroizing::new) else { return Verdict::No };
    if content.base64.len() < 56 || !is_key(&head, seen.text()) {
        return Verdict::No;
    }
    let label = seen.text().get(b"-----BEGIN ".len()..).unwrap_or_default();
    let closing =
        rest.get(length..).unwrap_or_default().strip_prefix(b"-----END ").is_some_and(|end| end.starts_with(label));
    if !closing {
        return Verdict::No;
    }
    let end = seen.span.end + length + b"-----END ".len() + label.len();
    let mut reasons = vec![Reason::Verified("its content is that of a key")];
    if content.encrypted || memmem::find(label, b"ENCRYPTED").is_some() {
        reasons.push(Reason::Carries("it is encrypted with a passphrase".to_owned()));
    }
    let span = seen.span.start..end;
    Verdict::Holds(Held { reasons, judged: true, ..Held::new(&span) })
}

struct Content {
    base64: Zeroizing<Vec<u8>>,
    encrypted: bool,
}

/// The Base64 of the block without what languages put between its lines; nothing if other characters stand in it.
fn content(block: &[u8]) -> Option<Content> {
    let mut base64 = Zeroizing::new(Vec::with_capacity(block.len()));
    let mut encrypted = false;
    for line in lines(block) {
        let line = trim(line);
        if line.contains(&b':') {
            encrypted |= memmem::find(line, b"ENCRYPTED").is_some();
        } else if !line.starts_with(b"=") {
            let data = line.split(|byte| *byte == b'=').next().unwrap_or_default();
            if !data.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')) {
                return None;
            }
            base64.extend_from_slice(data);
        }
    }
    Some(Content { base64, encrypted })
}

/// Lines, ended as text or as escapes of source code and markup.
fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends: [&[u8]; 9] = [b"\n", b"\r", b"\\n", b"\\r", b"\\\\n", b"&#10;", b"&#xA;", b"&#xa;", b"&#13;"];
    let mut rest = Some(block);
    std::iter::from_fn(move || {
        let text = rest?;
        let found = (0..text.len()).find_map(|at| {
            let from = text.get(at..)?;
            ends.iter().find(|end| from.starts_with(end)).map(|end| (at, end.len()))
        });
        let Some((at, length)) = found else { return rest.take() };
        rest = text.get(at + length..);
        text.get(..at)
    })
}

/// The line without white space, quotes and signs that join strings.
fn trim(line: &[u8]) -> &[u8] {
    let aside = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`,\\;".contains(byte);
    let start = line.iter().position(|byte| !aside(byte)).unwrap_or(line.len());
    let line = line.get(start..).unwrap_or_default();
    let line = line.strip_prefix(b"+ \"").unwrap_or(line);
    let end = line.iter().rposition(|byte| !aside(byte)).map_or(0, |last| last + 1);
    let line = line.get(..end).unwrap_or_default();
    line.strip_suffix(b"\" +").or_else(|| line.strip_suffix(b"' +")).unwrap_or(line)
}

fn decode_head(base64: &[u8]) -> Result<Vec<u8>, data_encoding::DecodeError> {
    let length = base64.len().min(32);
    BASE64.decode(base64.get(..length - length % 4).unwrap_or_default())
}

fn is_key(head: &[u8], label: &[u8]) -> bool {
    let holds = |word: &[u8]| memmem::find(label, word).is_some();
    if holds(b"OPENSSH") {
        return head.starts_with(b"openssh-key-v1");
    }
    if holds(b"PGP") {
        return head.first().is_some_and(|tag| tag & 0x80 != 0);
    }
    // An encrypted block of the old form (RFC 1421) is cipher text.
    head.first() == Some(&0x30) || holds(b" RSA ") || holds(b" EC ") || holds(b" DSA ")
}

/// DER in Base64: its head says how long it is, and so much is there.
pub(super) fn bare(seen: &Seen<'_>) -> Verdict {
    let Some(content) = content(seen.text()) else { return Verdict::No };
    let Ok(head) = decode_head(&content.base64).map(Zeroizing::new) else { return Verdict::No };
    let length = match *head.as_slice() {
        [0x30, short @ 0..=0x7f, ..] => 2 + usize::from(short),
        [0x30, 0x81, length, ..] => 3 + usize::from(length),
        [0x30, 0x82, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
        _ => return Verdict::No,
    };
    match reach(seen.text(), (length * 4).div_ceil(3)) {
        Some(end) => Held::verified(&(seen.span.start..seen.span.start + end), "its length is that of the key in it"),
        None => Verdict::No,
    }
}

/// Where so many digits end, line ends and their escapes aside; nothing if there are fewer, or if a further one follows.
fn reach(text: &[u8], digits: usize) -> Option<usize> {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let (mut at, mut seen) = (0, 0);
    while seen < digits {
        match text.get(at)? {
            b'\\' => at += 2,
            byte if byte.is_ascii_whitespace() => at += 1,
            byte if digit(byte) => {
                seen += 1;
                at += 1;
            }
            _ => return None,
        }
    }
    let padding = text.get(at..)?.iter().take_while(|byte| **byte == b'=').count();
    text.get(at + padding).is_none_or(|byte| !digit(byte)).then_some(at + padding)
}
