//! What stands inside Base64 (RFC 4648): a number of bytes, a login, a macaroon, a bot's number.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use zeroize::Zeroizing;

use super::super::found::Status;
use super::super::value;
use super::{Held, Seen, Verdict};

pub(super) fn of_length(seen: &Seen<'_>, length: usize) -> Verdict {
    match BASE64.decode(seen.text()).map(Zeroizing::new) {
        Ok(bytes) if bytes.len() == length => Verdict::Holds(Held::new(&seen.span)),
        _ => Verdict::No,
    }
}

/// A name, a colon and a password, all of them printable.
pub(super) fn login(seen: &Seen<'_>, skip: usize) -> Verdict {
    let text = seen.text().get(skip..).unwrap_or_default();
    let Ok(login) = BASE64.decode(text).map(Zeroizing::new) else { return Verdict::No };
    let Some(colon) = login.iter().position(|byte| *byte == b':') else { return Verdict::No };
    let (user, password) = login.split_at(colon);
    let password = password.get(1..).unwrap_or_default();
    let printable = login.iter().all(|byte| (b' '..0x7f).contains(byte));
    if !printable || user.is_empty() || user.len() > 128 || password.len() < 3 {
        return Verdict::No;
    }
    let status = if is_weak_filler(password) { Status::Placeholder } else { Status::Unknown };
    let secret = seen.span.start + skip..seen.span.end;
    Verdict::Holds(Held { secret, status, judged: true, ..Held::new(&seen.span) })
}

/// Whether a password is one that stands in every example.
pub(super) fn is_weak_filler(password: &[u8]) -> bool {
    let fillers: [&[u8]; 12] = [
        b"password",
        b"passwd",
        b"pass",
        b"pwd",
        b"secret",
        b"user",
        b"username",
        b"token",
        b"xxx",
        b"mypassword",
        b"yourpassword",
        b"foobar",
    ];
    fillers.iter().any(|filler| password.eq_ignore_ascii_case(filler)) || value::is_placeholder(password, false)
}

/// A macaroon of version 2: its location is the registry's.
pub(super) fn macaroon(seen: &Seen<'_>) -> Verdict {
    let text = seen.text().strip_prefix(b"pypi-").unwrap_or_default();
    let whole = text.len() - text.len() % 4;
    let decoded = text.get(..whole.min(64)).and_then(|head| BASE64URL_NOPAD.decode(head).ok()).unwrap_or_default();
    let location = decoded.get(3..).unwrap_or_default();
    if decoded.starts_with(&[2, 1, 8]) && location.starts_with(b"pypi.org") {
        return Held::verified(&seen.span, "it is a macaroon of pypi.org");
    }
    if decoded.starts_with(&[2, 1, 13]) && location.starts_with(b"test.pypi.org") {
        return Held::verified(&seen.span, "it is a macaroon of test.pypi.org");
    }
    Verdict::No
}

/// The first part is the bot's number.
pub(super) fn discord(seen: &Seen<'_>) -> Verdict {
    let head = seen.text().split(|byte| *byte == b'.').next().unwrap_or_default();
    match BASE64URL_NOPAD.decode(head) {
        Ok(id) if (17..=20).contains(&id.len()) && id.iter().all(u8::is_ascii_digit) => {
            Held::verified(&seen.span, "its first part is a bot's number")
        }
        _ => Verdict::No,
    }
}
