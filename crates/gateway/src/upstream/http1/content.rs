//! The content of an answer, taken out of what was read (RFC 9112 sections 6 and 7.1).

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::NoAnswer;

/// The longest line that begins a chunk.
const MOST_LINE: usize = 4 * 1024;
/// The most bytes of chunk extensions in one answer.
const MOST_EXTENSIONS: usize = 16 * 1024;
/// The largest trailer section in bytes, and the most fields in it.
const MOST_TRAILERS: usize = 16 * 1024;
const MOST_TRAILER_FIELDS: usize = 64;

/// How the rest of the content is delimited.
#[derive(Debug)]
pub(super) enum Content {
    /// So many bytes are left.
    Length(u64),
    /// In chunks.
    Chunked(Box<Chunks>),
    /// All until the server closes.
    UntilClose,
    /// Nothing is left.
    Done,
}

/// What came next.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    /// More must be read first.
    More,
    End,
}

/// Where in a chunked content we are.
#[derive(Debug)]
pub(super) struct Chunks {
    at: At,
    extensions: usize,
}

#[derive(Clone, Copy, Debug)]
enum At {
    /// Before a size.
    Size,
    /// In data, of which so much is left.
    Data(u64),
    /// Behind data.
    DataEnd,
    /// Behind the last chunk.
    Trailers,
    Done,
    Failed(NoAnswer),
}

impl Content {
    pub(super) fn chunked() -> Content {
        Content::Chunked(Box::new(Chunks { at: At::Size, extensions: 0 }))
    }

    /// Nothing is left to take.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Content::Done => true,
            Content::Chunked(chunks) => matches!(chunks.at, At::Done),
            Content::Length(_) | Content::UntilClose => false,
        }
    }

    /// The end of the connection is the end of the content.
    pub(super) fn ends_with_connection(&self) -> bool {
        matches!(self, Content::UntilClose)
    }

    /// The length of what is left, if it is known.
    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Content::Length(left) => Some(*left),
            Content::Done => Some(0),
            Content::Chunked(_) | Content::UntilClose => None,
        }
    }

    /// Takes the next piece.
    pub(super) fn next(&mut self, inbox: &mut BytesMut) -> Result<Piece, NoAnswer> {
        match self {
            Content::Done => Ok(Piece::End),
            _ if inbox.is_empty() && !self.is_done() => Ok(Piece::More),
            Content::UntilClose => Ok(Piece::Data(take(inbox, inbox.len()))),
            Content::Length(left) => {
                let data = take_some(inbox, left);
                if *left == 0 {
                    *self = Content::Done;
                }
                Ok(Piece::Data(data))
            }
            Content::Chunked(chunks) => chunks.next(inbox),
        }
    }
}

/// Pieces up to this size are copied, so that the buffer of a connection is used again while it is warm.
const SMALL: usize = 4 * 1024;

/// Takes so many bytes.
pub(super) fn take(inbox: &mut BytesMut, length: usize) -> Bytes {
    let length = length.min(inbox.len());
    if length > SMALL {
        return inbox.split_to(length).freeze();
    }
    let taken = Bytes::copy_from_slice(inbox.get(..length).unwrap_or_default());
    if length == inbox.len() {
        inbox.clear();
    } else {
        inbox.advance(length);
    }
    taken
}

fn take_some(inbox: &mut BytesMut, left: &mut u64) -> Bytes {
    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(inbox.len());
    *left -= here as u64;
    take(inbox, here)
}

impl Chunks {
    fn next(&mut self, inbox: &mut BytesMut) -> Result<Piece, NoAnswer> {
        self.advance(inbox);
        match &mut self.at {
            At::Data(_) if inbox.is_empty() => Ok(Piece::More),
            At::Data(left) => {
                let data = take_some(inbox, left);
                if *left == 0 {
                    self.at = At::DataEnd;
                }
                // So that the last piece is known as such when it is handed out.
                self.advance(inbox);
                Ok(Piece::Data(data))
            }
            At::Trailers => match trailers(inbox)? {
                Some(trailers) => {
                    self.at = At::Done;
                    Ok(Piece::Trailers(trailers))
                }
                None => Ok(Piece::More),
            },
            At::Size | At::DataEnd => Ok(Piece::More),
            At::Done => Ok(Piece::End),
            At::Failed(why) => Err(*why),
        }
    }

    /// Goes over what is no data, as far as it is here.
    fn advance(&mut self, inbox: &mut BytesMut) {
        loop {
            self.at = match (self.at, inbox.first_chunk::<2>()) {
                (At::Size, _) => match self.size(inbox) {
                    Ok(Some(0)) => At::Trailers,
                    Ok(Some(size)) => At::Data(size),
                    Ok(None) => return,
                    Err(why) => At::Failed(why),
                },
                (At::DataEnd, Some(b"\r\n")) => {
                    inbox.advance(2);
                    At::Size
                }
                (At::DataEnd, Some(_)) => At::Failed(NoAnswer::Chunk),
                (At::Trailers, Some(b"\r\n")) => {
                    inbox.advance(2);
                    At::Done
                }
                _ => return,
            };
        }
    }

    /// Takes the line that begins a chunk.
    fn size(&mut self, inbox: &mut BytesMut) -> Result<Option<u64>, NoAnswer> {
        let visible = inbox.get(..MOST_LINE).unwrap_or(inbox);
        let Some(end) = memchr::memchr(b'\n', visible) else {
            return if inbox.len() >= MOST_LINE { Err(NoAnswer::Chunk) } else { Ok(None) };
        };
        let Some([line @ .., b'\r']) = visible.get(..end) else { return Err(NoAnswer::Chunk) };
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (digits, rest) = line.split_at(digits);
        if !matches!(rest.trim_ascii_start(), [] | [b';', ..]) || rest.contains(&b'\r') {
            return Err(NoAnswer::Chunk);
        }
        self.extensions += rest.len();
        if digits.is_empty() || digits.len() > 15 || self.extensions > MOST_EXTENSIONS {
            return Err(NoAnswer::Chunk);
        }
        let value = |digit: &u8| char::from(*digit).to_digit(16).map_or(0, u64::from);
        let size = digits.iter().fold(0, |size, digit| size * 16 + value(digit));
        inbox.advance(end + 1);
        Ok(Some(size))
    }
}

fn trailers(inbox: &mut BytesMut) -> Result<Option<HeaderMap>, NoAnswer> {
    let mut space = [httparse::EMPTY_HEADER; MOST_TRAILER_FIELDS];
    let (length, fields) = match httparse::parse_headers(inbox, &mut space) {
        Ok(httparse::Status::Complete(parsed)) => parsed,
        Ok(httparse::Status::Partial) if inbox.len() < MOST_TRAILERS => return Ok(None),
        _ => return Err(NoAnswer::Trailers),
    };
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| NoAnswer::Trailers)?;
        map.append(name, HeaderValue::from_bytes(field.value).map_err(|_| NoAnswer::Trailers)?);
    }
    inbox.advance(length);
    Ok(Some(map))
}
