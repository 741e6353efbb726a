//! Keys inside JSON: a private JSON Web Key (RFC 7517) and the file of a Google service account.

use memchr::memmem;

use super::{Held, Seen, Verdict, pem};

/// How far around its telling member an object is looked at.
const AROUND: usize = 4 * 1024;

/// `"d"` is private only beside a `"kty"` in the same object.
pub(super) fn key(seen: &Seen<'_>) -> Verdict {
    seen.spend(AROUND);
    let before = seen.bytes.get(seen.span.start.saturating_sub(AROUND)..seen.span.start).unwrap_or_default();
    let open = before.iter().rposition(|byte| *byte == b'{').unwrap_or(0);
    let before = before.get(open..).unwrap_or_default();
    let after = seen.bytes.get(seen.span.end..).unwrap_or_default();
    let after = after.get(..after.len().min(AROUND)).unwrap_or_default();
    let after = after.split(|byte| *byte == b'}').next().unwrap_or_default();
    let kinds: [&[u8]; 3] = [b"RSA", b"EC", b"OKP"];
    let tells = |part: &[u8]| {
        memmem::find(part, b"kty").and_then(|at| part.get(at + 3..)).is_some_and(|rest| {
            let value = rest.get(..rest.len().min(24)).unwrap_or_default();
            kinds.iter().any(|kind| memmem::find(value, kind).is_some())
        })
    };
    if !tells(before) && !tells(after) {
        return Verdict::No;
    }
    let Some(colon) = seen.text().iter().position(|byte| *byte == b':') else { return Verdict::No };
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let value = seen.text().get(colon..).unwrap_or_default();
    let runs = value.chunk_by(|a, b| part(a) == part(b)).scan(seen.span.start + colon, |at, run| {
        *at += run.len();
        Some((*at - run.len(), run.len()))
    });
    let (start, length) = runs.max_by_key(|(_, length)| *length).unwrap_or((seen.span.start, 0));
    let end = start + length;
    match Held::verified(&seen.span, "it stands in a JSON Web Key") {
        Verdict::Holds(held) => Verdict::Holds(Held { secret: start..end, ..held }),
        other => other,
    }
}

/// `service_account` with a `private_key` beside it; the match is the key.
pub(super) fn service_account(seen: &Seen<'_>) -> Verdict {
    const BEGIN: &[u8] = b"-----BEGIN PRIVATE KEY-----";
    seen.spend(AROUND);
    let from = seen.span.start.saturating_sub(AROUND);
    let to = seen.span.end.saturating_add(AROUND).min(seen.bytes.len());
    let around = seen.bytes.get(from..to).unwrap_or_default();
    if memmem::find(around, b"private_key").is_none() {
        return Verdict::No;
    }
    let Some(at) = memmem::find(around, BEGIN).map(|at| from + at) else { return Verdict::No };
    pem::block(&Seen { bytes: seen.bytes, span: at..at + BEGIN.len(), fixed: 0, now: seen.now, left: seen.left })
}
