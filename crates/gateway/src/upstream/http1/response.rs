//! The head of an answer, and how its content is delimited (RFC 9112 sections 4 to 6).

#![expect(clippy::struct_excessive_bools, reason = "each says one thing by itself")]

use std::mem::MaybeUninit;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode, Version};
use smallvec::SmallVec;

use super::content::take;
use super::{Content, NoAnswer};

/// The largest head of an answer in bytes.
const MOST_BYTES: usize = 64 * 1024;
/// The most header fields.
const MOST_FIELDS: usize = 100;

/// The head of a final answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(super) response: Response<()>,
    pub(super) content: Content,
    /// The server keeps the connection open behind the content.
    pub(super) keeps: bool,
}

/// What the bytes begin with.
#[derive(Debug)]
pub(super) enum Parsed {
    /// A head that is not complete.
    More,
    /// An interim answer, which was taken out.
    Interim,
    /// The answer.
    Begun(Begun),
}

/// How an answer begins.
#[derive(Debug)]
pub(crate) enum Begun {
    /// With a head.
    Answer(Head),
    /// The server speaks another protocol from here on.
    Switched(Response<()>),
}

/// Takes a head out of what was read. `headless`: it answers HEAD, so that no content follows.
pub(super) fn parse(inbox: &mut BytesMut, headless: bool) -> Result<Parsed, NoAnswer> {
    let mut space = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut head = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut head, inbox, &mut space);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) if length <= MOST_BYTES => length,
        Ok(httparse::Status::Partial) if inbox.len() < MOST_BYTES => return Ok(Parsed::More),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(NoAnswer::HeadTooLarge),
        Err(_) => return Err(NoAnswer::Head),
    };
    let status = head.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(NoAnswer::Head)?;
    let old = head.version == Some(0);
    let place = |part: &[u8]| {
        // An empty value may lie anywhere.
        let start = (part.as_ptr() as usize).saturating_sub(inbox.as_ptr() as usize);
        if part.is_empty() { 0..0 } else { start..start + part.len() }
    };
    let fields: SmallVec<[(Range<usize>, Range<usize>); 24]> =
        head.headers.iter().map(|field| (place(field.name.as_bytes()), place(field.value))).collect();
    let raw = take(inbox, length);
    if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Parsed::Interim);
    }
    let mut framing = Framing::new(old);
    let mut headers = HeaderMap::with_capacity(fields.len() + 8);
    for (name, value) in fields {
        let name = raw.get(name).ok_or(NoAnswer::Head)?;
        let name = HeaderName::from_bytes(name).map_err(|_| NoAnswer::Head)?;
        let value = if value.is_empty() { Bytes::new() } else { raw.slice(value) };
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| NoAnswer::Head)?;
        if framing.takes(&name, &value)? {
            headers.append(name, value);
        }
    }
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.version_mut() = if old { Version::HTTP_10 } else { Version::HTTP_11 };
    *response.headers_mut() = headers;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Parsed::Begun(Begun::Switched(response)));
    }
    let empty = headless || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let (content, keeps) = framing.decide(empty)?;
    Ok(Parsed::Begun(Begun::Answer(Head { response, content, keeps })))
}

/// What the fields say about the end of the message.
struct Framing {
    old: bool,
    length: Option<u64>,
    chunked: bool,
    closes: bool,
    stays: bool,
}

impl Framing {
    fn new(old: bool) -> Framing {
        Framing { old, length: None, chunked: false, closes: false, stays: false }
    }

    /// Notes a field; `false` when it is not to be kept, because it was said before or is none of the caller's business.
    fn takes(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<bool, NoAnswer> {
        // Their lengths tell most names apart.
        match name.as_str().len() {
            10 if name == header::CONNECTION => {
                for option in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    self.closes |= option.eq_ignore_ascii_case(b"close");
                    self.stays |= option.eq_ignore_ascii_case(b"keep-alive");
                }
                Ok(true)
            }
            14 if name == header::CONTENT_LENGTH => {
                let length = number(value.as_bytes()).ok_or(NoAnswer::Length)?;
                match self.length.replace(length) {
                    Some(before) if before != length => Err(NoAnswer::Length),
                    before => Ok(before.is_none()),
                }
            }
            17 if name == header::TRANSFER_ENCODING => {
                // A coding that is not chunked could not be undone here, and the caller would not learn of it.
                if self.old || self.chunked || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                    return Err(NoAnswer::Encoding);
                }
                self.chunked = true;
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    fn decide(&self, empty: bool) -> Result<(Content, bool), NoAnswer> {
        let keeps = !self.closes && (!self.old || self.stays);
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(NoAnswer::Encoding),
            _ if empty => Ok((Content::Done, keeps)),
            (true, None) => Ok((Content::chunked(), keeps)),
            (false, Some(0)) => Ok((Content::Done, keeps)),
            (false, Some(length)) => Ok((Content::Length(length), keeps)),
            (false, None) => Ok((Content::UntilClose, false)),
        }
    }
}

/// A number in digits, and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
