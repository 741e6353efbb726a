//! W3C trace context, level 1: a caller's valid trace is continued, anything else starts a new one.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const HEX: &[u8; 16] = b"0123456789abcdef";

/// A request's place in a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceContext {
    trace: [u8; 16],
    span: [u8; 8],
    parent: Option<[u8; 8]>,
    flags: u8,
}

impl TraceContext {
    /// A child of the caller's span, or a new trace when there is none or it is not valid.
    pub fn from_headers(headers: &HeaderMap) -> TraceContext {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let given = match (values.next(), values.next()) {
            (Some(one), None) => parse(one.as_bytes()),
            _ => None,
        };
        match given {
            Some((trace, parent, flags)) => TraceContext { trace, span: nonzero(), parent: Some(parent), flags },
            None => TraceContext { trace: nonzero(), span: nonzero(), parent: None, flags: 0 },
        }
    }

    /// Writes this span as the parent of what comes next. The caller's `tracestate` stays only with its trace.
    pub fn set(&self, headers: &mut HeaderMap) {
        if self.parent.is_none() {
            headers.remove(TRACESTATE);
        }
        let mut text = [b'-'; 55];
        let fields: [(usize, &[u8]); 4] = [(0, &[0]), (3, &self.trace), (36, &self.span), (53, &[self.flags])];
        for (at, bytes) in fields {
            write_hex(text.get_mut(at..at + bytes.len() * 2).unwrap_or_default(), bytes);
        }
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// The trace id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        let mut text = [0; 32];
        write_hex(&mut text, &self.trace);
        text.iter().map(|byte| char::from(*byte)).collect()
    }

    /// Whether the caller records this trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Whether the caller sent a valid trace.
    pub fn is_continued(&self) -> bool {
        self.parent.is_some()
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, lower case, no zero ids. A higher version may go on behind a dash.
fn parse(value: &[u8]) -> Option<([u8; 16], [u8; 8], u8)> {
    if value.get(2) != Some(&b'-') || value.get(35) != Some(&b'-') || value.get(52) != Some(&b'-') {
        return None;
    }
    let [version] = hex::<1>(value.get(..2)?)?;
    match (version, value.len(), value.get(55)) {
        (0xff, ..) => return None,
        (_, 55, _) | (1.., 57..=512, Some(b'-')) => {}
        _ => return None,
    }
    let (trace, span) = (hex::<16>(value.get(3..35)?)?, hex::<8>(value.get(36..52)?)?);
    let [flags] = hex::<1>(value.get(53..55)?)?;
    (trace != [0; 16] && span != [0; 8]).then_some((trace, span, flags & 1))
}

fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let digit = |byte: &u8| HEX.iter().position(|known| known == byte).and_then(|value| u8::try_from(value).ok());
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    (text.len() == N * 2).then_some(bytes)
}

fn write_hex(text: &mut [u8], bytes: &[u8]) {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

fn nonzero<const N: usize>() -> [u8; N] {
    let mut bytes: [u8; N] = testudo_crypto::random::array();
    if bytes.iter().all(|byte| *byte == 0)
        && let Some(last) = bytes.last_mut()
    {
        *last = 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn context(value: &str) -> TraceContext {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, value.parse().unwrap());
        TraceContext::from_headers(&headers)
    }

    #[test]
    fn a_valid_parent_is_continued_with_a_new_span() {
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let child = context(given);
        assert!(child.is_continued() && child.is_sampled());
        assert_eq!(child.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let mut out = HeaderMap::new();
        child.set(&mut out);
        let text = out[TRACEPARENT].to_str().unwrap().to_owned();
        assert_eq!((text.len(), &text[..36], &text[52..]), (55, &given[..36], "-01"));
        assert_ne!(&text[36..52], &given[36..52]);
        assert!(context(&text).is_continued());
        assert!(context("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").is_continued());
    }

    #[test]
    fn anything_else_starts_a_new_trace() {
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        ] {
            let new = context(bad);
            assert!(!new.is_continued(), "{bad}");
            let mut out = HeaderMap::new();
            out.insert(TRACESTATE, "a=1".parse().unwrap());
            new.set(&mut out);
            assert!(!out.contains_key(TRACESTATE));
            assert!(context(out[TRACEPARENT].to_str().unwrap()).is_continued());
        }
    }
}
