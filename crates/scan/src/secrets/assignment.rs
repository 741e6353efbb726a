//! Names with their values in text of any language: `name = "value"`, `"name": "value"`, `<string name="name">value<`,
//! `<key>name</key><string>value<`, `call("name", "value")`, `name=value`.

use std::ops::Range;

use memchr::memmem;

/// How far behind a name its value may begin.
const REACH: usize = 110;

/// How far before the secret's word the name may begin.
const NAME: usize = 48;

/// The longest value that is looked at without a pattern.
const LONGEST: usize = 512;

/// How many values are tried behind a name.
const TRIES: usize = 6;

/// A value that may belong to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The name, from its first word to the value.
    pub(super) name: Range<usize>,
    /// The value; up to its closing quote, tag or separator.
    pub(super) value: Range<usize>,
    /// Whether quotes or tags enclose it.
    pub(super) enclosed: bool,
    /// Whether it is the very value of that name, not one that stands further on.
    pub(super) direct: bool,
}

/// Calls with each value that may belong to the name that the word is a part of, until it says to stop.
pub(super) fn each(bytes: &[u8], word: &Range<usize>, mut take: impl FnMut(&Candidate) -> bool) {
    let start = name_start(bytes, word.start);
    let limit = word.end.saturating_add(REACH).min(bytes.len());
    let mut walk = Walk { bytes, at: word.end, gap: true, first: true, spaced: false };
    for _ in 0..TRIES {
        let Some((value, enclosed)) = walk.next(limit) else { return };
        let attribute = bytes.get(word.end..value.start).is_some_and(ends_with_value);
        let direct = (walk.first && walk.gap) || attribute;
        walk.first = false;
        if take(&Candidate { name: start..value.start, value, enclosed, direct }) {
            return;
        }
    }
}

/// Whether the gap ends with an attribute called `value`, as in `android:name="…" android:value="`.
fn ends_with_value(gap: &[u8]) -> bool {
    let trimmed = gap.trim_ascii_end();
    let trimmed = trimmed.strip_suffix(b"\"").or_else(|| trimmed.strip_suffix(b"'")).unwrap_or(trimmed);
    trimmed.strip_suffix(b"=").is_some_and(|attribute| attribute.ends_with(b"value"))
}

fn name_start(bytes: &[u8], word: usize) -> usize {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let head = bytes.get(word.saturating_sub(NAME)..word).unwrap_or_default();
    word - head.iter().rev().take_while(|byte| part(byte)).count()
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether nothing but the rest of the name was seen.
    gap: bool,
    first: bool,
    spaced: bool,
}

impl Walk<'_> {
    /// The next value before the limit, with whether it is enclosed.
    fn next(&mut self, limit: usize) -> Option<(Range<usize>, bool)> {
        while self.at < limit {
            let byte = *self.bytes.get(self.at)?;
            match byte {
                b'=' | b':' | b',' | b'(' | b'>' => {
                    if let Some(found) = self.operator(byte) {
                        return Some(found);
                    }
                }
                b'<' => return self.property_list(),
                b' ' | b'\t' => {
                    self.spaced = true;
                    self.at += 1;
                }
                b'&' => {
                    let (_, length) = quote(self.bytes, self.at)?;
                    self.at += length;
                }
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                    self.gap &= !self.spaced;
                    self.at += 1;
                }
                b'"' | b'\'' | b'`' | b'\\' | b'[' | b']' | b')' | b'_' | b'-' | b'.' | b'?' | b'!' | b'$' | b'@'
                | b'{' | b'/' | b'+' | b'|' => {
                    self.at += 1;
                }
                _ => return None,
            }
        }
        None
    }

    fn operator(&mut self, operator: u8) -> Option<(Range<usize>, bool)> {
        self.at += 1;
        let mut last = operator;
        let mut at = self.at;
        let mut line = self.at;
        while let Some(byte) = self.bytes.get(at).filter(|_| at - self.at <= 32) {
            match byte {
                b'=' | b'>' | b':' => last = *byte,
                b' ' | b'\t' | b'\n' | b'\r' | b'(' => {}
                _ => break,
            }
            if *byte == b'\n' {
                line = at;
            }
            at += 1;
        }
        if operator == b':'
            && let Some(equals) = self.type_end(at)
        {
            self.at = equals;
            return None;
        }
        let prefix =
            usize::from(self.bytes.get(at).is_some_and(|byte| matches!(byte, b'@' | b'b' | b'r' | b'u' | b'f')));
        if let Some((closing, length)) = quote(self.bytes, at + prefix) {
            let start = at + prefix + length;
            self.at = start;
            return Some((start..close(self.bytes, start, closing), true));
        }
        if line != self.at {
            return None;
        }
        self.at = self.at.max(at);
        if last == b'>' {
            let start =
                if self.bytes.get(at..).is_some_and(|rest| rest.starts_with(b"<![CDATA[")) { at + 9 } else { at };
            self.at = start;
            return Some((start..close(self.bytes, start, b"<"), true));
        }
        Some((at..unquoted(self.bytes, at), false))
    }

    /// If a type stands here, as in `name: String = "value"`, where its equals sign does.
    fn type_end(&self, at: usize) -> Option<usize> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let name =
            rest.iter().take(40).take_while(|byte| byte.is_ascii_alphanumeric() || b"_.<>?[]!".contains(byte)).count();
        let after = rest.get(name..).unwrap_or_default();
        let after = after.get(..after.len().min(8)).unwrap_or_default();
        let equals = name + after.iter().take_while(|byte| **byte == b' ').count();
        (name > 0 && rest.get(equals) == Some(&b'=')).then_some(at + equals)
    }

    /// `</key>`, white space, `<string>`.
    fn property_list(&mut self) -> Option<(Range<usize>, bool)> {
        let rest = self.bytes.get(self.at..)?.strip_prefix(b"</key>")?;
        let rest = rest.get(..rest.len().min(64))?;
        let open = rest.trim_ascii_start();
        let tag = [&b"<string>"[..], b"<data>"].into_iter().find(|tag| open.starts_with(tag))?;
        let start = self.at + 6 + (rest.len() - open.len()) + tag.len();
        self.at = start;
        Some((start..close(self.bytes, start, b"<"), true))
    }
}

