//! A request in a file, as a capture or a bug report has it: first line, headers, an empty line, body.

use std::sync::Arc;

use http::Method;
use testudo_core::Timestamp;
use testudo_waf::{Connection, Intervention, Match, Opening, RequestLine, Waf};

use super::found::{Told, scores, told};

/// The most header lines.
const MOST_HEADERS: usize = 200;

/// A request that stands in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured {
    method: Vec<u8>,
    target: Vec<u8>,
    protocol: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
}

/// Why a file holds no request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CapturedError {
    /// The first line.
    #[error("line 1: not `METHOD target HTTP/1.1`, such as `GET /accounts?id=7 HTTP/1.1`")]
    FirstLine,
    /// A header.
    #[error("line {0}: not `Name: value`; an empty line ends the headers")]
    Header(usize),
    /// Too many headers.
    #[error("there are more than {MOST_HEADERS} headers")]
    Headers,
}

impl Captured {
    /// Reads it. Lines end with LF or CR LF. A body without `Content-Length` gets one, as a client would send it; one that is
    /// longer than its `Content-Length` is cut there, as a server would read it.
    pub fn parse(bytes: &[u8]) -> Result<Captured, CapturedError> {
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let (mut read, mut number) = (0, 0);
        let mut next = || {
            let line = lines.next()?;
            read += line.len();
            number += 1;
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            Some((number, read, line.strip_suffix(b"\r").unwrap_or(line)))
        };
        let (_, mut head, first) = next().ok_or(CapturedError::FirstLine)?;
        let [method, target, protocol] = *first.split(|byte| *byte == b' ').collect::<Vec<_>>() else {
            return Err(CapturedError::FirstLine);
        };
        if method.is_empty() || target.is_empty() || !protocol.starts_with(b"HTTP/") {
            return Err(CapturedError::FirstLine);
        }
        let mut headers = Vec::new();
        while let Some((number, read, line)) = next() {
            head = read;
            if line.is_empty() {
                break;
            }
            let colon = line.iter().position(|byte| *byte == b':').ok_or(CapturedError::Header(number))?;
            let (name, value) = line.split_at(colon);
            headers.push((name.to_vec(), value.get(1..).unwrap_or_default().trim_ascii().to_vec()));
            if headers.len() > MOST_HEADERS {
                return Err(CapturedError::Headers);
            }
        }
        let mut body = bytes.get(head..).unwrap_or_default().to_vec();
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
        match length.map(|(_, value)| String::from_utf8_lossy(value).parse::<usize>()) {
            Some(Ok(length)) => body.truncate(length),
            Some(Err(_)) => {}
            None if body.is_empty() => {}
            None => headers.push((b"Content-Length".to_vec(), body.len().to_string().into_bytes())),
        }
        Ok(Captured { method: method.to_vec(), target: target.to_vec(), protocol: protocol.to_vec(), headers, body })
    }

    /// Method and target.
    pub fn name(&self) -> String {
        format!("{} {}", String::from_utf8_lossy(&self.method), String::from_utf8_lossy(&self.target))
    }

    /// The method and the path without its query, where they are such that they can have a route.
    pub fn place(&self) -> Option<(Method, &str)> {
        let path = self.target.split(|byte| *byte == b'?').next().unwrap_or_default();
        Some((Method::from_bytes(&self.method).ok()?, std::str::from_utf8(path).ok()?))
    }

    /// What the request's phases say about it.
    pub fn judge(&self, waf: &Arc<Waf>, profile: Option<usize>, now: Timestamp) -> Verdict {
        let connection = Connection { client: "192.0.2.1", client_port: 40_000, server: "192.0.2.2", server_port: 443 };
        let mut transaction = waf.open_with(&connection, "explain", now, Opening { profile, taped: false });
        let Captured { method, target, protocol, .. } = self;
        transaction.request_line(&RequestLine { method, target, protocol, raw: None });
        for (name, value) in &self.headers {
            transaction.request_header(name, value);
        }
        let mut stopped = transaction.request_head().cloned();
        if stopped.is_none() && !self.body.is_empty() {
            stopped = transaction.request_body(&self.body).cloned();
        }
        let stopped = stopped.or_else(|| transaction.request_end().cloned());
        let matches = transaction.matches().to_vec();
        let told = matches.iter().map(|found| told(&transaction, found)).collect();
        let (score, threshold) = scores(&mut transaction);
        Verdict { stopped, matches, told, score, threshold }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What would be done instead of forwarding it.
    pub stopped: Option<Intervention>,
    /// The rules that matched.
    pub matches: Vec<Match>,
    /// What each of them matched.
    pub told: Vec<Vec<Told>>,
    /// The anomaly score of the Core Rule Set.
    pub score: Option<u32>,
    /// The score from which on it refuses.
    pub threshold: Option<u32>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_captured_request_is_read_as_it_would_travel() {
        let captured = Captured::parse(b"POST /orders?x=1 HTTP/1.1\nHost: a.example\r\nX:  y \n\n{\"a\":1}").unwrap();
        assert_eq!(captured.name(), "POST /orders?x=1");
        assert_eq!(captured.headers.get(1), Some(&(b"X".to_vec(), b"y".to_vec())));
        assert_eq!(captured.headers.last(), Some(&(b"Content-Length".to_vec(), b"7".to_vec())));
        let cut = Captured::parse(b"PUT / HTTP/1.1\nContent-Length: 2\n\nabc\n").unwrap();
        assert_eq!(cut.body, b"ab");
        assert_eq!(Captured::parse(b"GET / HTTP/1.1").unwrap().body, b"");
    }

    #[test]
    fn what_is_no_request_is_named_with_its_line() {
        for (text, expected) in [
            ("", CapturedError::FirstLine),
            ("GET /\n\n", CapturedError::FirstLine),
            ("GET / a HTTP/1.1\n\n", CapturedError::FirstLine),
            ("GET / HTTP/1.1\nHost: a\nnothing\n", CapturedError::Header(3)),
        ] {
            assert_eq!(Captured::parse(text.as_bytes()), Err(expected), "{text}");
        }
        let many = format!("GET / HTTP/1.1\n{}\n", "A: b\n".repeat(201));
        assert_eq!(Captured::parse(many.as_bytes()), Err(CapturedError::Headers));
    }
}
