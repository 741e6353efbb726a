//! Cross-origin requests (the CORS protocol of the Fetch standard): exact origins, no wildcards with credentials.

use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, Response, StatusCode, request};

/// What pages of other origins may do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CorsRules {
    /// Exact origins: scheme, host and port as browsers send them. Never a wildcard.
    pub origins: Vec<String>,
    /// Methods besides the simple ones.
    pub methods: Vec<Method>,
    /// Request headers besides the simple ones.
    pub headers: Vec<HeaderName>,
    /// Response headers that scripts may read.
    pub expose: Vec<HeaderName>,
    /// Whether cookies may be sent.
    pub credentials: bool,
    /// How long a browser may remember a preflight.
    pub max_age: Duration,
}

impl CorsRules {
    fn allows<'a>(&self, origin: Option<&'a HeaderValue>) -> Option<&'a HeaderValue> {
        origin.filter(|origin| self.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()))
    }
}

/// Whether the request is a preflight: an OPTIONS with an origin and a requested method.
pub fn is_preflight(parts: &request::Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight; `None` when the request is none. A preflight that is not allowed gets an answer without
/// `Access-Control-Allow-*`, which browsers read as a refusal.
pub fn preflight(rules: &CorsRules, parts: &request::Parts) -> Option<Response<()>> {
    if !is_preflight(parts) {
        return None;
    }
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for vary in ["origin", "access-control-request-method", "access-control-request-headers"] {
        headers.append(VARY, HeaderValue::from_static(vary));
    }
    let Some(origin) = rules.allows(parts.headers.get(ORIGIN)) else { return Some(response) };
    let method = parts.headers.get(ACCESS_CONTROL_REQUEST_METHOD).map_or(&[][..], HeaderValue::as_bytes);
    let simple = [Method::GET, Method::HEAD, Method::POST];
    let method_allowed = simple.iter().chain(&rules.methods).any(|allowed| allowed.as_str().as_bytes() == method);
    let headers_allowed = parts
        .headers
        .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty())
        .all(|name| rules.headers.iter().any(|allowed| allowed.as_str().as_bytes().eq_ignore_ascii_case(name)));
    if !method_allowed || !headers_allowed {
        return Some(response);
    }
    allow_origin(rules, origin, headers);
    set_list(headers, ACCESS_CONTROL_ALLOW_METHODS, rules.methods.iter().map(Method::as_str));
    set_list(headers, ACCESS_CONTROL_ALLOW_HEADERS, rules.headers.iter().map(HeaderName::as_str));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(rules.max_age.as_secs()));
    Some(response)
}

/// Sets what a browser needs to hand the answer to the page. The upstream's own CORS headers are replaced.
pub fn apply(rules: &CorsRules, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    for name in [
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_HEADERS,
    ] {
        headers.remove(name);
    }
    if rules.origins.is_empty() {
        return;
    }
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = rules.allows(origin) {
        allow_origin(rules, origin, headers);
        set_list(headers, ACCESS_CONTROL_EXPOSE_HEADERS, rules.expose.iter().map(HeaderName::as_str));
    }
}

fn allow_origin(rules: &CorsRules, origin: &HeaderValue, headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    if rules.credentials {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

fn set_list<'a>(headers: &mut HeaderMap, name: HeaderName, items: impl Iterator<Item = &'a str>) {
    let list = items.collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::try_from(list)
        && !value.is_empty()
    {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn rules() -> CorsRules {
        CorsRules {
            origins: vec!["https://app.example".to_owned()],
            methods: vec![Method::PUT],
            headers: vec![http::header::AUTHORIZATION],
            expose: vec![http::header::ETAG],
            credentials: true,
            max_age: Duration::from_mins(10),
        }
    }

    fn ask(origin: &str, method: &str, headers: &str) -> Option<Response<()>> {
        let request = http::Request::options("/")
            .header(ORIGIN, origin)
            .header(ACCESS_CONTROL_REQUEST_METHOD, method)
            .header(ACCESS_CONTROL_REQUEST_HEADERS, headers)
            .body(())
            .unwrap();
        preflight(&rules(), &request.into_parts().0)
    }

    #[test]
    fn an_exact_origin_is_answered() {
        let answer = ask("https://app.example", "PUT", "Authorization").unwrap();
        assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example");
        assert_eq!(answer.headers()[ACCESS_CONTROL_MAX_AGE], "600");
        assert_eq!(answer.headers().get_all(VARY).iter().count(), 3);
    }

    #[test]
    fn others_get_no_permission() {
        for (origin, method, headers) in [
            ("https://app.example.evil.test", "PUT", ""),
            ("http://app.example", "PUT", ""),
            ("null", "GET", ""),
            ("https://app.example", "DELETE", ""),
            ("https://app.example", "put", ""),
            ("https://app.example", "PUT", "authorization, x-other"),
        ] {
            let answer = ask(origin, method, headers).unwrap();
            assert!(!answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{origin} {method} {headers}");
        }
        let (get, ()) = http::Request::get("/").body(()).unwrap().into_parts();
        assert!(preflight(&rules(), &get).is_none());
    }

    #[test]
    fn the_upstreams_wildcard_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        apply(&rules(), Some(&HeaderValue::from_static("https://evil.test")), &mut headers);
        assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        assert_eq!(headers[VARY], "origin");
        apply(&rules(), Some(&HeaderValue::from_static("https://app.example")), &mut headers);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example");
        assert_eq!(headers[ACCESS_CONTROL_EXPOSE_HEADERS], "etag");
    }
}
