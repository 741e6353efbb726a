//! JAR manifests and signature files (JAR File Specification, "Name-Value pairs and Sections") as Android reads them: names
//! and values keep unusual spaces, any of CR LF, LF and CR ends a line, and the name of a section is its first attribute.

use std::borrow::Cow;

use thiserror::Error;

/// A digest that is not base64.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("malformed base64")]
pub struct Base64Error;

/// A section: where it is, for digests over it, and its attributes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Section<'a> {
    /// Its bytes, with the empty line that ends it.
    pub bytes: &'a [u8],
    /// The entry that it is about, if its first attribute is `Name`.
    pub name: Option<String>,
    attributes: Vec<Cow<'a, [u8]>>,
}

impl Section<'_> {
    /// The value of the first attribute with this name; letter case doesn't count.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.attributes.iter().find_map(|attribute| {
            let (own, value) = split(attribute);
            own.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
        })
    }

    /// The value as text.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(String::from_utf8_lossy)
    }
}

/// Reads sections one after another.
#[derive(Clone, Debug)]
pub struct Sections<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Sections<'a> {
    /// Reads from the start of the file.
    pub fn new(bytes: &'a [u8]) -> Sections<'a> {
        Sections { bytes, at: 0 }
    }

    /// The next line without its end.
    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let (line, end) = rest.split_at(length);
        let end = if end.starts_with(b"\r\n") { 2 } else { end.len().min(1) };
        self.at += length + end;
        Some(line)
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Section<'a>;

    fn next(&mut self) -> Option<Section<'a>> {
        let mut start = self.at;
        let mut first = self.line()?;
        while first.is_empty() {
            start = self.at;
            first = self.line()?;
        }
        let mut attributes = vec![Cow::Borrowed(first)];
        while let Some(line) = self.line().filter(|line| !line.is_empty()) {
            match (line.strip_prefix(b" "), attributes.last_mut()) {
                (Some(continued), Some(last)) => last.to_mut().extend_from_slice(continued),
                _ => attributes.push(Cow::Borrowed(line)),
            }
        }
        let name = attributes.first().and_then(|first| {
            let (name, value) = split(first);
            name.eq_ignore_ascii_case(b"name").then(|| String::from_utf8_lossy(value).into_owned())
        });
        Some(Section { bytes: self.bytes.get(start..self.at).unwrap_or_default(), name, attributes })
    }
}

/// Name and value; a line without the mark between them is a name.
fn split(attribute: &[u8]) -> (&[u8], &[u8]) {
    match attribute.windows(2).position(|pair| pair == b": ") {
        Some(at) => (attribute.get(..at).unwrap_or_default(), attribute.get(at + 2..).unwrap_or_default()),
        None => (attribute, &[]),
    }
}

/// Decodes base64 (RFC 4648 section 4) whose padding may be missing, but not wrong.
pub fn base64(text: &[u8]) -> Result<Vec<u8>, Base64Error> {
    let digits = text.strip_suffix(b"=").map_or(text, |rest| rest.strip_suffix(b"=").unwrap_or(rest));
    let padded = digits.len() != text.len();
    if padded && !text.len().is_multiple_of(4) || digits.len() % 4 == 1 {
        return Err(Base64Error);
    }
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for quad in digits.chunks(4) {
        let mut bits: u32 = 0;
        for digit in quad {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return Err(Base64Error),
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - quad.len());
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend(bytes.iter().take(quad.len() * 3 / 4));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn sections_attributes_and_continuations() {
        let text = b"\r\nManifest-Version: 1.0\r\nCreated-By : me \n\nName: a\r b\r\nSHA1-Digest: x=\r\n\r\n\r\nSHA1-Digest: y\n";
        let sections: Vec<_> = Sections::new(text).collect();
        assert_eq!(sections.len(), 3);
        assert_eq!(sections[0].name, None);
        assert_eq!(sections[0].get("manifest-version"), Some(b"1.0".as_slice()));
        assert_eq!(sections[0].get("Created-By "), Some(b"me ".as_slice()));
        assert_eq!(sections[0].get("Created-By"), None);
        assert_eq!(sections[1].name.as_deref(), Some("ab"));
        assert_eq!(sections[1].bytes, b"Name: a\r b\r\nSHA1-Digest: x=\r\n\r\n");
        assert_eq!(sections[2].name, None);
        assert_eq!(sections[2].get("SHA1-Digest"), Some(b"y".as_slice()));
    }

    #[test]
    fn a_line_without_mark_is_a_name_with_an_empty_value() {
        let section = Sections::new(b"Name\nA:b\n").next().unwrap();
        assert_eq!(section.name.as_deref(), Some(""));
        assert_eq!(section.get("A:b"), Some(b"".as_slice()));
        assert!(Sections::new(b"\n\r\n").next().is_none());
    }

    #[test]
    fn base64_with_and_without_padding() {
        assert_eq!(base64(b"Zm9vYg==").unwrap(), b"foob");
        assert_eq!(base64(b"Zm9vYg").unwrap(), b"foob");
        assert_eq!(base64(b"Zm9vYmE=").unwrap(), b"fooba");
        assert_eq!(base64(b"Zm9v").unwrap(), b"foo");
        assert_eq!(base64(b"").unwrap(), b"");
        for bad in [b"Zm9vYg=".as_slice(), b"Z", b"Zm9v=", b"Zm9v====", b"Zm 9", b"=", b"Z==="] {
            assert!(base64(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn long_continuations_take_linear_time() {
        let text = [b"Name: x\n".as_slice(), &b" y\n".repeat(300_000)].concat();
        let section = Sections::new(&text).next().unwrap();
        assert_eq!(section.name.unwrap().len(), 300_001);
    }
}
