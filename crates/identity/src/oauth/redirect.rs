//! Redirect URIs: what may be registered, and what matches it (RFC 8252 sections 7 and 8, RFC 9700 section 4.1).
//!
//! Matching is by exact string. The one exception is RFC 8252 section 7.3: on a loopback literal the port is free.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

const LONGEST: usize = 512;

/// Why a text can't be registered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RedirectUriError {
    /// Empty, too long, or with characters that a URI has not.
    #[error("`{0}` is not a URI of at most 512 printable ASCII characters")]
    Malformed(String),
    /// It has a fragment, a wildcard, user information or dot segments.
    #[error("`{0}` has a fragment, wildcard, user name or dot segment; write the exact URI that the app receives")]
    Loose(String),
    /// `localhost` may resolve to anything.
    #[error("`{0}` names localhost; use `http://127.0.0.1/...` or `http://[::1]/...`")]
    Localhost(String),
    /// `http` is for loopback addresses only.
    #[error("`{0}` is not encrypted; use https, a private-use scheme, or http on 127.0.0.1 or [::1]")]
    Plain(String),
    /// A private-use scheme must be a reversed domain name of the app's maker.
    #[error("the scheme of `{0}` has no dot; use a reversed domain name such as `org.example.app:/callback`")]
    Scheme(String),
}

/// A redirect URI that was checked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct RedirectUri(Box<str>);

impl RedirectUri {
    /// Checks a URI for registration.
    pub fn parse(text: &str) -> Result<RedirectUri, RedirectUriError> {
        let clean = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
        if text.is_empty() || text.len() > LONGEST || !clean {
            return Err(RedirectUriError::Malformed(text.chars().take(LONGEST).filter(|c| !c.is_control()).collect()));
        }
        let named = || text.to_owned();
        let url = url::Url::parse(text).map_err(|_| RedirectUriError::Malformed(named()))?;
        let path_loose = text.split(['/', '?']).any(|segment| {
            let lower = segment.to_ascii_lowercase().replace("%2e", ".");
            lower == "." || lower == ".."
        });
        let user = !url.username().is_empty() || url.password().is_some() || text.contains('@');
        if text.contains('#') || text.contains('*') || user || path_loose {
            return Err(RedirectUriError::Loose(named()));
        }
        // The registered text is compared as it is, so it must be the one that browsers send back.
        let normal = url.as_str() == text || url.as_str().strip_suffix('/') == Some(text);
        match url.scheme() {
            "https" => match url.host() {
                Some(url::Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
                    Err(RedirectUriError::Localhost(named()))
                }
                Some(_) if normal => Ok(RedirectUri(text.into())),
                _ => Err(RedirectUriError::Malformed(named())),
            },
            "http" => match (url.host(), split_loopback(text)) {
                (Some(url::Host::Domain(name)), _) if name == "localhost" || name.ends_with(".localhost") => {
                    Err(RedirectUriError::Localhost(named()))
                }
                (_, Some(_)) => Ok(RedirectUri(text.into())),
                _ => Err(RedirectUriError::Plain(named())),
            },
            scheme if scheme.contains('.') && text.starts_with(scheme) => Ok(RedirectUri(text.into())),
            _ => Err(RedirectUriError::Scheme(named())),
        }
    }

    /// Whether a request that names `presented` means this registration.
    pub fn matches(&self, presented: &str) -> bool {
        if *self.0 == *presented {
            return true;
        }
        match (split_loopback(&self.0), split_loopback(presented)) {
            (Some(registered), Some(presented)) => registered == presented,
            _ => false,
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Host and rest of an `http` URI on a loopback literal, without the port. Nothing for any other text.
fn split_loopback(uri: &str) -> Option<(&'static str, &str)> {
    let authority_and_rest = uri.strip_prefix("http://")?;
    let (host, rest) = ["127.0.0.1", "[::1]"]
        .into_iter()
        .find_map(|host| authority_and_rest.strip_prefix(host).map(|rest| (host, rest)))?;
    let rest = match rest.strip_prefix(':') {
        Some(with_port) => {
            let digits = with_port.bytes().take_while(u8::is_ascii_digit).count();
            let (port, rest) = with_port.split_at(digits);
            port.parse::<u16>().ok().filter(|port| *port > 0)?;
            rest
        }
        None => rest,
    };
    (rest.is_empty() || rest.starts_with('/') || rest.starts_with('?')).then_some((host, rest))
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RedirectUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        RedirectUri::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::{RedirectUri, RedirectUriError};

    #[test]
    fn what_may_be_registered() {
        for good in [
            "https://app.example.org/callback",
            "https://app.example.org",
            "https://app.example.org/cb?from=id",
            "org.example.app:/callback",
            "org.example.app://callback",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:8400/callback",
            "http://[::1]/callback",
        ] {
            assert_eq!(RedirectUri::parse(good).unwrap().as_str(), good);
        }
    }

    type Case = (&'static str, fn(String) -> RedirectUriError);

    #[test]
    fn what_may_not() {
        use RedirectUriError::{Localhost, Loose, Malformed, Plain, Scheme};
        let cases: &[Case] = &[
            ("", Malformed),
            ("/callback", Malformed),
            ("https://app.example.org/cb#x", Loose),
            ("https://*.example.org/cb", Loose),
            ("https://user@example.org/cb", Loose),
            ("https://app.example.org/a/../b", Loose),
            ("https://app.example.org/%2e%2e/b", Loose),
            ("http://localhost/cb", Localhost),
            ("https://localhost/cb", Localhost),
            ("http://app.example.org/cb", Plain),
            ("http://127.0.0.1.example.org/cb", Plain),
            ("http://127.0.0.2/cb", Plain),
            ("http://127.1/cb", Plain),
            ("http://127.0.0.1:0/cb", Plain),
            ("javascript:alert(1)", Scheme),
            ("data:text/html,x", Scheme),
            ("myapp:/cb", Scheme),
            ("https://APP.example.org/cb", Malformed),
        ];
        for (text, error) in cases {
            assert_eq!(RedirectUri::parse(text).unwrap_err(), error((*text).to_owned()), "{text}");
        }
        assert!(RedirectUri::parse("https://app.example.org/\u{1}").is_err());
        assert!(RedirectUri::parse(&format!("https://app.example.org/{}", "a".repeat(600))).is_err());
    }

    #[test]
    fn only_the_loopback_port_is_free() {
        let loopback = RedirectUri::parse("http://127.0.0.1/cb").unwrap();
        assert!(loopback.matches("http://127.0.0.1:51004/cb"));
        for other in [
            "http://127.0.0.1:51004/cb/",
            "http://127.0.0.1:51004/cb?x",
            "http://[::1]:51004/cb",
            "http://localhost:51004/cb",
            "http://127.0.0.1:@evil.example/cb",
            "http://127.0.0.1:1@evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:99999/cb",
            "https://127.0.0.1:51004/cb",
        ] {
            assert!(!loopback.matches(other), "{other}");
        }
        let claimed = RedirectUri::parse("https://app.example.org/cb").unwrap();
        for other in ["https://app.example.org:443/cb", "https://app.example.org/cb/", "https://app.example.org/CB"] {
            assert!(!claimed.matches(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_registered_matches_itself_and_nothing_longer(text in "(https|http|org\\.x)://?[a-z0-9.:/\\[\\]@?-]{1,40}", tail in "[a-z/?#@]{1,5}") {
            if let Ok(uri) = RedirectUri::parse(&text) {
                prop_assert!(uri.matches(&text));
                let longer = format!("{text}{tail}");
                prop_assert!(!uri.matches(&longer));
            }
        }
    }
}