/// The quote that opens here: how it closes, and its length.
fn quote(bytes: &[u8], at: usize) -> Option<(&'static [u8], usize)> {
    let rest = bytes.get(at..)?;
    let quotes: [&'static [u8]; 9] = [b"\"\"\"", b"\"", b"'", b"`", b"\\\"", b"\\'", b"&quot;", b"&#34;", b"&apos;"];
    quotes.into_iter().find(|quote| rest.starts_with(quote)).map(|quote| (quote, quote.len()))
}

fn close(bytes: &[u8], start: usize, closing: &[u8]) -> usize {
    let rest = bytes.get(start..start.saturating_add(LONGEST).min(bytes.len())).unwrap_or_default();
    start + memmem::find(rest, closing).unwrap_or(rest.len())
}

fn unquoted(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..start.saturating_add(LONGEST).min(bytes.len())).unwrap_or_default();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte < b' ' || b",;)}]<>\"'`&".contains(byte);
    start + rest.iter().position(ends).unwrap_or(rest.len())
}

/// Whether the line of this name holds nothing but it and its value, as in `.env` and properties files.
pub(super) fn is_line(bytes: &[u8], name: usize, value: &Range<usize>) -> bool {
    let head = bytes.get(name.saturating_sub(12)..name).unwrap_or_default();
    let head = head.rsplit(|byte| matches!(byte, b'\n' | b'\0')).next().unwrap_or_default().trim_ascii();
    let tail = bytes.get(value.end..).and_then(<[u8]>::first);
    (head.is_empty() || head == b"export" || head == b"set")
        && tail.is_none_or(|byte| matches!(byte, b'\n' | b'\r' | b'\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, word: &str) -> Vec<(String, bool)> {
        let start = text.find(word).unwrap_or(0);
        let mut out = Vec::new();
        each(text.as_bytes(), &(start..start + word.len()), |candidate| {
            out.push((text.get(candidate.value.clone()).unwrap_or("?").to_owned(), candidate.direct));
            false
        });
        out
    }

    #[test]
    fn values_stand_where_each_language_writes_them() {
        let cases = [
            ("const apiKey = \"v1\";", "v1"),
            ("\"apiKey\": \"v1\"", "v1"),
            ("<string name=\"apiKey\">v1</string>", "v1"),
            ("<key>apiKey</key>\n\t<string>v1</string>", "v1"),
            ("init(\"apiKey\", 'v1')", "v1"),
            ("apiKey=v1\n", "v1"),
            ("val apiKey: String? = \"v1\"", "v1"),
            ("\\\"apiKey\\\":\\\"v1\\\"", "v1"),
            ("apiKey => `v1`", "v1"),
            ("android:name=\"apiKey\" android:value=\"v1\"", "v1"),
            ("setapiKey(\"v1\")", "v1"),
            ("map[\"apiKey\"] = @\"v1\"", "v1"),
            ("apiKey == \"v1\"", "v1"),
            ("apiKey:\n   \"v1\"", "v1"),
        ];
        for (text, value) in cases {
            let found = values(text, "apiKey");
            assert!(found.contains(&(value.to_owned(), true)), "{text}: {found:?}");
        }
        assert!(values("password is wrong, try again", "password").iter().all(|(_, direct)| !direct));
        assert_eq!(values("apiKey\nnext = \"v\"", "apiKey"), []);
    }
}
