//! Requests that another site makes a browser send, with the cookies of the person who sits before it (CSRF).
//!
//! Only cookies are sent so: a request that carries none, or whose token is in `Authorization`, proves itself. For the
//! others a browser says who asked: `Sec-Fetch-Site` (W3C Fetch Metadata), else `Origin` (RFC 6454), else `Referer`. Who
//! says none of that is no browser of the last years; a route can ask for a token besides (`csrf-token`), which another site
//! can't read and so can't send.

use http::Method;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue, ORIGIN, REFERER};
use testudo_core::{Control, Decision, Denial};

/// The header that repeats the token.
const HEADER: &str = "x-csrf-token";
/// The cookies that may hold it; the first can't be set by other hosts of the domain.
const COOKIES: [&str; 2] = ["__Host-csrf-token", "csrf-token"];
/// The shortest token, in characters: 96 bits in base64url.
const SHORTEST: usize = 16;

/// Decides whether another site may be behind a request. `is_own` knows the origins whose pages may write; `token`: the
/// route asks for a token.
pub fn decide(method: &Method, headers: &HeaderMap, token: bool, is_own: impl Fn(&str) -> bool) -> Decision {
    if method.is_safe() || !headers.contains_key(COOKIE) || bears_token(headers) {
        return Decision::default();
    }
    if !is_same_site(headers, is_own) {
        return Decision::deny(
            Control::Contract,
            Denial::Forbidden,
            "cross-site-request",
            "another site made the browser send this; add its origin to the client with `testudo client` if its pages may",
        );
    }
    if token && !has_token(headers) {
        return Decision::deny(
            Control::Contract,
            Denial::Forbidden,
            "csrf-token-missing",
            "this route needs the value of the cookie `csrf-token` in the header `X-CSRF-Token`",
        );
    }
    Decision::default()
}

/// No browser adds these by itself.
fn bears_token(headers: &HeaderMap) -> bool {
    let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    ["bearer ", "dpop "]
        .into_iter()
        .any(|scheme| value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes())))
}

fn is_same_site(headers: &HeaderMap, is_own: impl Fn(&str) -> bool) -> bool {
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).unwrap_or_default();
    let origin = headers.get(ORIGIN).map(text);
    let fetched = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    match (fetched, origin) {
        (Some(b"same-origin" | b"none"), _) => true,
        (_, Some(origin)) => is_own(&origin),
        (Some(_), None) => false,
        (None, None) => headers.get(REFERER).map(text).is_none_or(|referer| is_own(&origin_of(&referer))),
    }
}

/// Scheme, host and port of an URL.
fn origin_of(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{authority}").to_ascii_lowercase()
}

fn has_token(headers: &HeaderMap) -> bool {
    let Some(sent) = headers.get(HEADER).map(HeaderValue::as_bytes).filter(|sent| sent.len() >= SHORTEST) else {
        return false;
    };
    let cookies = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let named = cookies.filter_map(|cookie| {
        let cookie = cookie.trim_ascii();
        let equals = cookie.iter().position(|byte| *byte == b'=')?;
        let (name, value) = cookie.split_at(equals);
        COOKIES.iter().any(|known| known.as_bytes() == name).then(|| value.get(1..).unwrap_or_default())
    });
    let mut values: Vec<&[u8]> = named.collect();
    // Two of them: one may be another's.
    values.dedup();
    matches!(values.as_slice(), [value] if is_equal(value, sent))
}

/// In a time that depends on the lengths only.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let differing = one.iter().zip(other).fold(0, |differing, (one, other)| differing | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn code(method: &str, pairs: &[(&'static str, &str)], token: bool) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        let own = |origin: &str| origin == "https://app.example";
        let decision = decide(&method.parse().unwrap(), &headers, token, own);
        decision.reasons().first().map(|reason| reason.code.to_string())
    }

    const COOKIE: (&str, &str) = ("cookie", "session=1");

    #[test]
    fn another_site_can_not_write_with_the_cookies_of_a_person() {
        let cross = Some("cross-site-request".to_owned());
        for (method, headers, expected) in [
            ("GET", &[COOKIE, ("sec-fetch-site", "cross-site")][..], None),
            ("POST", &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], None),
            ("POST", &[COOKIE], None),
            ("POST", &[COOKIE, ("sec-fetch-site", "same-origin")], None),
            ("POST", &[COOKIE, ("sec-fetch-site", "none")], None),
            ("POST", &[COOKIE, ("sec-fetch-site", "same-site")], cross.clone()),
            ("POST", &[COOKIE, ("sec-fetch-site", "cross-site")], cross.clone()),
            ("POST", &[COOKIE, ("sec-fetch-site", "what")], cross.clone()),
            ("DELETE", &[COOKIE, ("origin", "https://evil.example")], cross.clone()),
            ("POST", &[COOKIE, ("origin", "null")], cross.clone()),
            ("POST", &[COOKIE, ("origin", "https://app.example")], None),
            ("POST", &[COOKIE, ("sec-fetch-site", "cross-site"), ("origin", "https://app.example")], None),
            ("POST", &[COOKIE, ("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], cross.clone()),
            ("POST", &[COOKIE, ("referer", "https://evil.example/https://app.example")], cross.clone()),
            ("POST", &[COOKIE, ("referer", "https://app.example.evil.example/")], cross.clone()),
            ("POST", &[COOKIE, ("referer", "https://APP.example/page?x=1")], None),
            ("POST", &[COOKIE, ("origin", "https://evil.example"), ("authorization", "Bearer abc")], None),
            ("POST", &[COOKIE, ("origin", "https://evil.example"), ("authorization", "Basic abc")], cross),
        ] {
            assert_eq!(code(method, headers, false), expected, "{method} {headers:?}");
        }
    }

    #[test]
    fn a_token_is_read_from_the_cookie_and_repeated_in_the_header() {
        let missing = Some("csrf-token-missing".to_owned());
        let token = "0123456789abcdef";
        let cookie = format!("a=b; csrf-token={token}");
        for (cookies, header, expected) in [
            (&[cookie.as_str()][..], Some(token), None),
            (&["__Host-csrf-token=0123456789abcdef"], Some(token), None),
            (&[cookie.as_str()], None, missing.clone()),
            (&[cookie.as_str()], Some("0123456789abcdeF"), missing.clone()),
            (&["csrf-token=short"], Some("short"), missing.clone()),
            (&["a=b"], Some(token), missing.clone()),
            (&[cookie.as_str(), "csrf-token=another-token-16"], Some(token), missing),
        ] {
            let mut pairs: Vec<(&'static str, &str)> = cookies.iter().map(|cookie| ("cookie", *cookie)).collect();
            pairs.extend(header.map(|header| (HEADER, header)));
            assert_eq!(code("POST", &pairs, true), expected, "{pairs:?}");
        }
        assert_eq!(code("POST", &[("x-other", "1")], true), None, "no cookie, nothing to abuse");
    }
}
