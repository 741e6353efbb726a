//! The headers of every page.

use axum::http::{HeaderMap, HeaderValue, header};

/// The content security policy: our style sheet, forms to ourselves, and on the way back to a client to it as well.
pub(crate) fn policy(form_target: Option<&str>) -> String {
    let target = form_target.map(|target| format!(" {target}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; form-action 'self'{target}; frame-ancestors 'none'; \
         base-uri 'none'"
    )
}

/// Sets them: nothing is stored, framed, sniffed or told to the next page.
pub(crate) fn apply(headers: &mut HeaderMap, form_target: Option<&str>) {
    let policy = HeaderValue::from_str(&policy(form_target));
    let policy = policy.unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let permissions = HeaderValue::from_static("camera=(), microphone=(), geolocation=(), payment=(), usb=()");
    headers.insert("permissions-policy", permissions);
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
}
