//! The head of an HTTP/1.1 request as it came: names keep their case, and lines their order.

use std::borrow::Cow;

use testudo_waf::{RequestLine, Transaction};

/// Lines of a head that are looked at.
const LINES: usize = 200;

/// Shows the rules first line and headers, more kindly than any server would read them; gives what follows the head.
pub(super) fn read<'b>(transaction: &mut Transaction, bytes: &'b [u8]) -> &'b [u8] {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let mut taken = 0;
    let mut next = || {
        let line = lines.next()?;
        taken += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some((line.strip_suffix(b"\r").unwrap_or(line), taken))
    };
    let (first, mut head) = next().unwrap_or_default();
    let (method, target, protocol) = first_line(first);
    transaction.request_line(&RequestLine { method, target, protocol, raw: Some(first) });
    let mut last: Option<(&[u8], Cow<'_, [u8]>)> = None;
    for _ in 0..LINES {
        let Some((line, end)) = next() else { break };
        head = end;
        if line.is_empty() {
            break;
        }
        if let (Some(b' ' | b'\t'), Some((_, value))) = (line.first(), &mut last) {
            let value = value.to_mut();
            value.push(b' ');
            value.extend_from_slice(line.trim_ascii());
            continue;
        }
        if let Some((name, value)) = last.take() {
            header(transaction, name, &value);
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        last = Some((name.trim_ascii(), Cow::Borrowed(value)));
    }
    if let Some((name, value)) = last {
        header(transaction, name, &value);
    }
    bytes.get(head..).unwrap_or_default()
}

/// Shows the rules a header. One that holds a signed token can hold no attack: it is made of letters, digits, `-`, `_`, `.`.
pub(super) fn header(transaction: &mut Transaction, name: &[u8], value: &[u8]) {
    if holds_token(name, value) {
        transaction.request_header_proven(name, value);
    } else {
        transaction.request_header(name, value);
    }
}

/// Whether it is a proof (RFC 9449), or a token after its scheme (RFC 6750), in the compact form of RFC 7515 section 7.1.
fn holds_token(name: &[u8], value: &[u8]) -> bool {
    let token = if name.eq_ignore_ascii_case(b"dpop") {
        value
    } else if name.eq_ignore_ascii_case(b"authorization") {
        let schemes: [&[u8]; 2] = [b"bearer ", b"dpop "];
        let begins = |scheme: &&[u8]| value.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
        let Some(scheme) = schemes.iter().find(|scheme| begins(scheme)) else { return false };
        value.get(scheme.len()..).unwrap_or_default()
    } else {
        return false;
    };
    let is_text = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut parts = token.split(|byte| *byte == b'.').map(|part| !part.is_empty() && part.iter().all(is_text));
    [parts.next(), parts.next(), parts.next(), parts.next()] == [Some(true), Some(true), Some(true), None]
}

/// Method, target and protocol: what stands before the first space, and what stands behind the last if that may be one.
/// HTTP/0.9 had none.
fn first_line(line: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (method, rest) = line.split_at(space);
    let rest = rest.get(1..).unwrap_or_default();
    let Some(space) = rest.iter().rposition(|byte| *byte == b' ') else { return (method, rest, b"") };
    let (target, protocol) = rest.split_at(space);
    let protocol = protocol.get(1..).unwrap_or_default();
    (method, target, if protocol.is_empty() { b"HTTP/0.9" } else { protocol })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_from_all_else() {
        for (name, value, expected) in [
            ("Authorization", "Bearer eyJh.eyJz.c2ln-_", true),
            ("authorization", "DPoP a.b.c", true),
            ("DPoP", "a.b.c", true),
            ("Authorization", "Bearer a.b.c' or 1=1", false),
            ("Authorization", "Bearer a.b", false),
            ("Authorization", "Bearer a.b.c.d", false),
            ("Authorization", "Bearer a..c", false),
            ("Authorization", "Bearer  a.b.c", false),
            ("Authorization", "Basic a.b.c", false),
            ("Authorization", "a.b.c", false),
            ("X-Token", "a.b.c", false),
        ] {
            assert_eq!(holds_token(name.as_bytes(), value.as_bytes()), expected, "{name}: {value}");
        }
    }

    #[test]
    fn a_first_line_is_split_as_well_as_can_be() {
        for (line, expected) in [
            ("GET / HTTP/1.1", ("GET", "/", "HTTP/1.1")),
            ("GET /a b HTTP/1.1", ("GET", "/a b", "HTTP/1.1")),
            ("GET / ", ("GET", "/", "HTTP/0.9")),
            ("GET /", ("GET", "/", "")),
            ("GET", ("GET", "", "")),
            ("", ("", "", "")),
        ] {
            let (method, target, protocol) = expected;
            assert_eq!(first_line(line.as_bytes()), (method.as_bytes(), target.as_bytes(), protocol.as_bytes()));
        }
    }
}
