//! The head of a request, line by line: RFC 9112 sections 3 and 5, with every leniency taken away.

use std::ops::Range;

use super::MalformedCode;
use super::grammar::{self, Blemish};

/// Bounds of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes from the first to the empty line that ends it.
    pub bytes: usize,
    /// Header fields.
    pub fields: usize,
}

impl Default for HeadLimits {
    fn default() -> HeadLimits {
        HeadLimits { bytes: 32 * 1024, fields: 100 }
    }
}

/// How the body that follows a head is delimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyFraming {
    /// By its length; zero without a body.
    Length(u64),
    /// By chunks.
    Chunked,
}

/// What framing learned from a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadFacts {
    /// Length of the head with its final empty line.
    pub length: usize,
    /// How the body is delimited.
    pub body: BodyFraming,
    /// The client asks for another protocol on this connection.
    pub upgrade: bool,
}

/// Scans a head incrementally: each line is looked at once, as soon as it is complete.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent fact of a head")]
pub(super) struct HeadScan {
    next_line: usize,
    searched: usize,
    lines: usize,
    old_version: bool,
    target_authority: Option<Range<usize>>,
    host: Option<Range<usize>>,
    length: Option<u64>,
    chunked: bool,
    connection_upgrade: bool,
    upgrade: bool,
}

impl HeadScan {
    /// Bytes that were looked at already.
    pub(super) fn is_fresh(&self) -> bool {
        self.searched == 0
    }

    /// Goes on with `buffer`, which holds the head from its first byte. `None` asks for more bytes.
    pub(super) fn scan(&mut self, buffer: &[u8], limits: &HeadLimits) -> Result<Option<HeadFacts>, MalformedCode> {
        let visible = buffer.get(..limits.bytes).unwrap_or(buffer);
        while let Some(found) = memchr::memchr(b'\n', visible.get(self.searched..).unwrap_or_default()) {
            let feed = self.searched + found;
            let [line @ .., b'\r'] = visible.get(self.next_line..feed).unwrap_or_default() else {
                return Err(MalformedCode::BareLf);
            };
            let start = self.next_line;
            self.next_line = feed + 1;
            self.searched = feed + 1;
            if line.is_empty() && self.lines > 0 {
                return self.finish(visible).map(Some);
            }
            match grammar::blemish(line) {
                None => {}
                Some(Blemish::Cr) => return Err(MalformedCode::BareCr),
                Some(Blemish::Control) => return Err(MalformedCode::ControlByte),
            }
            if self.lines == 0 {
                self.request_line(line, start)?;
            } else {
                if self.lines > limits.fields {
                    return Err(MalformedCode::TooManyHeaders);
                }
                self.field(line, start)?;
            }
            self.lines += 1;
        }
        self.searched = visible.len();
        if buffer.len() >= limits.bytes { Err(MalformedCode::HeadTooLarge) } else { Ok(None) }
    }

    fn request_line(&mut self, line: &[u8], start: usize) -> Result<(), MalformedCode> {
        let first = memchr::memchr(b' ', line).ok_or(MalformedCode::RequestLine)?;
        let (method, rest) = line.split_at(first);
        let rest = rest.get(1..).unwrap_or_default();
        let second = memchr::memchr(b' ', rest).ok_or(MalformedCode::RequestLine)?;
        let (target, version) = rest.split_at(second);
        let version = version.get(1..).unwrap_or_default();
        if !grammar::is_token(method, 32) {
            return Err(MalformedCode::Method);
        }
        match version {
            b"HTTP/1.1" => {}
            b"HTTP/1.0" => self.old_version = true,
            _ if memchr::memchr(b' ', version).is_some() => return Err(MalformedCode::RequestLine),
            _ => return Err(MalformedCode::Version),
        }
        if method == b"CONNECT" {
            return Err(MalformedCode::Connect);
        }
        self.target(method, target, start + first + 1)
    }

