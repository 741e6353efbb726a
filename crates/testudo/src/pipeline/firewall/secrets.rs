//! What of a form is nobody's business: the rules see that a field is there, and not what it holds.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The fields of our own forms and endpoints that hold secrets (RFC 6749, 7009, 7636; the sign-in pages).
const SECRETS: [&str; 12] = [
    "password",
    "new_password",
    "current_password",
    "credential",
    "csrf",
    "code",
    "code_verifier",
    "token",
    "refresh_token",
    "client_secret",
    "client_assertion",
    "assertion",
];

/// A form without the values of its secrets; anything else as it is.
pub fn without_secrets<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, [u8]> {
    let form = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded"));
    if !form {
        return Cow::Borrowed(body);
    }
    let mut kept = Vec::with_capacity(body.len());
    for (number, field) in body.split(|byte| *byte == b'&').enumerate() {
        if number > 0 {
            kept.push(b'&');
        }
        let name = field.split(|byte| *byte == b'=').next().unwrap_or_default();
        let decoded = form_urlencoded::parse(name).next().map(|(name, _)| name.into_owned()).unwrap_or_default();
        if SECRETS.contains(&decoded.as_str()) {
            kept.extend_from_slice(name);
            kept.push(b'=');
        } else {
            kept.extend_from_slice(field);
        }
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn secrets_are_not_shown_whatever_their_names_are_written_in() {
        let mut headers = HeaderMap::new();
        let body = b"name=ada&password=a'b&p%61ssword=c%27d&state=x&code";
        assert_eq!(&*without_secrets(&headers, body), body, "no form");
        headers.insert(CONTENT_TYPE, "Application/x-www-form-urlencoded; charset=utf-8".parse().unwrap());
        assert_eq!(&*without_secrets(&headers, body), b"name=ada&password=&p%61ssword=&state=x&code=");
    }
}
