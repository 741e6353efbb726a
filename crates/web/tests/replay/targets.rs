//! What the fuzz targets check; `tests/replay.rs` runs the same on stable.

use axum::http::{HeaderMap, HeaderValue, header};
use testudo_web::{Form, ReturnTo, session_cookie};
use url::Url;

/// Posted forms: what is taken has each name once, and holds what every other form reader reads.
pub fn web_form(data: &[u8]) {
    let read: Vec<(String, String)> =
        form_urlencoded::parse(data).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let Ok(form) = Form::parse(data) else { return };
    assert!(read.len() <= 32);
    for (place, (name, value)) in read.iter().enumerate() {
        assert!(!name.contains('\u{fffd}') && !value.contains('\u{fffd}'));
        assert!(read.iter().skip(place + 1).all(|(other, _)| other != name), "{name:?} stands twice");
        assert_eq!(form.text(name), value);
        assert_eq!(form.secret(name).expose(), value);
    }
    assert_eq!(form.text("no such field, whatever was sent"), "");
}

/// Cookie headers, one a line: a token is plain, and one that is planted beside it leaves none.
pub fn cookies(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(16) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(header::COOKIE, value);
        }
    }
    let Some(token) = session_cookie(&headers) else { return };
    assert!((1..=256).contains(&token.len()));
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{token:?}");
    let all: Vec<&str> = headers.get_all(header::COOKIE).iter().map(|value| value.to_str().expect("text")).collect();
    assert!(all.iter().any(|line| line.contains(&format!("__Host-testudo={token}"))), "{all:?}");
    let planted = HeaderValue::from_str(&format!("__Host-testudo={token}")).expect("a header");
    for place in [true, false] {
        let mut two = HeaderMap::new();
        let mut values: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
        values.insert(if place { 0 } else { values.len() }, planted.clone());
        for value in values {
            two.append(header::COOKIE, value);
        }
        assert_eq!(session_cookie(&two), None, "two of them");
    }
}

/// Targets of a sign-in: what is taken leads to this server, to the pages that are meant, and can't leave its header or
/// its directive.
pub fn return_to(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(target) = ReturnTo::parse(text) else { return };
    assert_eq!(target.as_str(), text);
    assert!(HeaderValue::from_str(text).is_ok());
    let home = Url::parse("https://id.example.org/sign-in").expect("a URL");
    let there = home.join(text).expect("a reference");
    assert_eq!(there.origin(), home.origin(), "{text:?}");
    let first = there.path().split('/').nth(1).unwrap_or_default();
    let console = [
        "",
        "acts",
        "audit",
        "detection",
        "events",
        "exports",
        "incidents",
        "limits",
        "people",
        "policies",
        "requests",
        "settings",
    ];
    let ours = matches!(there.path(), "/authorize" | "/account" | "/account/totp") || console.contains(&first);
    assert!(ours, "{text:?}");
    assert!(there.fragment().is_none());
    assert_eq!(target.authorize_query().is_some(), there.path() == "/authorize");
    if let Some(source) = target.form_target() {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b";,'\"*\\".contains(&byte);
        assert!(source.bytes().all(plain), "{source:?}");
        assert!(!source.to_ascii_lowercase().starts_with("javascript:"), "{source:?}");
    }
}
