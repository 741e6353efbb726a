//! Where markup ends.

use memchr::memmem;

use super::chars::{name, white};
use super::error::XmlErrorKind as Kind;

/// What begins with `<`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Markup {
    /// `<name …>`
    Open,
    /// `</name>`
    Close,
    /// `<!-- … -->`
    Comment,
    /// `<? … ?>`
    Instruction,
    /// `<![CDATA[`
    Section,
    /// `<!DOCTYPE … >`
    Doctype,
}

pub(super) const SECTION: &[u8] = b"<![CDATA[";
const COMMENT: &[u8] = b"<!--";
const DOCTYPE: &[u8] = b"<!DOCTYPE";

impl Markup {
    /// What the bytes begin. Nothing when more are needed to tell.
    pub(super) fn of(bytes: &[u8]) -> Result<Option<Markup>, Kind> {
        Ok(Some(match bytes {
            [b'<'] => return Ok(None),
            [b'<', b'/', ..] => Markup::Close,
            [b'<', b'?', ..] => Markup::Instruction,
            [b'<', b'!', ..] => {
                let known = [(COMMENT, Markup::Comment), (SECTION, Markup::Section), (DOCTYPE, Markup::Doctype)];
                match known.iter().find(|(start, _)| bytes.starts_with(start)) {
                    Some((_, markup)) => *markup,
                    None if known.iter().any(|(start, _)| start.starts_with(bytes)) => return Ok(None),
                    None => return Err(Kind::Markup { expected: "a comment, a CDATA section or a document type" }),
                }
            }
            _ if name(bytes.get(1..).unwrap_or_default()) > 0 => Markup::Open,
            _ => return Err(Kind::Markup { expected: "a name behind `<`: write `<` as `&lt;`" }),
        }))
    }
}

/// How far markup was searched for its end, so that no byte is looked at for each chunk that comes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    at: usize,
    quote: Option<u8>,
}

impl Scan {
    /// The length of the markup at the head. Nothing when it goes on.
    pub(super) fn end(&mut self, markup: Markup, bytes: &[u8]) -> Result<Option<usize>, (Kind, usize)> {
        match markup {
            Markup::Open => Ok(self.tag(bytes)),
            Markup::Close => Ok(self.find(bytes, 2, b">")),
            Markup::Instruction => Ok(self.find(bytes, 2, b"?>")),
            Markup::Section => Ok(Some(SECTION.len())),
            Markup::Doctype => Ok(doctype(bytes)),
            Markup::Comment => match self.find(bytes, COMMENT.len(), b"--") {
                Some(end) => match bytes.get(end) {
                    Some(b'>') => Ok(Some(end + 1)),
                    Some(_) => Err((Kind::Markup { expected: "no `--` in a comment" }, end - 2)),
                    None => {
                        self.at = end - 2;
                        Ok(None)
                    }
                },
                None => Ok(None),
            },
        }
    }

    /// One past the first `end` from an offset on.
    fn find(&mut self, bytes: &[u8], from: usize, end: &[u8]) -> Option<usize> {
        let from = from.max(self.at);
        let found = bytes.get(from..).and_then(|rest| memmem::find(rest, end));
        self.at = (bytes.len() + 1).saturating_sub(end.len()).max(from);
        found.map(|at| from + at + end.len())
    }

    /// One past the `>` that stands outside quotes.
    fn tag(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate().skip(self.at) {
            match (byte, self.quote) {
                (b'>', None) => return Some(at + 1),
                (b'"' | b'\'', None) => self.quote = Some(*byte),
                (byte, Some(quote)) if *byte == quote => self.quote = None,
                _ => {}
            }
        }
        self.at = bytes.len();
        None
    }
}

/// How long a document type is, and that it begins with a name.
fn doctype(bytes: &[u8]) -> Option<usize> {
    let mut at = DOCTYPE.len();
    let mut within = false;
    loop {
        let rest = bytes.get(at..)?;
        let skip = |start: usize, end: &[u8]| {
            rest.get(start..).and_then(|rest| memmem::find(rest, end)).map(|at| start + at + end.len())
        };
        at += match rest.first()? {
            quote @ (b'"' | b'\'') => skip(1, &[*quote])?,
            b'<' if rest.starts_with(COMMENT) => skip(COMMENT.len(), b"-->")?,
            b'<' if rest.starts_with(b"<?") => skip(2, b"?>")?,
            b'<' if rest.len() < COMMENT.len() => return None,
            b'[' => {
                within = true;
                1
            }
            b']' => {
                within = false;
                1
            }
            b'>' if !within => return Some(at + 1),
            _ => 1,
        };
    }
}

/// Checks a whole document type.
pub(super) fn check_doctype(bytes: &[u8]) -> Result<(), (Kind, usize)> {
    let after = bytes.get(DOCTYPE.len()..).unwrap_or_default();
    let blanks = white(after);
    if blanks == 0 || name(after.get(blanks..).unwrap_or_default()) == 0 {
        return Err((Kind::Markup { expected: "a name behind `<!DOCTYPE`" }, DOCTYPE.len()));
    }
    Ok(())
}

/// The longest document type that is skipped.
pub(super) const LONGEST_DOCTYPE: usize = 4096;
