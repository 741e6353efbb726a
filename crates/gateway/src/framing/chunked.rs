//! The boundaries of a chunked body with its trailers (RFC 9112 section 7.1), without touching the data.

use super::MalformedCode;
use super::grammar;

const MAX_EXTENSIONS: u32 = 1024;
const MAX_TRAILERS: usize = 8 * 1024;
const MAX_TRAILER_FIELDS: u32 = 32;

/// Trailer fields that would change the message that was decided about (RFC 9110 section 6.5.1).
const FORBIDDEN: [&[u8]; 12] = [
    b"transfer-encoding",
    b"content-length",
    b"host",
    b"authorization",
    b"dpop",
    b"cookie",
    b"connection",
    b"content-type",
    b"content-encoding",
    b"te",
    b"trailer",
    b"expect",
];

#[derive(Debug)]
enum State {
    Size { value: u64, digits: u8 },
    Extension { quoted: bool, escaped: bool },
    SizeFeed { value: u64 },
    Data { left: u64 },
    DataReturn,
    DataFeed,
    Trailer,
    Done,
}

/// Follows a chunked body. It is fed once with each byte.
#[derive(Debug)]
pub(super) struct ChunkScan {
    state: State,
    size: u64,
    extensions: u32,
    line: Vec<u8>,
    trailer_bytes: usize,
    trailer_fields: u32,
}

impl ChunkScan {
    pub(super) fn new() -> ChunkScan {
        ChunkScan {
            state: State::Size { value: 0, digits: 0 },
            size: 0,
            extensions: 0,
            line: Vec::new(),
            trailer_bytes: 0,
            trailer_fields: 0,
        }
    }

    /// Takes from `bytes` what belongs to the body; the flag tells whether the body ended there.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(usize, bool), MalformedCode> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            if let State::Data { left } = &mut self.state {
                let here = u64::try_from(bytes.len() - at).unwrap_or(u64::MAX).min(*left);
                *left -= here;
                at += usize::try_from(here).unwrap_or(usize::MAX);
                if *left == 0 {
                    self.state = State::DataReturn;
                }
                continue;
            }
            self.byte(byte)?;
            at += 1;
            if matches!(self.state, State::Done) {
                return Ok((at, true));
            }
        }
        Ok((at, false))
    }

    fn byte(&mut self, byte: u8) -> Result<(), MalformedCode> {
        self.state = match &mut self.state {
            State::Size { value, digits } => match (byte, *digits) {
                (b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F', 0..=14) => {
                    let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                    State::Size { value: *value * 16 + digit, digits: *digits + 1 }
                }
                (b'\r', 1..) => State::SizeFeed { value: *value },
                (b';', 1..) => {
                    self.size = *value;
                    State::Extension { quoted: false, escaped: false }
                }
                (b'\n', 1..) => return Err(MalformedCode::BareLf),
                _ => return Err(MalformedCode::ChunkSize),
            },
            State::Extension { quoted, escaped } => {
                self.extensions += 1;
                match (byte, *quoted, *escaped) {
                    _ if self.extensions > MAX_EXTENSIONS => return Err(MalformedCode::ChunkExtension),
                    (b'\r', false, _) => State::SizeFeed { value: self.size },
                    (b'\n', false, _) => return Err(MalformedCode::BareLf),
                    (b'\\', true, false) => State::Extension { quoted: true, escaped: true },
                    (b'"', false, _) | (b'\t' | b' '..=b'!' | b'#'..=b'~', true, _) | (b'"', true, true) => {
                        State::Extension { quoted: true, escaped: false }
                    }
                    (b'"', true, false) | (b'\t' | b' ' | b';' | b'=', false, _) => {
                        State::Extension { quoted: false, escaped: false }
                    }
                    (other, false, _) if grammar::is_token(&[other], 1) => {
                        State::Extension { quoted: false, escaped: false }
                    }
                    _ => return Err(MalformedCode::ChunkExtension),
                }
            }
            State::SizeFeed { value } => match (byte, *value) {
                (b'\n', 0) => State::Trailer,
                (b'\n', left) => State::Data { left },
                _ => return Err(MalformedCode::BareCr),
            },
            State::DataReturn if byte == b'\r' => State::DataFeed,
            State::DataFeed if byte == b'\n' => State::Size { value: 0, digits: 0 },
            State::DataReturn | State::DataFeed => return Err(MalformedCode::ChunkEnd),
            State::Trailer => return self.trailer(byte),
            State::Data { .. } | State::Done => return Ok(()),
        };
        Ok(())
    }

    fn trailer(&mut self, byte: u8) -> Result<(), MalformedCode> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > MAX_TRAILERS {
            return Err(MalformedCode::Trailer);
        }
        if byte != b'\n' {
            self.line.push(byte);
            return Ok(());
        }
        let [line @ .., b'\r'] = self.line.as_slice() else { return Err(MalformedCode::BareLf) };
        if line.is_empty() {
            self.state = State::Done;
            return Ok(());
        }
        self.trailer_fields += 1;
        let name = memchr::memchr(b':', line).and_then(|colon| line.get(..colon)).ok_or(MalformedCode::Trailer)?;
        if self.trailer_fields > MAX_TRAILER_FIELDS
            || grammar::blemish(line).is_some()
            || !grammar::is_token(name, 256)
            || FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden))
        {
            return Err(MalformedCode::Trailer);
        }
        self.line.clear();
        Ok(())
    }
}
