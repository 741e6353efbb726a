//! Fields of our own endpoints that rules don't judge: they see that a field is there, and not what it holds.

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

/// Their fields that hold URLs and must be among those that are known, byte by byte (RFC 6749, RFC 8707, RP-initiated
/// logout): a rule that looks for URLs finds nothing else.
const URLS: [&str; 4] = ["redirect_uri", "post_logout_redirect_uri", "resource", "return_to"];

/// A form without the values of such fields; anything else as it is.
pub fn without_secrets<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, [u8]> {
    let form = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded"));
    if form { Cow::Owned(veiled(body)) } else { Cow::Borrowed(body) }
}

/// Path and query without the values of such fields.
pub fn target(path: &str, query: Option<&str>) -> Vec<u8> {
    let mut target = path.as_bytes().to_vec();
    if let Some(query) = query {
        target.push(b'?');
        target.extend_from_slice(&veiled(query.as_bytes()));
    }
    target
}

/// Pairs of names and values without the values of such fields.
fn veiled(pairs: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(pairs.len());
    for (number, field) in pairs.split(|byte| *byte == b'&').enumerate() {
        if number > 0 {
            kept.push(b'&');
        }
        let name = field.split(|byte| *byte == b'=').next().unwrap_or_default();
        let decoded = form_urlencoded::parse(name).next().map(|(name, _)| name.into_owned()).unwrap_or_default();
        if SECRETS.contains(&&*decoded) || URLS.contains(&&*decoded) {
            kept.extend_from_slice(name);
            kept.push(b'=');
        } else {
            kept.extend_from_slice(field);
        }
    }
    kept
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
        let query = Some("client_id=a&redirect_uri=https%3A%2F%2Flocalhost%2Fadmin");
        assert_eq!(target("/authorize", query), b"/authorize?client_id=a&redirect_uri=");
        assert_eq!(target("/jwks", None), b"/jwks");
    }
}
