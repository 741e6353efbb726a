//! How a document begins: byte order mark and XML declaration (XML 2.8, appendix F).

use super::chars::{Encoding, white};
use super::error::XmlErrorKind as Kind;

/// The mark at the head: how long it is. Nothing when more bytes are needed to tell.
pub(super) fn mark(bytes: &[u8], last: bool) -> Result<Option<usize>, Kind> {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => Ok(Some(3)),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..] => Err(Kind::Encoding),
        [_] | [0xef, 0xbb] if !last => Ok(None),
        _ => Ok(Some(0)),
    }
}

/// Reads what stands between `<?xml` and `?>`.
pub(super) fn read(text: &[u8]) -> Result<Encoding, Kind> {
    const MALFORMED: Kind = Kind::Markup { expected: "an XML declaration" };
    let mut rest = text;
    let mut parameter = |name: &[u8]| -> Result<Option<&[u8]>, Kind> {
        let blanks = white(rest);
        let after = rest.get(blanks..).unwrap_or_default();
        let Some(after) = after.strip_prefix(name).filter(|_| blanks > 0) else { return Ok(None) };
        let after = after.get(white(after)..).and_then(|after| after.strip_prefix(b"=")).ok_or(MALFORMED)?;
        let after = after.get(white(after)..).unwrap_or_default();
        let (quote, after) = after.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\'')).ok_or(MALFORMED)?;
        let end = memchr::memchr(*quote, after).ok_or(MALFORMED)?;
        rest = after.get(end + 1..).unwrap_or_default();
        Ok(after.get(..end))
    };
    let version = parameter(b"version")?.ok_or(MALFORMED)?;
    if !version.strip_prefix(b"1.").is_some_and(|minor| !minor.is_empty() && minor.iter().all(u8::is_ascii_digit)) {
        return Err(MALFORMED);
    }
    let encoding = match parameter(b"encoding")? {
        Some(name) => named(name)?,
        None => Encoding::Utf8,
    };
    if !matches!(parameter(b"standalone")?, None | Some(b"yes" | b"no")) || white(rest) < rest.len() {
        return Err(MALFORMED);
    }
    Ok(encoding)
}

fn named(name: &[u8]) -> Result<Encoding, Kind> {
    match name.to_ascii_lowercase().as_slice() {
        b"utf-8" | b"utf8" | b"us-ascii" | b"ascii" => Ok(Encoding::Utf8),
        b"iso-8859-1" | b"latin1" | b"iso_8859-1" => Ok(Encoding::Latin1),
        _ => Err(Kind::Encoding),
    }
}
