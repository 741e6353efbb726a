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

/// Lets a page run our script for passkeys, which asks us for challenges and makes no markup at all (Trusted Types).
pub(crate) fn allow_script(headers: &mut HeaderMap, form_target: Option<&str>) {
    let policy = policy(form_target);
    let more = "script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";
    if let Ok(policy) = HeaderValue::from_str(&format!("{policy}; {more}")) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// The policy of the console: its own script and style sheet, and no text becomes markup except through the script's own
/// gate (Trusted Types).
const CONSOLE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                       form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
                       require-trusted-types-for 'script'; trusted-types testudo";

/// Sets them for a page of the console.
pub(crate) fn apply_console(headers: &mut HeaderMap) {
    apply(headers, None);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONSOLE));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
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
