//! Where to go after a sign-in: back into an authorize request, or to a page of our own. Nothing else, so a link to the
//! sign-in page can't send anybody anywhere (open redirect).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// The longest target.
const LONGEST: usize = 8 * 1024;
/// Pages of our own to which a sign-in may lead.
const PAGES: &[&str] = &["/account", "/account/totp", "/"];
/// Pages of the console, which have pages below them and a query.
const CONSOLE: &[&str] = &[
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
/// What stays as it is in a query value (RFC 3986 section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A target that was found good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReturnTo(Box<str>);

impl ReturnTo {
    /// Takes a target that came from a caller.
    pub fn parse(text: &str) -> Option<ReturnTo> {
        let clean = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let ours = text.strip_prefix("/authorize?").is_some_and(|query| !query.is_empty() && !query.contains('#'));
        (clean && (ours || PAGES.contains(&text) || is_console(text))).then(|| ReturnTo(text.into()))
    }

    /// The path and query.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The query of the authorize request, if it is one.
    pub fn authorize_query(&self) -> Option<&str> {
        self.0.strip_prefix("/authorize?")
    }

    /// What a form on the way to it may lead to besides ourselves: the origin of the client's redirect URI, or its scheme
    /// when that is the app's own. Browsers apply `form-action` to the redirects that follow a form, too.
    pub fn form_target(&self) -> Option<String> {
        let query = self.authorize_query()?;
        let (_, uri) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "redirect_uri")?;
        source(&uri)
    }

    /// A link to a page that carries this target.
    pub(crate) fn link(page: &str, target: Option<&ReturnTo>) -> String {
        match target {
            Some(target) => format!("{page}?return_to={}", utf8_percent_encode(target.as_str(), UNRESERVED)),
            None => page.to_owned(),
        }
    }
}

/// Whether it is a page of the console: ids in the path, and a query without anything that needs care.
fn is_console(text: &str) -> bool {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let mut parts = path.split('/');
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    parts.next() == Some("")
        && (parts.next().is_some_and(|first| CONSOLE.contains(&first) && parts.all(plain)) || path == "/")
        && query.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%=&+:".contains(&byte))
}

/// A CSP source for a redirect URI.
pub(crate) fn source(uri: &str) -> Option<String> {
    const NEVER: &[&str] = &["javascript", "data", "blob", "file", "about", "vbscript", "filesystem", "view-source"];
    let url = Url::parse(uri).ok()?;
    let scheme = url.scheme();
    let text = match scheme {
        "http" | "https" => {
            let host = url.host_str()?;
            match url.port() {
                // The grammar of CSP sources has no IPv6 addresses.
                _ if host.starts_with('[') => format!("{scheme}:"),
                Some(port) => format!("{scheme}://{host}:{port}"),
                None => format!("{scheme}://{host}"),
            }
        }
        _ if NEVER.contains(&scheme) || scheme.len() > 64 => return None,
        _ => format!("{scheme}:"),
    };
    // Nothing that could end the directive or the header.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]+".contains(&byte);
    (text.len() <= 320 && text.bytes().all(plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_our_own_targets_are_taken() {
        for good in [
            "/authorize?client_id=app",
            "/authorize?redirect_uri=https%3A%2F%2Fevil.org",
            "/account",
            "/",
            "/?span=day",
            "/events?kind=sign-in&since=2026-11-29T02%3A10",
            "/acts/lock-person/per_1",
            "/people/per_1",
        ] {
            assert!(ReturnTo::parse(good).is_some(), "{good}");
        }
        let long = format!("/authorize?{}", "a".repeat(LONGEST));
        for bad in [
            "",
            "//",
            "/events/../x",
            "/events//x",
            "/events?x=/y",
            "/eventsx",
            "/assets/x.js",
            "/authorize",
            "/authorize?",
            "//evil.org/authorize?x",
            "https://evil.org/authorize?x",
            "/\\evil.org",
            "/authorize?x\r\nSet-Cookie:a=b",
            "/authorize?x#y",
            "/authorize?\\",
            "/authorize/../x?y",
            "/account?x",
            "/sign-out",
            " /account",
            "/authorize?ä",
            long.as_str(),
        ] {
            assert_eq!(ReturnTo::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_form_may_lead_to_the_client() {
        let target = |uri: &str| {
            let query: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("redirect_uri", uri).finish();
            ReturnTo::parse(&format!("/authorize?{query}")).unwrap().form_target()
        };
        assert_eq!(target("https://app.example.org/cb?x=1"), Some("https://app.example.org".into()));
        assert_eq!(target("http://127.0.0.1:4711/cb"), Some("http://127.0.0.1:4711".into()));
        assert_eq!(target("http://[::1]:4711/cb"), Some("http:".into()));
        assert_eq!(target("com.example.app:/cb"), Some("com.example.app:".into()));
        assert_eq!(target("javascript:alert(1)"), None);
        assert_eq!(target("https://a;b.org/"), None);
        assert_eq!(target("/relative"), None);
    }

    #[test]
    fn links_carry_the_target_encoded() {
        let target = ReturnTo::parse("/authorize?a=1&b=2").unwrap();
        assert_eq!(ReturnTo::link("/sign-up", Some(&target)), "/sign-up?return_to=%2Fauthorize%3Fa%3D1%26b%3D2");
        assert_eq!(ReturnTo::link("/sign-up", None), "/sign-up");
    }
}
