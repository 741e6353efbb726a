//! The cookies of the pages. The two addresses may have one host, and cookies know no ports, so each has names of its own;
//! those of the admin address are never sent with what another site starts (`SameSite=Strict`). All have the `__Host-` prefix (RFC 6265bis section 4.1.3.2): sent over TLS to this host
//! only, and no other host of the domain can plant them.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use testudo_core::Secret;
use testudo_identity::Entrance;

/// The browser session.
pub const SESSION_COOKIE: &str = "__Host-testudo";
/// The names of one address.
pub(crate) struct Names {
    /// The browser session.
    pub(crate) session: &'static str,
    /// A sign-in that is half way.
    pub(crate) pending: &'static str,
    /// The mark of a browser in which somebody has signed in before.
    pub(crate) known: &'static str,
    /// What form tokens are bound to.
    pub(crate) form: &'static str,
    /// A passkey's challenge that waits for its answer.
    pub(crate) passkey: &'static str,
    same_site: &'static str,
}

static PUBLIC: Names = Names {
    session: SESSION_COOKIE,
    pending: "__Host-testudo-pending",
    known: "__Host-testudo-known",
    form: "__Host-testudo-form",
    passkey: "__Host-testudo-passkey",
    same_site: "Lax",
};

static ADMIN: Names = Names {
    session: "__Host-testudo-admin",
    pending: "__Host-testudo-admin-pending",
    known: "__Host-testudo-admin-known",
    form: "__Host-testudo-admin-form",
    passkey: "__Host-testudo-admin-passkey",
    same_site: "Strict",
};

/// The names of an address.
pub(crate) fn names(entrance: Entrance) -> &'static Names {
    match entrance {
        Entrance::Public => &PUBLIC,
        Entrance::Admin => &ADMIN,
    }
}

/// The longest value that is looked at.
const LONGEST: usize = 256;

/// The token of the browser session in a request's headers, for [`testudo_identity::Identity::browser`].
pub fn session_cookie(headers: &HeaderMap) -> Option<String> {
    read(headers, SESSION_COOKIE).map(|token| token.expose().clone())
}

/// The value of a cookie. A name that comes twice has no value: one of them was planted.
pub(crate) fn read(headers: &HeaderMap, name: &str) -> Option<Secret<String>> {
    let mut found = None;
    for header in headers.get_all(header::COOKIE) {
        for pair in header.to_str().ok()?.split(';') {
            let Some((key, value)) = pair.trim().split_once('=') else { continue };
            if key == name {
                if found.is_some() {
                    return None;
                }
                found = Some(value);
            }
        }
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    found
        .filter(|value| (1..=LONGEST).contains(&value.len()) && value.bytes().all(plain))
        .map(|value| Secret::new(value.to_owned()))
}

impl Names {
    /// A `Set-Cookie` value. Without an age the cookie goes when the browser closes.
    pub(crate) fn set(&self, name: &str, value: &Secret<String>, age: Option<Duration>) -> Option<HeaderValue> {
        let age = age.map(|age| format!("; Max-Age={}", age.as_secs())).unwrap_or_default();
        let text = format!("{name}={}; Path=/; Secure; HttpOnly; SameSite={}{age}", value.expose(), self.same_site);
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// A `Set-Cookie` value that removes it.
    pub(crate) fn clear(&self, name: &str) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("{name}=; Path=/; Secure; HttpOnly; SameSite={}; Max-Age=0", self.same_site))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (header::COOKIE, HeaderValue::from_static(value))).collect()
    }

    fn value(values: &[&'static str]) -> Option<String> {
        session_cookie(&headers(values))
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        assert_eq!(value(&["a=1; __Host-testudo=abc; b=2"]), Some("abc".into()));
        assert_eq!(value(&["a=1", "__Host-testudo=abc"]), Some("abc".into()));
        assert_eq!(value(&["__Host-testudo-known=abc"]), None);
        assert_eq!(value(&[]), None);
    }

    #[test]
    fn a_cookie_that_comes_twice_or_is_odd_is_none() {
        assert_eq!(value(&["__Host-testudo=abc; __Host-testudo=abd"]), None);
        assert_eq!(value(&["__Host-testudo=abc", "__Host-testudo=abc"]), None);
        assert_eq!(value(&["__Host-testudo="]), None);
        assert_eq!(value(&["__Host-testudo=\"abc\""]), None);
    }

    #[test]
    fn cookies_are_set_with_every_restriction() {
        let secret = Secret::new("abc".into());
        let header = PUBLIC.set(SESSION_COOKIE, &secret, Some(Duration::from_mins(1))).unwrap();
        assert!(header.is_sensitive());
        assert_eq!(header, "__Host-testudo=abc; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60");
        let strict = ADMIN.set(ADMIN.session, &secret, None).unwrap();
        assert_eq!(strict, "__Host-testudo-admin=abc; Path=/; Secure; HttpOnly; SameSite=Strict");
        let gone = PUBLIC.clear(SESSION_COOKIE).unwrap();
        assert_eq!(gone, "__Host-testudo=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    }
}