    fn target(&mut self, method: &[u8], target: &[u8], start: usize) -> Result<(), MalformedCode> {
        match target {
            [] => return Err(MalformedCode::RequestLine),
            [b'/', ..] => {}
            b"*" if method == b"OPTIONS" => return Ok(()),
            _ => {
                let scheme = if prefixed(target, b"http://") {
                    7
                } else if prefixed(target, b"https://") {
                    8
                } else {
                    return Err(MalformedCode::TargetForm);
                };
                let rest = target.get(scheme..).unwrap_or_default();
                let end = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
                let (authority, path) = rest.split_at(end);
                if !grammar::is_host(authority) {
                    return Err(MalformedCode::Target);
                }
                self.target_authority = Some(start + scheme..start + scheme + end);
                return if grammar::is_path_and_query(path) { Ok(()) } else { Err(MalformedCode::Target) };
            }
        }
        if grammar::is_path_and_query(target) { Ok(()) } else { Err(MalformedCode::Target) }
    }

    fn field(&mut self, line: &[u8], start: usize) -> Result<(), MalformedCode> {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(MalformedCode::ObsFold);
        }
        let colon = memchr::memchr(b':', line).ok_or(MalformedCode::NoColon)?;
        let (name, value) = line.split_at(colon);
        let raw_value = value.get(1..).unwrap_or_default();
        if matches!(name.last(), Some(b' ' | b'\t')) {
            return Err(MalformedCode::SpaceBeforeColon);
        }
        if !grammar::is_token(name, 256) {
            return Err(MalformedCode::HeaderName);
        }
        let value = grammar::trim(raw_value);
        // Only the lengths of the names that matter are compared.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                if self.host.is_some() {
                    return Err(MalformedCode::HostDuplicate);
                }
                if !grammar::is_host(value) {
                    return Err(MalformedCode::HostInvalid);
                }
                let leading = raw_value.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                let at = start + colon + 1 + leading;
                self.host = Some(at..at + value.len());
            }
            6 if name.eq_ignore_ascii_case(b"expect") && !value.eq_ignore_ascii_case(b"100-continue") => {
                return Err(MalformedCode::Expectation);
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.connection_upgrade |=
                    value.split(|byte| *byte == b',').any(|item| grammar::trim(item).eq_ignore_ascii_case(b"upgrade"));
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value)?,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.transfer_encoding(value)?,
            14 if lookalike(name, b"content-length") => return Err(MalformedCode::HeaderLookalike),
            17 if lookalike(name, b"transfer-encoding") => return Err(MalformedCode::HeaderLookalike),
            _ => {}
        }
        Ok(())
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), MalformedCode> {
        if self.length.is_some() {
            return Err(MalformedCode::LengthDuplicate);
        }
        if self.chunked {
            return Err(MalformedCode::LengthAndEncoding);
        }
        if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
            return Err(MalformedCode::LengthInvalid);
        }
        self.length = Some(value.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0')));
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), MalformedCode> {
        if self.old_version {
            return Err(MalformedCode::EncodingOld);
        }
        if self.length.is_some() {
            return Err(MalformedCode::LengthAndEncoding);
        }
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(MalformedCode::EncodingInvalid);
        }
        self.chunked = true;
        Ok(())
    }

    fn finish(&self, buffer: &[u8]) -> Result<HeadFacts, MalformedCode> {
        let host = self.host.clone().ok_or(MalformedCode::HostMissing)?;
        if let Some(authority) = self.target_authority.clone() {
            let host = buffer.get(host).unwrap_or_default();
            if !buffer.get(authority).unwrap_or_default().eq_ignore_ascii_case(host) {
                return Err(MalformedCode::TargetHost);
            }
        }
        let body = if self.chunked { BodyFraming::Chunked } else { BodyFraming::Length(self.length.unwrap_or(0)) };
        let upgrade = self.upgrade && self.connection_upgrade && body == BodyFraming::Length(0) && !self.old_version;
        Ok(HeadFacts { length: self.next_line, body, upgrade })
    }
}

fn prefixed(target: &[u8], scheme: &[u8]) -> bool {
    target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

fn lookalike(name: &[u8], framing: &[u8]) -> bool {
    name.iter()
        .zip(framing)
        .all(|(byte, expected)| byte.eq_ignore_ascii_case(expected) || (*expected == b'-' && *byte == b'_'))
}
