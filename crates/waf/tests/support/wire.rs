//! Requests with their answers as bytes, so that another engine is asked about the same.
//!
//! Each field is its length in four bytes, the lowest first, and then that many bytes: a name, the method, the target,
//! the protocol, the request's headers, its body, the answer's status in digits, its headers, its body. Headers are a
//! number in four bytes and so many pairs of fields.

use std::io::{Read, Write};

use super::drive::Response;
use super::front::Request;

/// A request with its answer.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    pub name: String,
    pub request: Request,
    pub response: Response,
}

impl Exchange {
    /// With the answer that has no body.
    pub fn answered_by_nothing(name: String, request: Request) -> Exchange {
        let headers = [("Content-Type", "text/html"), ("Content-Length", "0")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Exchange { name, request, response: Response { status: 200, headers, body: Vec::new() } }
    }

    /// Writes it.
    pub fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let Exchange { name, request, response } = self;
        for bytes in [name.as_bytes(), &request.method, &request.target, &request.protocol] {
            field(out, bytes)?;
        }
        number(out, request.headers.len())?;
        for (name, value) in &request.headers {
            field(out, name)?;
            field(out, value)?;
        }
        field(out, &request.body)?;
        field(out, response.status.to_string().as_bytes())?;
        number(out, response.headers.len())?;
        for (name, value) in &response.headers {
            field(out, name.as_bytes())?;
            field(out, value.as_bytes())?;
        }
        field(out, &response.body)
    }

    /// Reads the next one; nothing at the end.
    pub fn read(from: &mut impl Read) -> Option<Exchange> {
        let name = text(&take(from)?);
        let (method, target, protocol) = (take(from)?, take(from)?, take(from)?);
        let line = [method.as_slice(), &target, &protocol].join(&b' ');
        let headers = (0..count(from)?).map(|_| Some((take(from)?, take(from)?))).collect::<Option<_>>()?;
        let request = Request { method, target, protocol, line, headers, body: take(from)? };
        let status = text(&take(from)?).parse().ok()?;
        let headers =
            (0..count(from)?).map(|_| Some((text(&take(from)?), text(&take(from)?)))).collect::<Option<_>>()?;
        Some(Exchange { name, request, response: Response { status, headers, body: take(from)? } })
    }
}

fn number(out: &mut impl Write, number: usize) -> std::io::Result<()> {
    out.write_all(&u32::try_from(number).unwrap().to_le_bytes())
}

fn field(out: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    number(out, bytes.len())?;
    out.write_all(bytes)
}

fn count(from: &mut impl Read) -> Option<usize> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    usize::try_from(u32::from_le_bytes(length)).ok()
}

fn take(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut bytes = vec![0; count(from)?];
    from.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
