//! The head of a request and its content, as they are written (RFC 9112 sections 3 and 6).
//!
//! How long the content is follows from the body alone: what the caller's fields said about it is not repeated.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Request, Uri};
use http_body::Body as _;

use super::wire::Outbox;
use crate::body::{BodyError, InboundBody};

/// A body that is being sent.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) body: InboundBody,
    /// What is left of the announced length; chunks without one.
    left: Option<u64>,
}

/// Writes the head. What is returned is sent behind it; none without content.
pub(crate) fn encode(request: Request<InboundBody>, out: &mut Outbox) -> Option<Upload> {
    let (parts, body) = request.into_parts();
    let text = out.begin();
    text.extend_from_slice(parts.method.as_str().as_bytes());
    text.push(b' ');
    text.extend_from_slice(target(&parts.uri).as_bytes());
    text.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in &parts.headers {
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
            continue;
        }
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    if body.is_end_stream() {
        let empty: &[u8] =
            if parts.headers.contains_key(CONTENT_LENGTH) { b"content-length: 0\r\n\r\n" } else { b"\r\n" };
        text.extend_from_slice(empty);
        return None;
    }
    let left = body.size_hint().exact();
    match left {
        Some(length) => {
            let mut field = String::with_capacity(40);
            let _ = write!(field, "content-length: {length}\r\n\r\n");
            text.extend_from_slice(field.as_bytes());
        }
        None => text.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n"),
    }
    Some(Upload { body, left })
}

fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
}

impl Upload {
    /// Puts the next piece of the content behind what is to be written.
    pub(super) fn put(&mut self, data: Bytes, out: &mut Outbox) -> Result<(), BodyError> {
        if data.is_empty() {
            // A chunk of no length would be the last one.
            return Ok(());
        }
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(data.len() as u64).ok_or_else(|| wrong("longer"))?;
            out.push(data, b"");
        } else {
            let mut size = String::with_capacity(20);
            let _ = write!(size, "{:x}\r\n", data.len());
            out.text(size.as_bytes());
            out.push(data, b"\r\n");
        }
        Ok(())
    }

    /// Ends the content.
    pub(super) fn end(&self, out: &mut Outbox) -> Result<(), BodyError> {
        match self.left {
            Some(0) => Ok(()),
            Some(_) => Err(wrong("shorter")),
            None => {
                out.text(b"0\r\n\r\n");
                Ok(())
            }
        }
    }

    /// Whether all of the announced length was put out.
    pub(super) fn is_complete(&self) -> bool {
        self.left == Some(0)
    }
}

fn wrong(how: &str) -> BodyError {
    BodyError::Source(format!("the request body is {how} than it said").into())
}
