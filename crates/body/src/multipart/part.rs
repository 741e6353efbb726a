//! A part's headers, line by line.

use testudo_core::Span;

use super::boundary::is_white;
use super::disposition::{self, ExtendedName};
use super::error::MultipartErrorKind as Kind;
use super::{Flags, Limits};

/// What the headers of a part say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// The name of the field; empty where a broken header gives none.
    pub name: Vec<u8>,
    /// The name of the file, as sent. Only a part with one that is not empty is a file.
    pub filename: Option<Vec<u8>>,
    /// The name of the file from `filename*`, which some servers prefer.
    pub extended: Option<ExtendedName>,
    /// Its headers in order, broken ones too.
    pub headers: Vec<Header>,
}

/// One header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The whole line without its end; of a folded header, the lines joined by blanks.
    pub line: Vec<u8>,
    /// Where it stands, line ends included.
    pub span: Span,
}

impl Header {
    /// What stands before the colon.
    pub fn name(&self) -> &[u8] {
        let colon = memchr::memchr(b':', &self.line).unwrap_or(self.line.len());
        self.line.get(..colon).unwrap_or_default()
    }

    /// What stands after the colon and its blanks.
    pub fn value(&self) -> &[u8] {
        let value = self.line.get(self.name().len() + 1..).unwrap_or_default();
        let blanks = value.iter().take_while(|byte| matches!(byte, b'\t' | b' ')).count();
        value.get(blanks..).unwrap_or_default()
    }
}

impl Part {
    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.filename.is_some()
    }

    /// The value of the first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let header = self.headers.iter().find(|header| header.name().eq_ignore_ascii_case(name.as_bytes()));
        header.map(Header::value)
    }

    /// Takes a line that is not empty, its end included. What is wrong with it does not keep it out.
    pub(super) fn line(&mut self, line: &[u8], start: usize, flags: &mut Flags) -> Result<(), Kind> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let end = start + line.len();
        let sound = if line.contains(&0) { Err(Kind::Nul) } else { Ok(()) };
        if line.first().is_some_and(|first| is_white(*first)) {
            return sound.and(self.folded(line, text, end, flags));
        }
        let header = Header { line: text.to_vec(), span: Span { start, end } };
        let name = header.name();
        let checked = if name.len() == text.len() {
            Err(Kind::Colon)
        } else if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            Err(Kind::HeaderName)
        } else if self.headers.iter().any(|other| other.name().eq_ignore_ascii_case(name)) {
            Err(Kind::Duplicate)
        } else {
            Ok(())
        };
        self.headers.push(header);
        sound.and(checked)
    }

    /// Joins a line that begins with white space to the header before it.
    fn folded(&mut self, line: &[u8], text: &[u8], end: usize, flags: &mut Flags) -> Result<(), Kind> {
        *flags |= Flags::HEADER_FOLDING;
        let mut white = line.iter().take_while(|byte| is_white(**byte));
        if white.any(|byte| !matches!(byte, b'\t' | b' ')) {
            *flags |= Flags::INVALID_HEADER_FOLDING;
        }
        let header = self.headers.last_mut().ok_or(Kind::Folding)?;
        let value = text.iter().position(|byte| !is_white(*byte)).unwrap_or(text.len());
        header.line.push(b' ');
        header.line.extend_from_slice(text.get(value..).unwrap_or_default());
        header.span.end = end;
        Ok(())
    }

    /// How long the last header is.
    pub(super) fn last_len(&self) -> usize {
        self.headers.last().map_or(0, |header| header.line.len())
    }

    /// Reads `Content-Disposition` when the headers are complete.
    pub(super) fn complete(&mut self, flags: &mut Flags) -> Result<(), Kind> {
        let value = self.header("content-disposition").ok_or(Kind::DispositionMissing)?;
        let named = memchr::memmem::find(value, b"filename=").is_some();
        let (disposition, result) = disposition::parse(value, flags);
        self.name = disposition.name;
        self.extended = disposition.extended;
        self.filename = Some(disposition.filename).filter(|filename| !filename.is_empty());
        result.map_err(Kind::Disposition)?;
        match () {
            () if self.name.is_empty() => Err(Kind::NameMissing),
            // Servers that look for the parameter by its text alone would not find it.
            () if self.is_file() && !named => Err(Kind::Disposition("`filename` apart from its `=`")),
            () => Ok(()),
        }
    }

    /// Whether there is room for one more header.
    pub(super) fn has_room(&self, limits: &Limits) -> bool {
        self.headers.len() < limits.headers
    }
}
