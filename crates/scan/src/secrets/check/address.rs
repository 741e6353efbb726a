//! Passwords in addresses (RFC 3986, 3.2.1) and connection strings.

use super::super::found::Status;
use super::super::value;
use super::base64::is_weak_filler;
use super::{Held, Seen, Verdict};

/// Names of hosts that stand in documents (RFC 2606, RFC 6761).
const DOCUMENT_HOSTS: [&[u8]; 8] =
    [b"example.com", b"example.org", b"example.net", b".example", b".invalid", b"host", b"hostname", b"server"];

pub(super) fn url_password(seen: &Seen<'_>) -> Verdict {
    let text = seen.text();
    let Some(authority) = memchr::memmem::find(text, b"://").map(|at| at + 3) else { return Verdict::No };
    let Some(at) = text.iter().rposition(|byte| *byte == b'@') else { return Verdict::No };
    let login = text.get(authority..at).unwrap_or_default();
    let Some(colon) = login.iter().position(|byte| *byte == b':') else { return Verdict::No };
    let (user, password) = login.split_at(colon);
    let password = password.get(1..).unwrap_or_default();
    let host = text.get(at + 1..).unwrap_or_default();
    if password.is_empty() || host.is_empty() {
        return Verdict::No;
    }
    let start = seen.span.start + authority + colon + 1;
    let document =
        DOCUMENT_HOSTS.iter().any(|known| host.to_ascii_lowercase().ends_with(known) && host.len() <= known.len() + 12);
    let filler = is_variable(password) || is_variable(user) || is_weak_filler(password) || password.len() < 3;
    let status = if document || filler { Status::Placeholder } else { Status::Unknown };
    Verdict::Holds(Held { secret: start..start + password.len(), status, judged: true, ..Held::new(&seen.span) })
}

/// The password after the last equals sign.
pub(super) fn last_value(seen: &Seen<'_>) -> Verdict {
    let text = seen.text();
    let Some(equals) = text.iter().rposition(|byte| *byte == b'=') else { return Verdict::No };
    let password = text.get(equals + 1..).unwrap_or_default();
    let filler = is_variable(password) || is_weak_filler(password);
    let status = if filler { Status::Placeholder } else { Status::Unknown };
    let secret = seen.span.start + equals + 1..seen.span.end;
    Verdict::Holds(Held { secret, status, judged: true, ..Held::new(&seen.span) })
}

/// Whether it is filled in at run time: `$PASSWORD`, `%s`, `{password}`, `<password>`, `#{…}`, `:password`.
fn is_variable(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| b"$%{<[#:".contains(byte)) || value::is_placeholder(text, true)
}
